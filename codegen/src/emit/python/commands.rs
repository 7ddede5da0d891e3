//! A method for each command, twice: `_qmp.py`.

use std::fmt::Write;

use super::{Names, annotation, header, quoted, wrapped};
use crate::{
    dbus::{Interface, Member, Method, Shape, names},
    emit::Release,
};

pub(super) fn emit(interface: &Interface, names: &Names<'_>, release: &Release<'_>) -> String {
    let module = release.protocol.name();
    let body: String = [Form::Async, Form::Blocking]
        .iter()
        .map(|form| Commands { interface, names, module, form }.class())
        .collect();
    let mut out = header(release);
    let _ = write!(
        out,
        "\"\"\"The commands of `{}`, made from the schemas of QEMU {}.\"\"\"\n\n\
         from __future__ import annotations\n\nimport typing as t\n\n",
        interface.name, release.versions
    );
    let callers: Vec<_> =
        [("AsyncCaller", ""), ("Caller", ""), ("FileDescriptor", ": FileDescriptor")]
            .into_iter()
            .filter(|(_, sign)| body.contains(sign))
            .map(|(name, _)| name)
            .collect();
    let _ = writeln!(out, "from .caller import {}", callers.join(", "));
    if body.contains("UNSET") {
        out.push_str("from .values import NULL, UNSET, Unset\n");
    }
    let _ = write!(out, "\nif t.TYPE_CHECKING:\n    from . import {module} as q\n{body}");
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Async,
    Blocking,
}

struct Commands<'a> {
    interface: &'a Interface,
    names: &'a Names<'a>,
    module: &'a str,
    form: &'a Form,
}

/// A parameter of a Python method, and the argument that it stands for.
struct Parameter {
    declaration: String,
    entry: String,
}

impl Commands<'_> {
    fn class(&self) -> String {
        let module = names::camel(self.module);
        let (prefix, caller) = match self.form {
            Form::Async => ("Async", "AsyncCaller"),
            Form::Blocking => ("", "Caller"),
        };
        let mut out = format!(
            "\n\nclass {prefix}{module}Commands({caller}):\n    \
             \"\"\"The commands of `{}`.\"\"\"\n",
            self.interface.name
        );
        self.interface.methods.iter().for_each(|method| out.push_str(&self.method(method)));
        out
    }

    fn method(&self, method: &Method) -> String {
        let (parameters, arguments) = self.parameters(method);
        let result = method.result.as_ref().map_or("None".into(), |shape| annotation(shape, "q."));
        let (define, call) = match self.form {
            Form::Async => ("async def", "await self._call("),
            Form::Blocking => ("def", "self._call("),
        };
        let returns = if method.result.is_some() { "return " } else { "" };
        let mut out = String::from("\n");
        let before = format!("{define} {}(", names::function(&method.command));
        out.push_str(&wrapped(4, &before, &parameters, &format!(") -> {result}:")));
        out.push_str(&docstring(method));
        let positional: Vec<_> =
            method.positional.iter().map(|argument| quoted(&argument.member)).collect();
        let comma = if positional.len() == 1 { "," } else { "" };
        let positional = format!("({}{comma})", positional.join(", "));
        let (name, signature) = (quoted(&method.name), quoted(&method.signature()));
        let passed = [name, signature, positional, arguments];
        out.push_str(&wrapped(8, &format!("{returns}{call}"), &passed, ")"));
        out
    }

    /// The parameters, and the dictionary of arguments made of them.
    fn parameters(&self, method: &Method) -> (Vec<String>, String) {
        let mut parameters = vec!["self".to_owned()];
        if let Some(name) = self.names.union(method) {
            parameters.push(format!("arguments: q.{name}"));
            return (parameters, "arguments".into());
        }
        let is_positional = |member: &&Member| {
            method.positional.iter().any(|argument| argument.member == member.name)
        };
        let find = |name: &str| method.arguments.members.iter().find(|member| member.name == name);
        let positional = method.positional.iter().filter_map(|it| find(&it.member)).map(required);
        let all = self.interface.common(&method.arguments);
        let optional = all.into_iter().filter(|it| !is_positional(it)).map(optional);
        let (positional, optional): (Vec<_>, Vec<_>) = (positional.collect(), optional.collect());
        parameters.extend(positional.iter().map(|each| each.declaration.clone()));
        if !optional.is_empty() {
            parameters.push("*".into());
        }
        parameters.extend(optional.iter().map(|each| each.declaration.clone()));
        let entries: Vec<_> =
            positional.iter().chain(&optional).map(|each| each.entry.clone()).collect();
        (parameters, format!("{{{}}}", entries.join(", ")))
    }
}

fn required(member: &Member) -> Parameter {
    let name = names::argument(&member.name);
    let declaration = format!("{name}: {}", annotation(&member.shape, "q."));
    Parameter { declaration, entry: format!("{}: {name}", quoted(&member.name)) }
}

/// What is left out is `None`, unless that is a value.
fn optional(member: &Member) -> Parameter {
    let Parameter { declaration, entry } = required(member);
    if !takes_null(&member.shape) {
        return Parameter { declaration: format!("{declaration} | None = None"), entry };
    }
    let name = names::argument(&member.name);
    Parameter {
        declaration: format!("{declaration} | Unset = UNSET"),
        entry: format!("{}: NULL if {name} is None else {name}", quoted(&member.name)),
    }
}

fn takes_null(shape: &Shape) -> bool {
    match shape {
        Shape::Null | Shape::Any => true,
        Shape::Alternate(_, forms) => forms.iter().any(takes_null),
        _ => false,
    }
}

fn docstring(method: &Method) -> String {
    let text = method.documentation().to_string().replace('\\', "\\\\");
    let text = text.replace("\"\"\"", "'''").replace('\n', "\n\n        ");
    let end = if text.contains('\n') { "\n        " } else { "" };
    format!("        \"\"\"{text}{end}\"\"\"\n")
}
