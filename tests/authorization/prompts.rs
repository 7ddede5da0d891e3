//! Callers who let themselves be asked to authenticate.

use super::{CHALLENGE, DENIED, Host, MEMBER, SILENT, VM1};
use qapi_dbus_tests::{
    bus::Bus, client::Target, on_each_bus, peer::Peer, prompter::Prompter, until,
};
use std::{
    collections::HashMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};
use zbus::Variant;

on_each_bus!(
    nobody_is_asked_without_an_agent,
    who_authenticates_may_and_who_does_not_may_not,
    one_user_is_asked_one_thing_at_a_time,
    who_leaves_is_asked_no_longer,
    a_machine_that_was_replaced_meanwhile_gets_nothing,
);

async fn nobody_is_asked_without_an_agent(bus: Bus) {
    let host = Host::new(&bus, SILENT).await;
    let refusal = host.member.call_interactive(VM1, "SystemReset").await.unwrap_err();
    assert_eq!(refusal.name, CHALLENGE, "{refusal}");
    assert_eq!(host.asked("system_reset"), 0);
}

async fn who_authenticates_may_and_who_does_not_may_not(bus: Bus) {
    let host = Host::new(&bus, SILENT).await;
    let mut prompter = Prompter::register(&host.bus).await;
    // A call that does not say so bothers nobody.
    host.member.call(VM1, "SystemReset", &()).await.unwrap_err();
    assert!(prompter.is_idle());
    let client = host.member.clone();
    let call = tokio::spawn(async move { client.call_interactive(VM1, "SystemReset").await });
    let prompt = prompter.prompt().await;
    for part in ["system_reset", "vm1"] {
        assert!(prompt.message.contains(part), "{}", prompt.message);
    }
    assert_eq!(host.asked("system_reset"), 0);
    prompter.agree(&prompt).await;
    call.await.unwrap().unwrap();
    assert_eq!(host.asked("system_reset"), 1);
    // Nothing of a destructive command is remembered.
    let client = host.member.clone();
    let call = tokio::spawn(async move { client.call_interactive(VM1, "SystemReset").await });
    let prompt = prompter.prompt().await;
    prompter.close(&prompt).await;
    assert_eq!(call.await.unwrap().unwrap_err().name, DENIED);
    assert_eq!(host.asked("system_reset"), 1);
}

async fn one_user_is_asked_one_thing_at_a_time(bus: Bus) {
    let host = Host::new(&bus, SILENT).await;
    let mut prompter = Prompter::register(&host.bus).await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        let client = host.client(MEMBER).await;
        calls.push(tokio::spawn(async move { client.call_interactive(VM1, "SystemReset").await }));
    }
    let first = prompter.prompt().await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(prompter.is_idle(), "two prompts at once");
    prompter.agree(&first).await;
    let second = prompter.prompt().await;
    prompter.agree(&second).await;
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

async fn who_leaves_is_asked_no_longer(bus: Bus) {
    let host = Host::new(&bus, SILENT).await;
    let mut prompter = Prompter::register(&host.bus).await;
    let leaver = host.client(MEMBER).await;
    let client = leaver.clone();
    let call = tokio::spawn(async move { client.call_interactive(VM1, "SystemReset").await });
    let prompt = prompter.prompt().await;
    call.abort();
    leaver.connection().clone().close().await.unwrap();
    assert_eq!(prompter.cancelled().await, prompt.cookie);
    assert_eq!(host.asked("system_reset"), 0);
}

/// The verdict was for another machine, whatever its name is.
async fn a_machine_that_was_replaced_meanwhile_gets_nothing(bus: Bus) {
    const BRIDGE: Target = Target { path: "/org/qemu/Bridge", interface: "org.qemu.Bridge", ..VM1 };
    const VM3: Target = Target { path: "/org/qemu/vm/vm3", ..VM1 };
    let host = Host::new(&bus, SILENT).await;
    let mut prompter = Prompter::register(&host.bus).await;
    let peers = [Peer::monitor(super::obey), Peer::monitor(super::obey)];
    let add = async |peer: &Peer| {
        fs::set_permissions(peer.socket(), Permissions::from_mode(0o666)).unwrap();
        let socket = peer.socket();
        let sockets = HashMap::from([("qmp", Variant::from(socket.to_str().unwrap()))]);
        host.root.call(BRIDGE, "AddVm", &("vm3", sockets)).await.unwrap();
        let endpoint = VM3.interface("org.qemu.QmpEndpoint");
        until("vm3", async || {
            let state = host.root.property(endpoint, "State").await.ok()?;
            (state == "ready").then_some(())
        })
        .await;
    };
    let denied = host.member.call(BRIDGE, "RemoveVm", &"vm3").await.unwrap_err();
    assert_eq!(denied.name, CHALLENGE);
    add(&peers[0]).await;
    let client = host.member.clone();
    let call = tokio::spawn(async move { client.call_interactive(VM3, "SystemReset").await });
    let prompt = prompter.prompt().await;
    host.root.call(BRIDGE, "RemoveVm", &"vm3").await.unwrap();
    add(&peers[1]).await;
    prompter.agree(&prompt).await;
    let refusal = call.await.unwrap().unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.Stale", "{refusal}");
    assert!(peers.iter().all(|peer| peer.lines("system_reset").is_empty()));
}
