//! Features: unlike each other, few enough, and the special ones where they mean something.

use crate::{
    ast::{Body, Data, Definition, Member, Spanned},
    error::Shortened,
    model::Feature,
    source::{Fault, Result},
};
use std::collections::HashSet;

/// Checks the features of every definition and of its parts.
pub(super) fn check(definitions: &[Definition]) -> Result<()> {
    let mut known: HashSet<&str> = SPECIAL.into_iter().collect();
    definitions.iter().try_for_each(|definition| {
        check_definition(definition, &mut known)
            .map_err(|fault| fault.within(&definition.name.text))
    })
}

/// Features that tell of a promise; the language itself gives them their meaning.
const SPECIAL: [&str; 2] = ["deprecated", "unstable"];

/// Names of features that one schema may have, the special ones included.
const MOST: usize = 64;

fn check_definition<'d>(definition: &'d Definition, known: &mut HashSet<&'d str>) -> Result<()> {
    if !matches!(definition.body, Body::Command(_) | Body::Event { .. }) {
        definition.features.iter().try_for_each(check_not_special)?;
    }
    check_list(&definition.features, known)?;
    match &definition.body {
        Body::Enum { values, .. } => {
            values.iter().try_for_each(|value| check_list(&value.features, known))
        }
        body => members(body).iter().try_for_each(|member| check_list(&member.features, known)),
    }
}

fn members(body: &Body) -> &[Member] {
    match body {
        Body::Struct { members, .. } => members,
        Body::Union { base, .. } => base.inline(),
        Body::Command(command) => command.data.as_ref().map_or(&[], Data::inline),
        Body::Event { data, .. } => data.as_ref().map_or(&[], Data::inline),
        Body::Enum { .. } | Body::Alternate { .. } => &[],
    }
}

fn check_not_special(feature: &Spanned<Feature>) -> Result<()> {
    let name = &feature.value.name;
    if SPECIAL.contains(&name.as_str()) {
        let mistake = format!("a type has the feature '{name}'");
        return Err(Fault::rule(feature.at, mistake, "give it to commands, events and members"));
    }
    Ok(())
}

fn check_list<'d>(features: &'d [Spanned<Feature>], known: &mut HashSet<&'d str>) -> Result<()> {
    let mut seen = HashSet::new();
    for Spanned { value, at } in features {
        if !seen.insert(&value.name) {
            let mistake = format!("feature '{}' is listed twice", Shortened(&value.name));
            return Err(Fault::rule(*at, mistake, "remove one of them"));
        }
        known.insert(&value.name);
        if known.len() > MOST {
            let mistake = format!("the schema has more than {MOST} names of features");
            return Err(Fault::rule(*at, mistake, "reuse one of the names"));
        }
    }
    Ok(())
}
