//! `qapi-dbus show`: what a command or an event is.

use std::fmt::Write;

use clap::Args;

use super::{
    Members, descriptor,
    fault::Fault,
    live::Live,
    machine::{Endpoint, kind, own_interface},
    say,
    schema::{Member, Schema, Type},
    target::Target,
    text::columns,
};
use crate::{endpoint::Protocol, transcode::shape::Method};

pub(super) const HELP: &str = "Examples:
  qapi-dbus show blockdev-add
  qapi-dbus show blockdev-add driver=qcow2      what it takes then
  qapi-dbus show DEVICE_DELETED";

/// Values of an enumeration that are told; of longer ones these.
const VALUES: usize = 12;

/// What is said of a member that cannot be left out.
pub(super) const REQUIRED: &str = "required";

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
        if let Ok(monitor) = machine.endpoint(Protocol::Qmp) {
            let live = Live::of(monitor).await;
            if let Some(data) = live.schema().event(&self.command) {
                return say(&event(live.schema(), &self.command, data));
            }
        }
        let (endpoint, command) = machine.serving(&self.command).await?;
        let live = Live::of(endpoint).await;
        let schema = live.schema();
        let given = super::words::arguments(schema.arguments(&command), &self.given)?;
        let mut text = described(schema, &command, &given);
        let who = kind(endpoint.protocol);
        match schema.interface.command(&command) {
            Some(method) => text += &calls(endpoint, method),
            None => {
                text += &format!(
                    "\nOffered by the {who} and not known to this interface; `qapi-dbus call` runs it.\n"
                );
            }
        }
        if !endpoint.commands().await?.contains(&command) {
            text += &format!("\nThe {who} of {machine} does not offer it now.\n");
        }
        say(&text)
    }
}

fn described(schema: Schema<'_>, command: &str, given: &Members) -> String {
    let arguments = schema.arguments(command);
    let members = arguments.map(|it| it.members(given)).unwrap_or_default();
    let method = schema.interface.command(command);
    let fd = method.filter(|it| descriptor::is_taken_by(it)).map(|_| descriptor::row());
    let taken: Vec<_> = fd.into_iter().chain(rows(&members)).collect();
    let mut text = command.to_owned();
    for row in taken.iter().filter(|row| row[2] == REQUIRED) {
        // Writing to a string cannot fail.
        _ = write!(text, " {}=…", row[0]);
    }
    if taken.iter().any(|row| row[2] != REQUIRED) {
        text += " [NAME=VALUE]…";
    }
    text.push('\n');
    text += &explained(arguments);
    if let Some(method) = method {
        let oob = if method.oob { " May go out of band." } else { "" };
        _ = writeln!(text, "    Class {}.{oob}", method.class.name());
    }
    text += &listed("Arguments", &taken);
    if let Some(result) = schema.result(command) {
        let members = result.items().unwrap_or(result).members(&Members::new());
        // An object without members is nothing.
        let plain = result.leaves().iter().any(|it| it.kind() != Some("object"));
        if plain || !members.is_empty() {
            _ = writeln!(text, "\nReturns {}", result.name());
            text += &listed("", &rows(&members));
        }
    }
    text
}

fn event(schema: Schema<'_>, event: &str, data: Type<'_>) -> String {
    let mut text = format!("{event}\n{}", explained(Some(data)));
    text += &listed("Data", &rows(&data.members(&Members::new())));
    let signal = match schema.interface.signal(event) {
        Some(signal) => format!("{}.{}", schema.interface.name, signal.name),
        None => format!("{}.UnknownEvent", own_interface(Protocol::Qmp)),
    };
    text + &format!("\nD-Bus     {signal}\nShell     qapi-dbus wait {event}\n")
}

fn explained(ty: Option<Type<'_>>) -> String {
    let lines = ty.map(Type::description).unwrap_or_default().lines();
    lines.map(|line| format!("    {line}\n")).collect()
}

fn listed(head: &str, rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = if head.is_empty() { String::new() } else { format!("\n{head}\n") };
    head + &columns(rows, 4)
}

/// A row each, those that are required first.
fn rows(members: &[Member<'_>]) -> Vec<Vec<String>> {
    let (required, others): (Vec<_>, Vec<_>) = members.iter().partition(|it| it.required);
    required.into_iter().chain(others).map(row).collect()
}

fn row(member: &Member<'_>) -> Vec<String> {
    let values = member.ty.values();
    let more = if values.len() > VALUES {
        format!(" … ({} in all)", values.len())
    } else {
        String::new()
    };
    let values = values.iter().take(VALUES).copied().collect::<Vec<_>>().join(" ") + &more;
    let needed = match (member.required, member.deprecated) {
        (_, true) => "deprecated",
        (true, _) => REQUIRED,
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
