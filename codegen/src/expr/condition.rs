//! `if` and `features`, which nearly everything may have.

use super::{array, keys, names, string};
use crate::{
    ast::Spanned,
    error::Shortened,
    model::{Condition, Feature},
    parser::{Node, Tree},
    source::{Fault, Result},
};

/// The condition under the key `if`.
pub(super) fn optional(tree: Option<&Tree>) -> Result<Option<Condition>> {
    tree.map(condition).transpose()
}

/// The list under the key `features`.
pub(super) fn features(tree: Option<&Tree>) -> Result<Vec<Spanned<Feature>>> {
    let Some(tree) = tree else { return Ok(Vec::new()) };
    array(tree, "'features'")?.iter().map(feature).collect()
}

fn feature(tree: &Tree) -> Result<Spanned<Feature>> {
    let (name, object) = keys::short_or_object(tree, "name", &["if"], "the feature")?;
    let name = string(name, "the name of the feature")?;
    names::check_plain(&name.text, name.at, "feature")?;
    let condition = optional(object.and_then(|object| object.get("if")))?;
    Ok(Spanned { value: Feature { name: name.text, condition }, at: name.at })
}

// The parser bounds the depth of the recursion.
fn condition(tree: &Tree) -> Result<Condition> {
    match &tree.node {
        Node::String(symbol) if is_symbol(symbol) => Ok(Condition::Symbol(symbol.clone())),
        Node::String(symbol) => {
            let mistake = format!("condition '{}' is not a symbol", Shortened(symbol));
            Err(Fault::rule(tree.at, mistake, "use upper case, digits and '_', a letter first"))
        }
        Node::Object(entries) => match entries.as_slice() {
            [entry] => operator(&entry.key, &entry.value),
            _ => {
                let mistake = format!("the condition has {} keys", entries.len());
                Err(Fault::rule(tree.at, mistake, "give it one of all, any, not"))
            }
        },
        _ => {
            let mistake = "the condition is neither a string nor an object";
            Err(Fault::rule(tree.at, mistake, "write 'SYMBOL' or { 'all': [ ... ] }"))
        }
    }
}

fn operator(key: &str, value: &Tree) -> Result<Condition> {
    match key {
        "all" => Ok(Condition::All(operands(key, value)?)),
        "any" => Ok(Condition::Any(operands(key, value)?)),
        "not" => Ok(Condition::Not(Box::new(condition(value)?))),
        _ => {
            let mistake = format!("a condition has no key '{}'", Shortened(key));
            Err(Fault::rule(value.at, mistake, "use one of all, any, not"))
        }
    }
}

fn operands(key: &str, value: &Tree) -> Result<Vec<Condition>> {
    let operands = array(value, &format!("'{key}'"))?;
    if operands.is_empty() {
        return Err(Fault::rule(value.at, format!("'{key}' is empty"), "list what it combines"));
    }
    operands.iter().map(condition).collect()
}

fn is_symbol(text: &str) -> bool {
    let legal = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
    text.starts_with(|char: char| char.is_ascii_uppercase()) && text.chars().all(legal)
}
