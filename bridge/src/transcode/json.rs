//! JSON values that borrow from the text they were read from.

use std::{borrow::Cow, collections::HashSet};

use super::{
    at::At,
    parse::{self, ParseError},
    writer::{Unwritable, Writer},
};

/// A JSON value, exact: integers are never rounded, members keep their order, strings without
/// escapes are not copied.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    /// A number with a fraction or an exponent, or an integer beyond 64 bits.
    Float(f64),
    /// A string.
    Str(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object; names are unique.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one value, which must fill the text.
    ///
    /// # Errors
    ///
    /// See [`ParseError`].
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// The member of this name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The value, if this is an integer.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::Int(value) => Some(value.into()),
            Self::Uint(value) => Some(value.into()),
            _ => None,
        }
    }

    /// Appends compact, escaped ASCII text that is fit to be sent to a peer.
    ///
    /// # Errors
    ///
    /// Names the part that the peer would refuse; `to` is then unchanged.
    pub fn write(&self, to: &mut Vec<u8>) -> Result<(), At<Unwritable>> {
        let mut writer = Writer::for_peer();
        self.write_to(&mut writer)?;
        to.extend_from_slice(writer.into_text().as_bytes());
        Ok(())
    }

    /// Text for clients, in which whatever a peer sent has a place.
    pub(super) fn to_client_text(&self) -> String {
        let mut writer = Writer::for_client();
        // Neither limits nor noncharacters stop this writer, and no parsed number is infinite.
        let _ = self.write_to(&mut writer);
        writer.into_text()
    }

    /// Writes where the writer stands.
    pub(super) fn write_to(&self, writer: &mut Writer) -> Result<(), At<Unwritable>> {
        match self {
            Self::Null => writer.null()?,
            Self::Bool(value) => writer.bool(*value)?,
            Self::Int(value) => writer.integer((*value).into())?,
            Self::Uint(value) => writer.integer((*value).into())?,
            Self::Float(value) => writer.float(*value)?,
            Self::Str(text) => writer.string(text)?,
            Self::List(items) => write_list(items, writer)?,
            Self::Object(members) => write_object(members, writer)?,
        }
        Ok(())
    }
}

impl From<u64> for Json<'_> {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Self::Uint(value), Self::Int)
    }
}

fn write_list(items: &[Json<'_>], writer: &mut Writer) -> Result<(), At<Unwritable>> {
    writer.open_list()?;
    for (index, item) in items.iter().enumerate() {
        item.write_to(writer).map_err(|error| error.in_element(index))?;
    }
    Ok(writer.close_list()?)
}

fn write_object(
    members: &[(Cow<'_, str>, Json<'_>)],
    writer: &mut Writer,
) -> Result<(), At<Unwritable>> {
    writer.open_object()?;
    for (name, value) in members {
        let written = writer.key(name).map_err(At::from).and_then(|()| value.write_to(writer));
        written.map_err(|error| error.in_member(name))?;
    }
    Ok(writer.close_object()?)
}

/// A name that occurs twice.
pub(super) fn repeated<'k>(names: impl Iterator<Item = &'k str> + Clone) -> Option<&'k str> {
    const FEW: usize = 16;
    let mut rest = names.clone();
    if names.clone().nth(FEW).is_some() {
        let mut seen = HashSet::new();
        return rest.find(|name| !seen.insert(*name));
    }
    while let Some(name) = rest.next() {
        if rest.clone().any(|other| other == name) {
            return Some(name);
        }
    }
    None
}
