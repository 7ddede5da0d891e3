//! A soak: eight machines, fifty callers at full load, one fault a second, and a ledger of every
//! call.

#[cfg(test)]
mod brief;
mod call;
mod caller;
mod dice;
mod fault;
mod ledger;
mod machine;
mod report;
mod theatre;
mod watch;

use caller::{Handle, Office, Phase};
use fault::Stage;
use ledger::Ledger;
use machine::{CHARACTERS, Machine, PATHS};
use qapi_dbus_tests::{
    PATIENCE,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{Client, Target},
    process::Usage,
};
use report::Report;
use std::{
    ffi::OsString,
    sync::Arc,
    time::{Duration, Instant},
};
use theatre::Theatre;
use tokio::{
    sync::watch::{Sender, channel},
    time::{MissedTickBehavior, interval, sleep},
};
use watch::{Pinger, Samples};

pub(crate) use caller::Pace;

/// How long a soak lasts, and with which chance and load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Time of load and faults.
    pub(crate) time: Duration,
    /// Repeats the faults.
    pub(crate) seed: u64,
    /// What each caller does.
    pub(crate) pace: Pace,
}

/// The callers.
const CALLERS: usize = 50;

/// What the bridge is called on the bus.
const NAME: &str = "org.qemu.Bridge";

/// Runs a soak on a bus; tells each fault.
pub(crate) async fn run(bus: &Bus, plan: Plan) -> Report {
    let ledger = Arc::<Ledger>::default();
    let theatre = Theatre::open();
    let mut machines = Vec::new();
    for number in 0..CHARACTERS.len() {
        machines.push(Machine::start(number, &theatre, &ledger).await);
    }
    let bridge = serve(bus, &machines).await;
    let client = Client::new(bus).await;
    ready(&client).await;
    machines.iter().for_each(Machine::fill);
    let (owner, before) = (client.owner(NAME).await, bridge.usage());
    let (phase, phases) = channel(Phase::Load);
    let office =
        Arc::new(Office { ledger, phase: phases, pace: plan.pace, tally: Default::default() });
    let mut stage = Stage::new(bus, &bridge, machines, Arc::clone(&office), plan.seed);
    stage.hire(CALLERS).await;
    let pinger = Pinger::start(bus.address(), &office.ledger);
    let samples = load(&mut stage, plan.time).await;
    let times = pinger.times();
    drain(&office.ledger, &phase, std::mem::take(&mut stage.callers)).await;
    ready(&client).await;
    Report {
        times,
        samples,
        faults: stage.faults,
        slowest: slowest(&client).await,
        before,
        after: settled(&bridge, before).await,
        same_owner: client.owner(NAME).await == owner,
        log: bridge.log(),
        sum: office.ledger.close(),
        tally: std::mem::take(&mut office.tally.lock().unwrap()),
        time: plan.time,
    }
}

async fn serve(bus: &Bus, machines: &[Machine]) -> Bridge {
    let options: Vec<_> = machines.iter().flat_map(|it| ["--vm".into(), it.option()]).collect();
    Bridge::serve(bus, &options.iter().map(OsString::as_os_str).collect::<Vec<_>>()).await
}

/// Waits until every endpoint is connected.
async fn ready(client: &Client) {
    for path in PATHS {
        for interface in ["org.qemu.QmpEndpoint", "org.qemu.QgaEndpoint"] {
            connected(client, Target { name: NAME, path, interface }).await;
        }
    }
}

/// One fault a second.
async fn load(stage: &mut Stage<'_>, time: Duration) -> Samples {
    let mut samples = Samples::default();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = Instant::now();
    while start.elapsed() < time {
        second.tick().await;
        let memory = samples.take(stage.bridge);
        stage.machines.iter().for_each(Machine::forget);
        let (seconds, calls) = (start.elapsed().as_secs(), stage.office.ledger.calls());
        println!("{seconds:4} s, {calls} calls, {memory} KiB: {}", stage.strike().await);
    }
    samples
}

/// Waits for the last replies, and for those that should not come.
async fn drain(ledger: &Ledger, phase: &Sender<Phase>, callers: Vec<Handle>) {
    let _ = phase.send(Phase::Drain);
    let start = Instant::now();
    while ledger.unanswered() > 0 && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100)).await;
    }
    sleep(Duration::from_secs(1)).await;
    let _ = phase.send(Phase::End);
    for caller in callers {
        caller.ended().await;
    }
}

/// How long the slowest of the endpoints takes, at the best of some tries.
async fn slowest(client: &Client) -> Duration {
    let mut slowest = Duration::ZERO;
    for path in PATHS {
        for (interface, method) in
            [("org.qemu.QmpQapi", "QueryStatus"), ("org.qemu.QgaQapi", "GuestPing")]
        {
            let target = Target { name: NAME, path, interface };
            let mut best = Duration::MAX;
            for _ in 0..5 {
                let start = Instant::now();
                client.call(target, method, &()).await.unwrap();
                best = best.min(start.elapsed());
            }
            slowest = slowest.max(best);
        }
    }
    slowest
}

/// What the bridge uses when it has come back to no more descriptors than it had, or had time to.
/// Fewer are no loss: before, a socket may have been watched for writing, too.
async fn settled(bridge: &Bridge, before: Usage) -> Usage {
    for _ in 0..50 {
        if bridge.usage().descriptors <= before.descriptors {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    bridge.usage()
}
