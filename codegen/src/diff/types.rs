//! Types that stand in the same place of both schemas.

use super::{
    change::Kind,
    compare::{Pair, Types},
    marks::{self, Marks, compare_conditions, compare_features},
    members,
    recorder::Recorder,
};
use crate::{
    dbus::Shape,
    model::{Branch, Builtin, Kind as TypeKind, Schema, TypeId, Value},
};

/// How a type relates to the one that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same predefined type.
    Equal,
    /// Both are structs or unions, both enumerations or both alternates: what differs is told of
    /// these, from which lists are taken off.
    Comparable(Types),
    /// Integers of another width or sign.
    IntegerWidth,
    /// One is a string, the other an enumeration.
    StringType,
    /// The new one is an alternate: the old one and the form that is like it.
    BecameAlternate(Types),
    /// Nothing of the above.
    Different,
}

/// How these relate.
pub(super) fn relate(schemas: Pair<&Schema>, types: Types) -> Relation {
    let Pair { old, new } = schemas;
    match (&old.ty(types.old).kind, &new.ty(types.new).kind) {
        (TypeKind::Array(older), TypeKind::Array(newer)) => {
            relate(schemas, Pair { old: *older, new: *newer })
        }
        (TypeKind::Builtin(older), TypeKind::Builtin(newer)) => {
            relate_builtins(schemas, types, older == newer)
        }
        (TypeKind::Builtin(Builtin::Str), TypeKind::Enum { .. })
        | (TypeKind::Enum { .. }, TypeKind::Builtin(Builtin::Str)) => Relation::StringType,
        (TypeKind::Enum { .. }, TypeKind::Enum { .. })
        | (TypeKind::Alternate { .. }, TypeKind::Alternate { .. })
        | (
            TypeKind::Struct { .. } | TypeKind::Union { .. },
            TypeKind::Struct { .. } | TypeKind::Union { .. },
        ) => Relation::Comparable(types),
        (_, TypeKind::Alternate { branches }) => branches
            .iter()
            .find(|form| fits(schemas, Pair { old: types.old, new: form.ty }))
            .map_or(Relation::Different, |form| {
                Relation::BecameAlternate(Pair { old: types.old, new: form.ty })
            }),
        _ => Relation::Different,
    }
}

/// The types that stand in the same places inside these, each with whether the old schema
/// promises that place.
pub(super) fn below(schemas: Pair<&Schema>, types: Types) -> Vec<(Types, bool)> {
    let Pair { old, new } = schemas;
    let mut below = Vec::new();
    for member in old.members(types.old) {
        let newer = new.members(types.new).iter().find(|newer| newer.name == member.name);
        if let Some(newer) = newer {
            let stable = !Marks::from(member.features.as_slice()).unstable;
            below.push((behind(schemas, Pair { old: member.ty, new: newer.ty }), stable));
        }
    }
    for branch in branches(old, Some(types.old)) {
        if let Some(newer) = find_branch(branches(new, Some(types.new)), &branch.name) {
            below.push((Pair { old: branch.ty, new: newer.ty }, true));
        }
    }
    below
}

/// Compares types that are [`Relation::Comparable`].
pub(super) fn compare(recorder: &mut Recorder, schemas: Pair<&Schema>, types: Types) {
    let (old, new) = (schemas.old.ty(types.old), schemas.new.ty(types.new));
    if old.info.name != new.info.name {
        let (before, after) = (old.info.name.clone(), new.info.name.clone());
        recorder.add(Kind::TypeRenamed, "", Some(before), Some(after), Marks::default());
    }
    marks::compare_info(recorder, &old.info, &new.info);
    if let (TypeKind::Enum { values: old, .. }, TypeKind::Enum { values: new, .. }) =
        (&old.kind, &new.kind)
    {
        compare_values(recorder, old, new);
    }
    let members = Pair { old: schemas.old.members(types.old), new: schemas.new.members(types.new) };
    members::compare_members(recorder, schemas, "", members);
    compare_branches(recorder, schemas, Pair { old: Some(types.old), new: Some(types.new) });
}

/// Compares the branches of unions and the forms of alternates.
pub(super) fn compare_branches(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    types: Pair<Option<TypeId>>,
) {
    let older = branches(schemas.old, types.old);
    let newer = branches(schemas.new, types.new);
    for old in older {
        let at = path(schemas.old, types.old, &old.name);
        match find_branch(newer, &old.name) {
            Some(new) => {
                compare_conditions(recorder, &at, old.condition.as_ref(), new.condition.as_ref());
                let types = Pair { old: old.ty, new: new.ty };
                members::compare_types(recorder, schemas, &at, types, Marks::default());
            }
            None => lost_branch(recorder, schemas, types, &at, old),
        }
    }
    for new in newer.iter().filter(|new| find_branch(older, &new.name).is_none()) {
        let at = path(schemas.new, types.new, &new.name);
        new_branch(recorder, schemas, types, &at, new);
    }
}

/// As a schema writes it.
pub(super) fn name(schema: &Schema, id: TypeId) -> String {
    match &schema.ty(id).kind {
        TypeKind::Array(element) => format!("[{}]", name(schema, *element)),
        _ => schema.ty(id).info.name.clone(),
    }
}

/// A branch whose value had no members before adds them; a new value adds a branch.
fn new_branch(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    types: Pair<Option<TypeId>>,
    at: &str,
    branch: &Branch,
) {
    if has_value(schemas.old, types.old, &branch.name) {
        let members = Pair { old: &[][..], new: schemas.new.members(branch.ty) };
        return members::compare_members(recorder, schemas, at, members);
    }
    let kind = match is_alternate(schemas.new, types.new) {
        true => Kind::AlternateBranchAdded,
        false => Kind::UnionBranchAdded,
    };
    recorder.add(kind, at, None, Some(name(schemas.new, branch.ty)), Marks::default());
}

fn lost_branch(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    types: Pair<Option<TypeId>>,
    at: &str,
    branch: &Branch,
) {
    if has_value(schemas.new, types.new, &branch.name) {
        let members = Pair { old: schemas.old.members(branch.ty), new: &[][..] };
        return members::compare_members(recorder, schemas, at, members);
    }
    let kind = match is_alternate(schemas.old, types.old) {
        true => Kind::AlternateBranchRemoved,
        false => Kind::UnionBranchRemoved,
    };
    let marks = value_marks(schemas.old, types.old, &branch.name);
    recorder.add(kind, at, Some(name(schemas.old, branch.ty)), None, marks);
}

fn compare_values(recorder: &mut Recorder, old: &[Value], new: &[Value]) {
    for older in old {
        match new.iter().find(|newer| newer.name == older.name) {
            Some(newer) => {
                let at = &older.name;
                compare_features(recorder, at, &older.features, &newer.features);
                let (older, newer) = (older.condition.as_ref(), newer.condition.as_ref());
                compare_conditions(recorder, at, older, newer);
            }
            None => {
                let marks = Marks::from(older.features.as_slice());
                recorder.add(Kind::ValueRemoved, &older.name, None, None, marks);
            }
        }
    }
    for newer in new.iter().filter(|newer| !old.iter().any(|older| older.name == newer.name)) {
        let after = newer.condition.as_ref().map(|_| "conditional".to_owned());
        recorder.add(Kind::ValueAdded, &newer.name, None, after, Marks::default());
    }
}

/// What two types in one place lead to: where one became an alternate, the form that it was.
fn behind(schemas: Pair<&Schema>, types: Types) -> Types {
    match relate(schemas, types) {
        Relation::BecameAlternate(form) => form,
        _ => types,
    }
}

fn relate_builtins(schemas: Pair<&Schema>, types: Types, equal: bool) -> Relation {
    let shape = |schema, id| Shape::of(schema, id);
    match (shape(schemas.old, types.old), shape(schemas.new, types.new)) {
        _ if equal => Relation::Equal,
        (old, new) if old.is_integer() && new.is_integer() => Relation::IntegerWidth,
        _ => Relation::Different,
    }
}

fn fits(schemas: Pair<&Schema>, types: Types) -> bool {
    let lists = |schema: &Schema, id| matches!(schema.ty(id).kind, TypeKind::Array(_));
    lists(schemas.old, types.old) == lists(schemas.new, types.new)
        && relate(schemas, types) != Relation::Different
}

fn branches(schema: &Schema, id: Option<TypeId>) -> &[Branch] {
    match id.map(|id| &schema.ty(id).kind) {
        Some(TypeKind::Union { branches, .. } | TypeKind::Alternate { branches }) => branches,
        _ => &[],
    }
}

fn find_branch<'b>(branches: &'b [Branch], name: &str) -> Option<&'b Branch> {
    branches.iter().find(|branch| branch.name == name)
}

fn is_alternate(schema: &Schema, id: Option<TypeId>) -> bool {
    id.is_some_and(|id| matches!(schema.ty(id).kind, TypeKind::Alternate { .. }))
}

/// `tag=value` for a branch of a union, the name for a form of an alternate.
fn path(schema: &Schema, id: Option<TypeId>, branch: &str) -> String {
    match id.map(|id| &schema.ty(id).kind) {
        Some(TypeKind::Union { members, tag, .. }) => format!("{}={branch}", members[*tag].name),
        _ => branch.into(),
    }
}

fn has_value(schema: &Schema, id: Option<TypeId>, value: &str) -> bool {
    tag_values(schema, id).iter().any(|has| has.name == value)
}

fn value_marks(schema: &Schema, id: Option<TypeId>, value: &str) -> Marks {
    let value = tag_values(schema, id).iter().find(|has| has.name == value);
    value.map(|value| Marks::from(value.features.as_slice())).unwrap_or_default()
}

fn tag_values(schema: &Schema, id: Option<TypeId>) -> &[Value] {
    let Some(TypeKind::Union { members, tag, .. }) = id.map(|id| &schema.ty(id).kind) else {
        return &[];
    };
    match &schema.ty(members[*tag].ty).kind {
        TypeKind::Enum { values, .. } => values,
        _ => &[],
    }
}
