//! Puts the members of bases in front of a type's own.

use super::Draft;
use crate::{
    ast::{Body, Data, Text},
    error::Shortened,
    limits::Limits,
    model::{Kind, Schema, TypeId},
    source::{Fault, Place, Result},
};
use std::collections::HashSet;

/// Flattens every struct and union that names a base.
pub(super) fn flatten(draft: &mut Draft<'_>, limits: &Limits) -> Result<()> {
    draft.each_type(|id, body| check_base(&draft.schema, id, body))?;
    let order = order(draft, limits.nesting)?;
    let mut left = limits.members;
    for id in order {
        spend(draft, &mut left, id)?;
        inherit(&mut draft.schema, id);
    }
    Ok(())
}

fn check_base(schema: &Schema, id: TypeId, body: &Body) -> Result<()> {
    let (Some(base), Some(name)) = (base(schema, id), base_name(body)) else { return Ok(()) };
    if matches!(schema.ty(base).kind, Kind::Struct { .. }) {
        return Ok(());
    }
    let mistake = format!("base '{}' is not a struct", Shortened(&name.text));
    Err(Fault::rule(name.at, mistake, "name a struct"))
}

/// The types, every base before those that name it.
fn order(draft: &Draft<'_>, nesting: usize) -> Result<Vec<TypeId>> {
    let mut placed = HashSet::new();
    let mut order = Vec::new();
    draft.each_type(|id, body| {
        let bases = std::iter::successors(Some(id), |id| base(&draft.schema, *id));
        let chain: Vec<_> = bases.take(nesting + 2).collect();
        if let (true, Some(name)) = (chain.len() > nesting + 1, base_name(body)) {
            return Err(endless(&chain, name.at, nesting));
        }
        order.extend(chain.into_iter().rev().filter(|id| placed.insert(*id)));
        Ok(())
    })?;
    Ok(order)
}

fn endless(chain: &[TypeId], at: Place, nesting: usize) -> Fault {
    let mut seen = HashSet::new();
    if chain.iter().all(|id| seen.insert(id)) {
        let mistake = format!("bases nest deeper than {nesting}");
        return Fault::limit(Some(at), mistake, "merge some of them");
    }
    Fault::rule(at, "its bases form a circle", "break the circle")
}

fn spend(draft: &Draft<'_>, left: &mut usize, id: TypeId) -> Result<()> {
    let inherited = base(&draft.schema, id).map_or(0, |base| draft.schema.members(base).len());
    let needed = inherited + draft.schema.members(id).len();
    *left = left.checked_sub(needed).ok_or_else(|| {
        let mistake = "with its bases' members the schema has too many members";
        let at = draft.definition(id).map(|definition| definition.name.at);
        Fault::limit(at, mistake, "inherit less").within(&draft.schema.ty(id).info.name)
    })?;
    Ok(())
}

fn inherit(schema: &mut Schema, id: TypeId) {
    let Some(base) = base(schema, id) else { return };
    let inherited = schema.members(base).to_vec();
    match &mut schema.types[id.0 as usize].kind {
        Kind::Struct { members, inherited: count, .. } => {
            *count = inherited.len();
            members.splice(0..0, inherited);
        }
        Kind::Union { members, .. } => *members = inherited,
        _ => {}
    }
}

fn base(schema: &Schema, id: TypeId) -> Option<TypeId> {
    match schema.ty(id).kind {
        Kind::Struct { base, .. } | Kind::Union { base, .. } => base,
        _ => None,
    }
}

fn base_name(body: &Body) -> Option<&Text> {
    match body {
        Body::Struct { base, .. } => base.as_ref(),
        Body::Union { base: Data::Named(name), .. } => Some(name),
        _ => None,
    }
}
