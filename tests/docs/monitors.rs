//! The command lines that show events: each runs until it shows its own.

use anyhow::{Context, Result};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time,
};

/// One of them.
pub(crate) struct Monitor {
    /// Name of the event.
    pub(crate) event: String,
    lines: BufReader<ChildStdout>,
    // It ends with this.
    _process: Child,
}

impl Monitor {
    /// Runs a line of a shell.
    pub(crate) fn start(event: &str, line: &str, shell: &mut Command) -> Result<Self> {
        // Nothing stands between this and the program that is to be ended.
        let line = format!("exec {line}");
        let mut process =
            shell.args(["-c", &line]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let lines = BufReader::new(process.stdout.take().context("its output")?);
        Ok(Self { event: event.to_owned(), lines, _process: process })
    }

    /// The first member that it shows; none if it shows nothing in time.
    pub(crate) async fn shown(&mut self) -> Option<String> {
        time::timeout(PATIENCE, self.member()).await.ok().flatten()
    }

    async fn member(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.lines.read_line(&mut line).await.is_ok_and(|count| count > 0) {
            if let Some((_, member)) = line.split_once("Member=") {
                return Some(member.split_whitespace().next()?.to_owned());
            }
            line.clear();
        }
        None
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
