//! `qapi-dbus cp`: a file into the guest or out of it.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clap::Args;
use tempfile::NamedTempFile;

use super::{
    fault::{Fault, INTERRUPTED},
    guest::{self, PIECE},
    machine::Endpoint,
    progress::Progress,
    target::Target,
    waiting::{beside, unless_interrupted},
};
use crate::endpoint::Protocol;

pub(super) const HELP: &str = "Examples:
  qapi-dbus cp guest:/etc/hostname .
  qapi-dbus cp disk.img guest:/srv/
  qapi-dbus cp guest:/var/log/syslog - | tail

A file here is replaced when all of it has come, and stays as it was if that fails. A file in the guest is
written in place.";

/// What a place in the guest begins with.
const GUEST: &str = "guest:";

/// Copy a file.
#[derive(Args, Debug)]
pub struct Cp {
    #[command(flatten)]
    pub(super) target: Target,
    /// No progress bar; there is none either if standard error is no terminal
    #[arg(long, short)]
    quiet: bool,
    /// What to copy: guest:PATH, a path here, or - for standard input
    from: String,
    /// Where to: guest:PATH, a path here, or - for standard output
    to: String,
}

impl Cp {
    pub(super) async fn run(self) -> Result<(), Fault> {
        match (self.from.strip_prefix(GUEST), self.to.strip_prefix(GUEST)) {
            (Some(from), None) => self.fetch(from).await,
            (None, Some(to)) => self.send(to).await,
            _ => Err(Fault::usage("one of the two is to be guest:PATH")
                .advise("a path here that begins like that can be written as ./guest:…")),
        }
    }

    async fn fetch(&self, from: &str) -> Result<(), Fault> {
        let machine = self.target.machine().await?;
        let agent = machine.endpoint(Protocol::Qga)?;
        let opened = unless_interrupted(async {
            let sink = Sink::open(&self.to, from)?;
            Ok((sink, guest::File::open(agent, from, "r").await?))
        });
        let (mut sink, file) = opened.await?;
        let moved = unless_interrupted(async {
            let size = file.size().await.filter(|it| *it > 0);
            let mut progress = Progress::new(from, size, self.quiet);
            loop {
                let bytes = file.read().await?;
                if bytes.is_empty() {
                    return Ok(progress);
                }
                let size = bytes.len();
                sink.write(bytes).await?;
                progress.add(size);
            }
        });
        let moved = moved.await;
        let closed = unless_interrupted(file.close()).await;
        let progress = moved?;
        closed?;
        progress.end();
        sink.keep()
    }

    async fn send(&self, to: &str) -> Result<(), Fault> {
        let source = Source::open(&self.from)?;
        let to = match to.strip_suffix('/') {
            Some(folder) => format!("{folder}/{}", name(&self.from)?),
            None => to.to_owned(),
        };
        let machine = self.target.machine().await?;
        let agent: &Endpoint = machine.endpoint(Protocol::Qga)?;
        let file = unless_interrupted(guest::File::open(agent, &to, "w")).await;
        let file = file.map_err(|fault| match fault.code {
            1 => fault.advise("a folder is written with a / at its end"),
            INTERRUPTED => fault.advise(format!("guest:{to} may be empty now")),
            _ => fault,
        })?;
        let mut progress = Progress::new(&self.from, source.size, self.quiet);
        let moved = unless_interrupted(async {
            loop {
                let bytes = source.read().await?;
                if bytes.is_empty() {
                    return Ok(());
                }
                file.write(&bytes).await?;
                progress.add(bytes.len());
            }
        });
        let moved = moved.await;
        let closed = unless_interrupted(file.close()).await;
        moved.and(closed).map_err(|fault| fault.advise(format!("guest:{to} is incomplete")))?;
        progress.end();
        Ok(())
    }
}

/// A file here that is read.
struct Source {
    file: Arc<Mutex<dyn Read + Send>>,
    name: Arc<str>,
    size: Option<u64>,
}

impl Source {
    fn open(path: &str) -> Result<Self, Fault> {
        if path == "-" {
            let file = Arc::new(Mutex::new(io::stdin()));
            return Ok(Self { file, name: "standard input".into(), size: None });
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
        let (about, file) = opened.map_err(|error| Fault::failed(format!("{path}: {error}")))?;
        if about.is_dir() {
            return Err(Fault::usage(format!("{path} is a folder"))
                .advise("`tar c DIR | qapi-dbus exec --stdin -- tar x -C …` copies one"));
        }
        let size = about.is_file().then_some(about.len());
        Ok(Self { file: Arc::new(Mutex::new(file)), name: path.into(), size })
    }

    async fn read(&self) -> Result<Vec<u8>, Fault> {
        let (file, name) = (Arc::clone(&self.file), Arc::clone(&self.name));
        let read = move || {
            let mut bytes = Vec::with_capacity(PIECE);
            let read = (&mut *alone(&file)).take(PIECE as u64).read_to_end(&mut bytes);
            read.map_err(|error| Fault::failed(format!("{name}: {error}")))?;
            Ok(bytes)
        };
        beside(read).await
    }
}

/// A file here that is written.
enum Sink {
    /// Standard output, a device, a pipe.
    Plain(Arc<Mutex<dyn Write + Send>>, Arc<str>),
    /// Takes the place of this one when all of it is there.
    New(NamedTempFile, PathBuf),
}

impl Sink {
    /// Makes one; in a folder it has the name of what is copied.
    fn open(path: &str, from: &str) -> Result<Self, Fault> {
        if path == "-" {
            let file = Arc::new(Mutex::new(io::stdout()));
            return Ok(Self::Plain(file, "standard output".into()));
        }
        let mut place = PathBuf::from(path);
        if place.is_dir() || path.ends_with('/') {
            place.push(name(from)?);
        }
        let fault = |error: io::Error| Fault::failed(format!("{}: {error}", place.display()));
        let old = fs::metadata(&place).ok();
        if old.as_ref().is_some_and(|old| !old.is_file()) {
            let file = File::options().write(true).open(&place).map_err(fault)?;
            return Ok(Self::Plain(Arc::new(Mutex::new(file)), path.into()));
        }
        // A link stays one.
        let place = fs::canonicalize(&place).unwrap_or(place);
        let folder =
            place.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let fault = |error: io::Error| Fault::failed(format!("{}: {error}", place.display()));
        let new = builder.prefix(".qapi-dbus-").tempfile_in(folder);
        // Nobody asked for a file of that name, which the error tells.
        let cause = |error: io::Error| {
            io::Error::other(error.to_string().split(" at path ").next().unwrap_or_default())
        };
        let new = new.map_err(|error| fault(cause(error)))?;
        if let Some(old) = old {
            new.as_file().set_permissions(old.permissions()).map_err(fault)?;
        }
        Ok(Self::New(new, place))
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Plain(file, name) => {
                let (file, name) = (Arc::clone(file), Arc::clone(name));
                let write = move || {
                    let mut file = alone(&file);
                    let written = file.write_all(&bytes).and_then(|()| file.flush());
                    written.map_err(|error| match error.kind() {
                        io::ErrorKind::BrokenPipe => Fault::output(&error),
                        _ => Fault::failed(format!("{name}: {error}")),
                    })
                };
                beside(write).await
            }
            // Of a disk, which takes it soon; what is not kept is removed with it.
            Self::New(file, place) => file
                .write_all(&bytes)
                .map_err(|error| Fault::failed(format!("{}: {error}", place.display()))),
        }
    }

    fn keep(self) -> Result<(), Fault> {
        match self {
            Self::Plain(..) => Ok(()),
            Self::New(file, place) => {
                let kept = file.persist(&place).map(drop);
                kept.map_err(|error| Fault::failed(format!("{}: {}", place.display(), error.error)))
            }
        }
    }
}

fn alone<T: ?Sized>(file: &Mutex<T>) -> MutexGuard<'_, T> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last part of a path, of this system or of a guest with another one.
fn name(path: &str) -> Result<&str, Fault> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    match name {
        "" | "." | ".." | "-" => Err(Fault::usage(format!("`{path}` names no file"))
            .advise("name the file that it is to be copied to")),
        name => Ok(name),
    }
}
