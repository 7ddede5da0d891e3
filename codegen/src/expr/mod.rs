//! Context-free checks: each expression by itself, from a tree to a typed [`Definition`].
//!
//! Where the versions of the language differ, the rules here accept what any of them accepts,
//! except for documentation.

mod condition;
mod definition;
mod keys;
mod members;
mod names;

use crate::{
    ast::{Definition, Text},
    directives::{Expression, Parsed, Pragmas},
    doc::Doc,
    error::Shortened,
    parser::{Node, Tree},
    rules::Rules,
    source::{Fault, Result},
};
use keys::Object;
pub(crate) use names::mapped;

/// Checks every definition.
pub(crate) fn check(parsed: &Parsed, rules: &Rules) -> Result<Vec<Definition>> {
    let check = |expression| check_one(expression, &parsed.pragmas, rules);
    parsed.definitions.iter().map(check).collect()
}

/// What surrounds the part under check.
struct Scope<'s> {
    name: &'s str,
    doc: Option<&'s Doc>,
    /// Whether members and values may have `_` and upper case.
    permissive: bool,
}

impl Scope<'_> {
    fn since(&self, member: &str) -> Option<String> {
        self.doc.and_then(|doc| doc.since(member)).map(str::to_owned)
    }
}

/// One of these makes a definition.
pub(crate) const KEYWORDS: [&str; 6] = ["enum", "struct", "union", "alternate", "command", "event"];

fn check_one(expression: &Expression, pragmas: &Pragmas, rules: &Rules) -> Result<Definition> {
    let object = Object::new(&expression.tree, "the definition")?;
    let keyword = keyword(&object)?;
    let name = string(object.required(keyword)?, &format!("the name of the {keyword}"))?;
    let doc = expression.doc.as_ref();
    // The pragma is for types: arguments and data in place are not excused.
    let excusable = !matches!(keyword, "command" | "event");
    let permissive = excusable && pragmas.member_names.contains(&name.text);
    let scope = Scope { name: &name.text, doc, permissive };
    let checked = || {
        check_documented(&scope)?;
        names::check_definition(keyword, &name, pragmas)?;
        let definition = Definition {
            name: name.clone(),
            module: expression.module,
            condition: condition::optional(object.get("if"))?,
            features: condition::features(object.get("features"))?,
            since: doc.and_then(|doc| doc.since.clone()),
            body: definition::body(keyword, &object, &scope)?,
        };
        check_described(&definition, doc, pragmas, rules)?;
        Ok(definition)
    };
    checked().map_err(|fault: Fault| fault.within(&name.text))
}

fn keyword(object: &Object<'_>) -> Result<&'static str> {
    let mut found = KEYWORDS.into_iter().filter(|keyword| object.get(keyword).is_some());
    match (found.next(), found.next()) {
        (Some(keyword), None) => Ok(keyword),
        (Some(one), Some(other)) => {
            let mistake = format!("the object is both '{one}' and '{other}'");
            Err(Fault::rule(object.at, mistake, "make two objects of it"))
        }
        (None, _) => {
            let remedy = format!("give it one of the keys {}", KEYWORDS.join(", "));
            Err(Fault::rule(object.at, "the object defines nothing", remedy))
        }
    }
}

fn check_documented(scope: &Scope<'_>) -> Result<()> {
    let Some(doc) = scope.doc else { return Ok(()) };
    let Some(symbol) = doc.symbol.as_deref().filter(|symbol| *symbol != scope.name) else {
        return Ok(());
    };
    let mistake = format!("its documentation is for '{}'", Shortened(symbol));
    Err(Fault::rule(doc.at, mistake, format!("begin it with '# @{}:'", Shortened(scope.name))))
}

/// Judges the documentation, where the rules do.
fn check_described(
    definition: &Definition,
    doc: Option<&Doc>,
    pragmas: &Pragmas,
    rules: &Rules,
) -> Result<()> {
    let Some(rules) = rules.documentation else { return Ok(()) };
    match doc {
        Some(Doc { described: Some(described), .. }) => described.check(definition, rules, pragmas),
        None if pragmas.doc_required => {
            let mistake = "it has no documentation, which the pragma doc-required asks for";
            Err(Fault::rule(definition.name.at, mistake, "write a comment before it"))
        }
        _ => Ok(()),
    }
}

fn string(tree: &Tree, what: &str) -> Result<Text> {
    match &tree.node {
        Node::String(text) => Ok(Text { text: text.clone(), at: tree.at }),
        _ => Err(Fault::rule(tree.at, format!("{what} is not a string"), "write a quoted name")),
    }
}

fn array<'t>(tree: &'t Tree, what: &str) -> Result<&'t [Tree]> {
    match &tree.node {
        Node::Array(elements) => Ok(elements),
        _ => Err(Fault::rule(tree.at, format!("{what} is not a list"), "write [ ... ]")),
    }
}
