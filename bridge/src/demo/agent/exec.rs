//! Programs that clients start, and what became of them.

use std::{
    collections::HashMap,
    io::{self, PipeReader, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use serde::{Deserialize, Serialize};

use super::{arguments::Arguments, base64::Base64, error::Error};

/// Bytes kept of each output of a program; the rest is read and dropped, so that it can end.
const OUTPUT_MAX: u64 = 16 << 20;

/// Programs whose end nobody asked for yet; each may hold two outputs.
const PROGRAMS_MAX: usize = 64;

/// The programs that were started and not yet told to have ended.
#[derive(Debug, Default)]
pub(super) struct Programs(HashMap<u32, JoinHandle<Status>>);

/// A program that was started.
#[derive(Debug, Serialize)]
pub(super) struct Started {
    pid: u32,
}

/// What became of a program; without output that is not there.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Status {
    exited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    exitcode: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_data: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err_data: Option<Base64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err_truncated: Option<bool>,
}

impl Programs {
    /// Starts a program and does not wait for it.
    pub(super) fn start(&mut self, arguments: Arguments) -> Result<Started, Error> {
        let order = Order::take(arguments)?;
        if self.0.len() >= PROGRAMS_MAX {
            let text = format!("{PROGRAMS_MAX} programs were started: ask for their status first");
            return Err(Error::Limit(text));
        }
        let attempt = || format!("start '{}'", order.path);
        let running = order.start().map_err(Error::system(attempt()))?;
        let pid = running.child.id();
        // A thread for each, because its end and the ends of its outputs all have to be awaited.
        let thread = thread::Builder::new().name("guest-exec".into());
        let ended = thread.spawn(|| running.wait()).map_err(Error::system(attempt()))?;
        self.0.insert(pid, ended);
        Ok(Started { pid })
    }

    /// Tells whether a program has ended; if it has, this is the last time that it is known.
    pub(super) fn status(&mut self, mut arguments: Arguments) -> Result<Status, Error> {
        let pid: i64 = arguments.required("pid")?;
        arguments.end()?;
        let unknown = || Error::argument("pid", format!("no program was started as {pid}"));
        let key = u32::try_from(pid).map_err(|_| unknown())?;
        if !self.0.get(&key).ok_or_else(unknown)?.is_finished() {
            return Ok(Status::default());
        }
        let ended = self.0.remove(&key).ok_or_else(unknown)?;
        ended.join().map_err(|_| Error::Unreadable(format!("lost sight of program {pid}")))
    }
}

/// What is to be started.
struct Order {
    path: String,
    arg: Vec<String>,
    env: Option<Vec<String>>,
    input: Option<Base64>,
    capture: Capture,
}

/// A flag as it was at first, or what to keep.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "must be a boolean or one of none, stdout, stderr, separated, merged"
)]
enum CaptureArgument {
    Flag(bool),
    Mode(Capture),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Capture {
    None,
    Stdout,
    Stderr,
    Separated,
    Merged,
}

impl Order {
    fn take(mut arguments: Arguments) -> Result<Self, Error> {
        let order = Self {
            path: arguments.required("path")?,
            arg: arguments.optional("arg")?.unwrap_or_default(),
            env: arguments.optional("env")?,
            input: arguments.optional("input-data")?,
            capture: match arguments.optional("capture-output")? {
                None | Some(CaptureArgument::Flag(false)) => Capture::None,
                Some(CaptureArgument::Flag(true)) => Capture::Separated,
                Some(CaptureArgument::Mode(mode)) => mode,
            },
        };
        arguments.end()?;
        Ok(order)
    }

    fn start(&self) -> io::Result<Running> {
        let mut command = Command::new(&self.path);
        // A group of its own: what stops the agent from its terminal leaves the program alone.
        command.args(&self.arg).process_group(0).stdin(Stdio::null());
        if let Some(env) = &self.env {
            let pairs = env.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            command.env_clear().envs(pairs);
        }
        if self.input.is_some() {
            command.stdin(Stdio::piped());
        }
        let (out, err) = self.capture.connect(&mut command)?;
        let mut child = command.spawn()?;
        let input = child.stdin.take().zip(self.input.clone());
        // The command holds the writing ends of the pipes, so here they are closed.
        drop(command);
        Ok(Running { child, input, out, err })
    }
}

impl Capture {
    fn connect(
        self,
        command: &mut Command,
    ) -> io::Result<(Option<PipeReader>, Option<PipeReader>)> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (mut out, mut err) = (None, None);
        if matches!(self, Self::Stdout | Self::Separated | Self::Merged) {
            let (reader, writer) = io::pipe()?;
            if self == Self::Merged {
                command.stderr(writer.try_clone()?);
            }
            command.stdout(writer);
            out = Some(reader);
        }
        if matches!(self, Self::Stderr | Self::Separated) {
            let (reader, writer) = io::pipe()?;
            command.stderr(writer);
            err = Some(reader);
        }
        Ok((out, err))
    }
}

struct Running {
    child: Child,
    input: Option<(ChildStdin, Base64)>,
    out: Option<PipeReader>,
    err: Option<PipeReader>,
}

impl Running {
    /// Feeds and reads the program until it ended and nobody can write to its outputs any more.
    fn wait(self) -> Status {
        let Self { mut child, input, out, err } = self;
        thread::scope(|scope| {
            if let Some((mut pipe, Base64(bytes))) = input {
                // A program that does not read its input to the end is not at fault.
                scope.spawn(move || pipe.write_all(&bytes).ok());
            }
            let out = scope.spawn(|| out.map(Output::read).unwrap_or_default());
            let err = scope.spawn(|| err.map(Output::read).unwrap_or_default());
            let exit = child.wait().unwrap_or_default();
            Status::new(exit, out.join().unwrap_or_default(), err.join().unwrap_or_default())
        })
    }
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    truncated: bool,
}

impl Output {
    fn read(mut pipe: PipeReader) -> Self {
        let mut bytes = Vec::new();
        let kept = (&mut pipe).take(OUTPUT_MAX).read_to_end(&mut bytes);
        let dropped = io::copy(&mut pipe, &mut io::sink());
        Self { bytes, truncated: kept.is_err() || dropped.is_ok_and(|count| count > 0) }
    }

    fn data(self) -> Option<Base64> {
        (!self.bytes.is_empty()).then_some(Base64(self.bytes))
    }
}

impl Status {
    fn new(exit: ExitStatus, out: Output, err: Output) -> Self {
        Self {
            exited: true,
            exitcode: exit.code(),
            signal: exit.signal(),
            out_truncated: out.truncated.then_some(true),
            err_truncated: err.truncated.then_some(true),
            out_data: out.data(),
            err_data: err.data(),
        }
    }
}

#[cfg(test)]
mod tests;
