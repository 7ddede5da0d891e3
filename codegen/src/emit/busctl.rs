//! Calls as they are typed at a shell.

use serde_json::{Map, Value};

use crate::dbus::{DICTIONARY, Interface, Method, Object, Protocol, Shape};

/// The command line of a call; none where busctl cannot make it.
pub(super) fn call(
    interface: &Interface,
    protocol: Protocol,
    method: &Method,
    arguments: &Map<String, Value>,
) -> Option<String> {
    if method.positional.iter().any(|argument| argument.shape == Shape::Fd) {
        return None;
    }
    let mut words = Words { interface, words: Vec::new() };
    let signature = method.signature();
    if !signature.is_empty() {
        words.text(&signature);
    }
    for argument in &method.positional {
        words.value(&argument.shape, arguments.get(&argument.member)?);
    }
    if method.optional {
        let is_positional =
            |name: &str| method.positional.iter().any(|argument| argument.member == name);
        words.entries(&method.arguments, arguments, &|name| !is_positional(name));
    }
    let short = protocol.name();
    let words: String = words.words.iter().map(|word| format!(" {word}")).collect();
    let name = &method.name;
    Some(format!(
        "busctl --user call org.qemu.{short} /org/qemu/{short} {} \\\n    {name}{words}",
        interface.name
    ))
}

/// Words of a shell's command line.
struct Words<'a> {
    interface: &'a Interface,
    words: Vec<String>,
}

impl Words<'_> {
    fn text(&mut self, text: &str) {
        self.words.push(quoted(text));
    }

    /// A value of a type that is declared before.
    fn value(&mut self, shape: &Shape, value: &Value) {
        match (shape, value) {
            (Shape::Any | Shape::Null | Shape::Alternate(..), _) => self.variant(shape, value),
            (Shape::Object(name), Value::Object(values)) => match self.interface.object(name) {
                Some(object) => self.entries(object, values, &|_| true),
                None => self.text("0"),
            },
            (Shape::List(element), Value::Array(values)) => {
                self.text(&values.len().to_string());
                values.iter().for_each(|value| self.value(element, value));
            }
            (_, Value::String(text)) => self.text(text),
            (Shape::Dictionary, _) => self.text("0"),
            (_, value) => self.text(&value.to_string()),
        }
    }

    /// A value and its type before it.
    fn variant(&mut self, shape: &Shape, value: &Value) {
        match shape {
            Shape::Alternate(_, forms) => match forms.iter().find(|form| holds(form, value)) {
                Some(form) => self.variant(form, value),
                None => self.variant(&Shape::Any, value),
            },
            Shape::Any => self.variant(&inferred(value), value),
            Shape::Null => ["g", ""].iter().for_each(|word| self.text(word)),
            shape => {
                self.text(&shape.signature());
                self.value(shape, value);
            }
        }
    }

    fn entries(
        &mut self,
        object: &Object,
        values: &Map<String, Value>,
        has: &dyn Fn(&str) -> bool,
    ) {
        let interface = self.interface;
        let mut given = interface.given(object, values);
        given.retain(|(member, _)| has(&member.name));
        self.text(&given.len().to_string());
        for (member, value) in given {
            self.text(&member.name);
            self.variant(&member.shape, value);
        }
    }
}

fn holds(form: &Shape, value: &Value) -> bool {
    match value {
        Value::Null => *form == Shape::Null,
        Value::Bool(_) => *form == Shape::Bool,
        Value::Number(number) => form.is_integer() && !number.is_f64() || *form == Shape::Number,
        Value::String(_) => matches!(form, Shape::Str | Shape::Enum(_)),
        Value::Array(_) => matches!(form, Shape::List(_)),
        Value::Object(_) => form.signature() == DICTIONARY,
    }
}

fn inferred(value: &Value) -> Shape {
    match value {
        Value::Null => Shape::Null,
        Value::Bool(_) => Shape::Bool,
        Value::Number(number) if number.is_f64() => Shape::Number,
        Value::Number(_) => Shape::Int64,
        Value::String(_) => Shape::Str,
        Value::Array(_) => Shape::List(Box::new(Shape::Any)),
        Value::Object(_) => Shape::Dictionary,
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
