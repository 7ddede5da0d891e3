//! A session without a socket: tests play the peer, the callers and the clock (which must be
//! paused), and read what happened in the order in which it did.
#![allow(unreachable_pub, reason = "fuzz targets are out of this crate")]
#![allow(clippy::unwrap_used, reason = "this is for tests, and for fuzz targets")]
#![cfg_attr(fuzzing, allow(dead_code, missing_debug_implementations, missing_docs))]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Budget, Completion, Config, Event, Handle, Limits, Observer, Outcome, Protocol, Request,
    Status, Unknown, fault::Fault, inbox::Inbox, session::Session,
};

/// A session, its callers and its log.
pub struct Rig {
    pub(super) session: Session,
    pub handle: Handle,
    log: Log,
}

/// What was told, one line each.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Rig {
    pub fn new(protocol: Protocol, adapt: impl FnOnce(&mut Limits)) -> Self {
        let log = Log::default();
        let mut limits = Limits::new(protocol);
        adapt(&mut limits);
        let observer = Arc::new(log.clone());
        let (account, budget) = (Arc::default(), Budget::new());
        let inbox = Arc::new(Inbox::new(limits.waiting, budget.clone()));
        let (socket, trust) = (Path::new("peer").into(), Arc::default());
        let config =
            Config { socket, protocol, limits: limits.into(), budget, observer, account, trust };
        let handle = Handle::new(inbox.clone(), &config);
        let mut rig = Self { session: Session::new(&config, inbox), handle, log };
        rig.begin();
        rig
    }

    pub fn begin(&mut self) {
        let result = self.session.begin(Instant::now());
        self.check(result);
    }

    /// The peer sends a line.
    pub(super) fn peer(&mut self, line: &str) {
        self.peer_bytes(format!("{line}\r\n").as_bytes());
    }

    pub fn peer_bytes(&mut self, bytes: &[u8]) {
        let result = self.session.receive(bytes, Instant::now());
        self.check(result);
    }

    /// The connection ends.
    pub fn hang_up(&mut self) {
        self.check(Err(Fault::not_connected("EOF")));
    }

    /// What the peer gets, one line each; it takes all bytes.
    pub fn sent(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.next() {
            self.session.wire.written(Instant::now());
            lines.push(line);
        }
        lines
    }

    /// The peer takes only this many bytes of the next message.
    pub fn sent_in_part(&mut self, bytes: usize) -> Option<String> {
        let line = self.next();
        let output = &mut self.session.wire.output;
        output.at = bytes.min(output.bytes.len().saturating_sub(1)).max(output.at);
        line
    }

    pub async fn pass(&mut self, time: Duration) {
        tokio::time::advance(time).await;
        let result = self.session.expire(Instant::now());
        self.check(result);
    }

    pub(super) fn call(&self, command: &str) {
        self.submit(self.request(command));
    }

    pub(super) fn submit(&self, request: Request) {
        self.handle.submit(request);
    }

    /// A request with nothing special, whose outcome is logged.
    pub(super) fn request(&self, command: &str) -> Request {
        Request {
            command: command.into(),
            arguments: Vec::new(),
            fd: None,
            oob: false,
            replies: true,
            reads: false,
            timeout: None,
            completion: self.log.completion(command),
        }
    }

    pub(super) fn completion(&self, name: &str) -> Completion {
        self.log.completion(name)
    }

    /// What was told since the last time.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.log.0.lock().unwrap())
    }

    fn next(&mut self) -> Option<String> {
        let now = Instant::now();
        let result = self.session.expire(now).and_then(|()| self.session.feed(now));
        match result {
            Ok(false) => None,
            Ok(true) => {
                let bytes = &self.session.wire.output.bytes;
                Some(String::from_utf8_lossy(bytes).trim_end().to_owned())
            }
            Err(fault) => {
                self.check(Err(fault));
                None
            }
        }
    }

    /// Does what the task does when a connection ends.
    fn check(&mut self, result: Result<(), Fault>) {
        if let Err(fault) = result {
            self.log.push(format!("fault: {:?}: {}", fault.kind, fault.text));
            self.session.end(Unknown::ConnectionLost, &fault);
            self.session.inbox.refuse_all(fault.kind, &fault.text);
        }
    }
}

impl Log {
    pub(super) fn completion(&self, name: &str) -> Completion {
        let (log, name) = (self.clone(), name.to_owned());
        Completion::new(move |outcome| {
            log.push(match outcome {
                Outcome::Return(value) => format!("{name}: {}", String::from_utf8_lossy(value)),
                Outcome::Error { class, desc } => format!("{name}: {class}: {desc}"),
                Outcome::NotSent(kind, _) => format!("{name}: NotSent.{kind:?}"),
                Outcome::Unknown(kind, _) => format!("{name}: Unknown.{kind:?}"),
            });
        })
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Observer for Log {
    fn together(&self, take: &mut dyn FnMut()) {
        take();
    }

    fn event(&self, event: &Event<'_>) {
        let data = String::from_utf8_lossy(event.data);
        self.push(format!("{} {data} {}", event.name, event.timestamp));
    }

    fn event_lost(&self) {
        self.push("event lost".into());
    }

    fn changed(&self, status: &Status) {
        self.push(format!("{:?} {} {}", status.state, status.version, status.run_state));
    }
}
