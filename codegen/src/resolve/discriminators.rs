//! Finds the member that selects the branch of a union, and matches branches to its values.

use super::Draft;
use crate::{
    ast::{self, Body, Text},
    error::Shortened,
    model::{Branch, Kind, Member, Schema, TypeId},
    rules::Rules,
    source::{Fault, Result},
};
use std::collections::{HashMap, HashSet};

/// Sets the discriminator of every union.
pub(super) fn resolve(draft: &mut Draft<'_>, rules: &Rules) -> Result<()> {
    let mut tags = Vec::new();
    let mut enums = HashMap::new();
    draft.each_type(|id, body| {
        if let Body::Union { discriminator, branches, .. } = body {
            let tag = find(&draft.schema, id, discriminator)?;
            let ty = draft.schema.members(id)[tag].ty;
            // Many unions may share one long enum.
            let values = enums.entry(ty).or_insert_with(|| values(&draft.schema, ty));
            check_values(values, discriminator)?;
            check_branches(&draft.schema, id, values, branches)?;
            if !rules.union_in_branch {
                check_no_unions(&draft.schema, id, branches)?;
            }
            tags.push((id, tag));
        }
        Ok(())
    })?;
    for (id, found) in tags {
        if let Kind::Union { tag, .. } = &mut draft.schema.types[id.0 as usize].kind {
            *tag = found;
        }
    }
    Ok(())
}

fn find(schema: &Schema, id: TypeId, discriminator: &Text) -> Result<usize> {
    let members = schema.members(id);
    let name = Shortened(&discriminator.text);
    let wrong = |what: &str, remedy| {
        let mistake = format!("discriminator '{name}' {what}");
        Err(Fault::rule(discriminator.at, mistake, remedy))
    };
    let found = members.iter().position(|member| member.name == discriminator.text);
    let Some(tag) = found else {
        return wrong("is not a member of the base", "add it to the base");
    };
    let Member { ty, optional, condition, .. } = &members[tag];
    if !matches!(schema.ty(*ty).kind, Kind::Enum { .. }) {
        return wrong("is not of an enum type", "define an enum for it");
    }
    if *optional {
        return wrong("is optional", "remove its '*'");
    }
    if condition.is_some() {
        return wrong("is conditional", "remove its 'if'");
    }
    Ok(tag)
}

fn check_values(values: &HashSet<&str>, discriminator: &Text) -> Result<()> {
    if values.is_empty() {
        let mistake = "the union has no branches, as its discriminator has no values";
        return Err(Fault::rule(discriminator.at, mistake, "add values to its enum"));
    }
    Ok(())
}

fn check_branches(
    schema: &Schema,
    id: TypeId,
    values: &HashSet<&str>,
    written: &[ast::Branch],
) -> Result<()> {
    let Kind::Union { branches, .. } = &schema.ty(id).kind else { return Ok(()) };
    let mut pairs = written.iter().zip(branches);
    pairs.try_for_each(|(written, branch)| check_branch(schema, values, written, branch))
}

fn check_branch(
    schema: &Schema,
    values: &HashSet<&str>,
    written: &ast::Branch,
    branch: &Branch,
) -> Result<()> {
    let name = Shortened(&branch.name);
    if !values.contains(branch.name.as_str()) {
        let mistake = format!("branch '{name}' is not a value of the discriminator");
        return Err(Fault::rule(written.name.at, mistake, "add it to the enum or remove it"));
    }
    if !matches!(schema.ty(branch.ty).kind, Kind::Struct { .. } | Kind::Union { .. }) {
        let mistake = format!("branch '{name}' is neither a struct nor a union");
        return Err(Fault::rule(written.ty.name.at, mistake, "wrap it in a struct"));
    }
    Ok(())
}

fn check_no_unions(schema: &Schema, id: TypeId, written: &[ast::Branch]) -> Result<()> {
    let Kind::Union { branches, .. } = &schema.ty(id).kind else { return Ok(()) };
    let mut pairs = written.iter().zip(branches);
    let union = pairs.find(|(_, branch)| matches!(schema.ty(branch.ty).kind, Kind::Union { .. }));
    union.map_or(Ok(()), |(written, branch)| {
        let mistake = format!("branch '{}' is a union", Shortened(&branch.name));
        Err(Fault::rule(written.ty.name.at, mistake, "wrap it in a struct"))
    })
}

fn values(schema: &Schema, id: TypeId) -> HashSet<&str> {
    match &schema.ty(id).kind {
        Kind::Enum { values, .. } => values.iter().map(|value| value.name.as_str()).collect(),
        _ => HashSet::new(),
    }
}
