//! The forms of an alternate must be told apart by the JSON value alone.

use super::Draft;
use crate::{
    ast::{self, Body},
    error::Shortened,
    model::{Branch, Builtin, Kind, Schema, TypeId},
    source::{Fault, Result},
};
use std::collections::HashMap;

/// Checks every alternate.
pub(super) fn check(draft: &Draft<'_>) -> Result<()> {
    let mut known = HashMap::new();
    draft.each_type(|id, body| {
        let Body::Alternate { branches: written } = body else { return Ok(()) };
        let Kind::Alternate { branches } = &draft.schema.ty(id).kind else { return Ok(()) };
        check_forms(&draft.schema, written, branches, &mut known)
    })
}

/// What a parser sees of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Json {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

fn check_forms(
    schema: &Schema,
    written: &[ast::Branch],
    forms: &[Branch],
    known: &mut HashMap<TypeId, Vec<Json>>,
) -> Result<()> {
    let mut taken: HashMap<Json, &str> = HashMap::new();
    for (written, form) in written.iter().zip(forms) {
        let name = Shortened(&form.name);
        // Many alternates may share one long enum.
        let kinds = known.entry(form.ty).or_insert_with(|| kinds(schema, form.ty));
        if kinds.is_empty() {
            let mistake = format!("form '{name}' can be any JSON value");
            return Err(Fault::rule(written.ty.name.at, mistake, "use a type of one JSON kind"));
        }
        for kind in kinds {
            if let Some(other) = taken.insert(*kind, &form.name) {
                let other = Shortened(other);
                let mistake = format!("form '{name}' looks like form '{other}' in JSON");
                let remedy = "keep one of them";
                return Err(Fault::rule(written.name.at, mistake, remedy));
            }
        }
    }
    Ok(())
}

/// The kinds of JSON values that a value of the type takes up; none if it can't be told.
fn kinds(schema: &Schema, id: TypeId) -> Vec<Json> {
    match &schema.ty(id).kind {
        Kind::Builtin(Builtin::Any) | Kind::Alternate { .. } => Vec::new(),
        // Command lines give numbers and booleans as strings.
        Kind::Builtin(Builtin::Str) => vec![Json::String, Json::Number, Json::Bool],
        Kind::Builtin(Builtin::Bool) => vec![Json::Bool],
        Kind::Builtin(Builtin::Null) => vec![Json::Null],
        Kind::Builtin(_) => vec![Json::Number],
        Kind::Enum { values, .. } => {
            enum_kinds(values.iter().map(|value| value.name.as_str()).collect())
        }
        Kind::Struct { .. } | Kind::Union { .. } => vec![Json::Object],
        Kind::Array(_) => vec![Json::Array],
    }
}

fn enum_kinds(values: Vec<&str>) -> Vec<Json> {
    let numeric = |value: &&str| {
        value.starts_with(|char: char| char.is_ascii_digit() || "-+.".contains(char))
    };
    let mut kinds = vec![Json::String];
    if values.contains(&"on") || values.contains(&"off") {
        kinds.push(Json::Bool);
    }
    if values.iter().any(numeric) {
        kinds.push(Json::Number);
    }
    kinds
}
