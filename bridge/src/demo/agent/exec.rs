//! Programs that clients start, and what became of them.

use std::{
    collections::HashMap,
    io::{self, PipeReader, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use qapi_dbus_types::qga::{
    GuestExec, GuestExecCaptureOutput, GuestExecCaptureOutputMode, GuestExecStatus, command,
};

use super::{base64, error::Error};

/// Bytes kept of each output of a program; the rest is read and dropped, so that it can end.
const OUTPUT_MAX: u64 = 16 << 20;

/// Programs whose end nobody asked for yet; each may hold two outputs.
const PROGRAMS_MAX: usize = 64;

/// The programs that were started and not yet told to have ended.
#[derive(Debug, Default)]
pub(super) struct Programs(HashMap<u32, JoinHandle<GuestExecStatus>>);

impl Programs {
    /// Starts a program and does not wait for it.
    pub(super) fn start(&mut self, order: &command::GuestExec) -> Result<GuestExec, Error> {
        let input = order.input_data.as_deref();
        let input = input.map(|text| base64::decode("input-data", text)).transpose()?;
        let capture = Capture::of(order.capture_output.as_ref())?;
        if self.0.len() >= PROGRAMS_MAX {
            let text = format!("{PROGRAMS_MAX} programs were started: ask for their status first");
            return Err(Error::Limit(text));
        }
        let attempt = || format!("start '{}'", order.path);
        let running = start(order, input, capture).map_err(Error::system(attempt()))?;
        let pid = running.child.id();
        // A thread for each, because its end and the ends of its outputs all have to be awaited.
        let thread = thread::Builder::new().name("guest-exec".into());
        let ended = thread.spawn(|| running.wait()).map_err(Error::system(attempt()))?;
        self.0.insert(pid, ended);
        Ok(GuestExec::new(pid.into()))
    }

    /// Tells whether a program has ended; if it has, this is the last time that it is known.
    pub(super) fn status(&mut self, pid: i64) -> Result<GuestExecStatus, Error> {
        let unknown = || Error::argument("pid", format!("no program was started as {pid}"));
        let key = u32::try_from(pid).map_err(|_| unknown())?;
        if !self.0.get(&key).ok_or_else(unknown)?.is_finished() {
            return Ok(GuestExecStatus::new(false));
        }
        let ended = self.0.remove(&key).ok_or_else(unknown)?;
        ended.join().map_err(|_| Error::Unreadable(format!("lost sight of program {pid}")))
    }
}

fn start(
    order: &command::GuestExec,
    input: Option<Vec<u8>>,
    capture: Capture,
) -> io::Result<Running> {
    let mut command = Command::new(&order.path);
    // A group of its own: what stops the agent from its terminal leaves the program alone.
    command.args(order.arg.iter().flatten()).process_group(0).stdin(Stdio::null());
    if let Some(env) = &order.env {
        let pairs = env.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        command.env_clear().envs(pairs);
    }
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let (out, err) = capture.connect(&mut command)?;
    let mut child = command.spawn()?;
    let input = child.stdin.take().zip(input);
    // The command holds the writing ends of the pipes, so here they are closed.
    drop(command);
    Ok(Running { child, input, out, err })
}

/// What to keep of a program's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Capture {
    None,
    Stdout,
    Stderr,
    Separated,
    Merged,
}

impl Capture {
    /// A flag as it was at first, or what to keep.
    fn of(argument: Option<&GuestExecCaptureOutput>) -> Result<Self, Error> {
        use GuestExecCaptureOutputMode as Mode;
        Ok(match argument {
            None | Some(GuestExecCaptureOutput::Flag(false)) => Self::None,
            Some(GuestExecCaptureOutput::Flag(true)) => Self::Separated,
            Some(GuestExecCaptureOutput::Mode(Mode::None)) => Self::None,
            Some(GuestExecCaptureOutput::Mode(Mode::Stdout)) => Self::Stdout,
            Some(GuestExecCaptureOutput::Mode(Mode::Stderr)) => Self::Stderr,
            Some(GuestExecCaptureOutput::Mode(Mode::Separated)) => Self::Separated,
            Some(GuestExecCaptureOutput::Mode(Mode::Merged)) => Self::Merged,
            Some(_) => {
                let modes = GuestExecCaptureOutputMode::VALUES.join(", ");
                let text = format!("must be a boolean or one of {modes}");
                return Err(Error::argument("capture-output", text));
            }
        })
    }

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
    input: Option<(ChildStdin, Vec<u8>)>,
    out: Option<PipeReader>,
    err: Option<PipeReader>,
}

impl Running {
    /// Feeds and reads the program until it ended and nobody can write to its outputs any more.
    fn wait(self) -> GuestExecStatus {
        let Self { mut child, input, out, err } = self;
        thread::scope(|scope| {
            if let Some((mut pipe, bytes)) = input {
                // A program that does not read its input to the end is not at fault.
                scope.spawn(move || pipe.write_all(&bytes).ok());
            }
            let out = scope.spawn(|| out.map(Output::read).unwrap_or_default());
            let err = scope.spawn(|| err.map(Output::read).unwrap_or_default());
            let exit = child.wait().unwrap_or_default();
            status(exit, out.join().unwrap_or_default(), err.join().unwrap_or_default())
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

    fn data(&self) -> Option<String> {
        (!self.bytes.is_empty()).then(|| base64::encode(&self.bytes))
    }
}

/// What became of a program; without output that is not there.
fn status(exit: ExitStatus, out: Output, err: Output) -> GuestExecStatus {
    let mut status = GuestExecStatus::new(true);
    status.exitcode = exit.code().map(i64::from);
    status.signal = exit.signal().map(i64::from);
    status.out_data = out.data();
    status.err_data = err.data();
    status.out_truncated = out.truncated.then_some(true);
    status.err_truncated = err.truncated.then_some(true);
    status
}

#[cfg(test)]
mod tests;
