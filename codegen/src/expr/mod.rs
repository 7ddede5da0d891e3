//! Context-free checks: each expression by itself, from a tree to a typed [`Definition`].
//!
//! Where the versions of the language differ, the rules here accept what any of them accepts.

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
    source::{Fault, Result},
};
use keys::Object;
pub(crate) use names::mapped;

/// Checks every definition.
pub(crate) fn check(parsed: &Parsed) -> Result<Vec<Definition>> {
    parsed.definitions.iter().map(|expression| check_one(expression, &parsed.pragmas)).collect()
}

/// What surrounds the part under check.
struct Scope<'s> {
    name: &'s str,
    doc: Option<&'s Doc>,
    pragmas: &'s Pragmas,
}

impl Scope<'_> {
    fn since(&self, member: &str) -> Option<String> {
        self.doc.and_then(|doc| doc.since(member)).map(str::to_owned)
    }

    fn permissive(&self) -> bool {
        self.pragmas.member_names.contains(self.name)
    }
}

/// One of these makes a definition.
pub(crate) const KEYWORDS: [&str; 6] = ["enum", "struct", "union", "alternate", "command", "event"];

fn check_one(expression: &Expression, pragmas: &Pragmas) -> Result<Definition> {
    let object = Object::new(&expression.tree, "the definition")?;
    let keyword = keyword(&object)?;
    let name = string(object.required(keyword)?, &format!("the name of the {keyword}"))?;
    let doc = expression.doc.as_ref();
    let scope = Scope { name: &name.text, doc, pragmas };
    let checked = || {
        check_documented(&scope)?;
        names::check_definition(keyword, &name, pragmas)?;
        Ok(Definition {
            name: name.clone(),
            module: expression.module,
            condition: condition::optional(object.get("if"))?,
            features: condition::features(object.get("features"))?,
            since: doc.and_then(|doc| doc.since.clone()),
            body: definition::body(keyword, &object, &scope)?,
        })
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
