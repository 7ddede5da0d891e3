//! What is measured while a soak runs: the bridge's memory each second, the calm machine's answers
//! all the time.

use super::{
    ledger::Ledger,
    machine::{CALM, PATHS},
};
use qapi_dbus_tests::{bridge::Bridge, process::Usage, soon};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use zbus::{Connection, Message, connection::Builder};

/// Times of answers, in order of length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The time that so many percent do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0.get(self.0.len() * percent / 100).or(self.0.last()).copied().unwrap_or_default()
    }
}

/// Pings the calm machine's agent from a thread of its own, so that the callers' work does not
/// count.
#[derive(Debug)]
pub(crate) struct Pinger {
    over: Arc<AtomicBool>,
    thread: thread::JoinHandle<Times>,
}

impl Pinger {
    /// Starts one.
    pub(crate) fn start(address: &str, ledger: &Arc<Ledger>) -> Self {
        let over = Arc::<AtomicBool>::default();
        let (address, end, ledger) = (address.to_owned(), Arc::clone(&over), Arc::clone(ledger));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(ping_until(&end, &address, &ledger))
        });
        Self { over, thread }
    }

    /// Ends it.
    pub(crate) fn times(self) -> Times {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

const REMARKABLE: Duration = Duration::from_secs(3);

async fn ping_until(over: &AtomicBool, address: &str, ledger: &Ledger) -> Times {
    let connection = Builder::address(address).build().await.unwrap();
    let mut times = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        if let Err(error) = ping(&connection).await {
            ledger.violation(format!("a ping of the calm machine: {error}"));
        }
        let time = start.elapsed();
        if time > REMARKABLE {
            println!("a ping of the calm machine took {time:?}");
        }
        times.push(time);
        sleep(Duration::from_millis(20)).await;
    }
    times.sort_unstable();
    Times(times)
}

async fn ping(connection: &Connection) -> zbus::Result<Message> {
    let (name, interface) = (Some("org.qemu.Bridge"), Some("org.qemu.QgaQapi"));
    let ping = connection.call_method(name, PATHS[CALM], interface, "GuestPing", &());
    soon("an answer to a ping", ping).await
}

/// The bridge's use of memory, second by second.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Usage>);

impl Samples {
    /// Takes one; tells the resident memory in KiB.
    pub(crate) fn take(&mut self, bridge: &Bridge) -> u64 {
        let usage = bridge.usage();
        self.0.push(usage);
        usage.memory
    }

    /// The median of the first minute and that of the last, or of the first and the last third of
    /// a shorter time; in KiB.
    pub(crate) fn medians(&self) -> (u64, u64) {
        let part = (self.0.len() / 3).clamp(1, 60).min(self.0.len());
        (median(&self.0[..part]), median(&self.0[self.0.len() - part..]))
    }
}

fn median(samples: &[Usage]) -> u64 {
    let mut memory: Vec<_> = samples.iter().map(|sample| sample.memory).collect();
    memory.sort_unstable();
    memory.get(memory.len() / 2).copied().unwrap_or(0)
}
