//! Whatever peer and callers do, in whatever order: each request is told exactly one outcome, and
//! `NotSent` exactly those of which no byte was handed to the peer.
//!
//! An input is a script, one step a line; the first line is `qmp` or `qga`.

#![no_main]

use std::{
    fs::File,
    sync::{Arc, Mutex},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use qapi_dbus::endpoint::{Completion, Outcome, Protocol, Request, fuzzing::Rig};
use tokio::runtime;

fuzz_target!(|script: &[u8]| {
    let mut steps = script.split(|byte| *byte == b'\n');
    let protocol = if steps.next() == Some(b"qga") { Protocol::Qga } else { Protocol::Qmp };
    let clock = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    clock.unwrap().block_on(async {
        let mut play = Play::new(protocol);
        for step in steps {
            play.step(step).await;
            play.audit();
        }
        play.rig.hang_up();
        play.audit();
        assert!(play.calls.iter().all(|call| call.told));
    });
});

struct Play {
    rig: Rig,
    calls: Vec<Call>,
    told: Arc<Mutex<Vec<(usize, bool)>>>,
    /// Of the line that the peer got last.
    id: Vec<u8>,
}

#[derive(Default)]
struct Call {
    /// A byte of it was handed to the peer.
    handed: bool,
    told: bool,
    /// A request to resynchronise, whose bytes are those of the endpoint itself.
    sync: bool,
}

impl Play {
    fn new(protocol: Protocol) -> Self {
        let rig = Rig::new(protocol, |limits| {
            (limits.message, limits.nodes, limits.depth) = (1024, 64, 8);
            (limits.waiting, limits.in_flight) = (4, 3);
        });
        Self { rig, calls: Vec::new(), told: Arc::default(), id: Vec::new() }
    }

    async fn step(&mut self, step: &[u8]) {
        let Some((verb, rest)) = step.split_first() else { return };
        let number = || str::from_utf8(rest).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        match verb {
            b'<' => self.rig.peer_bytes(&[&self.with_id(rest)[..], b"\n"].concat()),
            b'(' => self.rig.peer_bytes(&self.with_id(rest)),
            b'c' => self.call(rest),
            b's' => self.sync(number()),
            b'w' => self.rig.sent().iter().for_each(|line| self.handed(line)),
            b'p' => self.partly(number() as usize),
            b'+' => self.rig.pass(Duration::from_millis(number())).await,
            b'x' => self.rig.hang_up(),
            _ => {}
        }
        if self.rig.heard().iter().any(|line| line.starts_with("fault: ")) {
            self.rig.begin();
        }
    }

    /// `$` for the id that the peer got last.
    fn with_id(&self, text: &[u8]) -> Vec<u8> {
        let parts: Vec<_> = text.split(|byte| *byte == b'$').collect();
        parts.join(&self.id[..])
    }

    fn call(&mut self, flags: &[u8]) {
        let command = format!("c{}", self.calls.len());
        let seconds = flags.iter().find(|flag| flag.is_ascii_digit()).map(|flag| flag - b'0');
        let fd = flags.contains(&b'f').then(|| File::open("/dev/null").unwrap().into());
        let request = Request {
            command,
            arguments: Vec::new(),
            fd,
            oob: flags.contains(&b'o'),
            replies: !flags.contains(&b'n'),
            reads: flags.contains(&b'r'),
            timeout: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            completion: self.completion(),
        };
        self.calls.push(Call::default());
        self.rig.handle.submit(request);
    }

    fn sync(&mut self, id: u64) {
        let completion = self.completion();
        self.calls.push(Call { sync: true, ..Call::default() });
        self.rig.handle.sync(id as i64, Some(Duration::from_secs(id % 8)), completion);
    }

    fn completion(&self) -> Completion {
        let (told, call) = (self.told.clone(), self.calls.len());
        Completion::new(move |outcome| {
            let not_sent = matches!(outcome, Outcome::NotSent(..));
            told.lock().unwrap().push((call, not_sent));
        })
    }

    fn partly(&mut self, bytes: usize) {
        if let Some(line) = self.rig.sent_in_part(bytes).filter(|_| bytes > 0) {
            self.handed(&line);
        }
    }

    fn handed(&mut self, line: &str) {
        if let Some((_, id)) = line.rsplit_once("\"id\":") {
            self.id = id.trim_end_matches('}').into();
        }
        let mut words = line.split('"').skip(3);
        let command = words.next().and_then(|name| name.strip_prefix('c')?.parse::<usize>().ok());
        if let Some(call) = command.and_then(|call| self.calls.get_mut(call)) {
            assert!(!call.told || call.handed, "told that it was not sent, and sent");
            call.handed = true;
        }
    }

    fn audit(&mut self) {
        for (at, not_sent) in self.told.lock().unwrap().drain(..) {
            let call = &mut self.calls[at];
            assert!(!call.told, "told twice");
            call.told = true;
            assert!(call.sync || call.handed != not_sent, "call {at}: NotSent is {not_sent}");
        }
    }
}
