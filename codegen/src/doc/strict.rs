//! Documentation comments by the rules of one release: what they describe must be there, and what
//! is there must be described.
//!
//! What two releases tell apart stands in [`aligned`] and [`indented`], which read the text.

mod aligned;
mod indented;
mod typography;

use crate::{
    ast::{Body, Definition, Text},
    directives::Pragmas,
    error::Shortened,
    parser::{Comment, Line},
    rules::Documentation,
    source::{Fault, Place, Result},
};
use std::collections::HashMap;

/// What a comment describes.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// The definition; none in a comment about no definition in particular.
    pub(super) symbol: Option<String>,
    members: HashMap<String, Place>,
    features: HashMap<String, Place>,
    /// Where the sections that only commands have are, and their names.
    returns: Option<Place>,
    errors: Option<Place>,
    since: Option<Place>,
}

/// Reads a comment by these rules.
pub(super) fn read(comment: &Comment<'_>, rules: Documentation) -> Result<Described> {
    if comment.fences != ["##"; 2] {
        let mistake = "white space follows '##'";
        return Err(Fault::syntax(comment.at, mistake, "remove it"));
    }
    let odd = |line: &&Line<'_>| !line.raw.is_empty() && !line.raw.starts_with(' ');
    if let Some(line) = comment.lines.iter().find(odd) {
        let mistake = "white space other than ' ' follows '#'";
        return Err(Fault::syntax(line.at, mistake, "remove it"));
    }
    match rules {
        Documentation::Aligned => aligned::read(comment),
        Documentation::Indented { headings, typography } => {
            if typography {
                typography::check(&comment.lines)?;
            }
            indented::read(comment, headings)
        }
    }
}

impl Described {
    /// Compares the comment with what is defined.
    pub(crate) fn check(
        &self,
        definition: &Definition,
        rules: Documentation,
        pragmas: &Pragmas,
    ) -> Result<()> {
        self.check_sections(&definition.body, rules)?;
        let members = members(&definition.body);
        let excused =
            rules == Documentation::Aligned || pragmas.undocumented.contains(&definition.name.text);
        if !excused {
            check_present("member", members.iter().copied(), &self.members)?;
        }
        let features = features(definition);
        check_present("feature", features.iter().copied(), &self.features)?;
        check_real("member", &self.members, &members)?;
        check_real("feature", &self.features, &features)
    }

    fn check_sections(&self, body: &Body, rules: Documentation) -> Result<()> {
        let wrong = |at: Option<Place>, section: &str, what: &str| match at {
            None => Ok(()),
            Some(at) => {
                let mistake = format!("the section '{section}' describes {what}");
                Err(Fault::rule(at, mistake, "remove it"))
            }
        };
        match body {
            Body::Command(command) => {
                if command.returns.is_none() && rules != Documentation::Aligned {
                    wrong(self.returns, "Returns", "a command that returns nothing")?;
                }
                Ok(())
            }
            _ => {
                wrong(self.returns, "Returns", "something that is no command")?;
                wrong(self.errors, "Errors", "something that is no command")
            }
        }
    }

    fn add(&mut self, kind: Item, name: &str, at: Place) -> Result<()> {
        if name.is_empty() {
            return Err(Fault::syntax(at, "no name follows '@'", "write '@name:'"));
        }
        let described = match kind {
            Item::Member => &mut self.members,
            Item::Feature => &mut self.features,
        };
        match described.insert(name.to_owned(), at) {
            None => Ok(()),
            Some(_) => {
                let mistake = format!("'{}' is described twice", Shortened(name));
                Err(Fault::rule(at, mistake, "merge both"))
            }
        }
    }

    fn set(&mut self, section: &str, at: Place) -> Result<()> {
        let place = match section {
            "Returns" => &mut self.returns,
            "Errors" => &mut self.errors,
            "Since" => &mut self.since,
            _ => return Ok(()),
        };
        match place.replace(at) {
            None => Ok(()),
            Some(_) => {
                let mistake = format!("there are two sections '{section}'");
                Err(Fault::rule(at, mistake, "merge both"))
            }
        }
    }
}

/// What has a description of its own.
#[derive(Clone, Copy)]
enum Item {
    Member,
    Feature,
}

fn check_present<'n>(
    role: &str,
    mut names: impl Iterator<Item = (&'n str, Place)>,
    described: &HashMap<String, Place>,
) -> Result<()> {
    names.try_for_each(|(name, at)| match described.contains_key(name) {
        true => Ok(()),
        false => {
            let mistake = format!("{role} '{}' has no description", Shortened(name));
            Err(Fault::rule(at, mistake, "describe it"))
        }
    })
}

fn check_real(
    role: &str,
    described: &HashMap<String, Place>,
    names: &[(&str, Place)],
) -> Result<()> {
    let unreal = described.iter().filter(|(name, _)| names.iter().all(|(real, _)| real != name));
    match unreal.min_by_key(|(_, at)| at.offset) {
        None => Ok(()),
        Some((name, at)) => {
            let mistake = format!("there is no {role} '{}' to describe", Shortened(name));
            Err(Fault::rule(*at, mistake, "check its spelling"))
        }
    }
}

/// Everything written in place that is described as a member; branches of unions are not.
fn members(body: &Body) -> Vec<(&str, Place)> {
    fn named(name: &Text) -> (&str, Place) {
        (&name.text, name.at)
    }
    match body {
        Body::Enum { values, .. } => values.iter().map(|value| named(&value.name)).collect(),
        Body::Alternate { branches } => branches.iter().map(|form| named(&form.name)).collect(),
        body => body.members().iter().map(|member| named(&member.name)).collect(),
    }
}

fn features(definition: &Definition) -> Vec<(&str, Place)> {
    let own = definition.features.iter();
    let values = match &definition.body {
        Body::Enum { values, .. } => values.as_slice(),
        _ => &[],
    };
    let of_values = values.iter().flat_map(|value| &value.features);
    let of_members = definition.body.members().iter().flat_map(|member| &member.features);
    let all = own.chain(of_values).chain(of_members);
    all.map(|feature| (feature.value.name.as_str(), feature.at)).collect()
}
