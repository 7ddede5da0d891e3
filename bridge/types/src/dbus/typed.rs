//! A QAPI type in a place of its own.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::Value;
use zbus::{OwnedVariant, Type, Variant, wire::Signature};

use super::{Dictionary, value, variant};
use crate::Wire;

/// A QAPI value as an argument or a result on D-Bus, for interfaces and proxies of one's own: `s`
/// for a string, `a{sv}` for a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dbus<T>(pub T);

impl<T: Wire> Type for Dbus<T> {
    const SIGNATURE: &'static Signature = signature(<T as Wire>::SIGNATURE);
}

impl<T: Wire> Serialize for Dbus<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value = variant(self.0.view(), <T as Wire>::SIGNATURE).map_err(S::Error::custom)?;
        serialize(&value, to)
    }
}

/// Writes the value, without a variant around it that is none of its own.
pub(crate) fn serialize<S: Serializer>(value: &Variant<'_>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Variant::Bool(value) => value.serialize(to),
        Variant::I16(value) => value.serialize(to),
        Variant::I32(value) => value.serialize(to),
        Variant::I64(value) => value.serialize(to),
        Variant::U8(value) => value.serialize(to),
        Variant::U16(value) => value.serialize(to),
        Variant::U32(value) => value.serialize(to),
        Variant::U64(value) => value.serialize(to),
        Variant::F64(value) => value.serialize(to),
        Variant::Str(text) => text.serialize(to),
        Variant::Array(array) => array.serialize(to),
        Variant::Dict(dict) => dict.serialize(to),
        Variant::Variant(inner) => inner.serialize(to),
        other => other.serialize(to),
    }
}

impl<'de, T: Wire> Deserialize<'de> for Dbus<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let found = read(<T as Wire>::SIGNATURE, from)?;
        T::from_value(found).map(Self).map_err(D::Error::custom)
    }
}

macro_rules! carried {
    ($($one:literal $list:literal $ty:ty;)*) => {
        /// Reads by the type that was declared: D-Bus does not say the type of what it carries.
        fn read<'de, D: Deserializer<'de>>(signature: &str, from: D) -> Result<Value, D::Error> {
            match signature {
                $($one => <$ty>::deserialize(from).map(|found| value(&found.into())),
                $list => Vec::<$ty>::deserialize(from)
                    .map(|items| items.into_iter().map(|item| value(&item.into())).collect()),)*
                other => Err(D::Error::custom(format!("QAPI has no values of type '{other}'"))),
            }
        }

        /// The signatures of [`Wire`].
        const fn signature(text: &str) -> &'static Signature {
            // Constants cannot match text.
            $(if equal(text, $one) {
                return <$ty as Type>::SIGNATURE;
            }
            if equal(text, $list) {
                return <Vec<$ty> as Type>::SIGNATURE;
            })*
            <OwnedVariant as Type>::SIGNATURE
        }
    };
}

carried! {
    "b" "ab" bool;
    "n" "an" i16;
    "i" "ai" i32;
    "x" "ax" i64;
    "q" "aq" u16;
    "u" "au" u32;
    "t" "at" u64;
    "y" "ay" u8;
    "d" "ad" f64;
    "s" "as" String;
    "v" "av" OwnedVariant;
    "a{sv}" "aa{sv}" Dictionary;
}

const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
