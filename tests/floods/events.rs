//! A monitor that sends 100,000 events a second.

use super::{is_full, over};
use qapi_dbus_tests::{
    bus::Bus,
    client::{MONITOR, Signals},
    on_each_bus,
    peer::{Peer, event},
    stage::Stage,
};
use serde_json::json;
use std::time::{Duration, Instant};

on_each_bus!(a_flood_of_events_is_drained_and_what_is_dropped_is_told);

/// Events in the time of one tick.
const TICK: Duration = Duration::from_millis(10);
const TICKS: usize = 1000;

/// Events of which none may be lost.
const KEPT: [&str; 5] = ["STOP", "RESUME", "RESET", "JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED"];

async fn a_flood_of_events_is_drained_and_what_is_dropped_is_told(bus: Bus) {
    let peer = Peer::monitor(|_, _| None);
    let stage = Stage::monitor(&bus, &peer.socket()).await;
    let mut signals = stage.client.signals(MONITOR).await;
    let each = if is_full() { 1000 } else { 50 };
    let end = Instant::now() + TICK * TICKS as u32;
    let mut ticks = tokio::time::interval(TICK);
    for tick in 0..TICKS {
        ticks.tick().await;
        peer.send(burst(tick, each));
    }
    peer.drained().await;
    // How fast depends on the machine and on the build: it is asked of an optimized bridge.
    let late = Instant::now().saturating_duration_since(end);
    assert!(!is_full() || late < TICK * 100, "drained {late:?} after the last event was due");
    stage.answers().await;
    peer.send(event("SHUTDOWN", json!({ "guest": true, "reason": "guest-shutdown" })));
    let told = count(&mut signals).await;
    assert_eq!(told.kept, TICKS / 10, "none of them is dropped");
    assert_eq!(told.delivered + told.dropped, TICKS * each + told.kept);
    assert!(told.dropped > 0, "this was a flood");
    drop(signals);
    over(&stage).await;
}

/// What a client was told until the end.
#[derive(Default)]
struct Told {
    delivered: usize,
    kept: usize,
    dropped: usize,
}

/// Counts up to SHUTDOWN; what is delivered is in the order in which it was sent.
async fn count(signals: &mut Signals) -> Told {
    let mut told = Told::default();
    let mut last = 0;
    loop {
        let signal = signals.next().await;
        match signal.member.as_str() {
            "EventsDropped" => told.dropped += signal.arguments[0].as_u64().unwrap() as usize,
            "Shutdown" => return told,
            "PropertiesChanged" => {}
            member => {
                let extra = signal.arguments.last().unwrap();
                let sequence = extra["@sequence"].as_u64().unwrap();
                assert!(sequence > last, "{member} {sequence} after {last}");
                last = sequence;
                told.delivered += 1;
                told.kept += usize::from(member != "RtcChange");
            }
        }
    }
}

/// The events of one tick; in each tenth one that may not be lost.
fn burst(tick: usize, each: usize) -> Vec<u8> {
    let mut lines = String::new();
    if tick.is_multiple_of(10) {
        let name = KEPT[tick / 10 % KEPT.len()];
        let job = json!({ "id": "job", "status": "running", "device": "job", "type": "stream",
            "len": 1, "offset": 1, "speed": 0, "guest": true, "reason": "guest-reset" });
        lines.push_str(&event(name, job));
    }
    let line = event("RTC_CHANGE", json!({ "offset": tick, "qom-path": "/machine/rtc" }));
    lines.push_str(&line.repeat(each));
    lines.into_bytes()
}
