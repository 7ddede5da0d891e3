//! Peers and callers that send all they can: memory stays below 64 MiB and comes back, and nobody
//! else notices.
//!
//! `QAPI_DBUS_FLOODS=full` runs the floods of many messages in their full size, with
//! `--nocapture` each tells its peak; `QAPI_DBUS_PROGRAM` names an optimized bridge.

mod answers;
mod callers;
mod events;
mod lines;

use qapi_dbus_tests::{bridge::in_state, bus::Bus, client::Target, peer::Peer, stage::Stage};
use std::{env, thread};

/// Resident memory that no flood may reach, in KiB.
const CAP: u64 = 64 << 10;

/// So many messages in the full size, a tenth of them in an ordinary test run.
fn many(full: usize) -> usize {
    if is_full() { full } else { full / 10 }
}

fn is_full() -> bool {
    env::var_os("QAPI_DBUS_FLOODS").is_some_and(|size| size == "full")
}

/// A stage whose calls wait for ever: how long a flood takes depends on the machine.
async fn patient(bus: &Bus, option: &str, peer: &Peer, endpoint: Target) -> Stage {
    let socket = peer.socket();
    let options = ["--timeout".as_ref(), "0".as_ref(), option.as_ref(), socket.as_os_str()];
    let mut stage = Stage::serve(bus, &options).await;
    in_state(&stage.client, endpoint, "ready").await;
    stage.begin().await;
    stage
}

/// The flood is over: it never took the memory of the machine, and gave back what it took.
async fn over(stage: &Stage) {
    stage.end().await;
    let peak = stage.bridge.usage().peak;
    let name = thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: peak {:.1} MiB", peak as f64 / 1024.0);
    assert!(peak < CAP, "{peak} KiB were resident");
}

/// A block that is cheap to send, of as many whole lines as make 64 KiB, and their number.
fn block(line: &str) -> (Vec<u8>, usize) {
    let count = (64 << 10) / line.len();
    (line.repeat(count).into_bytes(), count)
}
