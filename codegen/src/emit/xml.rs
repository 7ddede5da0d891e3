//! Introspection XML: what clients see, and the ledger of the next generation.

use std::fmt::Write;

use crate::dbus::{Annotation, DICTIONARY, Interface, Method, Signal, names};

/// The whole document.
pub fn emit_xml(interface: &Interface) -> String {
    let mut out = String::from(PROLOG);
    open(&mut out, 1, "interface", &interface.name);
    interface.methods.iter().for_each(|method| emit_method(&mut out, method));
    interface.signals.iter().for_each(|signal| emit_signal(&mut out, signal));
    out.push_str("  </interface>\n</node>\n");
    out
}

// No option of a command line may be told of here: XML comments cannot hold two hyphens.
const PROLOG: &str = "\
<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"
  \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">
<!-- The released interface, written by `qapi-codegen generate`, which reads it back and keeps
     every signature. Do not edit. -->
<node>
";

fn emit_method(out: &mut String, method: &Method) {
    open(out, 2, "method", &method.name);
    emit_annotations(out, 3, &method.annotations);
    for argument in &method.positional {
        let (name, signature) = (&argument.name, argument.shape.signature());
        emit_argument(out, name, &signature, Some("in"), &argument.annotations);
    }
    if method.optional {
        emit_argument(out, names::OPTIONAL, DICTIONARY, Some("in"), &[]);
    }
    if let Some(result) = &method.result {
        emit_argument(out, names::RESULT, &result.signature(), Some("out"), &[]);
    }
    out.push_str("    </method>\n");
}

fn emit_signal(out: &mut String, signal: &Signal) {
    open(out, 2, "signal", &signal.name);
    emit_annotations(out, 3, &signal.annotations);
    for argument in &signal.positional {
        let (name, signature) = (&argument.name, argument.shape.signature());
        emit_argument(out, name, &signature, None, &argument.annotations);
    }
    emit_argument(out, names::OPTIONAL, DICTIONARY, None, &[]);
    out.push_str("    </signal>\n");
}

fn emit_argument(
    out: &mut String,
    name: &str,
    signature: &str,
    direction: Option<&str>,
    annotations: &[Annotation],
) {
    let direction = direction.map_or_else(String::new, |to| format!(" direction=\"{to}\""));
    let end = if annotations.is_empty() { "/" } else { "" };
    push(out, 3, format_args!("<arg name=\"{name}\" type=\"{signature}\"{direction}{end}>"));
    if !annotations.is_empty() {
        emit_annotations(out, 4, annotations);
        push(out, 3, format_args!("</arg>"));
    }
}

fn emit_annotations(out: &mut String, depth: usize, annotations: &[Annotation]) {
    for Annotation { name, value } in annotations {
        let value = escaped(value);
        push(out, depth, format_args!("<annotation name=\"{name}\" value=\"{value}\"/>"));
    }
}

fn open(out: &mut String, depth: usize, element: &str, name: &str) {
    push(out, depth, format_args!("<{element} name=\"{name}\">"));
}

fn push(out: &mut String, depth: usize, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:1$}{line}", "", depth * 2);
}

/// XML 1.0, sections 2.4 and 3.3.3: markup, and white space that a reader would turn into blanks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            c => escaped.push(c),
        }
    }
    escaped
}
