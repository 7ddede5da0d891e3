//! A host that runs out of descriptors, sets its clock, or keeps nothing of what it is told.

use qapi_dbus_tests::{
    bridge::{Bridge, connected, in_state},
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, Signals, Target},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    scratch::Scratch,
    stage::{CALM, Stage},
    until,
};
use serde_json::json;
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::sleep;
use zbus::wire::Fd;

on_each_bus!(
    machines_for_which_no_descriptor_is_left_wait_for_one,
    the_clock_has_no_say_in_deadlines,
    nobody_has_to_read_what_the_bridge_says,
);

/// Recipe 23.
async fn machines_for_which_no_descriptor_is_left_wait_for_one(bus: Bus) {
    let mut peers: Vec<_> = (0..100).map(|_| Some(Peer::agent(|_, _| None))).collect();
    let machine = |(at, peer): (usize, &Option<Peer>)| {
        let mut machine = OsString::from(format!("m{at}=qga:"));
        machine.push(peer.as_ref().unwrap().socket());
        machine
    };
    let machines: Vec<_> = peers.iter().enumerate().map(machine).collect();
    let options: Vec<_> = machines.iter().flat_map(|it| [OsStr::new("--vm"), it]).collect();
    let stage = Stage::through(&["prlimit", "--nofile=32:32"], &bus, &options).await;
    // The pauses between attempts grow to 5 seconds meanwhile.
    sleep(Duration::from_secs(12)).await;
    let before = stage.bridge.usage().time;
    sleep(Duration::from_secs(4)).await;
    let busy = stage.bridge.usage().time - before;
    assert!(busy < Duration::from_millis(200), "{busy:?} of processor time in 4 s");
    let served = served(&stage.client, peers.len()).await;
    assert!((1..20).contains(&served.len()), "{served:?}");
    for &at in &served {
        stage.client.call(agent(at), "GuestPing", &()).await.unwrap();
    }
    let waits = (0..peers.len()).find(|at| !served.contains(at)).unwrap();
    let refused = stage.client.call(agent(waits), "GuestPing", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.NotConnected");
    // A message that brings descriptors has to be taken, or the bus is lost.
    let file = File::open("/dev/null").unwrap();
    let brought: Vec<_> = (0..16).map(|_| Fd::from(&file)).collect();
    let refused = stage.client.call(CALM, "GuestPing", &brought).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidArgs");
    served.iter().for_each(|&at| peers[at] = None);
    until("others in their place", async || {
        let now = self::served(&stage.client, peers.len()).await;
        let others = now.iter().filter(|at| !served.contains(at)).count();
        (others >= served.len()).then_some(())
    })
    .await;
    stage.answers().await;
    assert!(!stage.bridge.log().contains("panicked"));
}

/// Recipe 28.
async fn the_clock_has_no_say_in_deadlines(bus: Bus) {
    let clock = Clock::new();
    let peer = Peer::monitor(|command, _| match command {
        "qom-get" => Some(Answer::Silence),
        "query-balloon" => Some(Answer::Return(json!({ "actual": 6 }))),
        _ => None,
    });
    let socket = peer.socket();
    let wrapper = clock.wrapper();
    let wrapper: Vec<_> = wrapper.iter().map(String::as_str).collect();
    let stage = Stage::through(&wrapper, &bus, &["--qmp".as_ref(), socket.as_os_str()]).await;
    connected(&stage.client, MONITOR_ENDPOINT).await;
    let mut signals = stage.client.signals(MONITOR).await;
    for hour in [1, -1, 0] {
        let caller = stage.client.clone();
        let body = ("/x", "y", dictionary(json!({ "@timeout": 2000 })));
        let start = Instant::now();
        let call = tokio::spawn(async move { caller.call(MONITOR, "QomGet", &body).await });
        sleep(Duration::from_millis(500)).await;
        clock.shift(hour * 3600);
        peer.event("DEVICE_DELETED", json!({ "path": "/p" }));
        let event = signals.named("DeviceDeleted").await;
        assert_eq!(event.arguments[1]["@timestamp"], 1_700_000_000_250_000u64);
        let refused = call.await.unwrap().unwrap_err();
        assert_eq!(refused.name, "org.qemu.QapiError.Unknown.Timeout");
        let time = start.elapsed().as_secs_f64();
        assert!((1.9..10.0).contains(&time), "a deadline of 2 s was kept after {time} s");
        stage.answers().await;
        // Replies come in order, so the next has to wait for this one.
        peer.reply("qom-get", json!("late"));
        let ahead = bridge_clock(&stage.client, &mut signals).await - now();
        assert!((ahead - f64::from(hour) * 3600.0).abs() < 60.0, "{ahead} s, not {hour} h");
    }
    stage.end().await;
}

/// Recipe 33: a full disk, closed streams, a pipe that nobody reads, and one whose reader went.
async fn nobody_has_to_read_what_the_bridge_says(bus: Bus) {
    let scratch = Scratch::new();
    let (full, left) = (scratch.path("full"), scratch.path("left"));
    for pipe in [&full, &left] {
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }
    let open = |pipe: &Path| File::options().read(true).write(true).open(pipe).unwrap();
    let redirections = [
        (">/dev/full 2>&1".to_owned(), None),
        (">&- 2>&-".to_owned(), None),
        (format!(">{} 2>&1", left.display()), Some(open(&left))),
        (format!(">{} 2>&1", full.display()), None),
    ];
    let _unread = open(&full);
    for (redirection, reader) in redirections {
        serves_without_a_voice(&bus, &redirection, || drop(reader)).await;
    }
}

async fn serves_without_a_voice(bus: &Bus, redirection: &str, silence: impl FnOnce()) {
    let peer =
        Peer::monitor(|command, _| (command == "qom-get").then(|| Answer::Return(json!("value"))));
    let socket = peer.socket();
    let shell = format!("exec \"$0\" \"$@\" {redirection}");
    // Enough is said for any pipe to be full.
    let options = ["-vv".as_ref(), "--qmp".as_ref(), socket.as_os_str()];
    let mut bridge = Bridge::launch_through(&["sh", "-c", &shell], bus.address(), &options);
    let client = Client::new(bus).await;
    until("an owner", async || client.owner(MONITOR.name).await.ok()).await;
    connected(&client, MONITOR_ENDPOINT).await;
    silence();
    for _ in 0..1000 {
        client.call(MONITOR, "QomGet", &("/x", "y")).await.unwrap();
    }
    drop(peer);
    in_state(&client, MONITOR_ENDPOINT, "disconnected").await;
    bridge.terminate();
    let (status, _) = bridge.exit().await;
    assert!(status.success(), "{redirection}: {status}");
}

fn agent(at: usize) -> Target {
    let path: &'static str = format!("/org/qemu/vm/m{at}").leak();
    Target { path, ..CALM }
}

/// The machines whose agents answer.
async fn served(client: &Client, count: usize) -> Vec<usize> {
    let mut served = Vec::new();
    for at in 0..count {
        let endpoint = agent(at).interface("org.qemu.QgaEndpoint");
        if client.property(endpoint, "State").await.unwrap() == "ready" {
            served.push(at);
        }
    }
    served
}

/// The clock of the host, for one program, by faketime(1).
struct Clock(Scratch);

impl Clock {
    fn new() -> Self {
        let clock = Self(Scratch::new());
        clock.shift(0);
        clock
    }

    /// Sets it to so many seconds from the true time.
    fn shift(&self, seconds: i32) {
        let new = self.0.path("new");
        fs::write(&new, format!("{seconds:+}s\n")).unwrap();
        fs::rename(&new, self.file()).unwrap();
    }

    /// The program and the arguments that have another program use it.
    fn wrapper(&self) -> [String; 5] {
        [
            "env".into(),
            "LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1".into(),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file().display()),
            "FAKETIME_NO_CACHE=1".into(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        ]
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path("clock")
    }
}

/// What the bridge takes the time for: it stamps the state that it tells a new subscriber.
async fn bridge_clock(client: &Client, signals: &mut Signals) -> f64 {
    let body = (&["BALLOON_CHANGE"][..], dictionary(json!({})));
    client.call(MONITOR_ENDPOINT, "Subscribe", &body).await.unwrap();
    let told = signals.named("BalloonChange").await;
    told.arguments[1]["@timestamp"].as_f64().unwrap() / 1e6
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}
