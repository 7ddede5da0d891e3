//! Members: of arguments, of data, of structs and unions.

use super::{
    change::Kind,
    compare::Pair,
    marks::{Marks, compare_conditions, compare_features, join},
    recorder::Recorder,
    types::{self, Relation},
};
use crate::model::{Member, Schema, TypeId};

/// How a result is called among paths: no member can have this name.
pub(super) const RESULT: &str = "(result)";

/// Compares arguments or data: boxed, named and written in place look alike on the wire.
pub(super) fn compare_data(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    data: Pair<Option<TypeId>>,
) {
    let members = |schema: &Schema, id: Option<TypeId>| -> Vec<Member> {
        id.map(|id| schema.members(id).to_vec()).unwrap_or_default()
    };
    let old = members(schemas.old, data.old);
    let new = members(schemas.new, data.new);
    compare_members(recorder, schemas, "", Pair { old: &old, new: &new });
    types::compare_branches(recorder, schemas, data);
}

/// Compares what a command returns.
pub(super) fn compare_result(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    old: Option<TypeId>,
    new: Option<TypeId>,
) {
    let Pair { old: older, new: newer } = schemas;
    let before = old.map(|id| types::name(older, id));
    let after = new.map(|id| types::name(newer, id));
    match (old, new) {
        (Some(old), Some(new)) => {
            compare_types(recorder, schemas, RESULT, Pair { old, new }, Marks::default());
        }
        (None, Some(_)) => {
            recorder.add(Kind::ResultAdded, RESULT, before, after, Marks::default());
        }
        (Some(_), None) => {
            recorder.add(Kind::ResultRemoved, RESULT, before, after, Marks::default());
        }
        (None, None) => {}
    }
}

/// Compares members, which stand at `path`.
pub(super) fn compare_members(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    path: &str,
    members: Pair<&[Member]>,
) {
    for old in members.old {
        let at = join(path, &old.name);
        match find(members.new, &old.name) {
            Some(new) => compare_member(recorder, schemas, &at, Pair { old, new }),
            None => {
                let before = described(schemas.old, old);
                let marks = Marks::from(old.features.as_slice());
                recorder.add(Kind::MemberRemoved, &at, Some(before), None, marks);
            }
        }
    }
    for new in members.new.iter().filter(|new| find(members.old, &new.name).is_none()) {
        let kind = match new.optional {
            true => Kind::OptionalMemberAdded,
            false => Kind::MandatoryMemberAdded,
        };
        let after = described(schemas.new, new);
        recorder.add(kind, &join(path, &new.name), None, Some(after), Marks::default());
    }
    compare_order(recorder, path, members);
}

/// Tells how two types in one place differ, as far as the types do not tell themselves.
pub(super) fn compare_types(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    path: &str,
    types: Pair<TypeId>,
    marks: Marks,
) {
    let kind = match types::relate(schemas, types) {
        Relation::Equal | Relation::Comparable(_) => return,
        Relation::IntegerWidth => Kind::IntegerWidthChanged,
        Relation::StringType => Kind::StringTypeChanged,
        Relation::BecameAlternate(_) => Kind::BecameAlternate,
        Relation::Different => Kind::TypeChanged,
    };
    let before = types::name(schemas.old, types.old);
    let after = types::name(schemas.new, types.new);
    recorder.add(kind, path, Some(before), Some(after), marks);
}

fn compare_member(
    recorder: &mut Recorder,
    schemas: Pair<&Schema>,
    path: &str,
    member: Pair<&Member>,
) {
    let Pair { old, new } = member;
    let marks = Marks::from(old.features.as_slice());
    let optional = match (old.optional, new.optional) {
        (false, true) => Some(Kind::BecameOptional),
        (true, false) => Some(Kind::BecameMandatory),
        _ => None,
    };
    if let Some(kind) = optional {
        let (before, after) = (described(schemas.old, old), described(schemas.new, new));
        recorder.add(kind, path, Some(before), Some(after), marks);
    }
    compare_types(recorder, schemas, path, Pair { old: old.ty, new: new.ty }, marks);
    compare_features(recorder, path, &old.features, &new.features);
    compare_conditions(recorder, path, old.condition.as_ref(), new.condition.as_ref());
}

fn compare_order(recorder: &mut Recorder, path: &str, members: Pair<&[Member]>) {
    let common = |these: &[Member], others: &[Member]| -> Vec<String> {
        let common = these.iter().filter(|member| find(others, &member.name).is_some());
        common.map(|member| member.name.clone()).collect()
    };
    let before = common(members.old, members.new);
    let after = common(members.new, members.old);
    if before != after {
        let (before, after) = (before.join(", "), after.join(", "));
        let marks = Marks::default();
        recorder.add(Kind::MembersReordered, path, Some(before), Some(after), marks);
    }
}

/// As a schema writes it.
fn described(schema: &Schema, member: &Member) -> String {
    let star = if member.optional { "*" } else { "" };
    let conditional = if member.condition.is_some() { ", conditional" } else { "" };
    format!("{star}{}{conditional}", types::name(schema, member.ty))
}

fn find<'m>(members: &'m [Member], name: &str) -> Option<&'m Member> {
    members.iter().find(|member| member.name == name)
}
