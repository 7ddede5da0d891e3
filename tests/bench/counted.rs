//! What a process uses, by the kernel's count: at rest, and for each call.

use crate::{
    Effort,
    cell::{
        Cell,
        What::{self, Ping, Status},
        Who,
    },
    rig::Rig,
};
use qapi_dbus_tests::{process, scratch::Scratch, until};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, process::Stdio, time::Duration};

/// Of a process that nobody asks anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// Resident memory in KiB.
    pub(crate) memory: u64,
    /// Microseconds of the processor a second.
    pub(crate) time: f64,
    /// Context switches a second.
    pub(crate) switches: f64,
}

/// Of one call, with one in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// Context switches.
    pub(crate) switches: f64,
    /// System calls.
    pub(crate) calls: f64,
    /// Microseconds of the processor.
    pub(crate) time: f64,
}

/// What is counted of the bridge, or of the one in C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) status: Call,
    pub(crate) ping: Call,
    /// Resident memory after everything else, in KiB.
    pub(crate) memory: u64,
}

/// Whose counts are compared.
pub(crate) const PROCESSES: [Who; 2] = [Who::Bridge, Who::Floor];

/// What comes with the start is over after it.
const SETTLED: Duration = Duration::from_secs(5);

/// Counts while nothing happens.
pub(crate) async fn rest(rig: &Rig, effort: Effort) -> [Rest; 2] {
    tokio::time::sleep(SETTLED).await;
    let time = Duration::from_secs(10) / effort.part as u32;
    let before = PROCESSES.map(|who| Usage::of(id(rig, who)));
    tokio::time::sleep(time).await;
    std::array::from_fn(|at| {
        let id = id(rig, PROCESSES[at]);
        let used = Usage::of(id).since(before[at]);
        let seconds = time.as_secs_f64();
        Rest { memory: memory(id), time: used.time / seconds, switches: used.switches / seconds }
    })
}

/// Counts calls.
pub(crate) async fn run(rig: &mut Rig, effort: Effort) -> [Counted; 2] {
    rig.place(true);
    let mut counted = Vec::new();
    for who in PROCESSES {
        let status = call(rig, who, Status, effort).await;
        let ping = call(rig, who, Ping, effort).await;
        counted.push(Counted { status, ping, memory: memory(id(rig, who)) });
    }
    [counted[0], counted[1]]
}

async fn call(rig: &Rig, who: Who, what: What, effort: Effort) -> Call {
    let cell = Cell { who, what, flight: 1, pinned: true };
    let count = cell.count() / effort.part;
    // The client does some more, before it measures.
    let number = (count + count / 20) as f64;
    let before = Usage::of(id(rig, who));
    cell.run(rig, count).await;
    let used = Usage::of(id(rig, who)).since(before);
    let calls = system_calls(id(rig, who), async || _ = cell.run(rig, count).await).await;
    Call { switches: used.switches / number, calls: calls / number, time: used.time / number }
}

fn id(rig: &Rig, who: Who) -> u32 {
    if who == Who::Floor { rig.floor.id() } else { rig.bridge.id() }
}

/// What a process used so far.
#[derive(Clone, Copy, Debug)]
struct Usage {
    switches: f64,
    time: f64,
}

impl Usage {
    fn of(id: u32) -> Self {
        let nanoseconds = fs::read_to_string(format!("/proc/{id}/schedstat")).unwrap();
        let nanoseconds: f64 = nanoseconds.split(' ').next().unwrap().parse().unwrap();
        let switches = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        Self {
            switches: switches.iter().map(|name| status(id, name) as f64).sum(),
            time: nanoseconds / 1000.0,
        }
    }

    fn since(self, before: Self) -> Self {
        Self { switches: self.switches - before.switches, time: self.time - before.time }
    }
}

/// Resident memory in KiB.
pub(crate) fn memory(id: u32) -> u64 {
    status(id, "VmRSS:")
}

fn status(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap()
}

/// How many system calls a process makes meanwhile.
async fn system_calls(id: u32, meanwhile: impl AsyncFnOnce()) -> f64 {
    let scratch = Scratch::new();
    let (table, log) = (scratch.path("table"), scratch.path("log"));
    let mut strace = process::program("strace")
        .args(["-f", "-c", "-U", "calls,name", "-o"])
        .arg(&table)
        .args(["-p", &id.to_string()])
        .stderr(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    until("strace that watches", async || {
        fs::read_to_string(&log).unwrap().contains("attached").then_some(())
    })
    .await;
    meanwhile().await;
    let watcher = Pid::from_raw(strace.id().unwrap().cast_signed()).unwrap();
    kill_process(watcher, Signal::INT).unwrap();
    strace.wait().await.unwrap();
    // Lines of a number and a name, the last of them the total.
    let table = fs::read_to_string(table).unwrap();
    let total = table.lines().find_map(|line| line.trim().strip_suffix(" total"));
    total.unwrap_or_else(|| panic!("strace says {table}")).trim().parse().unwrap()
}
