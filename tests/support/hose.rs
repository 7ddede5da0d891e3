//! A monitor that sends events without end and measures how long its client lets it wait.
//!
//! Threads of its own, with blocking sockets: what it measures is the client, not the test.

use crate::{
    scratch::{self, Scratch},
    soon,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Between two turns of a flood.
pub const TURN: Duration = Duration::from_millis(50);

/// A monitor for one client.
#[derive(Debug)]
pub struct Hose {
    scratch: Scratch,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    client: Mutex<Option<UnixStream>>,
    lines: Mutex<Vec<String>>,
    /// Requests for `qom-get` that wait for their answers, while these are held back.
    held: Mutex<Option<usize>>,
    ended: AtomicBool,
}

impl Hose {
    /// One that holds back the answers to `qom-get` until [`Self::release`].
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let listener = scratch::listener(&scratch.path(SOCKET));
        let shared = Arc::new(Shared { held: Mutex::new(Some(0)), ..Shared::default() });
        let session = Arc::clone(&shared);
        thread::spawn(move || session.serve(&listener));
        Self { scratch, shared }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.path(SOCKET)
    }

    /// The lines that arrived so far.
    pub fn lines(&self) -> Vec<String> {
        self.shared.lines.lock().unwrap().clone()
    }

    /// Answers what was held back, and whatever comes at once.
    pub fn release(&self) {
        let held = self.shared.held.lock().unwrap().take().unwrap_or_default();
        self.shared.write(&ANSWER.repeat(held));
    }

    /// Writes events of `size` bytes in `turns`, `count` a turn and one turn in [`TURN`]; how long
    /// each turn took to be written.
    pub async fn flood(&self, size: usize, count: usize, turns: usize) -> Vec<Duration> {
        let shared = Arc::clone(&self.shared);
        let events = event(size).repeat(count);
        let (done, times) = oneshot::channel();
        thread::spawn(move || {
            let mut times = Vec::new();
            while times.len() < turns && !shared.ended.load(Ordering::Relaxed) {
                let start = Instant::now();
                shared.write(&events);
                times.push(start.elapsed());
                thread::sleep(TURN.saturating_sub(start.elapsed()));
            }
            _ = done.send(times);
        });
        soon("the end of the flood", times).await.unwrap()
    }
}

impl Default for Hose {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Hose {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that serves.
        _ = UnixStream::connect(self.socket());
        if let Some(client) = self.shared.client.lock().unwrap().take() {
            _ = client.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(&self, listener: &UnixListener) {
        let (client, _) = listener.accept().unwrap();
        *self.client.lock().unwrap() = Some(client.try_clone().unwrap());
        self.write(GREETING);
        for line in BufReader::new(client).lines() {
            let Ok(line) = line else { return };
            self.answer(&line);
            self.lines.lock().unwrap().push(line);
        }
    }

    fn answer(&self, line: &str) {
        let request: Value = serde_json::from_str(line).unwrap();
        let mut held = self.held.lock().unwrap();
        match (request["execute"].as_str().unwrap(), held.as_mut()) {
            ("qom-get", Some(held)) => *held += 1,
            ("qom-get", None) => self.write(ANSWER),
            ("qmp_capabilities", _) => {
                let answer = json!({ "return": {}, "id": request["id"] });
                self.write(&(answer.to_string() + "\r\n"));
            }
            _ => self.write(UNKNOWN),
        }
    }

    fn write(&self, text: &str) {
        let client = self.client.lock().unwrap();
        // Its end, expected or not, is the client's business.
        _ = client.as_ref().map(|mut client| client.write_all(text.as_bytes()));
    }
}

const SOCKET: &str = "hose";

const GREETING: &str = "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 99, \"minor\": 1, \
                        \"micro\": 2}, \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n";

const ANSWER: &str = "{\"return\": \"held\"}\r\n";

const UNKNOWN: &str = "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\r\n";

fn event(size: usize) -> String {
    let data = json!({ "device": "x".repeat(size), "path": "/p" });
    let timestamp = json!({ "seconds": 1_700_000_000, "microseconds": 0 });
    let event = json!({ "timestamp": timestamp, "event": "DEVICE_DELETED", "data": data });
    event.to_string() + "\r\n"
}
