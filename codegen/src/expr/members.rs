//! Members, values, branches and references to types.

use super::{Scope, array, condition, keys, keys::Object, names, string};
use crate::{
    ast::{Branch, Data, Member, Text, TypeRef, Value},
    error::Shortened,
    parser::{Entry, Node, Tree},
    source::{Fault, Result},
};

/// Members written in place under `key`.
pub(super) fn members(tree: &Tree, key: &str, scope: &Scope<'_>) -> Result<Vec<Member>> {
    let object = Object::new(tree, format!("'{key}'"))?;
    object.entries().iter().map(|entry| member(entry, scope)).collect()
}

/// Members written in place or the name of a type that has them.
pub(super) fn data(tree: &Tree, key: &str, scope: &Scope<'_>) -> Result<Data> {
    match &tree.node {
        Node::Object(_) => members(tree, key, scope).map(Data::Inline),
        Node::String(_) => string(tree, key).map(Data::Named),
        _ => {
            let mistake = format!("'{key}' is neither an object nor the name of a type");
            Err(Fault::rule(tree.at, mistake, "write { 'member': 'type' } or 'Type'"))
        }
    }
}

/// The values of an enumeration.
pub(super) fn values(tree: &Tree, scope: &Scope<'_>) -> Result<Vec<Value>> {
    array(tree, "'data'")?.iter().map(|value| self::value(value, scope)).collect()
}

/// The branches of a union.
pub(super) fn branches(tree: &Tree) -> Result<Vec<Branch>> {
    let object = Object::new(tree, "'data'")?;
    let branch = |entry| branch(entry, "the branch", false);
    object.entries().iter().map(branch).collect()
}

/// The forms of an alternate.
pub(super) fn forms(tree: &Tree) -> Result<Vec<Branch>> {
    let object = Object::new(tree, "'data'")?;
    if object.entries().is_empty() {
        return Err(Fault::rule(tree.at, "'data' is empty", "list the forms of the alternate"));
    }
    let form = |entry: &Entry| {
        names::check_plain(&entry.key, entry.at, "alternate")?;
        branch(entry, "the form", true)
    };
    object.entries().iter().map(form).collect()
}

/// A type or, in brackets, an array of it.
pub(super) fn type_ref(tree: &Tree, what: &str) -> Result<TypeRef> {
    let (name, array) = match &tree.node {
        Node::Array(elements) => match elements.as_slice() {
            [element] => (element, true),
            _ => {
                let mistake = format!("the array type has {} element types", elements.len());
                return Err(Fault::rule(tree.at, mistake, "write ['type']"));
            }
        },
        Node::Object(_) => {
            let mistake = format!("{what} has an object where a type's name belongs");
            return Err(Fault::rule(tree.at, mistake, "define a struct and name it here"));
        }
        _ => (tree, false),
    };
    Ok(TypeRef { name: string(name, "the type")?, array })
}

fn member(entry: &Entry, scope: &Scope<'_>) -> Result<Member> {
    let name = entry.key.strip_prefix('*');
    let (name, optional) = (name.unwrap_or(&entry.key), name.is_some());
    names::check_member(name, entry.at, scope.permissive)?;
    let what = format!("member '{}'", Shortened(name));
    let (ty, object) = keys::short_or_object(&entry.value, "type", &["if", "features"], &what)?;
    let get = |key| object.as_ref().and_then(|object| object.get(key));
    Ok(Member {
        name: Text { text: name.to_owned(), at: entry.at },
        ty: type_ref(ty, &what)?,
        optional,
        condition: condition::optional(get("if"))?,
        features: condition::features(get("features"))?,
        since: scope.since(name),
    })
}

fn value(tree: &Tree, scope: &Scope<'_>) -> Result<Value> {
    let (name, object) = keys::short_or_object(tree, "name", &["if", "features"], "the value")?;
    let get = |key| object.as_ref().and_then(|object| object.get(key));
    let name = string(name, "the value")?;
    names::check_value(&name, scope.permissive)?;
    Ok(Value {
        condition: condition::optional(get("if"))?,
        features: condition::features(get("features"))?,
        since: scope.since(&name.text),
        name,
    })
}

fn branch(entry: &Entry, role: &str, arrays: bool) -> Result<Branch> {
    let what = format!("{role} '{}'", Shortened(&entry.key));
    let (ty, object) = keys::short_or_object(&entry.value, "type", &["if"], &what)?;
    let ty = type_ref(ty, &what)?;
    if ty.array && !arrays {
        let mistake = format!("{what} is an array");
        return Err(Fault::rule(ty.name.at, mistake, "name a struct or union"));
    }
    Ok(Branch {
        name: Text { text: entry.key.clone(), at: entry.at },
        ty,
        condition: condition::optional(object.and_then(|object| object.get("if")))?,
    })
}
