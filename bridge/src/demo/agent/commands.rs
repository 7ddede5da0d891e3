//! The commands that the agent has, and what it keeps between them.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    arguments::Arguments, clock, cpu, disk, error::Error, exec::Programs, file::Files, network, os,
    users,
};

type Run = fn(&mut Machine, Arguments) -> Result<Value, Error>;

const COMMANDS: [(&str, Run); 22] = [
    ("guest-exec", |machine, arguments| answer(machine.programs.start(arguments))),
    ("guest-exec-status", |machine, arguments| answer(machine.programs.status(arguments))),
    ("guest-file-close", |machine, arguments| done(machine.files.close(arguments))),
    ("guest-file-flush", |machine, arguments| done(machine.files.flush(arguments))),
    ("guest-file-open", |machine, arguments| answer(machine.files.open(arguments))),
    ("guest-file-read", |machine, arguments| answer(machine.files.read(arguments))),
    ("guest-file-seek", |machine, arguments| answer(machine.files.seek(arguments))),
    ("guest-file-write", |machine, arguments| answer(machine.files.write(arguments))),
    ("guest-get-cpustats", |_, arguments| query(arguments, cpu::stats)),
    ("guest-get-diskstats", |_, arguments| query(arguments, disk::stats)),
    ("guest-get-host-name", |_, arguments| query(arguments, os::host_name)),
    ("guest-get-load", |_, arguments| query(arguments, cpu::load)),
    ("guest-get-osinfo", |_, arguments| query(arguments, os::info)),
    ("guest-get-time", |_, arguments| query(arguments, clock::time)),
    ("guest-get-timezone", |_, arguments| query(arguments, clock::timezone)),
    ("guest-get-users", |_, arguments| query(arguments, users::logged_in)),
    ("guest-get-vcpus", |_, arguments| query(arguments, cpu::processors)),
    ("guest-info", |_, arguments| query(arguments, info)),
    ("guest-network-get-interfaces", |_, arguments| query(arguments, network::interfaces)),
    ("guest-ping", |_, arguments| done(arguments.end())),
    ("guest-sync", |_, arguments| sync(arguments)),
    ("guest-sync-delimited", |_, arguments| sync(arguments)),
];

/// What lasts from one command to the next.
#[derive(Debug, Default)]
pub(super) struct Machine {
    files: Files,
    programs: Programs,
}

impl Machine {
    /// Runs a command.
    pub(super) fn execute(&mut self, name: &str, arguments: Arguments) -> Result<Value, Error> {
        let command = COMMANDS.iter().find(|(command, _)| *command == name);
        let (_, run) = command.ok_or_else(|| Error::UnknownCommand(name.into()))?;
        run(self, arguments)
    }
}

fn query<T: Serialize>(
    arguments: Arguments,
    read: impl FnOnce() -> Result<T, Error>,
) -> Result<Value, Error> {
    arguments.end()?;
    answer(read())
}

fn answer<T: Serialize>(result: Result<T, Error>) -> Result<Value, Error> {
    serde_json::to_value(result?).map_err(|error| Error::Unreadable(error.to_string()))
}

fn done(result: Result<(), Error>) -> Result<Value, Error> {
    result.map(|()| json!({}))
}

fn sync(mut arguments: Arguments) -> Result<Value, Error> {
    let id: i64 = arguments.required("id")?;
    arguments.end()?;
    answer(Ok(id))
}

#[derive(Serialize)]
struct AgentInfo {
    version: &'static str,
    supported_commands: Vec<CommandInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CommandInfo {
    name: &'static str,
    enabled: bool,
    success_response: bool,
}

fn info() -> Result<AgentInfo, Error> {
    let commands = COMMANDS.iter();
    Ok(AgentInfo {
        version: env!("CARGO_PKG_VERSION"),
        supported_commands: commands
            .map(|(name, _)| CommandInfo { name, enabled: true, success_response: true })
            .collect(),
    })
}
