//! One definition made of those that several versions of a schema have.

use std::collections::BTreeMap;

use super::{
    Error, Result,
    interface::{Life, Member, Object, Union},
    types::{Direction, Shape},
};
use crate::model::{self, Kind, Schema, TypeId};

/// A schema and the release it is of.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// For people: `10.0`.
    pub name: &'a str,
    /// The schema.
    pub schema: &'a Schema,
}

/// Definitions of one name, oldest first.
pub(super) type Over<'a, T> = Vec<(Version<'a>, &'a T)>;

/// Groups the definitions of all versions, given oldest first, by name.
pub(super) fn by_name<'a, T: 'a>(
    versions: &[Version<'a>],
    definitions: impl Fn(&'a Schema) -> &'a [T],
    name: impl Fn(&'a T) -> &'a str,
) -> BTreeMap<&'a str, Over<'a, T>> {
    let mut groups: BTreeMap<_, Over<'a, T>> = BTreeMap::new();
    for version in versions {
        for definition in definitions(version.schema) {
            groups.entry(name(definition)).or_default().push((*version, definition));
        }
    }
    groups
}

/// A struct or union over versions.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    /// In the newest schema's order; those that only older ones have come last.
    pub(super) members: Vec<Part<'a>>,
    union: Option<Union>,
}

/// A member over versions.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// QAPI name.
    pub(super) name: &'a str,
    /// Never left out, in any version of the whole and in any build.
    pub(super) always: bool,
    /// Oldest first.
    uses: Vec<(Version<'a>, &'a model::Member)>,
}

impl<'a> Whole<'a> {
    /// Puts together the types that stand for one thing, oldest first; none where a command or
    /// event has no data.
    pub(super) fn new(versions: &[(Version<'a>, Option<TypeId>)]) -> Self {
        let mut members: Vec<Part<'a>> = Vec::new();
        for (version, id) in versions.iter().rev() {
            for member in id.map_or(&[][..], |id| version.schema.members(id)) {
                match members.iter_mut().find(|part| part.name == member.name) {
                    Some(part) => part.uses.insert(0, (*version, member)),
                    None => members.push(Part::new(*version, member)),
                }
            }
        }
        for part in &mut members {
            part.always = part.uses.len() == versions.len() && part.uses.iter().all(is_mandatory);
        }
        Self { members, union: union(versions) }
    }

    /// The member of this QAPI name.
    pub(super) fn member(&self, name: &str) -> Option<&Part<'a>> {
        self.members.iter().find(|part| part.name == name)
    }

    /// Whether more can be given than the members that are never left out.
    pub(super) fn has_optional(&self) -> bool {
        self.union.is_some() || self.members.iter().any(|part| !part.always)
    }

    /// All members with their newest types.
    pub(super) fn into_object(self, name: &str) -> Object {
        let mut members: Vec<_> = self.members.iter().enumerate().map(Part::member).collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Object { name: name.into(), members, union: self.union, ..Object::default() }
    }
}

impl<'a> Part<'a> {
    fn new(version: Version<'a>, member: &'a model::Member) -> Self {
        Self { name: &member.name, always: false, uses: vec![(version, member)] }
    }

    /// Its type in the newest schema that has it.
    pub(super) fn newest(&self) -> Shape {
        let (version, member) = self.last();
        Shape::of(version.schema, member.ty)
    }

    /// What the newest schema that has it says of it.
    fn member((place, part): (usize, &Self)) -> Member {
        Member {
            name: part.name.into(),
            place,
            shape: part.newest(),
            always: part.always,
            life: Life::of(part.last().1.since.as_ref(), part.features()),
        }
    }

    /// Its features in the newest schema that has it.
    pub(super) fn features(&self) -> &'a [model::Feature] {
        &self.last().1.features
    }

    /// The type to declare for it, as part of the definition `of`.
    pub(super) fn declared(&self, of: &model::Info, direction: Direction) -> Result<Shape> {
        let shapes = self.uses.iter().map(|(version, member)| (*version, member.ty));
        declared(of, self.name, shapes, direction)
    }

    fn last(&self) -> &(Version<'a>, &'a model::Member) {
        &self.uses[self.uses.len() - 1]
    }
}

/// The type to declare where versions of the definition `of`, oldest first, have these for its
/// member.
///
/// # Errors
/// `Conflict` if no one type takes what all of them allow. What is unstable takes the newest.
pub(super) fn declared<'a>(
    of: &model::Info,
    member: &str,
    types: impl Iterator<Item = (Version<'a>, TypeId)>,
    direction: Direction,
) -> Result<Shape> {
    let mut declared: Option<Shape> = None;
    for (version, id) in types {
        let newer = Shape::of(version.schema, id);
        let older = declared.get_or_insert_with(|| newer.clone());
        *older = match older.merged_with(&newer, direction) {
            Some(merged) => merged,
            None if of.has("unstable") => newer,
            None => {
                return Err(Error::Conflict {
                    of: of.name.clone(),
                    member: member.into(),
                    older: older.signature(),
                    newer: newer.signature(),
                    version: version.name.into(),
                });
            }
        };
    }
    Ok(declared.unwrap_or(Shape::Any))
}

fn is_mandatory((_, member): &(Version<'_>, &model::Member)) -> bool {
    !member.optional && member.condition.is_none()
}

fn union(versions: &[(Version<'_>, Option<TypeId>)]) -> Option<Union> {
    let mut newest_tag = None;
    let mut newest = BTreeMap::new();
    for (version, id) in versions {
        let Some(id) = id else { continue };
        let Kind::Union { members, tag, branches, .. } = &version.schema.ty(*id).kind else {
            continue;
        };
        newest_tag = Some(members[*tag].name.clone());
        newest.extend(
            branches.iter().map(|branch| {
                (branch.name.clone(), version.schema.ty(branch.ty).info.name.clone())
            }),
        );
    }
    newest_tag.map(|tag| Union { tag, branches: newest.into_iter().collect() })
}
