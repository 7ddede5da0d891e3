//! What the program says on standard output and standard error.
//!
//! Nobody may be reading: a closed terminal, a full disk, a journal that hangs. A word that
//! cannot be said now is dropped, for the bridge serves on one thread and must not wait for it.

use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    panic::PanicHookInfo,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::auth::AUDIT;

/// Bytes that a pipe takes whole once it is writable at all: Linux' `PIPE_BUF`.
const WHOLE: usize = 4096;

/// Begins to log on standard error; `verbose` is how often the user asked for more.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // The bus library prints whole messages, and arguments may hold secrets.
    let targets = Targets::new()
        .with_target("qapi_dbus", level)
        .with_target(AUDIT, LevelFilter::INFO)
        .with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Impatient(io::stderr()))
        // It would print about them to where they came from, and panic there.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal())
        .without_time();
    tracing_subscriber::registry().with(targets).with(lines).init();
    std::panic::set_hook(Box::new(tell_panic));
}

/// Says a line on standard output.
pub(crate) fn say(line: &str) {
    // It never fails.
    _ = writeln!(Impatient(io::stdout().lock()), "{line}");
}

/// Says on standard error why the program ends.
pub(crate) fn complain(line: &str) {
    _ = writeln!(Impatient(io::stderr()), "qapi-dbus: {line}");
}

/// Says where, and the text only if it is one of the program's own: a formatted one may quote
/// arguments, which may be secrets.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload().downcast_ref::<&str>().copied().unwrap_or("(withheld)");
    tracing::error!(place, text, "panicked");
}

/// Takes everything at once, and passes on what the stream takes without making anybody wait.
struct Impatient<S>(S);

impl<S: Write + AsFd> Write for Impatient<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.chunks(WHOLE) {
            if !takes(&self.0) || self.0.write_all(part).is_err() {
                break;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a write would not wait.
fn takes(stream: &impl AsFd) -> bool {
    let mut ready = [PollFd::new(stream, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ready, Some(&now)).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read, os::unix::net::UnixStream};

    use super::*;

    #[test]
    fn a_stream_that_nobody_reads_costs_words_and_no_time() {
        let (ours, mut reader) = UnixStream::pair().unwrap();
        let mut stream = Impatient(ours);
        let said = (0..1000).map(|_| stream.write(&[b'x'; 5000]).unwrap()).sum::<usize>();
        assert_eq!(said, 5_000_000);
        drop(stream);
        let mut heard = Vec::new();
        reader.read_to_end(&mut heard).unwrap();
        assert!((WHOLE..said).contains(&heard.len()), "{}", heard.len());
    }

    #[test]
    fn a_full_disk_and_a_closed_stream_are_no_errors() {
        let mut full = Impatient(File::options().write(true).open("/dev/full").unwrap());
        assert_eq!(full.write(b"word\n").unwrap(), 5);
        let (ours, reader) = UnixStream::pair().unwrap();
        drop(reader);
        assert_eq!(Impatient(ours).write(b"word\n").unwrap(), 5);
    }
}
