//! The typed client, through the bridge and straight to the peer.

use qapi_dbus_client::{
    Agent as TypedAgent, Bus as OnBus, Error, Events, Lost, Monitor, NotSent,
    Protocol::{Qga, Qmp},
    Socket, Transport, Unknown, qga,
    qmp::{self, event},
};
use qapi_dbus_tests::{
    agent::Agent,
    bridge::{Bridge, connected},
    bus::Bus,
    client::{Client, MONITOR_ENDPOINT},
    on_each_bus,
    peer::{Answer, Peer},
    qemu::Qemu,
    soon,
};
use serde_json::{Value, json};
use std::{ffi::OsStr, fs, time::Duration};

#[allow(dead_code, reason = "its main function is for people")]
#[path = "../bridge/client/examples/scenario.rs"]
mod scenario;

on_each_bus!(
    a_program_goes_either_way,
    the_end_of_a_program_is_waited_for,
    a_newer_and_an_older_peer_lose_nothing,
    what_may_have_run_is_told,
    lists_and_alternates_arrive,
    events_are_typed_and_newer_ones_kept,
    a_bridge_that_tells_nobody_else_is_heard,
    a_bridge_that_goes_away_ends_the_events,
    a_call_that_is_dropped_disturbs_no_other,
);

async fn a_program_goes_either_way(bus: Bus) {
    let (agent, qemu) = (Agent::start().await, Qemu::none().await);
    let file = agent.path("file");
    let path = file.to_str().unwrap();
    let direct = (TypedAgent::open(agent.socket()), Monitor::open(qemu.socket()));
    scenario::run(direct.0, direct.1, path).await.unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "hello");
    fs::remove_file(path).unwrap();
    let (_agent_bridge, client) = Bridge::with_agent(&bus, &agent.socket()).await;
    let (_monitor_bridge, _) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let connection = client.connection();
    let ways = (TypedAgent::single(connection), Monitor::single(connection));
    scenario::run(ways.0, ways.1, path).await.unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "hello");
}

async fn the_end_of_a_program_is_waited_for(bus: Bus) {
    let real = Agent::start().await;
    let (_bridge, client) = Bridge::with_agent(&bus, &real.socket()).await;
    let agent = TypedAgent::single(client.connection());
    let script = ["-c", "sleep 0.3; echo out; exit 7"];
    let pid = agent.guest_exec("/bin/sh").arg(script).capture_output(true).await.unwrap().pid;
    let status = agent.ended(pid).await.unwrap();
    assert_eq!((status.exitcode, status.out_data.as_deref()), (Some(7), Some("b3V0Cg==")));
    let again = agent.ended(pid).await.unwrap_err();
    assert_eq!(again.class(), Some("GenericError"));
}

async fn a_newer_and_an_older_peer_lose_nothing(bus: Bus) {
    async fn ask(agent: TypedAgent<impl Transport>) {
        let status = agent.guest_exec_status(7).await.unwrap();
        assert_eq!((status.exited, status.exitcode), (true, None));
        assert_eq!(status.unlisted["cgroup"], json!({ "a": [1, null, "b\0"] }));
        let vcpus = agent.guest_get_vcpus().await.unwrap();
        assert_eq!((vcpus[0].can_offline, &vcpus[0].unlisted["turbo"]), (None, &json!(true)));
        let ping = qga::command::GuestPing::new().unlisted("loud", true);
        agent.call(ping).await.unwrap();
        let newer = json!({ "height": 3 });
        let arguments = newer.as_object().unwrap().clone();
        let any = agent.transport().call_by_name("guest-fly", arguments, Default::default()).await;
        assert_eq!(any.unwrap(), json!({ "landed": [true] }));
        let open = agent.guest_file_open("/x").await.unwrap_err();
        assert!(matches!(open, Error::Unknown(..) | Error::Reply(_)), "{open}");
        assert!(open.may_have_run());
    }
    let script = |command: &str, arguments: &Value| {
        Some(Answer::Return(match (command, arguments) {
            ("guest-exec-status", _) => {
                json!({ "exited": true, "cgroup": { "a": [1, null, "b\0"] } })
            }
            ("guest-get-vcpus", _) => {
                json!([{ "logical-id": 0, "online": true, "turbo": true }])
            }
            ("guest-ping", arguments) if *arguments == json!({ "loud": true }) => json!({}),
            ("guest-fly", arguments) if *arguments == json!({ "height": 3 }) => {
                json!({ "landed": [true] })
            }
            ("guest-file-open", _) => json!("not a handle"),
            _ => return None,
        }))
    };
    let peer = Peer::agent(script);
    ask(TypedAgent::new(Socket::open(peer.socket(), Qga))).await;
    let peer = Peer::agent(script);
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    ask(TypedAgent::new(OnBus::single(client.connection(), Qga))).await;
}

async fn what_may_have_run_is_told(bus: Bus) {
    async fn ask(monitor: Monitor<impl Transport>) {
        let error = monitor.device_del("none").await.unwrap_err();
        assert_eq!(error.class(), Some("DeviceNotFound"));
        assert_eq!(error.to_string(), "DeviceNotFound: no such device");
        let error = monitor.cont().await.unwrap_err();
        assert_eq!((error.class(), error.may_have_run()), (Some("CommandNotFound"), false));
        let error = monitor.stop().deadline(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, Error::Unknown(Unknown::Timeout, _)), "{error}");
        assert!(error.may_have_run());
    }
    let script = |command: &str, _: &Value| {
        Some(match command {
            "device_del" => Answer::Error("DeviceNotFound", "no such device"),
            "cont" => Answer::Error("CommandNotFound", "never heard of it"),
            "stop" => Answer::Silence,
            _ => return None,
        })
    };
    let peer = Peer::monitor(script);
    ask(Monitor::new(Socket::open(peer.socket(), Qmp))).await;
    let peer = Peer::monitor(script);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    ask(Monitor::new(OnBus::single(client.connection(), Qmp))).await;
    let nobody = Monitor::new(OnBus::machine(client.connection(), "vm-1", Qmp));
    let error = nobody.query_status().await.unwrap_err();
    assert!(matches!(error, Error::NotSent(NotSent::NotConnected, _)), "{error}");
    let absent = Monitor::new(Socket::open("/nonexistent/socket", Qmp));
    let error = absent.query_status().await.unwrap_err();
    assert!(matches!(error, Error::NotSent(NotSent::NotConnected, _)), "{error}");
    let unfit = absent.device_del("\u{fffe}").await.unwrap_err();
    assert!(matches!(unfit, Error::NotSent(NotSent::Unfit, _)), "{unfit}");
}

async fn lists_and_alternates_arrive(bus: Bus) {
    async fn ask(agent: TypedAgent<impl Transport>) {
        let vcpus = [qga::GuestLogicalProcessor::new(0, true)];
        assert_eq!(agent.guest_set_vcpus(vcpus).await.unwrap(), 1);
        let mode = qga::GuestExecCaptureOutputMode::Merged;
        let exec = agent.guest_exec("/x\0").arg(["a", ""]).capture_output(mode);
        assert_eq!(exec.await.unwrap().pid, 5);
        let none = agent.guest_fsfreeze_freeze_list().mountpoints([""; 0]);
        assert_eq!(none.await.unwrap(), 0);
    }
    let script = |command: &str, arguments: &Value| {
        let (expected, answer) = match command {
            "guest-set-vcpus" => {
                (json!({ "vcpus": [{ "logical-id": 0, "online": true }] }), json!(1))
            }
            "guest-exec" => {
                let path = if arguments["path"] == "/x\0" { "/x\0" } else { "/x\u{fffd}" };
                let rest = json!({ "path": path, "arg": ["a", ""], "capture-output": "merged" });
                (rest, json!({ "pid": 5 }))
            }
            "guest-fsfreeze-freeze-list" => (json!({ "mountpoints": [] }), json!(0)),
            _ => return None,
        };
        (*arguments == expected).then_some(Answer::Return(answer))
    };
    let peer = Peer::agent(script);
    ask(TypedAgent::new(Socket::open(peer.socket(), Qga))).await;
    let peer = Peer::agent(script);
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    ask(TypedAgent::new(OnBus::single(client.connection(), Qga))).await;
}

/// Tells events and reads them.
async fn hear(peer: &Peer, mut events: Events<qmp::Event>) {
    peer.event("DEVICE_DELETED", json!({ "path": "/p", "why": ["x"] }));
    peer.event("MOON_RISEN", json!({ "phase": 0.5 }));
    peer.event("STOP", json!({}));
    let deleted = soon("an event", events.next()).await.unwrap().unwrap();
    assert_eq!(deleted.timestamp, 1_700_000_000_250_000);
    let deleted = event::DeviceDeleted::try_from(deleted.event).unwrap();
    assert_eq!((&*deleted.path, &deleted.unlisted["why"]), ("/p", &json!(["x"])));
    let risen = soon("an event", events.next()).await.unwrap().unwrap().event;
    let qmp::Event::Unlisted(name, data) = risen else { panic!("{risen:?}") };
    assert_eq!((name.as_str(), &data["phase"]), ("MOON_RISEN", &json!(0.5)));
    let stop = soon("an event", events.next_of::<event::StopEvent>()).await;
    assert_eq!(stop, Some(event::StopEvent::new()));
}

async fn events_are_typed_and_newer_ones_kept(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let monitor = Monitor::new(Socket::open(peer.socket(), Qmp));
    // Connected, so that nothing is told before.
    monitor.query_status().await.unwrap();
    hear(&peer, monitor.events().await.unwrap()).await;
    let mut unread = monitor.events().await.unwrap();
    for actual in 0..2000 {
        peer.event("BALLOON_CHANGE", json!({ "actual": actual }));
    }
    peer.drained().await;
    // Its reply comes behind them.
    monitor.query_status().await.unwrap();
    let lost = unread.next().await.unwrap().unwrap_err();
    assert!(matches!(lost, Lost::Dropped(900..)), "{lost}");
    drop(monitor);
    let (_bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let monitor = Monitor::new(OnBus::single(client.connection(), Qmp));
    hear(&peer, monitor.events().await.unwrap()).await;
}

async fn a_bridge_that_tells_nobody_else_is_heard(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let socket = peer.socket();
    let options = [OsStr::new("--unicast"), OsStr::new("--qmp"), socket.as_os_str()];
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    connected(&client, MONITOR_ENDPOINT).await;
    let way = OnBus::single(client.connection(), Qmp).subscribing();
    hear(&peer, Monitor::new(way).events().await.unwrap()).await;
}

async fn a_bridge_that_goes_away_ends_the_events(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (mut bridge, client) = Bridge::with_monitor(&bus, &peer.socket()).await;
    let monitor = Monitor::new(OnBus::single(client.connection(), Qmp));
    let mut events = monitor.events().await.unwrap();
    bridge.terminate();
    bridge.exit().await;
    assert_eq!(soon("the end", events.next()).await, None);
}

async fn a_call_that_is_dropped_disturbs_no_other(bus: Bus) {
    async fn ask(peer: &Peer, agent: TypedAgent<impl Transport>) {
        let dropped = tokio::time::timeout(
            Duration::from_millis(100),
            std::future::IntoFuture::into_future(agent.guest_get_time()),
        );
        assert!(dropped.await.is_err());
        peer.received("guest-get-time", 1).await;
        peer.reply("guest-get-time", json!(1));
        let name = agent.guest_get_host_name().await.unwrap().host_name;
        assert_eq!(name, "name");
    }
    let script = |command: &str, _: &Value| match command {
        "guest-get-time" => Some(Answer::Silence),
        "guest-get-host-name" => Some(Answer::Return(json!({ "host-name": "name" }))),
        _ => None,
    };
    let peer = Peer::agent(script);
    ask(&peer, TypedAgent::new(Socket::open(peer.socket(), Qga))).await;
    let peer = Peer::agent(script);
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    ask(&peer, TypedAgent::new(OnBus::single(client.connection(), Qga))).await;
}
