//! `qapi-dbus show`: what a command or an event is.

use std::fmt::Write;

use clap::Args;

use super::{
    Members,
    fault::Fault,
    machine::{Endpoint, kind},
    say,
    schema::{Member, Schema, Type},
    target::Target,
    text::columns,
};
use crate::transcode::shape::{Method, Signal};

pub(super) const HELP: &str = "Examples:
  qapi-dbus show blockdev-add
  qapi-dbus show blockdev-add driver=qcow2      what it takes then
  qapi-dbus show DEVICE_DELETED";

/// Values of an enumeration that are told; of longer ones these.
const VALUES: usize = 12;

/// Say what a command or an event is.
#[derive(Args, Debug)]
pub struct Show {
    #[command(flatten)]
    pub(super) target: Target,
    /// QAPI name of a command or an event
    command: String,
    /// Arguments that select others
    #[arg(value_name = "NAME=VALUE")]
    given: Vec<String>,
}

impl Show {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let machine = self.target.machine().await?;
        for endpoint in &machine.endpoints {
            if let Some(signal) = endpoint.schema().interface.signal(&self.command) {
                return say(&event(endpoint.schema(), signal));
            }
        }
        let (endpoint, command) = machine.serving(&self.command).await?;
        let schema = endpoint.schema();
        let Some(method) = schema.interface.command(&command) else {
            return say(&format!(
                "{command}\n    Offered by the {} and not known to this interface; `qapi-dbus call` runs it.\n",
                kind(endpoint.protocol)
            ));
        };
        let given = super::words::arguments(schema.arguments(&command), &self.given)?;
        let mut text = described(schema, method, &given);
        text += &calls(endpoint, method);
        if !endpoint.commands().await?.contains(&command) {
            text +=
                &format!("\nThe {} of {machine} does not offer it now.\n", kind(endpoint.protocol));
        }
        say(&text)
    }
}

fn described(schema: Schema, method: &Method, given: &Members) -> String {
    let arguments = schema.arguments(method.command);
    let members = arguments.map(|it| it.members(given)).unwrap_or_default();
    let mut text = method.command.to_owned();
    for member in members.iter().filter(|it| it.required) {
        // Writing to a string cannot fail.
        _ = write!(text, " {}=…", member.name);
    }
    if members.iter().any(|it| !it.required) {
        text += " [NAME=VALUE]…";
    }
    text.push('\n');
    text += &explained(arguments);
    _ = writeln!(
        text,
        "    Class {}.{}",
        method.class.name(),
        if method.oob { " May go out of band." } else { "" }
    );
    text += &listed("Arguments", &members);
    if let Some(result) = schema.result(method.command).filter(|_| method.result.is_some()) {
        _ = writeln!(text, "\nReturns {}", result.name());
        let of = result.items().unwrap_or(result);
        text += &listed("", &of.members(&Members::new()));
    }
    text
}

fn event(schema: Schema, signal: &Signal) -> String {
    let data = schema.event(signal.event);
    let members = data.map(|it| it.members(&Members::new())).unwrap_or_default();
    let mut text = format!("{}\n{}", signal.event, explained(data));
    text += &listed("Data", &members);
    let interface = schema.interface.name;
    text + &format!(
        "\nD-Bus     {interface}.{}\nShell     qapi-dbus wait {}\n",
        signal.name, signal.event
    )
}

fn explained(ty: Option<Type>) -> String {
    let lines = ty.map(Type::description).unwrap_or_default().lines();
    lines.map(|line| format!("    {line}\n")).collect()
}

fn listed(head: &str, members: &[Member]) -> String {
    if members.is_empty() {
        return String::new();
    }
    let head = if head.is_empty() { String::new() } else { format!("\n{head}\n") };
    let (required, others): (Vec<_>, Vec<_>) = members.iter().partition(|it| it.required);
    let rows: Vec<_> = required.into_iter().chain(others).map(row).collect();
    columns(&rows).lines().fold(head, |text, line| text + "    " + line + "\n")
}

fn row(member: &Member) -> Vec<String> {
    let values = member.ty.values();
    let more = if values.len() > VALUES {
        format!(" … ({} in all)", values.len())
    } else {
        String::new()
    };
    let values = values.iter().take(VALUES).copied().collect::<Vec<_>>().join(" ") + &more;
    let needed = match (member.required, member.deprecated) {
        (_, true) => "deprecated",
        (true, _) => "required",
        _ => "",
    };
    vec![member.name.to_owned(), member.ty.name(), needed.to_owned(), values]
}

/// How it is called on the bus.
fn calls(endpoint: &Endpoint, method: &Method) -> String {
    let Endpoint { bus, service, path, .. } = endpoint;
    let interface = endpoint.schema().interface.name;
    let signature = method.signature();
    let busctl = bus.way.busctl();
    let mut busctl = format!("{busctl} call {service} {path} {interface} {}", method.name);
    if !signature.is_empty() {
        busctl += &format!(" '{signature}'");
        method.positional.iter().for_each(|it| busctl += &format!(" {}", it.name.to_uppercase()));
        if method.optional {
            busctl += " 0";
        }
    }
    let mut result = String::new();
    if let Some(shape) = method.result {
        shape.push_signature(&mut result);
    }
    let arrow = if result.is_empty() { result } else { format!(" -> {result}") };
    format!("\nD-Bus     {}({signature}){arrow}\nbusctl    {busctl}\n", method.name)
}
