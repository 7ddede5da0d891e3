//! Features: unlike each other, few enough, and the special ones where they mean something.

use crate::{
    ast::{Body, Definition, Spanned},
    error::Shortened,
    expr::mapped,
    model::Feature,
    source::{Fault, Result},
};
use std::collections::HashSet;

/// Checks the features of every definition and of its parts.
///
/// `most` is how many names of features one schema may have, the special ones included.
pub(super) fn check(definitions: &[Definition], most: usize) -> Result<()> {
    let mut known = Known { names: SPECIAL.into_iter().collect(), most };
    definitions.iter().try_for_each(|definition| {
        check_definition(definition, &mut known)
            .map_err(|fault| fault.within(&definition.name.text))
    })
}

/// Features that tell of a promise; the language itself gives them their meaning.
const SPECIAL: [&str; 2] = ["deprecated", "unstable"];

/// The names of features so far.
struct Known<'d> {
    names: HashSet<&'d str>,
    most: usize,
}

fn check_definition<'d>(definition: &'d Definition, known: &mut Known<'d>) -> Result<()> {
    if !matches!(definition.body, Body::Command(_) | Body::Event { .. }) {
        definition.features.iter().try_for_each(check_not_special)?;
    }
    check_list(&definition.features, known)?;
    match &definition.body {
        Body::Enum { values, .. } => {
            values.iter().try_for_each(|value| check_list(&value.features, known))
        }
        body => body.members().iter().try_for_each(|member| check_list(&member.features, known)),
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

fn check_list<'d>(features: &'d [Spanned<Feature>], known: &mut Known<'d>) -> Result<()> {
    let mut seen = HashSet::new();
    for Spanned { value, at } in features {
        if !seen.insert(mapped(&value.name)) {
            let mistake =
                format!("feature '{}' collides with one before it", Shortened(&value.name));
            return Err(Fault::rule(*at, mistake, "remove one of them"));
        }
        known.names.insert(&value.name);
        if known.names.len() > known.most {
            let mistake = format!("the schema has more than {} names of features", known.most);
            return Err(Fault::rule(*at, mistake, "reuse one of the names"));
        }
    }
    Ok(())
}
