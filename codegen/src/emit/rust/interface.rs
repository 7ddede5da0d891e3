//! A service that stands on the bus by itself.

use super::{DEPRECATED, commands::takes_fd, docs, lines, names, push};
use crate::dbus::{Annotation, Argument, Interface, Method, Shape, Signal, names::OPTIONAL};

pub(super) fn emit(interface: &Interface) -> String {
    let name = &interface.name;
    let mut text = format!(
        "use zbus::{{OwnedVariant, object_server::SignalEmitter}};\n\n\
         use super::Service;\nuse crate::{{Refusal, dbus::Dictionary, interface::{{Answer, Arguments, answered}}}};\n\n\
         /// `{name}`, answered by a service, one call after the other in the order in which they came.\n///\n\
         /// Give it to the builder of the connection (`serve_at`): what arrives before zbus listens, as it\n\
         /// can on a connection that stands already, is never answered.\n#[derive(Clone, Debug)]\npub struct Interface<S>(\n    \
         /// What answers.\n    pub S,\n);\n\n\
         #[zbus::interface(name = {name:?}, spawn = false)]\n\
         impl<S: Service + Send + Sync + 'static> Interface<S> {{\n"
    );
    interface.methods.iter().for_each(|method| emit_method(&mut text, method));
    interface.signals.iter().for_each(|signal| emit_signal(&mut text, signal));
    text + "}\n"
}

fn emit_method(into: &mut String, method: &Method) {
    let (name, function) = (&method.name, names::function(&method.command));
    let parameters = parameters(&method.positional, method.optional);
    let members = method.positional.iter().filter(|argument| argument.shape != Shape::Fd);
    let members: String = members
        .map(|argument| format!(".with({:?}, {})", argument.member, argument.name))
        .collect();
    let rest = if method.optional { format!(".rest({OPTIONAL})") } else { String::new() };
    let fd = if takes_fd(method) { ", Some(fd.into())" } else { "" };
    let call = format!("self.0.{function}(arguments{fd}).await");
    let (out, ty, answer) = match method.result.as_ref().map(Shape::signature) {
        Some(result) => {
            let answer = format!("answered({call}, {result:?})");
            (", out_args(\"result\")", format!("Answer<{}>", carried(&result)), answer)
        }
        None => ("", "()".into(), format!("{call}.map(drop)")),
    };
    push(
        into,
        format_args!(
            "{}    #[zbus(name = {name:?}{out})]\n    \
             async fn {function}(&self{parameters}) -> Result<{ty}, Refusal> {{\n        \
             let arguments = Arguments::default(){members}{rest}.taken()?;\n        \
             {answer}\n    }}\n",
            documented(&method.annotations),
        ),
    );
}

fn emit_signal(into: &mut String, signal: &Signal) {
    let parameters = parameters(&signal.positional, true);
    push(
        into,
        format_args!(
            "{}    #[zbus(signal, name = {:?})]\n    async fn {}(emitter: &SignalEmitter<'_>\
             {parameters}) -> zbus::Result<()>;\n",
            documented(&signal.annotations),
            signal.name,
            names::event(&signal.event),
        ),
    );
}

/// What a trait's method cannot be is deprecated, and zbus makes one of each.
fn documented(annotated: &[Annotation]) -> String {
    let mut docs = docs(annotated);
    docs.retain(|line| line != DEPRECATED);
    lines(4, &docs)
}

fn parameters(positional: &[Argument], optional: bool) -> String {
    let positional = positional.iter();
    let parameters: String = positional
        .map(|argument| format!(", {}: {}", argument.name, carried(&argument.shape.signature())))
        .collect();
    if optional { format!("{parameters}, {OPTIONAL}: Dictionary") } else { parameters }
}

/// What carries a value of this D-Bus type.
fn carried(signature: &str) -> String {
    match signature {
        "s" => "String".into(),
        "b" => "bool".into(),
        "n" => "i16".into(),
        "i" => "i32".into(),
        "x" => "i64".into(),
        "y" => "u8".into(),
        "q" => "u16".into(),
        "u" => "u32".into(),
        "t" => "u64".into(),
        "d" => "f64".into(),
        "h" => "zbus::OwnedFd".into(),
        "a{sv}" => "Dictionary".into(),
        list if list.starts_with('a') => format!("Vec<{}>", carried(&list[1..])),
        _ => "OwnedVariant".into(),
    }
}
