//! QAPI's compatible changes: a client made for one schema, a peer of another. One behaviour a
//! row of the promise; in each, the client that knows the change and the one that does not.

use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, Client, MONITOR, MONITOR_ENDPOINT, Refusal, text},
    json::{Dictionary, dictionary},
    on_each_bus,
    peer::{Answer, Peer},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zbus::Variant;

on_each_bus!(
    an_argument_is_added_where_there_was_no_dictionary,
    an_argument_is_added_where_there_is_a_dictionary,
    an_argument_is_removed,
    a_mandatory_argument_becomes_optional,
    an_argument_becomes_an_alternate,
    an_argument_grows_in_width,
    arguments_are_reordered,
    an_enumeration_value_is_added,
    a_union_branch_is_added,
    an_alternate_branch_is_added,
    a_member_is_added_to_a_result,
    a_member_is_removed_from_a_result,
    a_member_of_a_result_grows_in_width,
    members_of_a_result_are_reordered,
    a_member_is_added_to_an_event,
    a_member_is_removed_from_an_event,
    members_of_an_event_are_reordered,
    a_command_is_added,
    a_command_is_removed,
    an_event_is_added,
    an_error_class_is_added,
);

async fn an_argument_is_added_where_there_was_no_dictionary(bus: Bus) {
    let verbose = || dictionary(json!({ "verbose": true }));
    let peer = Skew::new(&bus).await;
    peer.plays("balloon", Answer::Return(json!({})));
    peer.call("Balloon", &9_i64).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"balloon","arguments":{"value":9}}"#);
    peer.call("Balloon", &(9_i64, verbose())).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"balloon","arguments":{"value":9,"verbose":true}}"#);
    peer.plays("query-status", UNEXPECTED);
    peer.refuses("QueryStatus", &verbose()).await;
    assert_eq!(peer.sent(), r#"{"execute":"query-status","arguments":{"verbose":true}}"#);
}

async fn an_argument_is_added_where_there_is_a_dictionary(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("block_resize", Answer::Return(json!({})));
    peer.call("BlockResize", &(1_i64, dictionary(json!({ "node-name": "n" })))).await.unwrap();
    let old = r#"{"execute":"block_resize","arguments":{"size":1,"node-name":"n"}}"#;
    assert_eq!(peer.sent(), old);
    let how = json!({ "how": { "unit": "warp", "values": [1, -9.5, u64::MAX, "ä"], "at": null } });
    peer.call("BlockResize", &(1_i64, dictionary(how.clone()))).await.unwrap();
    let mut sent: Value = serde_json::from_str(&peer.sent()).unwrap();
    assert_eq!(sent["arguments"]["size"].take(), 1);
    assert_eq!(sent["arguments"]["how"], how["how"]);
    assert!(peer.sent().is_ascii(), "QEMU takes ASCII from everyone");
    peer.plays("block_resize", UNEXPECTED);
    peer.refuses("BlockResize", &(1_i64, dictionary(json!({ "verbose": true })))).await;
}

async fn an_argument_is_removed(bus: Bus) {
    let arguments = || (1_i64, dictionary(json!({ "device": "d" })));
    let peer = Skew::new(&bus).await;
    peer.plays("block_resize", UNEXPECTED);
    peer.refuses("BlockResize", &arguments()).await;
    let sent = r#"{"execute":"block_resize","arguments":{"size":1,"device":"d"}}"#;
    assert_eq!(peer.sent(), sent);
    peer.plays("block_resize", Answer::Return(json!({})));
    peer.call("BlockResize", &1_i64).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"block_resize","arguments":{"size":1}}"#);
}

async fn a_mandatory_argument_becomes_optional(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("blockdev-del", Answer::Return(json!({})));
    peer.call("BlockdevDel", &"n").await.unwrap();
    let old = r#"{"execute":"blockdev-del","arguments":{"node-name":"n"}}"#;
    assert_eq!(peer.sent(), old);
    let refused = peer.call("BlockdevDel", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidArgs");
    peer.call_any("blockdev-del", json!({})).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"blockdev-del"}"#);
    let missing = Answer::Error("GenericError", "Parameter 'node-name' is missing");
    peer.plays("blockdev-del", missing);
    let refused = peer.call_any("blockdev-del", json!({})).await.unwrap_err();
    assert_eq!(refused.text, "Parameter 'node-name' is missing");
}

async fn an_argument_becomes_an_alternate(bus: Bus) {
    // The agent's `whence` was an integer once.
    let peer = Peer::agent(|command, _| {
        (command == "guest-file-seek").then(|| Answer::Return(json!({ "position": 0 })))
    });
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    client.call(AGENT, "GuestFileSeek", &(1_i64, 2_i64, 0_i64)).await.unwrap();
    client.call(AGENT, "GuestFileSeek", &(1_i64, 2_i64, Variant::from(0_i64))).await.unwrap();
    client.call(AGENT, "GuestFileSeek", &(1_i64, 2_i64, Variant::from("set"))).await.unwrap();
    let whence: Vec<_> = peer.lines("guest-file-seek").iter().map(|line| arguments(line)).collect();
    let seek = |whence: Value| json!({ "handle": 1, "offset": 2, "whence": whence });
    assert_eq!(whence, [seek(json!(0)), seek(json!(0)), seek(json!("set"))]);
    // An argument of which the bridge knows only the old form.
    let peer = Skew::new(&bus).await;
    peer.plays("blockdev-del", Answer::Return(json!({})));
    peer.call("BlockdevDel", &"n").await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"blockdev-del","arguments":{"node-name":"n"}}"#);
    peer.call_any("blockdev-del", json!({ "node-name": ["n", "m"] })).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"blockdev-del","arguments":{"node-name":["n","m"]}}"#);
}

async fn an_argument_grows_in_width(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("set-cpu-topology", Answer::Return(json!({})));
    let narrow = r#"{"execute":"set-cpu-topology","arguments":{"core-id":7}}"#;
    for core in [Variant::U8(7), Variant::I16(7), Variant::U32(7), Variant::I64(7)] {
        peer.call("SetCpuTopology", &core).await.unwrap();
        assert_eq!(peer.sent(), narrow, "{core:?}");
    }
    peer.call("SetCpuTopology", &7_u16).await.unwrap();
    assert_eq!(peer.sent(), narrow);
    let refused = peer.call("SetCpuTopology", &70_000_u32).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.InvalidArgs");
    peer.call_any("set-cpu-topology", json!({ "core-id": 70_000 })).await.unwrap();
    assert_eq!(peer.sent(), r#"{"execute":"set-cpu-topology","arguments":{"core-id":70000}}"#);
}

async fn arguments_are_reordered(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("memsave", Answer::Return(json!({})));
    peer.call("Memsave", &(1_u64, 2_u64, "f")).await.unwrap();
    let sent = r#"{"execute":"memsave","arguments":{"val":1,"size":2,"filename":"f"}}"#;
    assert_eq!(peer.sent(), sent, "the order is the ledger's, whatever the peer's");
    let by_name = dictionary(json!({ "filename": "f", "size": 2, "val": 1 }));
    peer.call("Memsave", &by_name).await.unwrap();
    assert_eq!(arguments(&peer.sent()), arguments(sent));
}

async fn an_enumeration_value_is_added(bus: Bus) {
    let status = json!({ "status": "dreaming", "running": true });
    let peer = Skew::new(&bus).await;
    peer.plays("query-status", Answer::Return(status));
    let told = r#"({"running": <true>, "status": <"dreaming">},)"#;
    assert_eq!(peer.told("QueryStatus", &()).await, told);
    peer.plays("add_client", Answer::Return(json!({})));
    peer.call("AddClient", &("telepathy", "f")).await.unwrap();
    let sent = r#"{"execute":"add_client","arguments":{"protocol":"telepathy","fdname":"f"}}"#;
    assert_eq!(peer.sent(), sent);
    let invalid = "Parameter 'protocol' does not accept value 'telepathy'";
    peer.plays("add_client", Answer::Error("GenericError", invalid));
    let refused = peer.call("AddClient", &("telepathy", "f")).await.unwrap_err();
    assert_eq!((refused.name.as_str(), refused.text.as_str()), (GENERIC, invalid));
}

async fn a_union_branch_is_added(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("blockdev-add", Answer::Return(json!({})));
    let options = json!({ "decks": [1, 2.5] });
    peer.call("BlockdevAdd", &("holodeck", dictionary(options))).await.unwrap();
    let sent = r#"{"execute":"blockdev-add","arguments":{"driver":"holodeck","decks":[1,2.5]}}"#;
    assert_eq!(peer.sent(), sent);
    let memory = json!([{ "type": "holo", "data": { "id": "m", "size": 5, "decks": [1, -2] } }]);
    peer.plays("query-memory-devices", Answer::Return(memory));
    let told = concat!(
        r#"([{"data": <{"decks": <[<int64 1>, <int64 -2>]>, "id": <"m">, "size": <int64 5>}>, "#,
        r#""type": <"holo">}],)"#,
    );
    assert_eq!(peer.told("QueryMemoryDevices", &()).await, told);
}

async fn an_alternate_branch_is_added(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("x-blockdev-set-iothread", Answer::Return(json!({})));
    let sent = |iothread: &str| {
        let arguments = format!(r#"{{"node-name":"n","iothread":{iothread}}}"#);
        format!(r#"{{"execute":"x-blockdev-set-iothread","arguments":{arguments}}}"#)
    };
    peer.call("XBlockdevSetIothread", &("n", Variant::from("io"))).await.unwrap();
    assert_eq!(peer.sent(), sent(r#""io""#));
    peer.call("XBlockdevSetIothread", &("n", Variant::from(5_i64))).await.unwrap();
    assert_eq!(peer.sent(), sent("5"));
    let pool = Variant::new(dictionary(json!({ "pool": [1, 2] })));
    peer.call("XBlockdevSetIothread", &("n", pool)).await.unwrap();
    assert_eq!(peer.sent(), sent(r#"{"pool":[1,2]}"#));
}

async fn a_member_is_added_to_a_result(bus: Bus) {
    let status = json!({
        "status": "running",
        "running": true,
        "mood": { "name": "calm", "levels": [1, -2, 2.5, u64::MAX], "since": null },
    });
    let peer = Skew::new(&bus).await;
    peer.plays("query-status", Answer::Return(status.clone()));
    assert_eq!(peer.call("QueryStatus", &()).await.unwrap(), status);
    let told = concat!(
        r#"({"mood": <{"levels": <[<int64 1>, <int64 -2>, <2.5>, <uint64 18446744073709551615>]>, "#,
        r#""name": <"calm">, "since": <signature "">}>, "#,
        r#""running": <true>, "status": <"running">},)"#,
    );
    assert_eq!(peer.told("QueryStatus", &()).await, told);
}

async fn a_member_is_removed_from_a_result(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("query-status", Answer::Return(json!({ "running": true })));
    assert_eq!(peer.told("QueryStatus", &()).await, r#"({"running": <true>},)"#);
}

async fn a_member_of_a_result_grows_in_width(bus: Bus) {
    let peer = Skew::new(&bus).await;
    peer.plays("query-kvm", Answer::Return(json!({ "present": 1 })));
    assert_eq!(peer.told("QueryKvm", &()).await, r#"({"present": <int64 1>},)"#);
    let size = |size: u64| Answer::Return(json!({ "base-memory": size }));
    peer.plays("query-memory-size-summary", size(5));
    let told = peer.told("QueryMemorySizeSummary", &()).await;
    assert_eq!(told, r#"({"base-memory": <uint64 5>},)"#, "the declared type");
    let negative = Answer::Return(json!({ "base-memory": -5 }));
    peer.plays("query-memory-size-summary", negative);
    let told = peer.told("QueryMemorySizeSummary", &()).await;
    assert_eq!(told, r#"({"base-memory": <int64 -5>},)"#, "a type that holds the value");
}

async fn members_of_a_result_are_reordered(bus: Bus) {
    let told = r#"({"running": <true>, "status": <"running">},)"#;
    let peer = Skew::new(&bus).await;
    for text in [r#"{"running":true,"status":"running"}"#, r#"{"status":"running","running":true}"#]
    {
        let answer = format!("{{\"return\":{text}}}\r\n");
        peer.plays("query-status", Answer::Raw(answer.into()));
        assert_eq!(peer.told("QueryStatus", &()).await, told);
    }
}

async fn a_member_is_added_to_an_event(bus: Bus) {
    let data = r#"{"guest":true,"reason":"boredom","depth":3}"#;
    let told = Skew::event(&bus, "RESET", data, "Reset").await;
    assert_eq!(told, r#"(true, "boredom", {@, "depth": <int64 3>})"#);
}

async fn a_member_is_removed_from_an_event(bus: Bus) {
    let told = Skew::event(&bus, "RESET", r#"{"guest":true}"#, "Reset").await;
    assert_eq!(told, r#"(true, "", {@})"#, "its place stays, empty");
}

async fn members_of_an_event_are_reordered(bus: Bus) {
    let data = r#"{"reason":"boredom","guest":true}"#;
    let told = Skew::event(&bus, "RESET", data, "Reset").await;
    assert_eq!(told, r#"(true, "boredom", {@})"#);
}

async fn a_command_is_added(bus: Bus) {
    let answer = json!({ "doors": [{ "open": true }], "none": null });
    let peer = Skew::new(&bus).await;
    peer.plays("holodeck-open", Answer::Return(answer.clone()));
    let given = json!({ "name": "\u{1F600}", "list": [1, "two", { "three": 3.5 }], "no": null });
    assert_eq!(peer.call_any("holodeck-open", given.clone()).await.unwrap(), answer);
    assert_eq!(arguments(&peer.sent()), given);
    let refused = peer.call("HolodeckOpen", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.freedesktop.DBus.Error.UnknownMethod");
    assert!(refused.text.contains("org.qemu.QmpEndpoint.Call"), "{}", refused.text);
}

async fn a_command_is_removed(bus: Bus) {
    let absent = Answer::Error("CommandNotFound", "The command query-vnc has not been found");
    let peer = Skew::new(&bus).await;
    peer.plays("query-vnc", absent);
    let refused = peer.call("QueryVnc", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.CommandNotFound");
    assert_eq!(refused.text, "CommandNotFound: The command query-vnc has not been found");
}

async fn an_event_is_added(bus: Bus) {
    let data = r#"{"who":"nobody","parts":[{"a":1}]}"#;
    let told = Skew::event(&bus, "HOLODECK_OPENED", data, "UnknownEvent").await;
    let expected =
        r#"("HOLODECK_OPENED", {@, "parts": <[<{"a": <int64 1>}>]>, "who": <"nobody">})"#;
    assert_eq!(told, expected);
}

async fn an_error_class_is_added(bus: Bus) {
    let closed = Answer::Error("HolodeckClosed", "come back later");
    let peer = Skew::new(&bus).await;
    peer.plays("query-name", closed);
    let refused = peer.call("QueryName", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.HolodeckClosed");
    assert_eq!(refused.text, "HolodeckClosed: come back later");
}

const GENERIC: &str = "org.qemu.QapiError.GenericError";

/// In the dictionary of every signal: that it is the first, and the time that the peer told.
const EVERY: &str = r#""@sequence": <uint64 1>, "@timestamp": <uint64 1700000000250000>"#;

/// What QEMU says to an argument that it does not know.
const UNEXPECTED: Answer = Answer::Error("GenericError", "Parameter 'x' is unexpected");

/// A client, and a peer whose schema is not the bridge's in the command that it plays.
struct Skew {
    part: Arc<Mutex<(&'static str, Answer)>>,
    peer: Peer,
    client: Client,
    _bridge: Bridge,
}

impl Skew {
    async fn new(bus: &Bus) -> Self {
        let part = Arc::new(Mutex::new(("", Answer::Silence)));
        let played = Arc::clone(&part);
        let peer = Peer::monitor(move |asked, _| {
            let (command, answer) = &*played.lock().unwrap();
            (asked == *command).then(|| answer.clone())
        });
        let (bridge, client) = Bridge::with_monitor(bus, &peer.socket()).await;
        Self { part, peer, client, _bridge: bridge }
    }

    /// From now on this is the command, and the answer to it.
    fn plays(&self, command: &'static str, answer: Answer) {
        *self.part.lock().unwrap() = (command, answer);
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<Value, Refusal>
    where
        B: zbus::export::serde::Serialize + zbus::wire::DynamicType,
    {
        self.client.call(MONITOR, method, body).await
    }

    /// Any command by its QAPI name.
    async fn call_any(&self, command: &str, arguments: Value) -> Result<Value, Refusal> {
        let body = (command, dictionary(arguments), Dictionary::new());
        self.client.call(MONITOR_ENDPOINT, "Call", &body).await
    }

    /// The arguments of the reply with their types, as GVariant text.
    async fn told<B>(&self, method: &str, body: &B) -> String
    where
        B: zbus::export::serde::Serialize + zbus::wire::DynamicType,
    {
        text(&self.client.call_message(MONITOR, method, body).await.unwrap())
    }

    /// The same of the signal for an event; what every signal ends in is `@`.
    async fn event(bus: &Bus, event: &str, data: &str, signal: &str) -> String {
        let peer = Peer::monitor(|_, _| None);
        let (_bridge, client) = Bridge::with_monitor(bus, &peer.socket()).await;
        let mut signals = client.signals(MONITOR).await;
        let timestamp = r#"{"seconds":1700000000,"microseconds":250000}"#;
        peer.send(format!(
            "{{\"timestamp\":{timestamp},\"event\":\"{event}\",\"data\":{data}}}\r\n"
        ));
        signals.named(signal).await.text.replace(EVERY, "@")
    }

    /// What the peer says against the call arrives, word for word.
    async fn refuses<B>(&self, method: &str, body: &B)
    where
        B: zbus::export::serde::Serialize + zbus::wire::DynamicType,
    {
        let refused = self.call(method, body).await.unwrap_err();
        assert_eq!(
            (refused.name.as_str(), refused.text.as_str()),
            (GENERIC, "Parameter 'x' is unexpected")
        );
    }

    /// The bytes of the last request with the command.
    fn sent(&self) -> String {
        self.peer.lines(self.part.lock().unwrap().0).pop().unwrap()
    }
}

fn arguments(line: &str) -> Value {
    let mut request: Value = serde_json::from_str(line).unwrap();
    request["arguments"].take()
}
