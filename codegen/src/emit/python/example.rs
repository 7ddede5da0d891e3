//! A call, and what waits for an event, as a user of the package writes them.

use serde_json::{Map, Value};

use super::{Names, identifier, quoted};
use crate::{
    dbus::{Interface, Method, Protocol, Shape, Signal, names},
    emit::Release,
};

/// A whole program that calls a method with these arguments and prints what it returns.
pub fn emit_python_call(
    interface: &Interface,
    release: &Release<'_>,
    method: &Method,
    arguments: &Map<String, Value>,
) -> String {
    let peer = release.protocol.name();
    let function = names::function(&method.command);
    let given = given(&Names::new(interface), method, arguments).join(", ");
    let call = format!("bus.{peer}().{function}({given})");
    let line = if method.result.is_some() { format!("print({call})") } else { call };
    format!("import qapi_dbus\n\nwith qapi_dbus.Bus() as bus:\n    {line}\n")
}

/// A whole program that waits for an event and prints what it tells.
pub fn emit_python_event(signal: &Signal) -> String {
    let event = identifier(&signal.event);
    format!(
        "import qapi_dbus\nfrom qapi_dbus.{} import {event}\n\n\
         with qapi_dbus.Bus() as bus, bus.qmp().events({event}) as events:\n    \
         print(events.next(timeout=60).data)\n",
        Protocol::Qmp.name()
    )
}

fn given(names: &Names<'_>, method: &Method, arguments: &Map<String, Value>) -> Vec<String> {
    if names.union(method).is_some() {
        return vec![literal(&Value::Object(arguments.clone()))];
    }
    let positional = method.positional.iter().map(|argument| match argument.shape {
        Shape::Fd => "open(\"/dev/null\")".into(),
        _ => arguments.get(&argument.member).map_or("None".into(), literal),
    });
    let is_positional = |name: &str| method.positional.iter().any(|it| it.member == name);
    let named = arguments.iter().filter(|(name, _)| !is_positional(name));
    positional
        .chain(named.map(|(name, value)| format!("{}={}", names::argument(name), literal(value))))
        .collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(values) => {
            let entry =
                |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), literal(value));
            format!("{{{}}}", values.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}
