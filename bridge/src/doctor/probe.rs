//! Who is behind a socket, asked as a client would.

use std::{io, path::Path, time::Duration};

use rustix::net::sockopt::socket_peercred;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    time::timeout,
};

use crate::endpoint::Protocol;

/// A monitor greets at once; an agent answers as fast as its guest lets it.
const ANSWER: Duration = Duration::from_secs(2);

/// A greeting has this room, as with the bridge.
const GREETING: u64 = 64 * 1024;

/// What came of it.
pub(super) enum Probed {
    /// It answers; the text says what it is.
    Answers(String),
    /// It took the connection and says nothing.
    Silent,
    /// It says what neither a monitor nor an agent would.
    Strange,
    Refused(io::Error),
}

/// Whoever listens, and what it says.
pub(super) struct Probe {
    pub(super) probed: Probed,
    /// User behind the socket, as the kernel tells.
    pub(super) uid: Option<u32>,
}

pub(super) async fn probe(path: &Path, protocol: Protocol) -> Probe {
    // A listener whose queue is full makes a client wait.
    let connected = timeout(ANSWER, UnixStream::connect(path)).await;
    let stream = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => stream,
        Err(error) => return Probe { probed: Probed::Refused(error), uid: None },
    };
    let uid = socket_peercred(&stream).ok().map(|peer| peer.uid.as_raw());
    let asked = async {
        match protocol {
            Protocol::Qmp => greeting(stream).await,
            Protocol::Qga => synchronised(stream).await,
        }
    };
    let probed = match timeout(ANSWER, asked).await {
        Ok(Some(text)) => Probed::Answers(text),
        Ok(None) => Probed::Strange,
        Err(_) => Probed::Silent,
    };
    Probe { probed, uid }
}

/// The version that a monitor greets with.
async fn greeting(stream: UnixStream) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(stream.take(GREETING)).read_until(b'\n', &mut line).await.ok()?;
    let greeting: Value = serde_json::from_slice(&line).ok()?;
    let version = &greeting["QMP"]["version"]["qemu"];
    let part = |name: &str| version[name].as_u64();
    Some(format!("QEMU {}.{}.{}", part("major")?, part("minor")?, part("micro")?))
}

/// Whether an agent gives the number back: after a byte that ends whatever it was sent before.
async fn synchronised(mut stream: UnixStream) -> Option<String> {
    let number = std::process::id();
    let request =
        format!("{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{number}}}}}\n");
    stream.write_all(b"\xff").await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut lines = BufReader::new(stream.take(GREETING)).split(b'\n');
    while let Some(line) = lines.next_segment().await.ok()? {
        let line = line.rsplit(|byte| *byte == 0xff).next().unwrap_or_default();
        let reply: Value = serde_json::from_slice(line).unwrap_or_default();
        if reply["return"] == number {
            return Some("a guest agent".into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        os::unix::net::{UnixListener, UnixStream},
        thread,
    };

    use super::*;

    /// Asks a peer that takes one client and does this with it.
    async fn ask(protocol: Protocol, peer: fn(UnixStream)) -> Probe {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let served = thread::spawn(move || peer(listener.accept().unwrap().0));
        let probe = probe(&path, protocol).await;
        served.join().unwrap();
        probe
    }

    fn wait_for_end(stream: UnixStream) {
        BufReader::new(stream).lines().for_each(drop);
    }

    #[tokio::test]
    async fn a_monitor_tells_its_version() {
        let probe = ask(Protocol::Qmp, |mut stream| {
            let version = r#"{"qemu":{"micro":2,"minor":0,"major":10},"package":""}"#;
            writeln!(stream, r#"{{"QMP":{{"version":{version},"capabilities":[]}}}}"#).unwrap();
            wait_for_end(stream);
        });
        let probe = probe.await;
        assert!(matches!(probe.probed, Probed::Answers(text) if text == "QEMU 10.0.2"));
        assert_eq!(probe.uid, Some(rustix::process::geteuid().as_raw()));
    }

    #[tokio::test]
    async fn an_agent_gives_the_number_back() {
        let probe = ask(Protocol::Qga, |stream| {
            let mut request = Vec::new();
            BufReader::new(&stream).read_until(b'\n', &mut request).unwrap();
            let request: Value = serde_json::from_slice(&request[1..]).unwrap();
            let number = &request["arguments"]["id"];
            let answer = format!("{{\"return\":{number}}}\n");
            (&stream).write_all(b"{\"return\":1}\n\xff").unwrap();
            (&stream).write_all(answer.as_bytes()).unwrap();
            wait_for_end(stream);
        });
        assert!(matches!(probe.await.probed, Probed::Answers(_)));
    }

    #[tokio::test]
    async fn who_says_nothing_or_nonsense_or_does_not_listen_is_told_apart() {
        let silent = ask(Protocol::Qmp, wait_for_end).await;
        assert!(matches!(silent.probed, Probed::Silent));
        let strange = ask(Protocol::Qmp, |stream| writeln!(&stream, "SSH-2.0").unwrap()).await;
        assert!(matches!(strange.probed, Probed::Strange));
        // More than a greeting may be, without an end: it is not read on.
        let endless =
            ask(Protocol::Qmp, |mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
        assert!(matches!(endless.await.probed, Probed::Strange));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stale");
        drop(UnixListener::bind(&path).unwrap());
        let stale = probe(&path, Protocol::Qga).await.probed;
        assert!(
            matches!(stale, Probed::Refused(it) if it.kind() == io::ErrorKind::ConnectionRefused)
        );
    }
}
