//! Callers, guests and ends that do their worst: one reply each, the guest's file closed, and nobody
//! else notices.

use super::{BAD_REPLY, LIMITS, TIMEOUT, read_file, write_file};
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    soon,
    stage::Stage,
};
use serde_json::json;
use std::{
    fs::File,
    io::pipe,
    path::Path,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use zbus::wire::Fd;

on_each_bus!(
    a_caller_who_leaves_ends_its_transfer,
    a_pipe_that_nobody_reads_stalls_its_own_call_only,
    a_guest_that_lies_is_not_believed,
    a_handle_is_nobody_elses,
    a_file_that_opens_too_late_is_closed,
    a_connection_that_breaks_leaves_no_file_open,
    a_bridge_that_ends_closes_the_file,
);

const PATH: &str = "/guest/file";

async fn a_caller_who_leaves_ends_its_transfer(bus: Bus) {
    let peer = endless();
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let leaving = bus.connect().await;
    let null = File::create("/dev/null").unwrap();
    let call = zbus::Message::method_call(AGENT_ENDPOINT.path, "ReadFile")
        .destination(AGENT_ENDPOINT.name)
        .interface(AGENT_ENDPOINT.interface)
        .build(&(PATH, Fd::from(&null), dictionary(json!({}))))
        .unwrap();
    leaving.send(&call).await.unwrap();
    peer.received("guest-file-read", 3).await;
    drop((leaving, call));
    peer.received("guest-file-close", 1).await;
    let read = peer.lines("guest-file-read").len();
    sleep(Duration::from_millis(300)).await;
    assert!(peer.lines("guest-file-read").len() <= read + 1, "it goes on");
    stage.end().await;
}

async fn a_pipe_that_nobody_reads_stalls_its_own_call_only(bus: Bus) {
    let peer = endless();
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let hoarder = Client::new(&bus).await;
    let (reader, writer) = pipe().unwrap();
    let start = Instant::now();
    let stalled = (0..4).map(|_| {
        let (client, writer) = (hoarder.clone(), writer.try_clone().unwrap());
        tokio::spawn(async move {
            read_file(&client, Path::new(PATH), writer, json!({ "@timeout": 3000 })).await
        })
    });
    let stalled: Vec<_> = stalled.collect();
    peer.received("guest-file-open", 4).await;
    let full = read_file(&hoarder, Path::new(PATH), &writer, json!({})).await.unwrap_err();
    assert_eq!(full.name, LIMITS, "{full}");
    assert!(full.text.contains("4 "), "{full}");
    stage.answers().await;
    stage.client.call(AGENT, "GuestPing", &()).await.unwrap();
    let null = File::create("/dev/null").unwrap();
    let other = read_file(&stage.client, Path::new(PATH), null, json!({ "length": 600_000 }));
    assert_eq!(other.await.unwrap(), 600_000);
    assert!(start.elapsed() < Duration::from_secs(3), "the others waited");
    for call in stalled {
        assert_eq!(call.await.unwrap().unwrap_err().name, TIMEOUT);
    }
    peer.received("guest-file-close", 5).await;
    drop((reader, writer));
    stage.end().await;
}

async fn a_guest_that_lies_is_not_believed(bus: Bus) {
    let answers = [
        json!({ "count": 300_000, "buf-b64": "A".repeat(400_000), "eof": false }),
        json!({ "count": 4, "buf-b64": "A", "eof": false }),
        json!({ "count": 3, "buf-b64": "\u{e4}\u{0}==", "eof": false }),
        json!({ "count": 0, "buf-b64": "", "eof": false }),
        json!({ "count": 4, "eof": true }),
        json!([]),
    ];
    for answer in answers {
        let peer = Peer::agent(move |command, _| match command {
            "guest-file-read" => Some(Answer::Return(answer.clone())),
            command => file(command),
        });
        let stage = Stage::agent(&bus, &peer.socket()).await;
        let null = File::create("/dev/null").unwrap();
        let lie = read_file(&stage.client, Path::new(PATH), null, json!({})).await.unwrap_err();
        assert_eq!(lie.name, BAD_REPLY, "{lie}");
        peer.received("guest-file-close", 1).await;
        stage.end().await;
    }
    let peer = Peer::agent(|command, _| match command {
        "guest-file-write" => Some(Answer::Return(json!({ "count": 1, "eof": false }))),
        command => file(command),
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let zero = File::open("/dev/zero").unwrap();
    let lie = write_file(&stage.client, Path::new(PATH), zero, json!({ "length": 5 })).await;
    let lie = lie.unwrap_err();
    assert!(lie.name == BAD_REPLY && lie.text.contains("1 of 5 bytes"), "{lie}");
    peer.received("guest-file-close", 1).await;
    stage.end().await;
}

async fn a_handle_is_nobody_elses(bus: Bus) {
    let peer = endless();
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let null = File::create("/dev/null").unwrap();
    let reading = read_file(&client, Path::new(PATH), null, json!({ "@timeout": 2000 }));
    let thief = Client::new(&bus).await;
    let stealing = async {
        peer.received("guest-file-read", 1).await;
        let refusal = thief.call(AGENT, "GuestFileClose", &1000_i64).await.unwrap_err();
        assert_eq!(refusal.name, "org.qemu.QapiError.NotSent.Busy");
        assert!(refusal.text.contains("`handle` 1000"), "{refusal}");
        thief.call(AGENT, "GuestFileClose", &1001_i64).await.unwrap();
    };
    let (read, ()) = tokio::join!(reading, stealing);
    assert_eq!(read.unwrap_err().name, TIMEOUT);
    peer.received("guest-file-close", 2).await;
}

async fn a_file_that_opens_too_late_is_closed(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-file-open" => {
            Some(Answer::Late(Duration::from_secs(1), Box::new(Answer::Return(json!(1000)))))
        }
        command => file(command),
    });
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let null = File::create("/dev/null").unwrap();
    let options = json!({ "@timeout": 200 });
    let late = read_file(&stage.client, Path::new(PATH), null, options).await.unwrap_err();
    assert_eq!(late.name, TIMEOUT);
    peer.received("guest-file-close", 1).await;
    assert!(peer.lines("guest-file-read").is_empty());
    stage.end().await;
}

async fn a_connection_that_breaks_leaves_no_file_open(bus: Bus) {
    let peer = endless();
    let stage = Stage::agent(&bus, &peer.socket()).await;
    let null = File::create("/dev/null").unwrap();
    let reading = read_file(&stage.client, Path::new(PATH), null, json!({}));
    let breaking = async {
        peer.received("guest-file-read", 2).await;
        peer.restart(Duration::from_millis(100));
    };
    let (lost, ()) = tokio::join!(reading, breaking);
    let lost = lost.unwrap_err();
    assert_eq!(lost.name, "org.qemu.QapiError.Unknown.ConnectionLost", "{lost}");
    assert!(lost.text.contains("bytes)"), "{lost}");
    peer.received("guest-file-close", 1).await;
    stage.end().await;
}

async fn a_bridge_that_ends_closes_the_file(bus: Bus) {
    let peer = endless();
    let (mut bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    // The thread hangs on a pipe, and holds nothing up.
    let (_reader, writer) = pipe().unwrap();
    let reading = read_file(&client, Path::new(PATH), writer, json!({}));
    let ending = async {
        peer.received("guest-file-read", 2).await;
        bridge.terminate();
        soon("the end", bridge.exit()).await
    };
    let (ended, (status, log)) = tokio::join!(reading, ending);
    let ended = ended.unwrap_err();
    assert_eq!(ended.name, TIMEOUT, "{ended}");
    assert!(status.success(), "{log}");
    assert_eq!(peer.lines("guest-file-close").len(), 1);
}

/// A guest whose file never ends.
fn endless() -> Peer {
    Peer::agent(|command, arguments| match command {
        "guest-file-read" => {
            let count = arguments["count"].as_u64().unwrap();
            let bytes = "AAAA".repeat(count as usize / 3);
            let rest = ["", "AA==", "AAA="][count as usize % 3];
            Some(Answer::Return(json!({ "count": count, "buf-b64": bytes + rest, "eof": false })))
        }
        command => file(command),
    })
}

/// What a guest with one file says.
fn file(command: &str) -> Option<Answer> {
    match command {
        "guest-file-open" => Some(Answer::Return(json!(1000))),
        "guest-file-close" => Some(Answer::Return(json!({}))),
        _ => None,
    }
}
