//! What the program says on standard output and standard error.
//!
//! Nobody may be reading: a closed terminal, a full disk, a journal that hangs. A word that
//! cannot be said now is dropped, for the bridge serves on one thread and must not wait for it.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    panic::PanicHookInfo,
    sync::OnceLock,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Registry, filter::Targets, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::{auth::AUDIT, printable::printable};

/// Bytes that a pipe takes whole once it is writable at all: Linux' `PIPE_BUF`.
const WHOLE: usize = 4096;

/// The names that systemd has for levels, and what is said at each; the first four are told.
const LEVELS: [(&str, LevelFilter); 8] = [
    ("err", LevelFilter::ERROR),
    ("warning", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("emerg", LevelFilter::ERROR),
    ("alert", LevelFilter::ERROR),
    ("crit", LevelFilter::ERROR),
    ("notice", LevelFilter::INFO),
];

/// What changes the level of the running program.
static LOG: OnceLock<reload::Handle<Targets, Registry>> = OnceLock::new();

/// Begins to log on standard error; `verbose` is how often the user asked for more.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let (targets, handle) = reload::Layer::new(targets(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| OneLine(Impatient(io::stderr())))
        // It would print about them to where they came from, and panic there.
        .log_internal_errors(false)
        // No colours, so that what else would steer a terminal can be told from them.
        .with_ansi(false)
        .without_time();
    tracing_subscriber::registry().with(targets).with(lines).init();
    // Only the one who began first gets here.
    _ = LOG.set(handle);
    std::panic::set_hook(Box::new(tell_panic));
}

/// The level of the running program, by its name.
pub(crate) fn level() -> &'static str {
    let says = |level: LevelFilter, targets: &Targets| {
        let level = level.into_level();
        level.is_some_and(|level| targets.would_enable(PROGRAM, &level))
    };
    let current = LOG.get().and_then(|log| {
        let most = |targets: &Targets| LEVELS[..4].iter().rev().find(|(_, it)| says(*it, targets));
        log.with_current(|targets| most(targets).map(|(name, _)| *name)).ok()?
    });
    current.unwrap_or("warning")
}

/// Sets it.
///
/// # Errors
///
/// The text names the levels that there are.
pub(crate) fn set_level(name: &str) -> Result<(), String> {
    let Some((_, level)) = LEVELS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<_> = LEVELS.iter().map(|(name, _)| *name).collect();
        return Err(format!("`{name}` is no level; there are {}", known.join(", ")));
    };
    let log = LOG.get().ok_or("nothing is logged")?;
    log.reload(targets(*level)).map_err(|error| error.to_string())
}

const PROGRAM: &str = "qapi_dbus";

/// The bus library prints whole messages, and arguments may hold secrets.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_target(PROGRAM, level)
        .with_target(AUDIT, level.max(LevelFilter::INFO))
        .with_default(LevelFilter::WARN)
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

/// Keeps a record on its line and a terminal as it is, whatever name or text is told.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record));
        let line = printable(&text) + "\n";
        self.0.write_all(line.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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
    fn a_record_is_one_line_and_steers_no_terminal() {
        let said = |record: &str| {
            let mut line = Vec::new();
            OneLine(&mut line).write_all(record.as_bytes()).unwrap();
            String::from_utf8(line).unwrap()
        };
        assert_eq!(said("as it is\n"), "as it is\n");
        assert_eq!(
            said("caf\u{e9} \u{1b}[2J\n WARN\r\u{9b}\n"),
            "caf\u{e9} \\u{1b}[2J\\n WARN\\r\\u{9b}\n"
        );
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
