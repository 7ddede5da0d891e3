//! Peers that are not there, or belong to somebody else.

use qapi_dbus_tests::{
    agent::Agent,
    bridge::{connected, in_state},
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client, MONITOR, MONITOR_ENDPOINT, Target},
    ledger::Ledger,
    monitor::Monitor,
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    scratch::Scratch,
    stage::Stage,
    until,
};
use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
    time::{Duration, Instant},
};
use tokio::net::UnixStream;

on_each_bus!(
    a_missing_socket_is_named_until_somebody_listens,
    a_socket_whose_owner_ended_is_named,
    a_forbidden_socket_is_named,
    attempts_to_connect_grow_rare,
    a_monitor_in_use_is_busy,
    an_agent_in_use_is_busy,
);

const NOT_CONNECTED: &str = "org.qemu.QapiError.NotSent.NotConnected";
const BUSY: &str = "org.qemu.QapiError.NotSent.Busy";

/// Far less than the longest pause between two attempts.
const AT_ONCE: Duration = Duration::from_secs(2);

async fn a_missing_socket_is_named_until_somebody_listens(bus: Bus) {
    let scratch = Scratch::new();
    let socket = scratch.path("missing.sock");
    let stage = serve(&bus, &socket).await;
    let mut ledger = Ledger::new(&bus).await;
    refused(&stage.client, &socket, "No such file").await;
    ledger.calls(MONITOR, 3).await;
    ledger.close(MONITOR, Vec::new).await;
    assert_eq!(ledger.outcomes()[NOT_CONNECTED], 3);
    // So that the pause between two attempts is long, and the call itself has to connect.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let peer = Peer::monitor(|_, _| None);
    fs::hard_link(peer.socket(), &socket).unwrap();
    let start = Instant::now();
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    drop(peer);
    in_state(&stage.client, MONITOR_ENDPOINT, "disconnected").await;
    stage.end().await;
}

async fn a_socket_whose_owner_ended_is_named(bus: Bus) {
    let scratch = Scratch::new();
    let socket = scratch.path("stale.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let stage = serve(&bus, &socket).await;
    refused(&stage.client, &socket, "Connection refused").await;
    stage.end().await;
}

/// A bridge that is root still may not, once it gave away what lets root pass every permission.
async fn a_forbidden_socket_is_named(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let socket = peer.socket();
    fs::set_permissions(&socket, Permissions::from_mode(0o000)).unwrap();
    let options = ["--qmp".as_ref(), socket.as_os_str()];
    let stage = Stage::through(&UNPRIVILEGED, &bus, &options).await;
    refused(&stage.client, &socket, "Permission denied").await;
    fs::set_permissions(&socket, Permissions::from_mode(0o700)).unwrap();
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    drop(peer);
    in_state(&stage.client, MONITOR_ENDPOINT, "disconnected").await;
    stage.end().await;
}

const UNPRIVILEGED: [&str; 3] = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];

/// Pauses of 0.1, 0.2, 0.4 s and so on, each at most a quarter shorter: in 6 s at least 5 attempts
/// and at most 9.
async fn attempts_to_connect_grow_rare(bus: Bus) {
    let peer = Peer::greeting(Answer::Raw(b"this is no monitor\r\n".to_vec()), |_, _| None);
    let stage = serve(&bus, &peer.socket()).await;
    let connections = async || {
        let counters = stage.client.property(MONITOR_ENDPOINT, "Counters").await.unwrap();
        counters["connections"].as_u64().unwrap()
    };
    until("a first attempt", async || (connections().await > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let attempts = connections().await;
    assert!((5..=9).contains(&attempts), "{attempts}");
}

async fn a_monitor_in_use_is_busy(bus: Bus) {
    let qemu = Qemu::none().await;
    let holder = Monitor::qmp(&qemu.socket()).await;
    let stage = serve(&bus, &qemu.socket()).await;
    busy(&bus, &stage, MONITOR, MONITOR_ENDPOINT).await;
    drop(holder);
    connected(&stage.client, MONITOR_ENDPOINT).await;
    stage.client.call(MONITOR, "QueryStatus", &()).await.unwrap();
    stage.end().await;
}

async fn an_agent_in_use_is_busy(bus: Bus) {
    let agent = Agent::start().await;
    let holder = UnixStream::connect(agent.socket()).await.unwrap();
    let socket = agent.socket();
    let stage = Stage::serve(&bus, &["--qga".as_ref(), socket.as_os_str()]).await;
    busy(&bus, &stage, AGENT, AGENT_ENDPOINT).await;
    drop(holder);
    connected(&stage.client, AGENT_ENDPOINT).await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    stage.end().await;
}

/// The peer accepts the connection and says nothing: calls wait for five seconds, and from then on
/// are refused at once, otherwise than where nobody listens.
async fn busy(bus: &Bus, stage: &Stage, target: Target, endpoint: Target) {
    let mut ledger = Ledger::new(bus).await;
    ledger.calls(target, 3).await;
    ledger.close(target, Vec::new).await;
    assert_eq!(ledger.outcomes()[BUSY], 3);
    in_state(&stage.client, endpoint, "unresponsive").await;
    let start = Instant::now();
    ledger.calls(target, 3).await;
    ledger.close(target, Vec::new).await;
    assert_eq!(ledger.outcomes()[BUSY], 6);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    stage.answers().await;
}

async fn serve(bus: &Bus, socket: &Path) -> Stage {
    Stage::serve(bus, &["--qmp".as_ref(), socket.as_os_str()]).await
}

async fn refused(client: &Client, socket: &Path, why: &str) {
    let start = Instant::now();
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert_eq!(refused.name, NOT_CONNECTED);
    assert!(refused.text.contains(socket.to_str().unwrap()), "{refused}");
    assert!(refused.text.contains(why), "{refused}");
    in_state(client, MONITOR_ENDPOINT, "disconnected").await;
}
