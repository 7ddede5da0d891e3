//! A monitor's side of real sockets, played by threads that follow a script.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::endpoint::{
    Budget, Completion, Config, Event, Handle, Limits, Observer, Outcome, Protocol, Request, State,
    Status, Task, new,
};

const GREETING: &[u8] =
    br#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10}},"capabilities":["oob"]}}
"#;

/// A path for a socket in a directory of its own, removed in the end.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("qapi-dbus-endpoint-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    pub(super) fn listen(&self) -> UnixListener {
        UnixListener::bind(self.socket()).unwrap()
    }

    pub(super) fn endpoint(&self, adapt: impl FnOnce(&mut Limits)) -> (Handle, Task, Heard) {
        let mut limits = Limits::new(Protocol::Qmp);
        adapt(&mut limits);
        let (tell, heard) = mpsc::unbounded_channel();
        let observer = Arc::new(Ear(tell));
        let socket = self.socket().into();
        let (protocol, account, budget) = (Protocol::Qmp, Arc::default(), Budget::new());
        let trust = Arc::default();
        let config =
            Config { socket, protocol, limits: limits.into(), budget, observer, account, trust };
        let (handle, task) = new(config);
        (handle, task, heard)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

pub(super) type Heard = mpsc::UnboundedReceiver<String>;

struct Ear(mpsc::UnboundedSender<String>);

impl Observer for Ear {
    fn together(&self, take: &mut dyn FnMut()) {
        take();
    }

    fn event(&self, event: &Event<'_>) {
        let _ = self.0.send(event.name.to_owned());
    }

    fn event_lost(&self) {
        let _ = self.0.send("event lost".into());
    }

    fn changed(&self, status: &Status) {
        let _ = self.0.send(format!("{:?}", status.state));
    }
}

pub(super) async fn hear(heard: &mut Heard, what: &str) {
    let found = async { while heard.recv().await.unwrap() != what {} };
    timeout(Duration::from_secs(20), found).await.unwrap();
}

pub(super) async fn hear_state(heard: &mut Heard, state: State) {
    hear(heard, &format!("{state:?}")).await;
}

/// A monitor's side of one connection.
pub(super) struct Peer(pub(super) BufReader<UnixStream>);

impl Peer {
    /// Accepts a client and answers until it knows what the peer is.
    pub(super) fn serve(listener: &UnixListener) -> Self {
        let mut peer = Self(BufReader::new(listener.accept().unwrap().0));
        peer.write(GREETING);
        let line = peer.line();
        let id = line.rsplit_once("\"id\":").unwrap().1.trim_end();
        peer.write(format!("{{\"return\":{{}},\"id\":{id}\r\n").as_bytes());
        assert_eq!(peer.line(), "{\"execute\":\"query-status\"}\n");
        peer.write(b"{\"return\":{\"status\":\"running\"}}\r\n");
        assert_eq!(peer.line(), "{\"execute\":\"query-commands\"}\n");
        peer.write(b"{\"return\":[]}\r\n");
        peer
    }

    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub(super) fn event(&mut self, name: &str) {
        let text = format!(
            "{{\"timestamp\":{{\"seconds\":1,\"microseconds\":0}},\"event\":\"{name}\"}}\r\n"
        );
        self.write(text.as_bytes());
    }

    /// Reads until the client hangs up.
    pub(super) fn drain(mut self) {
        let _ = self.0.read_to_end(&mut Vec::new());
    }
}

pub(super) fn request(command: &str) -> (Request, oneshot::Receiver<String>) {
    let (tell, told) = oneshot::channel();
    let completion = Completion::new(move |outcome| {
        let _ = tell.send(match outcome {
            Outcome::Return(value) => String::from_utf8_lossy(value).into_owned(),
            Outcome::Error { class, desc } => format!("{class}: {desc}"),
            Outcome::NotSent(kind, text) => format!("NotSent.{kind:?}: {text}"),
            Outcome::Unknown(kind, _) => format!("Unknown.{kind:?}"),
        });
    });
    let request = Request {
        command: command.into(),
        arguments: Vec::new(),
        fd: None,
        oob: false,
        replies: true,
        reads: false,
        timeout: None,
        completion,
    };
    (request, told)
}

pub(super) fn call(handle: &Handle, command: &str) -> oneshot::Receiver<String> {
    let (request, told) = request(command);
    handle.submit(request);
    told
}

pub(super) async fn told(receiver: oneshot::Receiver<String>) -> String {
    timeout(Duration::from_secs(20), receiver).await.unwrap().unwrap()
}
