//! Integers and the types that hold them.

use std::ops::RangeInclusive;

use super::shape::Shape;

/// The values of an integer type of QAPI; `None` for other types.
pub(super) fn range(shape: Shape) -> Option<RangeInclusive<i128>> {
    Some(match shape {
        Shape::Int8 => i8::MIN.into()..=i8::MAX.into(),
        Shape::Int16 => i16::MIN.into()..=i16::MAX.into(),
        Shape::Int32 => i32::MIN.into()..=i32::MAX.into(),
        Shape::Int64 => i64::MIN.into()..=i64::MAX.into(),
        Shape::Uint8 => 0..=u8::MAX.into(),
        Shape::Uint16 => 0..=u16::MAX.into(),
        Shape::Uint32 => 0..=u32::MAX.into(),
        Shape::Uint64 => 0..=u64::MAX.into(),
        _ => return None,
    })
}

/// The values of the D-Bus type that carries an integer type of QAPI.
pub(super) fn carried(shape: Shape) -> Option<RangeInclusive<i128>> {
    range(if matches!(shape, Shape::Int8) { Shape::Int16 } else { shape })
}
