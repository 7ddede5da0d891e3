//! `qapi-dbus` at the shell: a client of the bridge for people and scripts. It talks to the bus alone,
//! never to a socket of a machine.

mod bus;
mod call;
mod complete;
mod cp;
mod descriptor;
mod event;
mod events;
mod exec;
mod fault;
mod follow;
mod guest;
mod list;
mod live;
mod machine;
mod moment;
mod offer;
mod progress;
mod prompt;
mod repl;
mod schema;
mod show;
mod target;
mod terminal;
mod text;
mod wait;
mod waiting;
mod words;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Subcommand;

pub(crate) use complete::SCRIPTS;
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
    /// Run a program in the guest, and end as it does
    #[command(after_help = exec::HELP)]
    Exec(exec::Exec),
    /// Copy a file into the guest or out of it
    #[command(after_help = fault::codes(cp::HELP))]
    Cp(cp::Cp),
    /// Type commands at a prompt that completes them, and see events
    #[command(after_help = repl::HELP)]
    Shell(repl::Shell),
    /// Say what may be typed next; the completions of shells ask this
    #[command(hide = true)]
    Complete(complete::Complete),
}

impl Verb {
    /// Does it, as a part of the program whose command line is `command`.
    ///
    /// # Errors
    ///
    /// Why it is not done, with an exit code.
    pub async fn run(self, command: clap::Command) -> Result<ExitCode, Fault> {
        match self {
            Self::Call(call) => call.run().await,
            Self::List(list) => list.run().await,
            Self::Show(show) => show.run().await,
            Self::Events(events) => events.run().await,
            Self::Wait(wait) => wait.run().await,
            Self::Exec(exec) => return exec.run().await.map(ExitCode::from),
            Self::Cp(cp) => cp.run().await,
            Self::Shell(shell) => shell.run().await,
            Self::Complete(complete) => complete.run(command).await,
        }?;
        Ok(ExitCode::SUCCESS)
    }

    /// Where it is done.
    fn target(&mut self) -> Option<&mut target::Target> {
        Some(match self {
            Self::Call(it) => &mut it.target,
            Self::List(it) => &mut it.target,
            Self::Show(it) => &mut it.target,
            Self::Events(it) => &mut it.target,
            Self::Wait(it) => &mut it.target,
            Self::Exec(it) => &mut it.target,
            Self::Cp(it) => &mut it.target,
            Self::Shell(_) | Self::Complete(_) => return None,
        })
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
        true => say(&(text::json(value) + "\n")),
        false => say(&text::readable(value)),
    }
}
