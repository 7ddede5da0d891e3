//! The bridge as a service: how it starts, what it tells, how it ends.

use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    client::{AGENT, Client, MONITOR, MONITOR_ENDPOINT, Target},
    ledger::Ledger,
    manager::Manager,
    on_each_bus,
    peer::{Answer, Peer},
    scratch::Scratch,
    stage::Stage,
    until,
};
use rustix::process::Signal;
use serde_json::json;
use std::{ffi::OsStr, fs, time::Duration};
use tokio::{task::JoinSet, time::sleep};

on_each_bus!(
    sigterm_answers_everybody_and_releases_the_name,
    a_thousand_reloads_lose_no_call,
    sighup_without_a_configuration_is_no_end,
    of_twenty_bridges_one_serves,
    the_watchdog_is_fed_while_the_bus_answers,
    the_start_can_be_ended_while_the_bus_hangs,
);

/// A machine of the configuration.
const WEB: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/vm/web", interface: "org.qemu.QmpQapi" };

/// Recipe 24: 20 calls in flight, of which those on the wire are never answered.
async fn sigterm_answers_everybody_and_releases_the_name(bus: Bus) {
    let peer = Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Silence));
    let (mut bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let owner = client.owner(MONITOR.name).await.unwrap();
    let mut ledger = Ledger::new(&bus).await;
    ledger.calls(MONITOR, 20).await;
    ledger.taken(MONITOR).await;
    peer.received("qom-get", 7).await;
    bridge.terminate();
    until("the name", async || client.owner(MONITOR.name).await.is_err().then_some(())).await;
    let unique: &'static str = owner.as_str().unwrap().to_owned().leak();
    let direct = Target { name: unique, ..MONITOR };
    let refused = client.call(direct, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.Stopping");
    ledger.settle().await;
    let outcomes = ledger.outcomes();
    assert_eq!(outcomes["org.qemu.QapiError.NotSent.Stopping"], 13, "{outcomes:?}");
    assert_eq!(outcomes["org.qemu.QapiError.Unknown.Timeout"], 7, "{outcomes:?}");
    let (status, text) = bridge.exit().await;
    assert!(status.success(), "{status}: {text}");
    ledger.close(MONITOR, || peer.all()).await;
}

/// Recipe 25: 1,000 signals to read the configuration again, while it changes under calls, is
/// broken for a while, and loses the machine of a call that runs.
async fn a_thousand_reloads_lose_no_call(bus: Bus) {
    let scratch = Scratch::new();
    let file = scratch.path("bridge.toml");
    let peer = Peer::monitor(|command, _| match command {
        "qom-get" => Some(Answer::Return(json!("value"))),
        "query-name" => Some(Answer::Silence),
        _ => None,
    });
    let machine = format!("[machine.web]\nqmp = '{}'\n", peer.socket().display());
    let other = "[machine.other]\nqmp = '/run/nobody.qmp'\n";
    let texts = [&machine, &format!("{machine}{other}"), &format!("{machine}[machine.other")];
    // As a whole: of a file that is half written, a late signal would read half.
    let write = |text: &str| {
        let new = scratch.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &file).unwrap();
    };
    write(&machine);
    let stage = Stage::serve(&bus, &["--config".as_ref(), file.as_os_str()]).await;
    connected(&stage.client, WEB.interface("org.qemu.QmpEndpoint")).await;
    let mut ledger = Ledger::new(&bus).await;
    for round in 0..50 {
        write(texts[round % texts.len()]);
        (0..20).for_each(|_| stage.bridge.signal(Signal::HUP));
        ledger.calls(WEB, 4).await;
        ledger.settle().await;
    }
    ledger.close(WEB, || peer.all()).await;
    assert_eq!(ledger.outcomes()[""], 200);
    assert_eq!(peer.lines("qmp_capabilities").len(), 1, "an unchanged machine stays connected");
    for told in ["configuration read again", "the configuration stays as it was"] {
        assert!(stage.bridge.log().contains(told), "{}", stage.bridge.log());
    }

    let client = stage.client.clone();
    let call = tokio::spawn(async move { client.call(WEB, "QueryName", &()).await });
    peer.received("query-name", 1).await;
    write("");
    stage.bridge.signal(Signal::HUP);
    // A call would wait behind the one that runs.
    let endpoint = WEB.interface("org.qemu.QmpEndpoint");
    let gone = async || stage.client.property(endpoint, "State").await.err();
    let gone = until("the end of the machine", gone).await;
    assert_eq!(gone.name, "org.freedesktop.DBus.Error.UnknownObject");
    peer.reply("query-name", json!({ "name": "web" }));
    assert_eq!(call.await.unwrap().unwrap(), json!({ "name": "web" }));

    write(&machine);
    stage.bridge.signal(Signal::HUP);
    let back = async || stage.client.call(WEB, "QueryStatus", &()).await.ok();
    until("the machine", back).await;
    drop(ledger);
    stage.end().await;
}

async fn sighup_without_a_configuration_is_no_end(bus: Bus) {
    let peer = Peer::agent(|_, _| None);
    let stage = Stage::agent(&bus, &peer.socket()).await;
    stage.bridge.signal(Signal::HUP);
    let told = async || stage.bridge.log().contains("SIGHUP").then_some(());
    until("a line of the log", told).await;
    stage.end().await;
}

/// Recipe 26.
async fn of_twenty_bridges_one_serves(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let socket = peer.socket();
    let options = [OsStr::new("--qmp"), socket.as_os_str()];
    let mut ends = JoinSet::new();
    for _ in 0..20 {
        let mut bridge = Bridge::launch(&bus, &options);
        ends.spawn(async move { bridge.exit().await.0.code() });
    }
    for _ in 0..19 {
        assert_eq!(ends.join_next().await.unwrap().unwrap(), Some(3));
    }
    let client = Client::new(&bus).await;
    connected(&client, MONITOR_ENDPOINT).await;
    assert_eq!(peer.lines("qmp_capabilities").len(), 1, "nobody else opened the socket");
    client.call(MONITOR, "QueryStatus", &()).await.unwrap();
}

async fn the_watchdog_is_fed_while_the_bus_answers(bus: Bus) {
    let manager = Manager::new();
    let peer = Peer::monitor(|command, _| (command == "qom-get").then_some(Answer::Silence));
    let (wrapper, socket) = (manager.wrapper(Duration::from_secs(1)), peer.socket());
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    let options = ["--qmp".as_ref(), socket.as_os_str()];
    let stage = Stage::through(&wrapper, &bus, &options).await;
    assert_eq!(manager.times("READY=1").len(), 1);
    connected(&stage.client, MONITOR_ENDPOINT).await;
    // A machine that hangs does not count.
    let mut ledger = Ledger::new(&bus).await;
    ledger.call(MONITOR).await;
    manager.tells("STATUS", "2 of 2 peers ready, calls in flight: 1").await;
    let fed = || manager.times("WATCHDOG=1").len();
    let before = fed();
    sleep(Duration::from_secs(3)).await;
    let times = fed() - before;
    assert!((4..=7).contains(&times), "{times} times in 3 s, where the limit is 1 s");
    bus.signal(Signal::STOP);
    sleep(Duration::from_millis(600)).await;
    let before = fed();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(fed(), before, "the bus does not answer");
    bus.signal(Signal::CONT);
    until("food", async || (fed() > before).then_some(())).await;
    stage.bridge.terminate();
    until("the end", async || (manager.times("STOPPING=1").len() == 1).then_some(())).await;
}

async fn the_start_can_be_ended_while_the_bus_hangs(bus: Bus) {
    let peer = Peer::agent(|_, _| None);
    let socket = peer.socket();
    bus.signal(Signal::STOP);
    let mut bridge = Bridge::launch(&bus, &["--qga".as_ref(), socket.as_os_str()]);
    sleep(Duration::from_secs(1)).await;
    bridge.terminate();
    let (status, text) = bridge.exit().await;
    assert!(status.success(), "{status}: {text}");
    bus.signal(Signal::CONT);
    assert_eq!(peer.all(), [""; 0], "the name was not owned yet");
}

/// Recipe 27: the bus starts the bridge for the first of 500 calls. dbus-broker leaves activation
/// to systemd, which no test starts.
#[tokio::test]
async fn calls_that_wait_for_the_start_are_all_answered() {
    const CLIENTS: usize = 25;
    let peer = Peer::agent(|command, _| {
        (command == "guest-file-open").then(|| Answer::Return(json!(1000)))
    });
    let socket = peer.socket();
    let bus = Bus::activating(AGENT.name, &["--qga".as_ref(), socket.as_os_str()]).await;
    let mut ledgers = Vec::new();
    for _ in 0..CLIENTS {
        let mut ledger = Ledger::new(&bus).await;
        ledger.calls(AGENT, 20).await;
        ledgers.push(ledger);
    }
    let mut answered = 0;
    for ledger in &mut ledgers {
        ledger.settle().await;
        ledger.close(AGENT, || peer.all()).await;
        let mut outcomes = ledger.outcomes();
        answered += outcomes.remove("").unwrap_or(0);
        outcomes.remove("org.freedesktop.DBus.Error.LimitsExceeded");
        assert!(outcomes.is_empty(), "{outcomes:?}");
    }
    // As many as may wait for one agent.
    assert!(answered >= 64, "{answered}");
}
