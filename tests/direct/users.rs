//! Who may connect, and what polkit says of those who do.

use super::listening;
use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    busctl::{self, Output},
    client::{Client, MONITOR, MONITOR_ENDPOINT, Target},
    on_each_bus,
    peer::Peer,
    polkit::Polkit,
    process,
    system::{MEMBER, ROOT, SERVICE, STRANGER, User},
};
use std::{
    fs::{self, Permissions},
    io::Read,
    os::unix::fs::{PermissionsExt, chown},
    time::Duration,
};

const VM1: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/vm/vm1", interface: "org.qemu.QmpQapi" };

on_each_bus!(
    without_authorization_only_root_and_its_own_user_connect,
    polkit_is_asked_about_the_process,
);

async fn without_authorization_only_root_and_its_own_user_connect(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let (stage, own) = listening(&bus, &peer).await;
    let mode = fs::metadata(own.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Even if somebody opens the way.
    fs::set_permissions(own.socket(), Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(own.socket().parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    let mut stranger = STRANGER.connect(&own.socket());
    stranger.set_nonblocking(false).unwrap();
    stranger.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ended = tokio::task::spawn_blocking(move || stranger.read(&mut [0; 1]));
    assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)), "a stranger is let in");
    Client::new(&own).await.call(MONITOR, "QueryStatus", &()).await.unwrap();
    stage.end().await;
}

async fn polkit_is_asked_about_the_process(bus: Bus) {
    let system = bus.system().await;
    let _polkit = Polkit::start(
        &system,
        r#"polkit.addRule(function(action, subject) {
            if (action.lookup("command") == "query-status" && subject.user == "games")
                return polkit.Result.YES;
            return polkit.Result.NO;
        });"#,
    )
    .await;
    let peer = Peer::monitor(|_, _| None);
    fs::set_permissions(peer.socket(), Permissions::from_mode(0o666)).unwrap();
    let own = Bus::of_bridge();
    // The group of the folder is the one that may connect.
    let folder = own.socket().parent().unwrap().to_owned();
    chown(&folder, Some(SERVICE.uid), Some(MEMBER.gid)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o2750)).unwrap();
    let machine = format!("vm1=qmp:{}", peer.socket().display());
    let options = ["--authorize", "--listen", own.address(), "--vm", &machine];
    let wrapper = SERVICE.wrapper();
    let wrapper = wrapper.each_ref().map(String::as_str);
    let bridge = Bridge::launch_through(&wrapper, system.address(), &options.map(AsRef::as_ref));
    let bridge = bridge.ready().await;
    let root = Client::of(&system, ROOT).await;
    connected(&root, VM1.interface(MONITOR_ENDPOINT.interface)).await;
    let allowed = call(&own, MEMBER, "QueryStatus").await;
    assert!(allowed.stdout.contains("\"running\" b true"), "{allowed:?} {}", bridge.log());
    let denied = call(&own, MEMBER, "SystemReset").await;
    assert!(denied.stderr.contains("denied"), "{denied:?}");
    assert!(peer.lines("system_reset").is_empty());
    let stranger = call(&own, STRANGER, "QueryStatus").await;
    assert!(stranger.stderr.contains("Permission denied"), "{stranger:?}");
    let log = bridge.log();
    let line = log.lines().find(|line| line.contains("audit") && line.contains("system_reset"));
    let line = line.unwrap_or_else(|| panic!("no line of the audit in {log}"));
    assert!(line.contains("refused") && line.contains("uid=5"), "{line}");
}

/// A call by a process of this user.
async fn call(own: &Bus, user: User, method: &str) -> Output {
    let [setpriv, rest @ ..] = user.wrapper();
    let mut command = process::program(setpriv);
    command.args(rest).arg("busctl").arg(format!("--address={}", own.address()));
    command.args(["call", VM1.name, VM1.path, VM1.interface, method]);
    busctl::output(&mut command).await
}
