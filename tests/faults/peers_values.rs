//! Answers and events that D-Bus cannot hold, or that are no JSON at all.

use qapi_dbus_tests::{
    bus::Bus,
    client::{MONITOR, MONITOR_ENDPOINT, Refusal, Signals},
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
    until,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

on_each_bus!(
    what_can_be_told_is_told_as_it_is,
    what_cannot_be_told_is_a_bad_reply_and_the_connection_stays,
    what_is_no_message_ends_the_connection,
    events_are_told_as_they_are_or_counted_as_dropped,
    a_zero_character_in_an_error_is_replaced,
    deep_nesting_arrives_whole,
    nesting_above_the_limit_is_too_large,
    a_line_above_the_limit_is_refused,
);

const BAD_REPLY: &str = "org.qemu.QapiError.Unknown.BadReply";
const TOO_LARGE: &str = "org.qemu.QapiError.Unknown.ReplyTooLarge";

/// JSON text of the peer, and what a client gets: numbers are exact as far as 64 bits go, and
/// beyond them as exact as a double; a string with U+0000 comes as bytes, a key without it.
const TOLD: [(&str, &str); 13] = [
    (r#"{"n": 9007199254740993}"#, r#"{"n": 9007199254740993}"#),
    (r#"{"n": -9223372036854775808}"#, r#"{"n": -9223372036854775808}"#),
    (r#"{"n": 18446744073709551615}"#, r#"{"n": 18446744073709551615}"#),
    (r#"{"n": 18446744073709551616}"#, r#"{"n": 18446744073709551616.0}"#),
    (r#"{"n": -9223372036854775809}"#, r#"{"n": -9223372036854775809.0}"#),
    // A double: QEMU prints it without a fraction, and no integer like this.
    (r#"{"n": -0}"#, r#"{"n": -0.0}"#),
    (r#"{"n": -0.0}"#, r#"{"n": -0.0}"#),
    (r#"{"n": 1e308}"#, r#"{"n": 1e308}"#),
    (
        r#"{"name": "a\u0000b", "key\u0000": ["\u0000"]}"#,
        r#"{"name": "a\u0000b", "key�": ["\u0000"]}"#,
    ),
    (r#"{"name": "\ud83d\ude00 \uffff \u007f"}"#, "{\"name\": \"\u{1f600} \u{ffff} \u{7f}\"}"),
    (r#"{"name": {"not": ["a", "string", null]}}"#, r#"{"name": {"not": ["a", "string", null]}}"#),
    (r#"{"": {"": [[], {}, ""]}}"#, r#"{"": {"": [[], {}, ""]}}"#),
    ("{\"name\"\t:\n\r\"spaced\"  }", r#"{"name": "spaced"}"#),
];

/// Each is a message, whose value means nothing.
const UNTOLD: [&str; 9] = [
    r#"{"name": "\ud800"}"#,
    r#"{"name": "\udc00\ud800"}"#,
    r#"{"n": 1e400}"#,
    r#"{"n": -1e400}"#,
    r#"{"a": 1, "a": 1}"#,
    r#"{"in": [{"a": 1, "b": 2, "a": 3}]}"#,
    COLLIDING,
    r#""not an object""#,
    "null",
];

const COLLIDING: &str = r#"{"k\u0000": 1, "k\ufffd": 2}"#;

/// Each in the place of a value: no JSON.
const BROKEN: [&[u8]; 14] = [
    b"{\"n\": inf}",
    b"{\"n\": -inf}",
    b"{\"n\": nan}",
    b"{\"n\": NaN}",
    b"{\"n\": 01}",
    b"{\"n\": +1}",
    b"{\"n\": 0x10}",
    b"{'name': 'single'}",
    b"{\"name\": \"\xC3\x28\"}",
    b"{\"name\": \"\xED\xA0\x80\"}",
    b"{\"name\": \"a\x00b\"}",
    b"{\"name\": \"raw\ttab\"}",
    b"{\"n\": 1,}",
    b"{/* comment */}",
];

async fn what_can_be_told_is_told_as_it_is(bus: Bus) {
    let run = Hostile::start(&bus).await;
    for (text, expected) in TOLD {
        run.answers(format!("{{\"return\": {text}}}\r\n"));
        let expected: Value = serde_json::from_str(expected).unwrap();
        let told = run.ask().await.unwrap();
        // Distinguishes also 1 from 1.0, and 0 from -0.
        assert_eq!(told.to_string(), expected.to_string(), "{text}");
    }
    run.goes_on(1).await;
}

async fn what_cannot_be_told_is_a_bad_reply_and_the_connection_stays(bus: Bus) {
    let run = Hostile::start(&bus).await;
    for text in UNTOLD {
        run.answers(format!("{{\"return\": {text}}}\r\n"));
        let refused = run.ask().await.expect_err(text);
        assert_eq!(refused.name, BAD_REPLY, "{text}");
    }
    run.goes_on(1).await;
}

async fn what_is_no_message_ends_the_connection(bus: Bus) {
    let run = Hostile::start(&bus).await;
    let values = BROKEN.iter().map(|value| [b"{\"return\": ", *value, b"}\r\n"].concat());
    let all: Vec<_> = values.chain(GARBAGE.iter().map(|line| line.to_vec())).collect();
    let connections = 1 + all.len();
    for text in all {
        let shown = String::from_utf8_lossy(&text).into_owned();
        run.answers(text);
        let refused = run.ask().await.expect_err(&shown);
        assert_eq!(refused.name, BAD_REPLY, "{shown}");
    }
    run.goes_on(connections).await;
}

/// Each as the whole answer to a command. The byte order mark is one of QEMU's errors.
const GARBAGE: [&[u8]; 9] = [
    b"}}}}\r\n",
    b"nonsense\r\n",
    b"\xFF\xFE\x00\x01\r\n",
    b"\xEF\xBB\xBF{\"return\": {}}\r\n",
    b"[1, 2]\r\n",
    b"{\"return\": {}, \"id\": \"somebody else's\"}\r\n",
    b"{\"return\": {}, \"return\": {}}\r\n",
    b"{\"error\": 5}\r\n",
    b"{\"return\": {}, \"error\": {\"class\": \"GenericError\", \"desc\": \"both\"}}\r\n",
];

async fn events_are_told_as_they_are_or_counted_as_dropped(bus: Bus) {
    let run = Hostile::start(&bus).await;
    let mut signals = run.stage.client.signals(MONITOR).await;
    let stamp = r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "NO_SUCH_EVENT""#;
    for (text, expected) in TOLD {
        run.peer.send(format!("{stamp}, \"data\": {text}}}\r\n"));
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(unknown(&mut signals).await.to_string(), expected.to_string(), "{text}");
    }
    // Data that is no object is none of QEMU's, and is told nevertheless.
    let untold = UNTOLD.iter().filter(|text| text.starts_with('{') && **text != COLLIDING);
    let untold: Vec<_> = untold.collect();
    for text in &untold {
        run.peer.send(format!("{stamp}, \"data\": {text}}}\r\n"));
    }
    let mut dropped = 0;
    while dropped < untold.len() as u64 {
        dropped += signals.named("EventsDropped").await.arguments[0].as_u64().unwrap();
    }
    assert_eq!(dropped, untold.len() as u64);
    // An event has a place for names that D-Bus cannot tell apart.
    run.peer.send(format!("{stamp}, \"data\": {COLLIDING}}}\r\n"));
    assert_eq!(unknown(&mut signals).await, json!({ "data": { "k\0": 1, "k\u{fffd}": 2 } }));
    run.peer.event("NO_SUCH\0EVENT", json!({ "in": nested(40), "message\0": 7 }));
    run.peer.event("BLOCK_JOB_ERROR", json!({ "status": "\0", "x\0": nested(40) }));
    run.goes_on(1).await;
    for value in BROKEN {
        run.peer.send([stamp.as_bytes(), b", \"data\": ", value, b"}\r\n"].concat());
        in_another_connection(&run).await;
    }
    run.peer.send("{\"event\": 5}\r\n");
    in_another_connection(&run).await;
    run.goes_on(2 + BROKEN.len()).await;
}

/// The data of the next event that no schema knows.
async fn unknown(signals: &mut Signals) -> Value {
    let mut data = signals.named("UnknownEvent").await.arguments[1].clone();
    data.as_object_mut().unwrap().retain(|name, _| !name.starts_with('@'));
    data
}

/// A call connects at once, where the bridge by itself would wait ever longer.
async fn in_another_connection(run: &Hostile) {
    let before = run.connections().await;
    until("another connection", async || {
        let _ = run.stage.client.call(MONITOR, "QueryUuid", &()).await;
        (run.connections().await > before).then_some(())
    })
    .await;
}

async fn a_zero_character_in_an_error_is_replaced(bus: Bus) {
    let run = Hostile::start(&bus).await;
    run.answers(r#"{"error": {"class": "GenericError", "desc": "a\u0000b"}}"#);
    assert_eq!(run.ask().await.unwrap_err().text, "a\u{FFFD}b");
    run.answers(r#"{"error": {"class": "No\u0000Class", "desc": "c"}}"#);
    let refused = run.ask().await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.GenericError");
    assert_eq!(refused.text, "No\u{FFFD}Class: c");
    run.goes_on(1).await;
}

/// All depths around those at which D-Bus, dbus-broker and zbus each set their limit.
async fn deep_nesting_arrives_whole(bus: Bus) {
    let objects: Vec<_> = (15..35).map(nested).collect();
    let lists: Vec<_> = (15..70).map(|depth| (0..depth).fold(json!([7]), wrap)).collect();
    let deep = json!({ "name": "deep", "objects": objects, "lists": lists });
    let run = Hostile::start(&bus).await;
    run.answers(json!({ "return": deep }).to_string());
    assert_eq!(run.ask().await.unwrap(), deep);
    for depth in 15..35 {
        run.peer.event("DEVICE_DELETED", json!({ "device": "d", "in": nested(depth) }));
    }
    run.goes_on(1).await;
}

async fn nesting_above_the_limit_is_too_large(bus: Bus) {
    let run = Hostile::start(&bus).await;
    let nested = |depth| format!("{{\"return\": {}7{}}}\r\n", "[".repeat(depth), "]".repeat(depth));
    // The message itself is one level.
    for (depth, name) in [(511, BAD_REPLY), (512, TOO_LARGE), (100_000, TOO_LARGE)] {
        run.answers(nested(depth));
        assert_eq!(run.ask().await.unwrap_err().name, name, "{depth}");
    }
    let deep = "[".repeat(100_000);
    run.peer.send(format!("{{\"event\": \"STOP\", \"data\": {deep}"));
    run.peer.send(format!("{}}}\r\n", "]".repeat(100_000)));
    run.goes_on(1).await;
    // Brackets that nothing closes.
    run.answers(format!("{{\"return\": {}\r\n}}\r\n", "[".repeat(500)));
    assert_eq!(run.ask().await.unwrap_err().name, BAD_REPLY);
    run.goes_on(2).await;
}

async fn a_line_above_the_limit_is_refused(bus: Bus) {
    let run = Hostile::start(&bus).await;
    run.answers(json!({ "return": { "name": "x".repeat(40 << 20) } }).to_string());
    assert_eq!(run.ask().await.unwrap_err().name, TOO_LARGE);
    run.answers("");
    run.goes_on(1).await;
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({ "end": true }), |inner, level| json!({ "level": level, "in": inner }))
}

fn wrap(inner: Value, _level: i32) -> Value {
    json!([inner])
}

/// A peer that answers `query-name` with what is hostile, and everything else well.
struct Hostile {
    stage: Stage,
    peer: Peer,
    next: Arc<Mutex<Vec<u8>>>,
}

impl Hostile {
    async fn start(bus: &Bus) -> Self {
        let next = Arc::<Mutex<Vec<u8>>>::default();
        let answer = Arc::clone(&next);
        let peer = Peer::monitor(move |command, _| match command {
            "query-name" => Some(Answer::Raw(answer.lock().unwrap().clone())),
            "query-uuid" => Some(Answer::Return(json!({ "UUID": "well" }))),
            _ => None,
        });
        Self { stage: Stage::monitor(bus, &peer.socket()).await, peer, next }
    }

    /// What `query-name` is answered with from now on.
    fn answers(&self, text: impl Into<Vec<u8>>) {
        *self.next.lock().unwrap() = text.into();
    }

    async fn ask(&self) -> Result<Value, Refusal> {
        self.stage.client.call(MONITOR, "QueryName", &()).await
    }

    async fn connections(&self) -> u64 {
        let counters = self.stage.client.property(MONITOR_ENDPOINT, "Counters").await.unwrap();
        counters["connections"].as_u64().unwrap()
    }

    /// The next call works, after so many connections, and nobody noticed anything on the bus.
    async fn goes_on(&self, connections: usize) {
        let answer = self.stage.client.call(MONITOR, "QueryUuid", &()).await.unwrap();
        assert_eq!(answer, json!({ "UUID": "well" }));
        assert_eq!(self.connections().await, connections as u64);
        self.stage.end().await;
    }
}
