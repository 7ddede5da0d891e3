//! Structs and unions: members that are known, and the others, which are kept.

use serde_json::Value;

use crate::wire::{Members, Mismatch, Viewed, Wire};

/// What an object holds.
pub trait Fields {
    /// Hands out the members that are there, by QAPI name.
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Viewed));

    /// The members that the schemas do not know.
    fn unlisted(&self) -> Option<&Members>;
}

/// A struct or union, or the arguments of a command, or the data of an event.
pub trait Object: Fields + Wire {
    /// Takes the members that it knows and leaves the others.
    ///
    /// # Errors
    ///
    /// Which member is missing or does not fit.
    fn take(members: &mut Members) -> Result<Self, Mismatch>;

    /// Keeps the members that nobody knows.
    fn keep(&mut self, unlisted: Members);

    /// Makes an object of all its members.
    ///
    /// # Errors
    ///
    /// Those of [`Object::take`].
    fn from_members(mut members: Members) -> Result<Self, Mismatch> {
        let mut object = Self::take(&mut members)?;
        object.keep(members);
        Ok(object)
    }

    /// Makes an object of a value.
    ///
    /// # Errors
    ///
    /// The value is no object, or those of [`Object::take`].
    fn from_object(value: Value) -> Result<Self, Mismatch> {
        match value {
            Value::Object(members) => Self::from_members(members),
            _ => Err(Mismatch::new("must be an object")),
        }
    }
}

/// What a union adds to its common members.
pub trait Branch: Sized {
    /// Value of the discriminator.
    fn tag(&self) -> &str;

    /// Hands out the members that are there.
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Viewed));

    /// Takes the members of the branch that the discriminator names.
    ///
    /// # Errors
    ///
    /// Which member is missing or does not fit.
    fn take(tag: String, members: &mut Members) -> Result<Self, Mismatch>;
}

/// Takes a member that must be there.
pub(crate) fn must<T: Wire>(members: &mut Members, name: &str) -> Result<T, Mismatch> {
    match may(members, name)? {
        Some(value) => Ok(value),
        None => Err(Mismatch::new("is missing").in_member(name)),
    }
}

/// Takes a member that may be left out.
pub(crate) fn may<T: Wire>(members: &mut Members, name: &str) -> Result<Option<T>, Mismatch> {
    let value = members.remove(name).map(T::from_value).transpose();
    value.map_err(|error| error.in_member(name))
}

/// Hands out all members, known or not.
pub(crate) fn each_with_unlisted(fields: &dyn Fields, f: &mut dyn FnMut(&str, &dyn Viewed)) {
    fields.each(f);
    fields.unlisted().into_iter().flatten().for_each(|(name, value)| f(name, value));
}

/// The path of a member that the schemas do not know, if there is one.
pub fn find_unlisted(fields: &dyn Fields) -> Option<String> {
    if let Some((name, _)) = fields.unlisted().into_iter().flatten().next() {
        return Some(name.clone());
    }
    let mut found = None;
    fields.each(&mut |name, value| {
        let inside = || in_value(value).map(|path| format!("{name}{path}"));
        found = found.take().or_else(inside);
    });
    found
}

fn in_value(value: &dyn Viewed) -> Option<String> {
    use crate::wire::View;
    match value.view() {
        View::Object(fields) => find_unlisted(fields).map(|path| format!(".{path}")),
        View::List(_, items) => {
            let (mut found, mut at) = (None, 0);
            items.each(&mut |item| {
                found = found.take().or_else(|| in_value(item).map(|path| format!("[{at}]{path}")));
                at += 1;
            });
            found
        }
        _ => None,
    }
}
