//! Trees to text: on one line where it fits, else one entry of an object a line.

use crate::{
    directives::Expression,
    doc::Doc,
    parser::{Entry, Node, Tree},
};

/// Columns of a line.
const WIDTH: usize = 100;

/// Prints an expression.
pub(super) fn tree(tree: &Tree) -> String {
    let mut text = String::new();
    print(&mut text, tree, 0, 0);
    text
}

/// Prints a definition, with what its documentation says of releases.
pub(super) fn definition(expression: &Expression) -> String {
    let mut text = expression.doc.as_ref().map(releases).unwrap_or_default();
    text.push_str(&tree(&expression.tree));
    text
}

/// Prints a pragma without the keys about documentation; none if nothing is left.
pub(super) fn pragma(pragma: &Tree) -> Option<String> {
    let mut kept = pragma.clone();
    if let Node::Object(directive) = &mut kept.node {
        for entry in directive {
            let Node::Object(keys) = &mut entry.value.node else { continue };
            keys.retain(|entry| !entry.key.starts_with("doc"));
            if keys.is_empty() {
                return None;
            }
        }
    }
    Some(tree(&kept))
}

fn releases(doc: &Doc) -> String {
    let Some(symbol) = &doc.symbol else { return String::new() };
    if doc.since.is_none() && doc.members.is_empty() {
        return String::new();
    }
    let mut text = format!("##\n# @{symbol}:\n#\n");
    for (member, since) in &doc.members {
        text += &format!("# @{member}: (since {since})\n");
    }
    if let Some(since) = &doc.since {
        text += &format!("# Since: {since}\n");
    }
    text + "##\n"
}

/// Prints a tree that starts at this column and has `after` more columns behind it on its line.
fn print(text: &mut String, tree: &Tree, column: usize, after: usize) {
    let flat = flat(tree);
    if column + flat.len() + after <= WIDTH {
        return text.push_str(&flat);
    }
    match &tree.node {
        Node::Object(entries) => print_entries(text, entries, column, after),
        Node::Array(elements) => print_elements(text, elements, column, after),
        Node::String(_) | Node::Bool(_) => text.push_str(&flat),
    }
}

fn print_entries(text: &mut String, entries: &[Entry], column: usize, after: usize) {
    for (at, entry) in entries.iter().enumerate() {
        text.push_str(if at == 0 { "{ " } else { "," });
        if at > 0 {
            new_line(text, column + 2);
        }
        let key = format!("{}: ", quoted(&entry.key));
        text.push_str(&key);
        print(text, &entry.value, column + 2 + key.len(), after + 2);
    }
    text.push_str(" }");
}

fn print_elements(text: &mut String, elements: &[Tree], column: usize, after: usize) {
    text.push_str("[ ");
    let mut at = column + 2;
    for (index, element) in elements.iter().enumerate() {
        let width = flat(element).len();
        if index > 0 {
            text.push(',');
            if at + 2 + width + after + 2 > WIDTH {
                new_line(text, column + 2);
                at = column + 2;
            } else {
                text.push(' ');
                at += 2;
            }
        }
        print(text, element, at, after + 2);
        at += width;
    }
    text.push_str(" ]");
}

fn new_line(text: &mut String, column: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', column));
}

fn flat(tree: &Tree) -> String {
    let joined = |parts: Vec<String>, open: &str, close: &str| match parts.as_slice() {
        [] => format!("{open}{close}"),
        parts => format!("{open} {} {close}", parts.join(", ")),
    };
    match &tree.node {
        Node::Object(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", quoted(&entry.key), flat(&entry.value));
            joined(entries.iter().map(entry).collect(), "{", "}")
        }
        Node::Array(elements) if elements.len() == 1 => format!("[{}]", flat(&elements[0])),
        Node::Array(elements) => joined(elements.iter().map(flat).collect(), "[", "]"),
        Node::String(string) => quoted(string),
        Node::Bool(value) => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\"))
}
