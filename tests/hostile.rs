//! Peers that say what D-Bus cannot hold, or nothing sensible: the bridge stays on the bus.

use qapi_dbus_tests::{
    bridge::{Bridge, connected},
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT, Refusal},
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};

on_each_bus!(
    a_zero_character_arrives,
    a_zero_character_in_an_error_is_replaced,
    deep_nesting_arrives_whole,
    a_line_above_the_limit_is_refused,
    garbage_is_refused,
    an_event_of_garbage_is_survived,
);

async fn a_zero_character_arrives(bus: Bus) {
    let name = json!({ "name": "a\0b", "key\0": ["\0"] });
    let run = Hostile::start(&bus, Answer::Return(name)).await;
    let told = run.ask().await.unwrap();
    assert_eq!(told, json!({ "name": "a\0b", "key\u{FFFD}": ["\0"] }));
    run.goes_on().await;
}

async fn a_zero_character_in_an_error_is_replaced(bus: Bus) {
    let run = Hostile::start(&bus, Answer::Error("GenericError", "a\0b")).await;
    assert_eq!(run.ask().await.unwrap_err().text, "a\u{FFFD}b");
    run.goes_on().await;
}

/// All depths around those at which D-Bus, dbus-broker and zbus each set their limit.
async fn deep_nesting_arrives_whole(bus: Bus) {
    let objects: Vec<_> = (15..35).map(nested).collect();
    let lists: Vec<_> = (15..70).map(|depth| (0..depth).fold(json!([7]), wrap)).collect();
    let deep = json!({ "name": "deep", "objects": objects, "lists": lists });
    let run = Hostile::start(&bus, Answer::Return(deep.clone())).await;
    assert_eq!(run.ask().await.unwrap(), deep);
    run.goes_on().await;
    for depth in 15..35 {
        let event = json!({ "device": "d", "in": nested(depth) });
        run.peer.event("DEVICE_DELETED", event);
    }
    run.goes_on().await;
}

async fn a_line_above_the_limit_is_refused(bus: Bus) {
    let text = "x".repeat(40 << 20);
    let run = Hostile::start(&bus, Answer::Return(json!({ "name": text }))).await;
    let refused = run.ask().await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.Unknown.ReplyTooLarge");
    run.goes_on().await;
}

async fn garbage_is_refused(bus: Bus) {
    for garbage in GARBAGE {
        let run = Hostile::start(&bus, Answer::Raw(garbage.to_vec())).await;
        let refused = run.ask().await.unwrap_err();
        assert!(refused.name.starts_with("org.qemu.QapiError.Unknown."), "{refused}");
        run.goes_on().await;
    }
}

async fn an_event_of_garbage_is_survived(bus: Bus) {
    let run = Hostile::start(&bus, Answer::Return(json!({}))).await;
    let event = json!({ "status": "\0", "x\0": nested(40), "message": 7 });
    run.peer.event("BLOCK_JOB_ERROR", event.clone());
    run.peer.event("NO_SUCH\0EVENT", event);
    run.peer.send("{\"event\": 5}\r\n");
    run.goes_on().await;
}

/// Each as the whole answer to a command.
const GARBAGE: [&[u8]; 7] = [
    b"}}}}\r\n",
    b"nonsense\r\n",
    b"\xFF\xFE\x00\x01\r\n",
    b"[1, 2]\r\n",
    b"{\"return\": \"\xC3\x28\"}\r\n",
    b"{\"return\": {}, \"id\": \"somebody else's\"}\r\n",
    b"{\"error\": 5}\r\n",
];

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({ "end": true }), |inner, level| json!({ "level": level, "in": inner }))
}

fn wrap(inner: Value, _level: i32) -> Value {
    json!([inner])
}

/// A peer that answers `query-name` with what is hostile, and everything else well.
struct Hostile {
    peer: Peer,
    _bridge: Bridge,
    client: Client,
    owner: Value,
}

impl Hostile {
    async fn start(bus: &Bus, answer: Answer) -> Self {
        let peer = Peer::monitor(move |command, _| match command {
            "query-name" => Some(answer.clone()),
            "query-uuid" => Some(Answer::Return(json!({ "UUID": "well" }))),
            _ => None,
        });
        let (bridge, client) = Bridge::with_monitor(bus, &peer.socket()).await;
        let owner = client.owner(MONITOR.name).await.unwrap();
        Self { peer, _bridge: bridge, client, owner }
    }

    async fn ask(&self) -> Result<Value, Refusal> {
        self.client.call(MONITOR, "QueryName", &()).await
    }

    /// The next call works, and nobody noticed anything on the bus.
    async fn goes_on(&self) {
        connected(&self.client, MONITOR_ENDPOINT).await;
        let answer = self.client.call(MONITOR, "QueryUuid", &()).await.unwrap();
        assert_eq!(answer, json!({ "UUID": "well" }));
        assert_eq!(self.client.owner(MONITOR.name).await.unwrap(), self.owner);
    }
}
