//! Whose sockets are opened.

use super::Host;
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    on_each_bus,
    peer::Peer,
    scratch::Scratch,
    system::MEMBER,
    until,
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

on_each_bus!(
    a_socket_of_another_user_is_not_opened,
    a_socket_that_others_could_have_put_there_is_not_opened,
    the_log_level_is_the_administrators,
);

async fn a_socket_of_another_user_is_not_opened(bus: Bus) {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.dir(), Permissions::from_mode(0o777)).unwrap();
    let socket = scratch.path("qmp");
    let listener = MEMBER.listen(&socket);
    let options = ["--qmp".as_ref(), socket.as_os_str()];
    let bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    let refusal = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.NotConnected");
    for part in ["served by uid 5", "--peer-user 5"] {
        assert!(refusal.text.contains(part), "{refusal}");
    }
    assert_eq!(client.property(MONITOR_ENDPOINT, "State").await.unwrap(), "disconnected");
    drop((client, bridge));
    let options = [&options[..], &["--peer-user".as_ref(), "games".as_ref()]].concat();
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    until("a connection", async || {
        let state = client.property(MONITOR_ENDPOINT, "State").await.unwrap();
        (state != "disconnected").then_some(())
    })
    .await;
    drop(listener);
}

async fn a_socket_that_others_could_have_put_there_is_not_opened(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let socket = peer.socket();
    let folder = socket.parent().unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o1777)).unwrap();
    let options = ["--authorize".as_ref(), "--qmp".as_ref(), socket.as_os_str()];
    let _bridge = Bridge::serve(&bus, &options).await;
    let client = Client::new(&bus).await;
    let state = async || client.property(MONITOR_ENDPOINT, "State").await.unwrap();
    // Several attempts later.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(state().await, "disconnected");
    assert!(_bridge.log().contains("chmod o-w"), "{}", _bridge.log());
    assert!(peer.all().is_empty());
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    until("a connection", async || (state().await == "ready").then_some(())).await;
}

/// As `systemctl service-log-level` sets it.
async fn the_log_level_is_the_administrators(bus: Bus) {
    use super::{CHALLENGE, SILENT};
    use qapi_dbus_tests::client::{PROPERTIES, Target};
    const LOG: Target = Target {
        name: "org.qemu.Bridge",
        path: "/org/freedesktop/LogControl1",
        interface: "org.freedesktop.LogControl1",
    };
    let host = Host::new(&bus, SILENT).await;
    let set = async |client: &Client, level: &str| {
        let value = zbus::Variant::from(level);
        client.call(LOG.interface(PROPERTIES), "Set", &(LOG.interface, "LogLevel", value)).await
    };
    assert_eq!(host.root.property(LOG, "LogLevel").await.unwrap(), "info");
    assert_eq!(set(&host.member, "debug").await.unwrap_err().name, CHALLENGE);
    set(&host.root, "debug").await.unwrap();
    assert_eq!(host.root.property(LOG, "LogLevel").await.unwrap(), "debug");
    host.root.call(super::VM1, "Cont", &()).await.unwrap();
    assert!(host.bridge.log().contains("DEBUG"), "{}", host.bridge.log());
    let refusal = set(&host.root, "loud").await.unwrap_err();
    assert!(refusal.text.contains("warning"), "{refusal}");
    set(&host.root, "err").await.unwrap();
    assert_eq!(host.root.property(LOG, "LogLevel").await.unwrap(), "err");
    let before = host.audited(&["\"cont\""]);
    host.root.call(super::VM1, "Cont", &()).await.unwrap();
    assert_eq!(host.audited(&["\"cont\""]), before + 1, "the audit log is never off");
}
