//! `qapi-dbus exec`: a program in the guest, as if it ran here.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use clap::Args;
use tokio::{signal::ctrl_c, time::sleep};

use super::{
    call::seconds,
    fault::{Fault, INTERRUPTED, LATE, NOT_RUN},
    guest::{Ended, Running},
    target::Target,
    waiting::{beside, unless_interrupted},
};
use crate::endpoint::Protocol;

pub(super) const HELP: &str = "Examples:
  qapi-dbus exec uname -a
  qapi-dbus exec --env LC_ALL=C -- sh -c 'df -h | tail -n +2'
  tar c dir | qapi-dbus exec --stdin -- tar x -C /srv

The program starts without a shell. Its output comes when it has ended, at most some 11 MiB: for more
have it write a file, and fetch that with `qapi-dbus cp`.

Exit codes: that of the program, or 128 and the signal that ended it; 125 the program was not run or its
end is not known; 124 the time is over; 130 Ctrl-C. After the last two it goes on in the guest.";

/// Bytes of standard input: in base64 and escaped they are a request that every agent takes.
const INPUT: u64 = 32 << 20;

/// What to do with more output.
const BY_FILE: &str = "have it write a file, and fetch that with `qapi-dbus cp guest:FILE .`";

/// Run a program in the guest.
#[derive(Args, Debug)]
pub struct Exec {
    #[command(flatten)]
    pub(super) target: Target,
    /// A variable of its environment, NAME=VALUE, which then has no others; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Give it standard input, all of it before it starts
    #[arg(long, short = 'i')]
    stdin: bool,
    /// Seconds to wait for its end; else as long as it takes
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

impl Exec {
    /// Runs it; what this process ends with.
    pub(super) async fn run(self) -> Result<u8, Fault> {
        let ended = self.ended().await.map_err(|fault| match fault.code {
            LATE | INTERRUPTED => fault,
            _ if fault.to_string().starts_with("ReplyTooLarge") => Fault::failed(
                "the program ran, and its output and exit code are lost: it wrote more than a reply holds",
            )
            .advise(BY_FILE)
            .with_code(NOT_RUN),
            _ => fault.with_code(NOT_RUN),
        })?;
        let Ended { out, err, code, cut } = ended;
        let written =
            beside(move || write(io::stdout(), &out).and_then(|()| write(io::stderr(), &err)));
        unless_interrupted(written).await?;
        if cut {
            let text = format!(
                "the program ended with {}, and the agent kept the beginning of its output only",
                code
            );
            return Err(Fault::failed(text).advise(BY_FILE).with_code(NOT_RUN));
        }
        Ok(code)
    }

    async fn ended(&self) -> Result<Ended, Fault> {
        if let Some(word) = self.env.iter().find(|it| !it.contains('=')) {
            return Err(Fault::usage(format!("`--env {word}`: write NAME=VALUE")));
        }
        let input = if self.stdin { Some(input()?) } else { None };
        let machine = self.target.machine().await?;
        let agent = machine.endpoint(Protocol::Qga)?;
        let program = Running::start(agent, &self.command, &self.env, input.as_deref()).await?;
        let over = async {
            match self.timeout {
                Some(limit) => sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let goes_on = |why: &str, code| {
            let text = format!("{why}; the program goes on in the guest, process {}", program.pid);
            Fault::failed(text).with_code(code)
        };
        tokio::select! {
            ended = program.end() => ended,
            () = over => Err(goes_on("the time is over", LATE)),
            _ = ctrl_c() => Err(goes_on("interrupted", INTERRUPTED)),
        }
    }
}

fn input() -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = io::stdin().take(INPUT + 1).read_to_end(&mut bytes);
    match read {
        Ok(read) if read as u64 <= INPUT => Ok(bytes),
        Ok(_) => Err(Fault::usage(format!("standard input has more than {} MiB", INPUT >> 20))
            .advise("copy a file into the guest with `qapi-dbus cp`")),
        Err(error) => Err(Fault::failed(format!("standard input: {error}"))),
    }
}

/// Writes what the guest's program wrote, as it is.
fn write(mut to: impl Write, bytes: &[u8]) -> Result<(), Fault> {
    to.write_all(bytes).and_then(|()| to.flush()).map_err(|error| Fault::output(&error))
}
