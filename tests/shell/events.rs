//! `events`, `wait`.

use super::{command, must, run, serve};
use qapi_dbus_tests::{
    bridge::Bridge, bus::Bus, on_each_bus, peer::Peer, process::Process, scratch::Scratch, until,
};
use serde_json::{Value, json};
use std::{
    process::Stdio,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};

on_each_bus!(
    an_event_counts_from_the_start_of_the_wait,
    what_was_before_does_not_count,
    a_wait_ends_with_its_time_or_its_machine,
    events_are_followed_across_machines_and_bridges,
    the_last_events_are_told,
);

async fn served(bus: &Bus) -> (Peer, Bridge) {
    let monitor = Peer::monitor(|_, _| None);
    let bridge = serve(bus, "vm1", &[("qmp", monitor.socket())]).await;
    until("a monitor", async || (run(bus, "call query-status").await.code == 0).then_some(()))
        .await;
    (monitor, bridge)
}

/// An event as QEMU tells it now; the clock of the scripted one stands still.
fn tell(monitor: &Peer, name: &str, data: Value) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let timestamp = json!({"seconds": now.as_secs(), "microseconds": now.subsec_micros()});
    let event = json!({"event": name, "data": data, "timestamp": timestamp});
    monitor.send(format!("{event}\r\n"));
}

async fn an_event_counts_from_the_start_of_the_wait(bus: Bus) {
    let (monitor, _bridge) = served(&bus).await;
    for round in 0..20 {
        let mut command =
            command(&bus, &format!("wait DEVICE_DELETED device=d{round} --timeout 30"));
        let wait = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let started = Instant::now();
        // Long before it can have found the bus.
        while started.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        tell(&monitor, "DEVICE_DELETED", json!({"device": format!("d{round}"), "path": "/p"}));
        let output = wait.wait_with_output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && said.contains("DEVICE_DELETED"),
            "round {round}: {said}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

async fn what_was_before_does_not_count(bus: Bus) {
    let (monitor, _bridge) = served(&bus).await;
    tell(&monitor, "DEVICE_DELETED", json!({"device": "d", "path": "/p"}));
    tell(&monitor, "JOB_STATUS_CHANGE", json!({"id": "j", "status": "concluded"}));
    until("events", async || (must(&bus, "events").await.lines().count() == 2).then_some(())).await;
    sleep(Duration::from_millis(50)).await;
    for line in ["wait DEVICE_DELETED --timeout 0.5", "wait JOB_STATUS_CHANGE id=j --timeout 0.5"] {
        let late = run(&bus, line).await;
        assert!(late.code == 124 && late.stderr.contains("within 0.5 s"), "{late:?}");
    }
    for (line, said) in [
        ("wait DEVICE_DELETE", "did you mean DEVICE_DELETED?"),
        ("wait STOP device=x", "STOP has no member `device`"),
        ("wait DEVICE_DELETED device", "write NAME=VALUE"),
    ] {
        let refused = run(&bus, line).await;
        assert!(refused.code == 2 && refused.stderr.contains(said), "{line}: {refused:?}");
    }
}

async fn a_wait_ends_with_its_time_or_its_machine(bus: Bus) {
    let (monitor, bridge) = served(&bus).await;
    let scratch = Scratch::new();
    let mut waits: Vec<_> = ["wait STOP,RESUME --json", "wait RESET"]
        .map(|line| Process::start(&scratch, &mut command(&bus, line)))
        .into();
    sleep(Duration::from_millis(300)).await;
    tell(&monitor, "RESUME", json!({}));
    let line: Value = serde_json::from_str(&waits[0].line().await.unwrap()).unwrap();
    assert_eq!((&line["event"], &line["data"]), (&json!("RESUME"), &json!({})));
    assert!(waits[0].exit().await.success());
    monitor.restart(Duration::from_secs(3));
    assert_eq!(waits[1].exit().await.code(), Some(5));
    assert!(waits[1].stderr().contains("the monitor of machine vm1 went away"));
    let mut wait = Process::start(&scratch, &mut command(&bus, "wait RESET"));
    sleep(Duration::from_millis(300)).await;
    drop(bridge);
    assert_eq!(wait.exit().await.code(), Some(5));
}

async fn events_are_followed_across_machines_and_bridges(bus: Bus) {
    let (monitor, bridge) = served(&bus).await;
    let scratch = Scratch::new();
    let line = "events --follow --json --filter device=d";
    let mut events = Process::start(&scratch, &mut command(&bus, line));
    let heard = async |events: &mut Process, monitor: &Peer| {
        let told = until("a followed event", async || {
            tell(monitor, "DEVICE_DELETED", json!({"device": "e", "path": "/p"}));
            tell(monitor, "DEVICE_DELETED", json!({"device": "d", "path": "/p"}));
            tokio::time::timeout(Duration::from_millis(500), events.line()).await.ok().flatten()
        })
        .await;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["data"], json!({"device": "d", "path": "/p"}));
        told["machine"].as_str().unwrap().to_owned()
    };
    assert_eq!(heard(&mut events, &monitor).await, "vm1");
    let second = Peer::monitor(|_, _| None);
    let client = qapi_dbus_tests::client::Client::new(&bus).await;
    let manager = qapi_dbus_tests::client::Target {
        name: "org.qemu.Bridge",
        path: "/org/qemu/Bridge",
        interface: "org.qemu.Bridge",
    };
    let sockets = qapi_dbus_tests::json::dictionary(json!({"qmp": second.socket()}));
    client.call(manager, "AddVm", &("vm2", sockets)).await.unwrap();
    until("vm2", async || (heard(&mut events, &second).await == "vm2").then_some(())).await;

    drop(bridge);
    until("word of the end", async || {
        events.stderr().contains("waiting for another").then_some(())
    })
    .await;
    let _bridge = serve(&bus, "vm3", &[("qmp", monitor.socket())]).await;
    until("vm3", async || (heard(&mut events, &monitor).await == "vm3").then_some(())).await;
}

async fn the_last_events_are_told(bus: Bus) {
    let (monitor, _bridge) = served(&bus).await;
    tell(&monitor, "STOP", json!({}));
    tell(
        &monitor,
        "BLOCK_IO_ERROR",
        json!({"device": "d", "operation": "read", "action": "report",
        "reason": "\u{1b}x"}),
    );
    let told = until("two events", async || {
        let told = must(&bus, "events").await;
        (told.lines().count() == 2).then_some(told)
    })
    .await;
    let lines: Vec<_> = told.lines().collect();
    assert!(lines[0].ends_with("Z  vm1  STOP"), "{told}");
    let end = "vm1  BLOCK_IO_ERROR  action=report  device=d  operation=read  reason=\\u{1b}x";
    assert!(lines[1].ends_with(end), "{told}");
    assert_eq!(must(&bus, "events --vm vm1 STOP").await.lines().count(), 1);
    assert_eq!(must(&bus, "events --filter operation=write").await, "");
}
