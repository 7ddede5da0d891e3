//! `ReadFile` and `WriteFile`: a file of the guest through a descriptor, a piece at a time.
//!
//! While a piece is on its way through the descriptor, the next one is on its way from the agent,
//! and the reverse: neither waits for the other.

use std::{borrow::Cow, io, pin::pin};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::{
    select,
    time::{Duration, Instant},
};

use crate::{
    bus::{
        errors::{Failure, standard},
        qapi::longest_read,
        reply::Reply,
    },
    transcode::Json,
};

use super::{
    agent::{Agent, Trouble, handle_only, nothing},
    descriptor::{Descriptor, Sink, Source},
    owned::Kind,
    room::Place,
};

/// Bytes of a piece: so many that asking for them costs little, and so few that others who call the
/// agent meanwhile have their turn within milliseconds.
const PIECE: usize = 256 << 10;
/// Bytes that a transfer keeps at most: a piece in each of two buffers, and one as text, twice.
pub(super) const HELD: usize = 4 * PIECE;
/// Between two signals of progress.
const PACE: Duration = Duration::from_millis(100);

/// A file of the guest, and which part of it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) offset: i64,
    /// Bytes at most.
    pub(super) length: u64,
    /// The number under which progress is told.
    pub(super) progress: Option<u64>,
}

/// A file to be read.
#[derive(Debug)]
pub(in crate::bus) struct Read {
    pub(super) file: File,
    pub(super) to: Descriptor,
}

/// A file to be written.
#[derive(Debug)]
pub(in crate::bus) struct Write {
    pub(super) file: File,
    pub(super) from: Descriptor,
}

impl Read {
    /// Reads it, and answers how many bytes it were.
    pub(super) async fn perform(self, mut agent: Agent, place: Place, reply: Reply) {
        agent.tell(&reply, self.file.progress);
        let Self { file, to } = self;
        let sink = match Sink::start(to, place) {
            Ok(sink) => sink,
            Err(error) => return reply.fail(&no_thread(&error)),
        };
        let Some((handle, reply)) = file.open(&agent, reply).await else { return };
        let _owned = agent.own(Kind::File, handle);
        let mut copied = Copied::new(&agent);
        let outcome = select! {
            biased;
            outcome = file.read(handle, sink, &mut copied) => outcome,
            failure = agent.ended() => Err(failure),
        };
        match outcome {
            Ok(()) => reply.send(&copied.bytes),
            Err(failure) => reply.fail(&failure),
        }
        agent.close(handle).await;
    }
}

impl Write {
    /// Writes it, and answers how many bytes it were.
    pub(super) async fn perform(self, mut agent: Agent, place: Place, reply: Reply) {
        agent.tell(&reply, self.file.progress);
        let Self { file, from } = self;
        let Some((handle, reply)) = file.open(&agent, reply).await else { return };
        let _owned = agent.own(Kind::File, handle);
        let mut copied = Copied::new(&agent);
        let outcome = select! {
            biased;
            outcome = file.write(handle, from, place, &mut copied) => outcome,
            failure = agent.ended() => Err(failure),
        };
        let failure = match outcome {
            // What the guest has in a buffer still, it may fail to write yet.
            Ok(()) => match agent.run("guest-file-close", handle_only(handle), nothing).await {
                Ok(()) => return reply.send(&copied.bytes),
                Err(trouble) => trouble.later(&copied.text()),
            },
            Err(failure) => failure,
        };
        reply.fail(&failure);
        agent.close(handle).await;
    }
}

impl File {
    /// Opens it, unless the call is answered before. A file that is opened too late is closed.
    async fn open(&self, agent: &Agent, reply: Reply) -> Option<(i64, Reply)> {
        let members = [("path", &self.path), ("mode", &self.mode)];
        let members = members.map(|(name, text)| (name.into(), Json::Str(text.into())));
        let mut arguments = Vec::new();
        if let Err(why) = Json::Object(members.into()).write(&mut arguments) {
            reply.fail(&Failure::invalid_args(&format!("argument {why}")));
            return None;
        }
        let read = |value: &[u8]| serde_json::from_slice(value).map_err(|why| why.to_string());
        let mut opening = pin!(agent.begin("guest-file-open", arguments, read));
        select! {
            biased;
            opened = &mut opening => match opened {
                Ok(handle) => Some((handle, reply)),
                Err(trouble) => {
                    reply.fail(&trouble.first());
                    None
                }
            },
            failure = agent.ended() => {
                reply.fail(&failure);
                if let Ok(handle) = opening.await {
                    agent.close(handle).await;
                }
                None
            }
        }
    }

    async fn read(
        &self,
        handle: i64,
        mut sink: Sink,
        copied: &mut Copied<'_>,
    ) -> Result<(), Failure> {
        self.seek(handle, copied).await?;
        let agent = copied.agent;
        let piece = PIECE.min(longest_read(agent.longest()));
        let ask = |left: u64, buffer: Vec<u8>| {
            let count = usize::try_from(left).map_or(piece, |left| left.min(piece));
            let arguments = format!("{{\"handle\":{handle},\"count\":{count}}}").into_bytes();
            let read = move |value: &[u8]| Piece::read(value, count, buffer);
            agent.run("guest-file-read", arguments, read)
        };
        let mut left = self.length;
        let mut next = (left > 0).then(|| ask(left, Vec::new()));
        while let Some(asked) = next.take() {
            let Piece { bytes, is_last } = asked.await.map_err(|why| copied.trouble(why))?;
            left -= bytes.len() as u64;
            if !is_last && left > 0 {
                next = Some(ask(left, sink.spare()));
            }
            let count = bytes.len();
            sink.put(bytes).await.map_err(|error| copied.broken("to", &error))?;
            copied.bytes += count as u64;
            copied.tell();
        }
        sink.finish().await.map_err(|error| copied.broken("to", &error))
    }

    async fn write(
        &self,
        handle: i64,
        from: Descriptor,
        place: Place,
        copied: &mut Copied<'_>,
    ) -> Result<(), Failure> {
        self.seek(handle, copied).await?;
        let encode = move |bytes: &[u8]| (bytes.len() as u64, arguments(handle, bytes));
        let source = Source::start(from, self.length, PIECE, place, encode);
        let mut source = source.map_err(|error| no_thread(&error))?;
        while let Some((count, arguments)) =
            source.next().await.map_err(|error| copied.broken("source", &error))?
        {
            let written = copied.agent.run("guest-file-write", arguments, move |value| {
                let Written { count: written } =
                    serde_json::from_slice(value).map_err(|error| error.to_string())?;
                let all = written == count;
                all.then_some(()).ok_or_else(|| format!("{written} of {count} bytes written"))
            });
            written.await.map_err(|why| copied.trouble(why))?;
            copied.bytes += count;
            copied.tell();
        }
        Ok(())
    }

    async fn seek(&self, handle: i64, copied: &Copied<'_>) -> Result<(), Failure> {
        if self.offset == 0 {
            return Ok(());
        }
        let offset = self.offset;
        let text = format!("{{\"handle\":{handle},\"offset\":{offset},\"whence\":\"set\"}}");
        let sought = copied.agent.run("guest-file-seek", text.into_bytes(), nothing);
        sought.await.map_err(|why| copied.trouble(why))
    }
}

/// How far a transfer is.
struct Copied<'a> {
    agent: &'a Agent,
    bytes: u64,
    told: Instant,
}

impl<'a> Copied<'a> {
    fn new(agent: &'a Agent) -> Self {
        Self { agent, bytes: 0, told: Instant::now() }
    }

    fn tell(&mut self) {
        if self.told.elapsed() >= PACE {
            self.told = Instant::now();
            self.agent.progress(self.bytes);
        }
    }

    fn text(&self) -> String {
        format!("after {} bytes", self.bytes)
    }

    fn trouble(&self, trouble: Trouble) -> Failure {
        trouble.later(&self.text())
    }

    /// The caller's descriptor fails.
    fn broken(&self, name: &str, error: &io::Error) -> Failure {
        let text = format!("descriptor `{name}`: {error} ({})", self.text());
        Failure::new(standard::IO_ERROR, &text)
    }
}

/// What the agent read.
struct Piece {
    bytes: Vec<u8>,
    is_last: bool,
}

/// As the agent tells it. The bytes are taken from where the endpoint read them.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(rename = "buf-b64", borrow)]
    bytes: Cow<'a, str>,
    eof: bool,
}

#[derive(Deserialize)]
struct Written {
    count: u64,
}

impl Piece {
    /// Reads an answer, of so many bytes at most, into a buffer.
    fn read(value: &[u8], most: usize, mut bytes: Vec<u8>) -> Result<Self, String> {
        let told: Told<'_> = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        let count = told.bytes.len() / 4 * 3;
        if count > most + 2 {
            return Err(format!("some {count} bytes in the place of {most}"));
        }
        bytes.reserve_exact(count);
        STANDARD.decode_vec(&*told.bytes, &mut bytes).map_err(|error| error.to_string())?;
        match bytes.len() {
            0 if !told.eof => Err("neither bytes nor the end of the file".to_owned()),
            count if count > most => Err(format!("{count} bytes in the place of {most}")),
            _ => Ok(Self { bytes, is_last: told.eof }),
        }
    }
}

/// The arguments that have bytes written.
fn arguments(handle: i64, bytes: &[u8]) -> Vec<u8> {
    const REST: usize = 64;
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4 + REST);
    text.push_str("{\"buf-b64\":\"");
    STANDARD.encode_string(bytes, &mut text);
    text.push_str("\",\"handle\":");
    text.push_str(&handle.to_string());
    text.push('}');
    text.into_bytes()
}

fn no_thread(error: &io::Error) -> Failure {
    Failure::new(standard::LIMITS, &format!("no thread for another transfer: {error}"))
}
