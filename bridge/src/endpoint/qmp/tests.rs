mod machine;

use std::{os::fd::OwnedFd, time::Duration};

use crate::endpoint::{Completion, Limits, Protocol, Request, rig::Rig};

const GREETING: &str = r#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10},
    "package": "x"}, "capabilities": ["oob"]}}"#;
const PLAIN_GREETING: &str =
    r#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10}},"capabilities":[]}}"#;

fn greeted(greeting: &str, adapt: impl FnOnce(&mut Limits)) -> (Rig, String) {
    let mut rig = Rig::new(Protocol::Qmp, adapt);
    rig.peer(greeting);
    let line = rig.sent().remove(0);
    let nonce = line.rsplit_once("\"id\":").unwrap().1.trim_end_matches('}').to_owned();
    (rig, nonce)
}

fn serving_with(greeting: &str, adapt: impl FnOnce(&mut Limits)) -> Rig {
    let (mut rig, nonce) = greeted(greeting, adapt);
    rig.peer(&format!("{{\"return\": {{}}, \"id\": {nonce}}}"));
    while !rig.sent().is_empty() {
        rig.peer(r#"{"return": {"status": "running", "running": true}}"#);
        rig.sent();
        rig.peer(r#"{"return": [{"name": "stop"}, {"name": "cont"}]}"#);
    }
    rig.heard();
    rig
}

fn serving() -> Rig {
    serving_with(GREETING, |_| {})
}

#[tokio::test(start_paused = true)]
async fn opening_negotiates_and_asks_what_the_peer_is() {
    let mut rig = Rig::new(Protocol::Qmp, |_| {});
    assert!(rig.sent().is_empty());
    rig.peer(GREETING);
    let lines = rig.sent();
    assert_eq!(lines.len(), 1);
    let (head, nonce) = lines[0].rsplit_once("\"id\":").unwrap();
    assert_eq!(head, r#"{"execute":"qmp_capabilities","arguments":{"enable":["oob"]},"#);
    rig.peer(&format!("{{\"return\": {{}}, \"id\": {nonce}"));
    assert_eq!(rig.sent(), [r#"{"execute":"query-status"}"#, r#"{"execute":"query-commands"}"#]);
    rig.peer(r#"{"return": {"status": "paused"}}"#);
    rig.peer(r#"{"return": [{"name": "stop"}]}"#);
    let told =
        ["Connecting  ", "Connecting 10.0.2 ", "Connecting 10.0.2 ", "Connecting 10.0.2 paused"];
    let heard = rig.heard();
    assert_eq!(heard[..4], told);
    assert_eq!(heard.last().unwrap(), "Ready 10.0.2 paused");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_that_the_greeting_does_not_offer() {
    let mut rig = Rig::new(Protocol::Qmp, |_| {});
    rig.peer(PLAIN_GREETING);
    assert!(rig.sent()[0].starts_with(r#"{"execute":"qmp_capabilities","id":"#));
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_the_negotiation_is_of_an_earlier_client() {
    let (mut rig, nonce) = greeted(GREETING, |limits| limits.message = 64 << 10);
    rig.call("stop");
    rig.peer(r#"{"return": {"stale": 1}}"#);
    rig.peer(r#"{"return": {"stale": 2}, "id": 7}"#);
    rig.peer(r#"{"id": "x", "error": {"class": "GenericError", "desc": "stale"}}"#);
    rig.peer(r#"{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"}"#);
    rig.peer(&format!("{{\"return\": \"{}\"}}", "x".repeat(100_000)));
    rig.peer("half a line\"}");
    assert!(rig.sent().is_empty());
    rig.peer(&format!("{{\"id\": {nonce}, \"return\": {{}}}}"));
    assert_eq!(rig.sent().len(), 3);
    rig.peer(r#"{"return": {"status": "running"}}"#);
    rig.peer(r#"{"return": []}"#);
    rig.peer(r#"{"return": {"fresh": 1}}"#);
    let heard = rig.heard();
    assert_eq!(heard.last().unwrap(), r#"stop: {"fresh": 1}"#);
    assert!(!heard.iter().any(|line| line.contains("stale") || line.contains("STOP")));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_no_question_is_ready_after_a_second() {
    let (mut rig, nonce) = greeted(GREETING, |_| {});
    rig.peer(&format!("{{\"return\": {{}}, \"id\": {nonce}}}"));
    rig.sent();
    rig.heard();
    rig.pass(Duration::from_millis(999)).await;
    assert!(rig.heard().is_empty());
    rig.pass(Duration::from_millis(1)).await;
    assert_eq!(rig.heard(), ["Ready 10.0.2 "]);
}

#[tokio::test(start_paused = true)]
async fn without_a_greeting_calls_are_refused_until_it_comes() {
    let mut rig = Rig::new(Protocol::Qmp, |_| {});
    rig.call("early");
    rig.pass(Duration::from_millis(4999)).await;
    assert_eq!(rig.heard(), ["Connecting  "]);
    rig.pass(Duration::from_millis(1)).await;
    assert_eq!(rig.heard(), ["Unresponsive  ", "early: NotSent.Busy"]);
    rig.call("late");
    assert!(rig.sent().is_empty());
    assert_eq!(rig.heard(), ["late: NotSent.Busy"]);
    rig.peer(GREETING);
    assert_eq!(rig.heard(), ["Connecting  ", "Connecting 10.0.2 "]);
    rig.call("waits");
    assert_eq!(rig.sent().len(), 1);
    rig.pass(Duration::from_secs(5)).await;
    assert_eq!(rig.heard(), ["Unresponsive 10.0.2 ", "waits: NotSent.Busy"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_negotiation_and_an_oversize_greeting_end_the_connection() {
    let (mut rig, nonce) = greeted(GREETING, |_| {});
    rig.call("stop");
    rig.peer(&format!(r#"{{"id":{nonce},"error":{{"class":"CommandNotFound","desc":"no"}}}}"#));
    let heard = rig.heard();
    assert_eq!(heard[2], "fault: NotConnected: the monitor refuses to negotiate: no");
    assert_eq!(heard[3..], ["Disconnected  ", "stop: NotSent.NotConnected"]);

    let mut rig = Rig::new(Protocol::Qmp, |_| {});
    rig.peer(&format!("{{\"QMP\": \"{}\"}}", "x".repeat(64 << 10)));
    assert!(rig.heard()[1].ends_with("the greeting is above the limit"));
}

#[tokio::test(start_paused = true)]
async fn replies_pair_in_order_without_ids() {
    let mut rig = serving();
    let mut request = rig.request("a");
    request.arguments = br#"{"x":1}"#.to_vec();
    rig.submit(request);
    rig.call("b");
    rig.call("c");
    let lines =
        [r#"{"execute":"a","arguments":{"x":1}}"#, r#"{"execute":"b"}"#, r#"{"execute":"c"}"#];
    assert_eq!(rig.sent(), lines);
    rig.peer(r#"{"return": 1}"#);
    rig.peer(r#"{"error": {"class": "DeviceNotFound", "desc": "d"}}"#);
    rig.peer(r#"{"return": null}"#);
    assert_eq!(rig.heard(), ["a: 1", "b: DeviceNotFound: d", "c: null"]);
}

#[tokio::test(start_paused = true)]
async fn the_window_bounds_what_is_on_the_wire() {
    let mut rig = serving();
    (0..10).for_each(|at| rig.call(&format!("c{at}")));
    assert_eq!(rig.sent().len(), 7);
    rig.peer(r#"{"return": 0}"#);
    assert_eq!(rig.sent(), [r#"{"execute":"c7"}"#]);

    let mut rig = serving_with(PLAIN_GREETING, |_| {});
    (0..3).for_each(|at| rig.call(&format!("c{at}")));
    assert_eq!(rig.sent(), [r#"{"execute":"c0"}"#]);
}

fn out_of_band(rig: &Rig, command: &str) {
    rig.submit(Request { oob: true, ..rig.request(command) });
}

#[tokio::test(start_paused = true)]
async fn requests_out_of_band_overtake_and_pair_by_id() {
    let mut rig = serving();
    (0..8).for_each(|at| rig.call(&format!("c{at}")));
    for name in ["o1", "o2"] {
        out_of_band(&rig, name);
    }
    let lines = rig.sent();
    assert_eq!(lines.len(), 9);
    let ids: Vec<_> = lines[..2].iter().map(|line| line.split("\"id\":").nth(1).unwrap()).collect();
    assert!(lines[0].starts_with(r#"{"exec-oob":"o1","#));
    rig.peer(&format!(r#"{{"error":{{"class":"GenericError","desc":"d"}},"id":{}"#, ids[1]));
    rig.peer(r#"{"return": "c0"}"#);
    rig.peer(&format!(r#"{{"return":1,"id":{}"#, ids[0]));
    assert_eq!(rig.heard(), ["o2: GenericError: d", "c0: \"c0\"", "o1: 1"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_capability_out_of_band_is_in_band() {
    let mut rig = serving_with(PLAIN_GREETING, |_| {});
    out_of_band(&rig, "o");
    assert_eq!(rig.sent(), [r#"{"execute":"o"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_descriptor_is_alone_on_the_wire() {
    let mut rig = serving();
    rig.call("a");
    let mut request = rig.request("getfd");
    request.fd = Some(OwnedFd::from(std::fs::File::open("/dev/null").unwrap()));
    rig.submit(request);
    out_of_band(&rig, "o");
    rig.call("b");
    let lines = rig.sent();
    assert!(lines[0].starts_with(r#"{"exec-oob":"o""#));
    assert_eq!(lines[1..], [r#"{"execute":"a"}"#]);
    rig.peer(r#"{"return": 0}"#);
    assert!(rig.sent().is_empty(), "the request out of band is not answered");
    let id = lines[0].split("\"id\":").nth(1).unwrap();
    rig.peer(&format!(r#"{{"return":0,"id":{id}"#));
    assert_eq!(rig.sent(), [r#"{"execute":"getfd"}"#]);
    out_of_band(&rig, "o");
    rig.peer(r#"{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP"}"#);
    rig.pass(super::LULL).await;
    assert!(rig.sent().is_empty());
    rig.peer(r#"{"return": 0}"#);
    assert_eq!(rig.sent().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_timed_out_keeps_its_place() {
    let mut rig = serving();
    let mut request = rig.request("slow");
    request.timeout = Some(Duration::from_secs(1));
    rig.submit(request);
    rig.call("next");
    rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["slow: Unknown.Timeout"]);
    rig.peer(r#"{"return": "slow"}"#);
    rig.peer(r#"{"return": "next"}"#);
    assert_eq!(rig.heard(), ["next: \"next\""]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_did_not_leave_in_time_was_not_sent() {
    let mut rig = serving_with(PLAIN_GREETING, |_| {});
    for (name, seconds) in [("on-the-wire", 9), ("waits", 1)] {
        let mut request = rig.request(name);
        request.timeout = Some(Duration::from_secs(seconds));
        rig.submit(request);
    }
    assert!(rig.sent_in_part(0).is_some());
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["waits: NotSent.Busy"]);
    rig.pass(Duration::from_secs(8)).await;
    assert_eq!(rig.heard(), ["on-the-wire: NotSent.Busy"]);
    rig.call("next");
    assert_eq!(rig.sent(), [r#"{"execute":"next"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_which_a_byte_left_may_be_done() {
    let mut rig = serving();
    let mut request = rig.request("cut");
    request.timeout = Some(Duration::from_secs(1));
    rig.submit(request);
    rig.sent_in_part(1);
    rig.call("next");
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["cut: Unknown.Timeout"]);
    assert_eq!(rig.sent(), [r#"{"execute":"cut"}"#, r#"{"execute":"next"}"#], "it leaves whole");
    for (bytes, outcome) in [(0, "NotSent.NotConnected"), (1, "Unknown.ConnectionLost")] {
        let mut rig = serving();
        let mut request = rig.request("lost");
        request.replies = false;
        rig.submit(request);
        rig.sent_in_part(bytes);
        rig.hang_up();
        assert_eq!(rig.heard()[1], format!("lost: {outcome}"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_tells_who_was_sent() {
    let mut rig = serving_with(GREETING, |limits| limits.in_flight = 2);
    let mut request = rig.request("quits");
    request.replies = false;
    rig.submit(request);
    rig.call("sent");
    rig.call("waits");
    rig.sent();
    rig.hang_up();
    assert_eq!(
        rig.heard(),
        [
            "fault: NotConnected: EOF",
            "quits: {}",
            "sent: Unknown.ConnectionLost",
            "Disconnected  ",
            "waits: NotSent.NotConnected"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_reply_that_is_not_understood_none_is_trusted() {
    let bad = [
        r#"{"return": inf}"#,
        r#"{"return": {"a": "}"#,
        "<html>",
        r#"{"return": 1, "id": 77}"#,
        r#"{"return": 1, "id": "x"}"#,
        r#"{"neither": 1}"#,
        PLAIN_GREETING,
    ];
    for line in bad {
        let mut rig = serving();
        ["a", "b"].iter().for_each(|name| rig.call(name));
        rig.sent();
        rig.call("c");
        rig.peer(line);
        rig.peer(r#"{"return": "nothing crosses over"}"#);
        let heard = rig.heard();
        assert_eq!(heard[0], "a: Unknown.BadReply", "{line}");
        assert!(heard[1].starts_with("fault: NotConnected: the monitor sent"), "{line}");
        let rest = ["b: Unknown.ConnectionLost", "Disconnected  ", "c: NotSent.NotConnected"];
        assert_eq!(heard[2..5], rest, "{line}");
    }
    let mut rig = serving();
    rig.peer(r#"{"return": 1}"#);
    assert!(rig.heard()[0].starts_with("fault: NotConnected: the monitor sent"));
}

#[tokio::test(start_paused = true)]
async fn a_message_above_the_limit_does_not_end_the_connection() {
    let mut rig = serving_with(GREETING, |limits| limits.message = 4096);
    ["a", "b"].iter().for_each(|name| rig.call(name));
    out_of_band(&rig, "o");
    let id = rig.sent()[0].split("\"id\":").nth(1).unwrap().to_owned();
    let long = "x".repeat(5000);
    rig.peer(&format!(r#"{{"return": "{long}", "id": {id}"#));
    rig.peer(&format!(r#"{{"timestamp": {{}}, "event": "E", "data": "{long}"}}"#));
    rig.peer(&format!(r#"{{"return": "{long}"}}"#));
    rig.peer(r#"{"return": 1}"#);
    assert_eq!(
        rig.heard(),
        ["o: Unknown.ReplyTooLarge", "event lost", "a: Unknown.ReplyTooLarge", "b: 1"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_text_of_an_error_is_cut_between_characters() {
    let mut rig = serving();
    rig.call("a");
    rig.sent();
    let desc = format!("x{}", "\u{e4}".repeat(4000));
    rig.peer(&format!(r#"{{"error": {{"class": "GenericError", "desc": "{desc}"}}}}"#));
    assert_eq!(rig.heard(), [format!("a: GenericError: {}", &desc[..4095])]);
}

#[tokio::test(start_paused = true)]
async fn events_and_replies_are_told_in_the_peers_order() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| rig.call(name));
    rig.sent();
    rig.peer(r#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "E", "data": {"x": 1}}"#);
    rig.peer(r#"{"return": 1}"#);
    rig.peer(r#"{"timestamp": {"seconds": 1, "microseconds": 3}, "event": "F"}"#);
    rig.peer(r#"{"return": 2}"#);
    assert_eq!(rig.heard(), [r#"E {"x": 1} 1000002"#, "a: 1", "F  1000003", "b: 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_peer_can_know_is_not_sent() {
    let mut rig = serving();
    rig.call("stop\",\"id\":\"1");
    assert!(rig.sent().is_empty());
    assert!(rig.heard()[0].contains("CommandNotFound"));
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_caller_costs_nobody_else() {
    let mut rig = serving();
    let planted = Completion::new(|_| panic!("planted"));
    rig.submit(Request { completion: planted, ..rig.request("one") });
    rig.heard();
    rig.call("two");
    assert_eq!(rig.sent().len(), 2);
    rig.peer(r#"{"return": 1}"#);
    rig.peer(r#"{"return": 2}"#);
    assert_eq!(rig.heard(), ["two: 2"]);
}
