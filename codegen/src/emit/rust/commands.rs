//! Arguments of commands and data of events.

use std::collections::BTreeMap;

use super::{Module, docs, lines, push, types::Types};
use crate::dbus::{Argument, Method, Shape, Signal};

/// All commands and events.
pub(super) fn emit(types: &Types<'_>, modules: &mut BTreeMap<String, Module>) {
    for method in &types.interface.methods {
        let module = modules.entry(method.module.clone()).or_default();
        command(types, &mut module.commands, method);
    }
    for signal in &types.interface.signals {
        let module = modules.entry(signal.module.clone()).or_default();
        event(types, &mut module.events, signal);
    }
}

fn command(types: &Types<'_>, into: &mut String, method: &Method) {
    let docs = docs(&method.annotations);
    match types.boxed(method) {
        Some(data) => {
            let (name, data) = (&method.name, types.path(data));
            let docs = lines(8, &docs);
            push(into, format_args!("    boxed! {{\n{docs}        {name} {data};\n    }}\n"));
        }
        None => types.object(into, &method.name, &docs, &method.arguments),
    }
    let positional = method.positional.iter().filter(|argument| argument.shape != Shape::Fd);
    let positional: Vec<_> = positional.map(typed).collect();
    let (result, returns) = match &method.result {
        Some(shape) => (types.ty(shape), format!("Some({:?})", shape.signature())),
        None => ("Nothing".into(), "None".into()),
    };
    let flags = [("fd", takes_fd(method)), ("oob", method.oob), ("silent", !method.replies)];
    let flags: String =
        flags.iter().filter(|(_, is)| *is).map(|(flag, _)| format!(" {flag}")).collect();
    push(
        into,
        format_args!(
            "    command! {{ {} {:?} -> {result}; [{}] {} {returns},{flags} }}\n",
            method.name,
            method.command,
            positional.join(", "),
            method.optional
        ),
    );
}

fn typed(argument: &Argument) -> String {
    format!("{:?} {:?}", argument.member, argument.shape.signature())
}

pub(super) fn takes_fd(method: &Method) -> bool {
    method.positional.iter().any(|argument| argument.shape == Shape::Fd)
}

fn event(types: &Types<'_>, into: &mut String, signal: &Signal) {
    types.object(into, &signal.name, &docs(&signal.annotations), &signal.data);
    let positional: Vec<_> = signal.positional.iter().map(typed).collect();
    let (name, event) = (&signal.name, &signal.event);
    push(
        into,
        format_args!("    event! {{ {name} {event:?} {name:?} [{}] }}\n", positional.join(", ")),
    );
}
