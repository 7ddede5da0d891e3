//! `qapi-dbus` at the shell: a client of the bridge for people and scripts. It talks to the bus alone,
//! never to a socket of a machine.

mod bus;
mod call;
mod event;
mod events;
mod fault;
mod follow;
mod list;
mod machine;
mod moment;
mod schema;
mod show;
mod target;
mod text;
mod wait;
mod words;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Subcommand;

pub use fault::Fault;

/// Members by QAPI name.
type Members = serde_json::Map<String, serde_json::Value>;

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a command of the monitor or the agent
    #[command(after_help = fault::codes(call::HELP))]
    Call(call::Call),
    /// List the machines, or what a machine offers
    #[command(after_help = fault::codes(""))]
    List(list::List),
    /// Say what a command or an event is, and how it is called
    #[command(after_help = fault::codes(show::HELP))]
    Show(show::Show),
    /// Tell what happened in the machines, or what happens
    #[command(after_help = fault::codes(events::HELP))]
    Events(events::Events),
    /// Wait for an event
    #[command(after_help = wait::HELP)]
    Wait(wait::Wait),
}

impl Verb {
    /// Does it.
    ///
    /// # Errors
    ///
    /// Why it is not done, with an exit code.
    pub async fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Call(call) => call.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Events(events) => events.run().await,
            Self::Wait(wait) => wait.run().await,
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Fault {
    /// Says it, and what the command ends with.
    pub fn end(&self) -> ExitCode {
        if self.code != 0 {
            crate::log::complain(&self.to_string());
        }
        self.code.into()
    }
}

/// Writes text as it is, all of it.
fn say(text: &str) -> Result<(), Fault> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Fault::output(&error))
}

/// Writes a value, for people or for programs.
fn tell(value: &serde_json::Value, json: bool) -> Result<(), Fault> {
    match json {
        true => say(&format!("{value}\n")),
        false => say(&text::readable(value)),
    }
}
