//! Many machines on one bridge, all in one folder that it watches. A machine is a monitor, with an
//! agent or without, or a real QEMU.

#[cfg(test)]
mod brief;
mod machines;
mod memory;
mod report;

use machines::Machines;
use memory::{Memory, wake_ups};
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{BRIDGE, Client, MANAGER},
    peer::Peer,
    scratch::Scratch,
    soon,
};
use report::Report;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    future::poll_fn,
    num::NonZero,
    path::Path,
    pin::Pin,
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use zbus::{MatchRule, Message, MessageStream, export::futures_core::Stream, message::Type};

/// For how long it is watched doing nothing, and for how long a next signal may take.
const IDLE: Duration = Duration::from_secs(5);

/// How often what takes an instant is done.
const TIMES: usize = 101;

/// How long thousands may take to be ready.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many machines there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Scripted ones.
    pub(crate) machines: usize,
    /// Of these, the ones that have an agent beside their monitor.
    pub(crate) agents: usize,
    /// QEMU's, without a machine of their own.
    pub(crate) qemu: usize,
}

/// Measures on a bridge of its own. Beside the machines there is one that never greets.
pub(crate) async fn run(bus: &Bus, plan: Plan) -> Report {
    take_descriptors();
    let machines = Machines::start(plan).await;
    let peers = plan.machines + plan.agents + plan.qemu;
    let empty = Scratch::new();
    // Gone before the next comes: the two would share their code.
    let small = {
        let bridge = Bridge::serve(bus, &options(empty.dir(), "org.example.Empty")).await;
        Memory::at_rest(bridge.id()).await
    };

    let start = Instant::now();
    let bridge = Bridge::serve(bus, &options(machines.folder(), BRIDGE.name)).await;
    let named = start.elapsed();
    let client = Client::new(bus).await;
    let all_ready = async {
        while ready(&client).await < peers {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all_ready).await.expect("all peers are ready");
    let start = start.elapsed();

    let rest = Memory::at_rest(bridge.id()).await;
    let (listing, listed, bytes) = list(&client).await;
    let (events, lost) = events(bus, &machines).await;
    machines.end_mute();
    Memory::at_rest(bridge.id()).await;
    let mut least = u64::MAX;
    // The deadlines of answered questions, 30 s, pass once; what ticks does so in each window.
    for _ in 0..8 {
        least = least.min(wake_ups(bridge.id(), IDLE).await);
        if least == 0 {
            break;
        }
    }
    let wake_ups = least;
    let plugged = plug(&client, machines.folder()).await;
    let peak = bridge.usage().peak;
    Report {
        plan,
        named,
        start,
        small,
        rest,
        peak,
        wake_ups,
        listing,
        listed,
        bytes,
        events,
        lost,
        plugged,
    }
}

/// Each scripted peer takes two descriptors here.
fn take_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn options<'a>(folder: &'a Path, name: &'a str) -> [&'a OsStr; 4] {
    ["--watch".as_ref(), folder.as_os_str(), "--name".as_ref(), name.as_ref()]
}

async fn ready(client: &Client) -> usize {
    let ready = client.property(BRIDGE, "PeersReady").await.unwrap();
    usize::try_from(ready.as_u64().unwrap()).unwrap()
}

/// The times of `GetManagedObjects`; how many machines and bytes it gives.
async fn list(client: &Client) -> (Vec<Duration>, usize, usize) {
    let objects: Value = client.call(MANAGER, "GetManagedObjects", &()).await.unwrap();
    let paths = objects.as_object().unwrap().keys();
    let listed = paths.filter(|path| path.starts_with("/org/qemu/vm/")).count();
    let mut bytes = 0;
    let times = times(async |_| {
        let start = Instant::now();
        let reply = client.call_message(MANAGER, "GetManagedObjects", &()).await.unwrap();
        bytes = reply.data().len();
        start.elapsed()
    });
    (times.await, listed, bytes)
}

/// One event of every machine at once: until the last signal, and of how many there was none.
async fn events(bus: &Bus, machines: &Machines) -> (Duration, usize) {
    let rule =
        MatchRule::builder().msg_type(Type::Signal).interface("org.qemu.QmpQapi").build().unwrap();
    let connection = bus.connect().await;
    let queue = NonZero::new(100_000);
    let stream = MessageStream::for_match_rule(rule, &connection, queue);
    let mut signals = stream.await.unwrap();
    let start = Instant::now();
    let count = machines.tell().await;
    let mut heard = BTreeSet::new();
    while heard.len() < count
        && let Ok(Some(Ok(signal))) = timeout(IDLE, next(&mut signals)).await
    {
        heard.insert(signal.header().path().unwrap().to_string());
    }
    (start.elapsed(), count - heard.len())
}

/// One more machine: the times from its socket to `InterfacesAdded`.
async fn plug(client: &Client, folder: &Path) -> Vec<Duration> {
    let peers: Vec<_> = (0..TIMES).map(|_| Peer::monitor(|_, _| None)).collect();
    let rule =
        MatchRule::builder().msg_type(Type::Signal).member("InterfacesAdded").build().unwrap();
    let stream = MessageStream::for_match_rule(rule, client.connection(), None);
    let mut signals = stream.await.unwrap();
    times(async |number| {
        let start = Instant::now();
        fs::hard_link(peers[number].socket(), folder.join(format!("more{number}.qmp"))).unwrap();
        let added = soon("a new machine", next(&mut signals)).await.unwrap().unwrap();
        let time = start.elapsed();
        let path = format!("/org/qemu/vm/more{number}");
        assert!(added.body().data().windows(path.len()).any(|part| part == path.as_bytes()));
        time
    })
    .await
}

async fn next(signals: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *signals).poll_next(context)).await
}

/// The times that something takes, from the shortest.
async fn times(mut once: impl AsyncFnMut(usize) -> Duration) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..TIMES {
        times.push(once(number).await);
    }
    times.sort();
    times
}
