//! Marshals what the transcoders serialize, by a signature. zbus's own serializer takes all of
//! serde's model and parses the signature of each variant anew, at ten times the cost; this one
//! takes what is serialized here and nothing else.

use std::fmt;

use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    Serializer,
};

use super::reader::{Malformed, alignment, first_type};

/// Appends a value of this type in little endian. Its alignment counts from the start of `to`.
///
/// # Errors
///
/// The value is not of this type.
pub(super) fn marshal(
    value: &impl Serialize,
    signature: &str,
    to: &mut Vec<u8>,
) -> Result<(), Unfit> {
    value.serialize(&mut Marshal { to, signature: signature.as_bytes() })
}

/// A value is not of its type.
#[derive(Debug)]
pub(super) struct Unfit(String);

type Result<T, E = Unfit> = std::result::Result<T, E>;

struct Marshal<'t, 's> {
    to: &'t mut Vec<u8>,
    /// Types of what is to come.
    signature: &'s [u8],
}

impl<'s> Marshal<'_, 's> {
    fn take(&mut self) -> Result<&'s [u8]> {
        let (ty, rest) = first_type(self.signature)?;
        self.signature = rest;
        Ok(ty)
    }

    fn align(&mut self, alignment: usize) {
        self.to.resize(self.to.len().next_multiple_of(alignment), 0);
    }

    fn number<const N: usize>(&mut self, code: u8, bytes: [u8; N]) -> Result<()> {
        match self.take()? {
            [found] if *found == code => {}
            found => return Err(Unfit::of(found)),
        }
        self.align(N);
        self.to.extend_from_slice(&bytes);
        Ok(())
    }

    fn length(&mut self, length: usize) -> Result<()> {
        let length = u32::try_from(length).map_err(Unfit::custom)?;
        self.align(4);
        self.to.extend_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// Begins an array: its elements' type, and what ends it.
    fn array(&mut self) -> Result<(&'s [u8], Array)> {
        let [b'a', element @ ..] = self.take()? else { return Err(Unfit::of(b"a")) };
        self.length(0)?;
        let length_at = self.to.len() - 4;
        self.align(alignment(element)?);
        Ok((element, Array { length_at, start: self.to.len() }))
    }
}

/// Where an array's length belongs, and where its elements begin.
struct Array {
    length_at: usize,
    start: usize,
}

impl Array {
    fn end(self, to: &mut [u8]) -> Result<()> {
        let length = u32::try_from(to.len() - self.start).map_err(Unfit::custom)?;
        to[self.length_at..self.length_at + 4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }
}

/// Numbers, by the code of their type.
macro_rules! numbers {
    ($($name:ident: $type:ty => $code:literal,)*) => {$(
        fn $name(self, value: $type) -> Result<()> {
            self.number($code, value.to_le_bytes())
        }
    )*};
}

impl<'m, 't, 's> Serializer for &'m mut Marshal<'t, 's> {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Elements<'m, 't, 's>;
    type SerializeTuple = Fields<'m, 't, 's>;
    type SerializeTupleStruct = Impossible<(), Unfit>;
    type SerializeTupleVariant = Impossible<(), Unfit>;
    type SerializeMap = Elements<'m, 't, 's>;
    type SerializeStruct = Variant<'m, 't, 's>;
    type SerializeStructVariant = Impossible<(), Unfit>;

    fn serialize_bool(self, value: bool) -> Result<()> {
        self.number(b'b', u32::from(value).to_le_bytes())
    }

    numbers! {
        serialize_u8: u8 => b'y',
        serialize_i16: i16 => b'n',
        serialize_u16: u16 => b'q',
        serialize_i32: i32 => b'i',
        serialize_u32: u32 => b'u',
        serialize_i64: i64 => b'x',
        serialize_u64: u64 => b't',
        serialize_f64: f64 => b'd',
    }

    fn serialize_str(self, text: &str) -> Result<()> {
        match self.take()? {
            b"s" | b"o" => self.length(text.len())?,
            b"g" => self.to.push(u8::try_from(text.len()).map_err(Unfit::custom)?),
            found => return Err(Unfit::of(found)),
        }
        self.to.extend_from_slice(text.as_bytes());
        self.to.push(0);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<()> {
        let (element, array) = self.array()?;
        if element != b"y" {
            return Err(Unfit::of(element));
        }
        self.to.extend_from_slice(bytes);
        array.end(self.to)
    }

    fn serialize_unit(self) -> Result<()> {
        if self.signature.is_empty() { Ok(()) } else { Err(Unfit::of(self.signature)) }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'m, 't, 's>> {
        let (element, array) = self.array()?;
        let rest = std::mem::replace(&mut self.signature, b"");
        Ok(Elements { marshal: self, element, array, rest })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements<'m, 't, 's>> {
        let map = self.serialize_seq(None)?;
        match map.element {
            [b'{', entry @ .., b'}'] => Ok(Elements { element: entry, ..map }),
            found => Err(Unfit::of(found)),
        }
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'m, 't, 's>> {
        match self.take()? {
            [b'(', fields @ .., b')'] => {
                self.align(8);
                let rest = std::mem::replace(&mut self.signature, fields);
                Ok(Fields { marshal: self, rest })
            }
            found => Err(Unfit::of(found)),
        }
    }

    /// A variant, the one structure with names that there is.
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Variant<'m, 't, 's>> {
        match self.take()? {
            b"v" => Ok(Variant { at: self.to.len(), marshal: self }),
            found => Err(Unfit::of(found)),
        }
    }

    fn serialize_i8(self, _: i8) -> Result<()> {
        Err(Unfit::of(b"an i8"))
    }

    fn serialize_f32(self, _: f32) -> Result<()> {
        Err(Unfit::of(b"an f32"))
    }

    fn serialize_char(self, _: char) -> Result<()> {
        Err(Unfit::of(b"a character"))
    }

    fn serialize_none(self) -> Result<()> {
        Err(Unfit::of(b"nothing"))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<()> {
        Err(Unfit::of(name.as_bytes()))
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, _: &'static str) -> Result<()> {
        Err(Unfit::of(name.as_bytes()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<()> {
        Err(Unfit::of(name.as_bytes()))
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Impossible<(), Unfit>> {
        Err(Unfit::of(name.as_bytes()))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Unfit>> {
        Err(Unfit::of(name.as_bytes()))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Unfit>> {
        Err(Unfit::of(name.as_bytes()))
    }
}

/// An array or a dictionary that is not complete.
struct Elements<'m, 't, 's> {
    marshal: &'m mut Marshal<'t, 's>,
    /// Types of each element.
    element: &'s [u8],
    array: Array,
    /// Types of what follows.
    rest: &'s [u8],
}

impl Elements<'_, '_, '_> {
    fn end(self) -> Result<()> {
        self.marshal.signature = self.rest;
        self.array.end(self.marshal.to)
    }
}

impl SerializeSeq for Elements<'_, '_, '_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.marshal.signature = self.element;
        value.serialize(&mut *self.marshal)
    }

    fn end(self) -> Result<()> {
        self.end()
    }
}

impl SerializeMap for Elements<'_, '_, '_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.marshal.align(8);
        self.marshal.signature = self.element;
        key.serialize(&mut *self.marshal)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.marshal)
    }

    fn end(self) -> Result<()> {
        self.end()
    }
}

/// A structure that is not complete.
struct Fields<'m, 't, 's> {
    marshal: &'m mut Marshal<'t, 's>,
    /// Types of what follows.
    rest: &'s [u8],
}

impl SerializeTuple for Fields<'_, '_, '_> {
    type Ok = ();
    type Error = Unfit;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(&mut *self.marshal)
    }

    fn end(self) -> Result<()> {
        self.marshal.signature = self.rest;
        Ok(())
    }
}

/// A variant that is not complete.
struct Variant<'m, 't, 's> {
    marshal: &'m mut Marshal<'t, 's>,
    /// Where it begins, with its signature.
    at: usize,
}

impl SerializeStruct for Variant<'_, '_, '_> {
    type Ok = ();
    type Error = Unfit;

    /// First the signature, then the value.
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<()> {
        let to = &mut *self.marshal.to;
        let mut held = [0; u8::MAX as usize];
        let signature = match to[self.at..] {
            [] => &b"g"[..],
            [length, ref signature @ ..] => {
                let held = &mut held[..length.into()];
                held.copy_from_slice(&signature[..held.len()]);
                held
            }
        };
        value.serialize(&mut Marshal { to, signature })
    }

    fn end(self) -> Result<()> {
        Ok(())
    }
}

impl Unfit {
    fn of(found: &[u8]) -> Self {
        let found = String::from_utf8_lossy(found);
        Self(format!("a value was not checked against its type: '{found}'"))
    }
}

impl From<Malformed> for Unfit {
    fn from(_: Malformed) -> Self {
        Self::of(b"")
    }
}

impl serde::ser::Error for Unfit {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}
