//! The calls of a client, against `bridge/client/src/macros.rs`.

use super::{
    commands::takes_fd,
    docs, header, life, lines, names, push,
    types::{Given, Types},
};
use crate::{
    dbus::{Interface, Member, Method, Object, Protocol, names::argument},
    emit::Release,
};

/// Functions that call the commands of one schema.
pub fn emit_calls(interface: &Interface, release: &Release<'_>) -> String {
    let types = Types::new(interface, release.protocol);
    let (schema, peer, doc) = match release.protocol {
        Protocol::Qga => ("qga", "Agent", "A guest agent."),
        Protocol::Qmp => ("qmp", "Monitor", "A monitor: QEMU or qemu-storage-daemon."),
    };
    let mut text = header(release, "calls");
    push(
        &mut text,
        format_args!(
            "use crate::{{\n    {schema},\n    types::{{Members, Null, Value}},\n}};\n\n\
             calls! {{\n    /// {doc}\n    {peer} of {schema} {{\n"
        ),
    );
    interface.methods.iter().for_each(|method| call(&types, &mut text, method));
    text + "    }\n}\n"
}

fn call(types: &Types<'_>, into: &mut String, method: &Method) {
    let function = names::function(&method.command);
    let docs = lines(8, &docs(&method.annotations));
    let fd = if takes_fd(method) { " [fd]" } else { "" };
    push(into, format_args!("{docs}        {function} {}{fd} (", method.name));
    if let Some(data) = types.boxed(method) {
        push(into, format_args!("arguments: into {}) {{}}\n", types.path(data)));
        return;
    }
    let (must, may): (Vec<_>, Vec<_>) =
        types.ordered(&method.arguments).into_iter().partition(|member| member.always);
    let tag = method.arguments.union.as_ref().map(|union| {
        let branch = names::branch(&method.name);
        format!("{}: plain {}::command::{branch}", argument(&union.tag), types.schema())
    });
    let must = must.into_iter().map(|member| given(types, &method.arguments, member));
    let must: Vec<_> = tag.into_iter().chain(must).collect();
    push(into, format_args!("{}) {{", must.join(", ")));
    for member in &may {
        let (life, given) = (life(&member.life), given(types, &method.arguments, member));
        push(into, format_args!("\n            {life}{given};"));
    }
    into.push_str(if may.is_empty() { "}\n" } else { "\n        }\n" });
}

fn given(types: &Types<'_>, owner: &Object, member: &Member) -> String {
    let Given(kind, ty) = types.member(owner, member);
    format!("{}: {kind} {ty}", argument(&member.name))
}
