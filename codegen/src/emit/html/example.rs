//! Examples, each of which the tests take from its page and run.

use serde_json::{Value, json};

use super::{Site, Text, page::push};
use crate::{
    dbus::{Method, Protocol, Signal},
    emit::{busctl, emit_python_call, emit_python_event, emit_rust_call, emit_rust_event},
};

/// A call in each language, and what goes over the peer's socket for it.
pub(super) fn of_call(site: &Site<'_>, method: &Method) -> String {
    let (interface, release) = (site.interface, &site.release);
    let arguments = interface.example_arguments(method);
    let mut out = String::from("<h2 id=\"examples\">Examples</h2>\n");
    match busctl::call(interface, release.protocol, method, &arguments) {
        Some(call) => block(&mut out, "busctl", "Shell", &call),
        None => out.push_str("<p>busctl cannot send file descriptors.</p>\n"),
    }
    let rust = emit_rust_call(interface, release, method, &arguments);
    block(&mut out, "rust", "Rust", &rust);
    let python = emit_python_call(interface, release, method, &arguments);
    block(&mut out, "python", "Python", &python);
    let sent = match arguments.is_empty() {
        true => String::new(),
        false => format!(", \"arguments\": {}", Value::Object(arguments)),
    };
    let sent = format!("{{\"execute\": {:?}{sent}}}", method.command);
    block(&mut out, "sent", "What reaches the socket", &sent);
    let answer = json!({ "return": interface.example_result(method) });
    block(&mut out, "answer", "What may be answered there", &answer.to_string());
    out + "<p class=\"note\"><a href=\"../../index.html#examples\">How to run them</a></p>\n"
}

/// How to hear of an event in each language.
pub(super) fn of_event(site: &Site<'_>, signal: &Signal) -> String {
    let mut out = String::from("<h2 id=\"examples\">Examples</h2>\n");
    let listen = format!(
        "busctl --user monitor \\\n    --match=\"type='signal',interface='{}',member='{}'\"",
        site.interface.name, signal.name
    );
    block(&mut out, "monitor", "Shell", &listen);
    block(&mut out, "rust-event", "Rust", &emit_rust_event(signal));
    block(&mut out, "python-event", "Python", &emit_python_event(signal));
    let data = site.interface.example_data(signal);
    let timestamp = json!({ "seconds": 1_700_000_000, "microseconds": 250_000 });
    let (event, data) = (&signal.event, Value::Object(data));
    let told = format!("{{\"event\": {event:?}, \"data\": {data}, \"timestamp\": {timestamp}}}");
    block(&mut out, "told", "What may come from the socket", &told);
    out
}

/// What stands around an example in Rust.
pub(super) fn rust_frame(protocol: Protocol) -> String {
    let (ty, name, variant) = match protocol {
        Protocol::Qga => ("Agent", "agent", "Qga"),
        Protocol::Qmp => ("Monitor", "monitor", "Qmp"),
    };
    format!("let {name} = {ty}::new(Bus::single(&connection, Protocol::{variant}));\n")
}

pub(super) fn block(out: &mut String, kind: &str, title: &str, code: &str) {
    push(
        out,
        format_args!(
            "<figure>\n<figcaption>{title}</figcaption>\n\
             <pre tabindex=\"0\"><code data-example=\"{kind}\">{}</code></pre>\n</figure>\n",
            Text(code)
        ),
    );
}
