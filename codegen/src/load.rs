//! The front end as a whole: a schema's files to its model.

use crate::{
    dialect::Dialect,
    directives::{self, Parsed},
    error::Error,
    expr, historical,
    limits::Limits,
    model::{Module, Schema},
    resolve::{self, Surroundings},
    rules::Rules,
    source::{Result, Sources},
};
use std::path::Path;

/// How to load a schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How large it may be.
    pub limits: Limits,
    /// What it is written in.
    pub dialect: Dialect,
}

/// Loads the schema whose first file is `path`.
///
/// # Errors
///
/// The first mistake found, whatever the files hold.
pub fn load(path: &Path, options: &Options) -> std::result::Result<Schema, Error> {
    checked(path, options).map(|checked| checked.schema)
}

/// A schema and what it was made from.
pub(crate) struct Checked {
    pub(crate) sources: Sources,
    pub(crate) parsed: Parsed,
    pub(crate) schema: Schema,
}

pub(crate) fn checked(path: &Path, options: &Options) -> std::result::Result<Checked, Error> {
    let mut sources = Sources::new(options.limits);
    match stages(&mut sources, path, &Rules::of(options.dialect)) {
        Ok((parsed, schema)) => Ok(Checked { sources, parsed, schema }),
        Err(fault) => Err(sources.explain(fault, path)),
    }
}

fn stages(sources: &mut Sources, path: &Path, rules: &Rules) -> Result<(Parsed, Schema)> {
    let mut parsed = directives::read(sources, path.to_owned(), rules)?;
    if rules.commands_are_lists {
        historical::modernise(&mut parsed)?;
    }
    let definitions = expr::check(&parsed, rules)?;
    let name = |module: &directives::Module| {
        let stem = sources.path(module.file).file_stem().unwrap_or_default();
        Module { name: stem.to_string_lossy().into_owned() }
    };
    let modules = parsed.modules.iter().map(name).collect();
    let surroundings = Surroundings { pragmas: &parsed.pragmas, rules, limits: sources.limits() };
    let schema = resolve::resolve(&definitions, modules, &surroundings)?;
    Ok((parsed, schema))
}
