//! What an administrator's rules and the bridge's configuration can say.

use super::{AGENT1, CHALLENGE, DENIED, ENDPOINT1, Host, TRUSTING, VM1, VM2, outcome};
use qapi_dbus_tests::{bus::Bus, on_each_bus, system::MEMBER, until};
use serde_json::Value;
use std::{collections::HashMap, fs::OpenOptions};
use zbus::{Variant, wire::Fd};

on_each_bus!(
    a_rule_sees_machine_command_and_protocol,
    what_nobody_can_judge_is_off,
    a_named_command_has_its_own_class,
    a_call_of_several_commands_needs_leave_for_each,
    waiting_for_longer_than_usual_is_control,
    a_permission_that_is_revoked_is_gone_at_once,
    properties_are_what_the_bus_policy_guards,
);

async fn a_rule_sees_machine_command_and_protocol(bus: Bus) {
    let host = Host::new(
        &bus,
        r#"polkit.addRule(function(action, subject) {
            if (action.lookup("vm") == "vm2" && action.lookup("command") == "cont" &&
                action.lookup("protocol") == "qmp")
                return polkit.Result.YES;
            if (action.lookup("command") == "guest-ping" && action.lookup("protocol") == "qga")
                return polkit.Result.YES;
            if (action.lookup("command") == "stop")
                return polkit.Result.NO;
        });"#,
    )
    .await;
    let member = &host.member;
    assert_eq!(outcome(&member.call(VM2, "Cont", &()).await), "done");
    assert_eq!(outcome(&member.call(VM1, "Cont", &()).await), CHALLENGE);
    assert_eq!(outcome(&member.call(VM2, "SystemReset", &()).await), CHALLENGE);
    assert_eq!(outcome(&member.call(VM2, "Stop", &()).await), DENIED);
    assert_eq!(outcome(&member.call(AGENT1, "GuestPing", &()).await), "done");
    assert_eq!(host.audited(&["allowed", "vm2", "\"cont\"", "class=\"control\""]), 1);
    assert_eq!(host.audited(&["refused", "vm2", "\"stop\""]), 1);
}

async fn what_nobody_can_judge_is_off(bus: Bus) {
    let host = Host::new(&bus, TRUSTING).await;
    for client in [&host.root, &host.member] {
        let raw = r#"{"execute": "query-name"}"#;
        let refusal = client.call(ENDPOINT1, "Execute", &raw).await.unwrap_err();
        assert_eq!(refusal.name, DENIED);
        assert!(refusal.text.contains("execute = true"), "{refusal}");
        let refusal = client.call(VM1, "HumanMonitorCommand", &"info status").await.unwrap_err();
        assert_eq!(refusal.name, DENIED);
        let body = ("human-monitor-command", HashMap::from([("command-line", Variant::from("x"))]));
        let refusal = client.call(ENDPOINT1, "Call", &body).await.unwrap_err();
        assert_eq!(refusal.name, DENIED);
        assert!(refusal.text.contains("human-monitor-command = true"), "{refusal}");
        let refusal = client.call(VM1, "XQueryJit", &()).await.unwrap_err();
        assert_eq!(refusal.name, DENIED);
        assert!(refusal.text.contains("experimental = true"), "{refusal}");
    }
    let commands = ["human-monitor-command", "query-name", "x-query-jit"];
    assert_eq!(commands.map(|command| host.asked(command)), [0; 3]);
    assert_eq!(host.audited(&["refused", "human-monitor-command"]), 4);
}

/// `Call` is of the class of what it calls; what nobody knows is of the strictest.
async fn a_named_command_has_its_own_class(bus: Bus) {
    let host = Host::new(
        &bus,
        r#"polkit.addRule(function(action, subject) {
            if (action.id == "org.qemu.Bridge.read") return polkit.Result.YES;
        });"#,
    )
    .await;
    let none = HashMap::<&str, Variant<'_>>::new();
    let call = async |command: &str| {
        outcome(&host.member.call(ENDPOINT1, "Call", &(command, &none)).await).to_owned()
    };
    assert_eq!(call("query-name").await, "done");
    assert_eq!(call("system_reset").await, CHALLENGE);
    assert_eq!(call("query-of-tomorrow").await, CHALLENGE);
    assert_eq!(host.audited(&["refused", "query-of-tomorrow", "class=\"host\""]), 1);
    let events = &["RESET"][..];
    let wait = ("system_reset", &none, events, &none);
    assert_eq!(outcome(&host.member.call(ENDPOINT1, "CallAndWait", &wait).await), CHALLENGE);
    let subscribed = host.member.call(ENDPOINT1, "Subscribe", &(events, &none)).await;
    assert_eq!(outcome(&subscribed), "done");
    assert_eq!(host.asked("system_reset") + host.asked("query-of-tomorrow"), 0);
}

/// Nobody gets round a rule about one command by a method that runs it.
async fn a_call_of_several_commands_needs_leave_for_each(bus: Bus) {
    let host = Host::new(
        &bus,
        r#"polkit.addRule(function(action, subject) {
            var command = action.lookup("command");
            if (command == "guest-file-read" || command == "guest-exec-status")
                return polkit.Result.NO;
            return polkit.Result.YES;
        });"#,
    )
    .await;
    let endpoint = AGENT1.interface("org.qemu.QgaEndpoint");
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let body = ("/guest/file", Fd::from(&null));
    let read = host.member.call(endpoint, "ReadFile", &body).await.unwrap_err();
    assert!(read.name == DENIED && read.text.contains("`guest-file-read`"), "{read}");
    let run = host.member.call(endpoint, "Run", &vec!["/bin/true"]).await.unwrap_err();
    assert!(run.name == DENIED && run.text.contains("`guest-exec-status`"), "{run}");
    assert!(host.agent.lines("guest-file-open").is_empty());
    assert!(host.agent.lines("guest-exec").is_empty());
    assert_eq!(host.audited(&["refused", "guest-file-read", "class=\"guest-exec\""]), 1);
    let written = host.member.call(endpoint, "WriteFile", &body).await.unwrap_err();
    assert_eq!(written.name, "org.qemu.QapiError.Unknown.BadReply", "the peer opens nothing");
    assert_eq!(host.audited(&["allowed", "guest-file-open"]), 2);
    assert_eq!(host.audited(&["allowed", "guest-file-write"]), 1);
}

async fn waiting_for_longer_than_usual_is_control(bus: Bus) {
    let host = Host::new(
        &bus,
        r#"polkit.addRule(function(action, subject) {
            if (action.id == "org.qemu.Bridge.read") return polkit.Result.YES;
        });"#,
    )
    .await;
    let call = async |timeout: u32| {
        let options = HashMap::from([("@timeout", Variant::from(timeout))]);
        outcome(&host.member.call(VM1, "QueryName", &options).await).to_owned()
    };
    assert_eq!(call(1_000).await, "done");
    assert_eq!(call(30_000).await, "done");
    assert_eq!(call(30_001).await, CHALLENGE);
    assert_eq!(call(0).await, CHALLENGE);
}

/// Long before five seconds have passed: polkit tells that its rules changed.
async fn a_permission_that_is_revoked_is_gone_at_once(bus: Bus) {
    let host = Host::new(&bus, TRUSTING).await;
    let start = std::time::Instant::now();
    host.member.call(VM1, "QueryName", &()).await.unwrap();
    host.polkit
        .set_rules(r#"polkit.addRule(function(action, subject) { return polkit.Result.NO; });"#);
    until("a refusal", async || {
        let refused = host.member.call(VM1, "QueryName", &()).await.is_err();
        refused.then_some(())
    })
    .await;
    assert!(start.elapsed().as_secs() < 5, "the permission ran out by itself");
    assert_eq!(outcome(&host.client(MEMBER).await.call(VM1, "QueryName", &()).await), DENIED);
}

/// What the bridge itself knows is told without polkit: State, Version, the interfaces.
async fn properties_are_what_the_bus_policy_guards(bus: Bus) {
    let host = Host::new(&bus, "").await;
    let state = host.member.property(ENDPOINT1, "State").await.unwrap();
    assert_eq!(state, Value::from("ready"));
    assert!(host.member.introspect(VM1).await.contains("org.qemu.QmpQapi"));
}
