//! polkit that is gone, hangs or is slow, and callers and floods meanwhile.

use super::{DENIED, ENDPOINT1, Host, TRUSTING, VM1, VM2, outcome};
use qapi_dbus_tests::{bus::Bus, client::Target, on_each_bus, system::MEMBER};
use rustix::process::Signal;
use std::time::{Duration, Instant};

on_each_bus!(
    without_polkit_calls_are_denied_at_once,
    a_polkit_that_hangs_denies_in_time_and_stalls_nobody,
    calls_keep_their_order_while_polkit_is_slow,
    a_flood_of_calls_gets_one_reply_each,
    a_flood_beyond_the_limits_is_in_the_audit_log_once_a_second,
    who_leaves_while_polkit_is_asked_is_forgotten,
    the_end_refuses_what_waits_for_polkit,
);

async fn without_polkit_calls_are_denied_at_once(bus: Bus) {
    let mut host = Host::new(&bus, TRUSTING).await;
    host.member.call(VM1, "Cont", &()).await.unwrap();
    host.polkit.kill().await;
    for client in [&host.member, &host.root] {
        let start = Instant::now();
        let refusal = client.call(VM1, "Cont", &()).await.unwrap_err();
        assert_eq!(refusal.name, DENIED);
        assert!(refusal.text.contains("authorization service not reachable"), "{refusal}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
    assert_eq!(host.asked("cont"), 1);
    host.polkit.restart(&host.bus).await;
    host.member.call(VM1, "Cont", &()).await.unwrap();
}

/// 25 seconds, and meanwhile a permission that was given a moment ago holds.
async fn a_polkit_that_hangs_denies_in_time_and_stalls_nobody(bus: Bus) {
    let host = Host::new(&bus, TRUSTING).await;
    let other = host.client(MEMBER).await;
    host.polkit.signal(Signal::STOP);
    let start = Instant::now();
    let waiting = host.member.clone();
    let denied = tokio::spawn(async move { waiting.call(VM1, "Cont", &()).await });
    // Others are served: what needs no polkit at once.
    let asked = Instant::now();
    other.property(ENDPOINT1, "State").await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5));
    let refusal = denied.await.unwrap().unwrap_err();
    let took = start.elapsed();
    assert_eq!(refusal.name, DENIED);
    assert!(refusal.text.contains("authorization service not reachable"), "{refusal}");
    assert!((24..40).contains(&took.as_secs()), "{took:?}");
    host.polkit.signal(Signal::CONT);
    host.member.call(VM1, "QueryName", &()).await.unwrap();
    host.polkit.signal(Signal::STOP);
    host.member.call(VM1, "QueryName", &()).await.unwrap();
    host.polkit.signal(Signal::CONT);
    host.member.call(VM1, "Cont", &()).await.unwrap();
    assert_eq!(host.asked("cont"), 1);
    assert_eq!(host.audited(&["refused", "\"cont\"", "not reachable"]), 1);
}

/// The slow one goes first, since it came first; those to another machine do not wait for it.
async fn calls_keep_their_order_while_polkit_is_slow(bus: Bus) {
    let host = Host::new(
        &bus,
        r#"polkit.addRule(function(action, subject) {
            if (action.lookup("command") == "cont" && action.lookup("vm") == "vm1")
                polkit.spawn(["sleep", "2"]);
            return polkit.Result.YES;
        });"#,
    )
    .await;
    // Remembered, so that they could go at once.
    for machine in [VM1, VM2] {
        host.member.call(machine, "QueryName", &()).await.unwrap();
    }
    host.monitors.iter().for_each(|monitor| monitor.forget());
    let calls = [(VM1, "Cont"), (VM1, "QueryName"), (VM1, "SystemReset"), (VM2, "QueryName")];
    let mut waiting = Vec::new();
    for (machine, method) in calls {
        let client = host.member.clone();
        waiting.push(tokio::spawn(async move {
            client.call(machine, method, &()).await.unwrap();
            Instant::now()
        }));
        // The next one is to come after it.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut ended = Vec::new();
    for call in waiting {
        ended.push(call.await.unwrap());
    }
    assert!(ended[3] < ended[0], "the second machine waited for the first");
    let sent = host.monitors[0].all();
    let commands = ["cont", "query-name", "system_reset"].map(|command| {
        let quoted = format!("\"{command}\"");
        sent.iter().position(|line| line.contains(&quoted)).unwrap()
    });
    assert!(commands.is_sorted(), "{sent:?}");
}

async fn a_flood_of_calls_gets_one_reply_each(bus: Bus) {
    const CALLERS: usize = 20;
    const CALLS: usize = 25;
    let host = Host::new(&bus, TRUSTING).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let client = host.client(MEMBER).await;
        for _ in 0..CALLS {
            let client = client.clone();
            calls.spawn(async move { client.call(VM1, "Cont", &()).await });
        }
    }
    let (mut done, mut refused) = (0, 0);
    while let Some(call) = calls.join_next().await {
        match outcome(&call.unwrap()) {
            "done" => done += 1,
            // One user has a share of what may wait only.
            "org.freedesktop.DBus.Error.LimitsExceeded" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(done + refused, CALLERS * CALLS);
    assert!(done >= 128, "{done} done");
    assert_eq!(host.asked("cont"), done);
    assert_eq!(host.audited(&["allowed", "\"cont\""]), done);
    host.root.call(VM1, "Cont", &()).await.unwrap();
}

/// What is refused before polkit is asked costs its caller nothing, and the log little.
async fn a_flood_beyond_the_limits_is_in_the_audit_log_once_a_second(bus: Bus) {
    const CALLS: usize = 500;
    let host = Host::new(&bus, TRUSTING).await;
    host.polkit.signal(Signal::STOP);
    let start = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..CALLS {
        let client = host.member.clone();
        calls.spawn(async move { client.call(VM1, "SystemReset", &()).await });
    }
    let beyond = "org.freedesktop.DBus.Error.LimitsExceeded";
    for _ in 0..CALLS / 2 {
        assert_eq!(outcome(&calls.join_next().await.unwrap().unwrap()), beyond);
    }
    let told = host.audited(&["refused", "machine=\"vm1\"", "\"system_reset\"", "in flight"]);
    let most = 1 + usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!((1..=most).contains(&told), "{told} lines\n{}", host.bridge.log());
    host.polkit.signal(Signal::CONT);
    while let Some(call) = calls.join_next().await {
        assert!(["done", beyond].contains(&outcome(&call.unwrap())));
    }
}

async fn who_leaves_while_polkit_is_asked_is_forgotten(bus: Bus) {
    let host = Host::new(&bus, TRUSTING).await;
    host.polkit.signal(Signal::STOP);
    let leaver = host.client(MEMBER).await;
    let caller = leaver.connection().clone();
    let call = tokio::spawn(async move {
        let Target { name, path, interface } = VM1;
        caller.call_method(Some(name), path, Some(interface), "SystemReset", &()).await
    });
    // It is at the bridge before a call of another that came later is answered.
    tokio::time::sleep(Duration::from_millis(300)).await;
    host.root.property(ENDPOINT1, "State").await.unwrap();
    leaver.connection().clone().close().await.unwrap();
    call.await.unwrap().unwrap_err();
    host.root.property(ENDPOINT1, "State").await.unwrap();
    host.polkit.signal(Signal::CONT);
    host.member.call(VM1, "Cont", &()).await.unwrap();
    assert_eq!(host.asked("system_reset"), 0);
}

async fn the_end_refuses_what_waits_for_polkit(bus: Bus) {
    let mut host = Host::new(&bus, TRUSTING).await;
    host.polkit.signal(Signal::STOP);
    let client = host.member.clone();
    let call = tokio::spawn(async move { client.call(VM1, "SystemReset", &()).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    host.bridge.terminate();
    let refusal = call.await.unwrap().unwrap_err();
    assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.Stopping");
    assert!(host.bridge.exit().await.0.success());
    host.polkit.signal(Signal::CONT);
    assert_eq!(host.asked("system_reset"), 0);
}
