//! A service manager, as far as a service speaks to it (sd_notify(3)).

use crate::{scratch::Scratch, until};
use std::{
    collections::HashMap, os::unix::net::UnixDatagram, path::PathBuf, sync::Mutex, time::Instant,
};

/// Listens to one service.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    told: Mutex<Vec<(Instant, String)>>,
    scratch: Scratch,
}

impl Manager {
    /// One that hears nothing yet.
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let socket = UnixDatagram::bind(scratch.path(SOCKET)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, told: Mutex::default(), scratch }
    }

    /// The program and the arguments that tell a service of it, and of a watchdog.
    pub fn wrapper(&self, watchdog: std::time::Duration) -> [String; 3] {
        let socket: PathBuf = self.scratch.path(SOCKET);
        let microseconds = watchdog.as_micros();
        [
            "env".into(),
            format!("NOTIFY_SOCKET={}", socket.display()),
            format!("WATCHDOG_USEC={microseconds}"),
        ]
    }

    /// When this was told: `READY=1`.
    pub fn times(&self, state: &str) -> Vec<Instant> {
        let told = self.hear();
        told.iter().filter(|(_, told)| told == state).map(|(when, _)| *when).collect()
    }

    /// The last value of a variable: `STATUS`.
    pub fn value(&self, variable: &str) -> Option<String> {
        let told = self.hear();
        let pairs = told.iter().filter_map(|(_, told)| told.split_once('='));
        pairs.collect::<HashMap<_, _>>().get(variable).map(|&value| value.to_owned())
    }

    /// Waits until a variable has a value of which this is a part.
    pub async fn tells(&self, variable: &str, part: &str) {
        let what = format!("{variable} with {part:?}");
        let told = async || self.value(variable)?.contains(part).then_some(());
        until(&what, told).await;
    }

    /// All that was told so far.
    fn hear(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, String)>> {
        let mut told = self.told.lock().unwrap();
        let mut buffer = [0; 4096];
        while let Ok(count) = self.socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..count]);
            told.extend(text.lines().map(|line| (Instant::now(), line.to_owned())));
        }
        told
    }
}

impl Default for Manager {
    fn default() -> Self {
        Self::new()
    }
}

const SOCKET: &str = "notify";
