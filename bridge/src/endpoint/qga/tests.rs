mod freeze;
mod guest;
mod reading;
mod silence;

use std::time::Duration;

use crate::endpoint::{Limits, Protocol, rig::Rig};

const INFO: &str = r#""return":{"version":"10.0.2","supported_commands":[
    {"enabled":true,"name":"guest-ping","success-response":true},
    {"enabled":false,"name":"guest-exec","success-response":true}]}"#;

/// A session that was opened, and the line by which it synchronises.
fn opened(adapt: impl FnOnce(&mut Limits)) -> (Rig, String) {
    let mut rig = Rig::new(Protocol::Qga, adapt);
    let line = rig.sent().remove(0);
    (rig, line)
}

fn id_of(line: &str) -> String {
    line.rsplit_once("\"id\":").unwrap().1.trim_end_matches('}').to_owned()
}

fn synced(rig: &mut Rig, line: &str) {
    let id = id_of(line);
    rig.peer(r#"{"return":"stale"}"#);
    rig.peer_bytes(b"\xFF");
    rig.peer(&format!(r#"{{"return":{id},"id":{id}}}"#));
}

fn serving_with(adapt: impl FnOnce(&mut Limits)) -> Rig {
    let (mut rig, line) = opened(adapt);
    synced(&mut rig, &line);
    let info = rig.sent();
    rig.peer(&format!(r#"{{{INFO},"id":{}}}"#, id_of(&info[0])));
    rig.heard();
    rig
}

fn serving() -> Rig {
    serving_with(|_| {})
}

fn request_with_timeout(rig: &Rig, command: &str, seconds: u64) {
    let mut request = rig.request(command);
    request.timeout = Some(Duration::from_secs(seconds));
    rig.submit(request);
}

#[tokio::test(start_paused = true)]
async fn opening_synchronises_and_asks_what_the_agent_is() {
    let (mut rig, line) = opened(|_| {});
    let (head, id) = line.rsplit_once(",\"id\":").unwrap();
    let number = id.trim_end_matches('}');
    assert!(number.parse::<i64>().unwrap() > 0);
    let expected =
        format!("\u{fffd}{{\"execute\":\"guest-sync-delimited\",\"arguments\":{{\"id\":{number}}}");
    assert_eq!(head, expected, "0xFF first");
    rig.call("guest-ping");
    rig.peer(r#"{"error":{"class":"GenericError","desc":"JSON parse error"}}"#);
    rig.peer(r#"{"return":"stale"}"#);
    rig.peer("\u{1}rest of an answer\"}");
    rig.peer(r#"{"return":"half"#);
    assert!(rig.sent().is_empty());
    rig.peer_bytes(b"\xFF");
    rig.peer(&format!("{{\"return\":{number}}}"));
    let lines = rig.sent();
    assert!(lines[0].starts_with(r#"{"execute":"guest-info","id":"#), "{lines:?}");
    assert_eq!(lines.len(), 1);
    rig.peer(&format!(r#"{{{INFO},"id":{}}}"#, id_of(&lines[0])));
    let heard = rig.heard();
    assert_eq!(heard[..2], ["Connecting  ", "Connecting 10.0.2 "]);
    assert_eq!(heard[2..], ["Ready 10.0.2 "]);
    assert!(rig.sent()[0].starts_with(r#"{"execute":"guest-ping","id":"#));
}

#[tokio::test(start_paused = true)]
async fn a_forged_or_foreign_synchronisation_is_refused() {
    let (mut rig, line) = opened(|_| {});
    let number: i64 = id_of(&line).parse().unwrap();
    for answer in [format!("{}", number - 1), format!("\"{number}\""), format!("[{number}]")] {
        rig.peer_bytes(b"\xFF");
        rig.peer(&format!("{{\"return\":{answer}}}"));
        rig.peer(&format!("{{\"return\":{number},\"id\":{}}}", number - 1));
    }
    assert!(rig.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_repeated_question_provokes_answers_no_call() {
    let (mut rig, line) = opened(|_| {});
    rig.pass(Duration::from_secs(5)).await;
    assert_eq!(rig.sent(), [&*line]);
    let stray = r#"{"error":{"class":"GenericError","desc":"JSON parse error, stray '\u00ff'"}}"#;
    rig.peer(stray);
    synced(&mut rig, &line);
    let info = rig.sent();
    rig.peer(stray);
    synced(&mut rig, &line);
    rig.peer(&format!(r#"{{{INFO},"id":{}}}"#, id_of(&info[0])));
    assert_eq!(rig.heard().last().unwrap(), "Ready 10.0.2 ");
    rig.call("too-long-for-the-agent");
    rig.sent();
    rig.peer(r#"{"error":{"class":"GenericError","desc":"JSON token size limit exceeded"}}"#);
    let told = "too-long-for-the-agent: GenericError: JSON token size limit exceeded";
    assert_eq!(rig.heard(), [told], "an error without an id may be the answer again");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_discarded_whatever_its_size() {
    let (mut rig, line) = opened(|limits| limits.message = 1 << 20);
    for _ in 0..100 {
        rig.peer(r#"{"return":{"stale":[1,2,3]}}"#);
    }
    rig.peer(&format!(r#"{{"return":"{}"}}"#, "A".repeat(4 << 20)));
    synced(&mut rig, &line);
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_synchronisation_is_forbidden_other_ways_serve() {
    let (mut rig, line) = opened(|_| {});
    let id = id_of(&line);
    rig.peer(r#"{"error":{"class":"GenericError","desc":"JSON parse error"}}"#);
    assert!(rig.sent().is_empty());
    let forbidden = r#"{"error":{"class":"CommandNotFound","desc":"disabled"}}"#;
    rig.peer(forbidden);
    assert!(rig.sent()[0].contains(r#"{"execute":"guest-sync","#));
    rig.peer(forbidden);
    let line = rig.sent().remove(0);
    assert!(line.contains(r#"{"execute":"guest-ping","id":"#));
    assert_eq!(id_of(&line), id);
    rig.peer(&format!(r#"{{"return":{{}},"id":{id}}}"#));
    assert!(rig.sent()[0].contains("guest-info"));

    let (mut rig, line) = opened(|_| {});
    let id = id_of(&line);
    let forbidden = format!(r#"{{"error":{{"class":"CommandNotFound","desc":"no"}},"id":{id}}}"#);
    rig.peer(&forbidden);
    assert!(rig.sent()[0].contains("guest-info"), "the id proves it");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_say_what_it_is_is_ready_all_the_same() {
    let (mut rig, line) = opened(|_| {});
    synced(&mut rig, &line);
    let info = rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["Connecting  ", "Ready  "]);
    let id = id_of(&info[0]);
    rig.peer(&format!(r#"{{"error":{{"class":"CommandNotFound","desc":"no"}},"id":{id}}}"#));
    assert!(rig.heard().is_empty());
    rig.call("guest-ping");
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_absent_agent_is_waited_for_and_asked_again() {
    let (mut rig, line) = opened(|_| {});
    rig.call("early");
    rig.pass(Duration::from_secs(5)).await;
    assert_eq!(rig.heard(), ["Connecting  ", "Unresponsive  ", "early: NotSent.Busy"]);
    assert_eq!(rig.sent(), [&*line], "the same question: a late answer to it counts");
    rig.hang_up();
    rig.heard();
    rig.begin();
    rig.call("waits");
    let line = rig.sent().remove(0);
    assert_eq!(rig.heard(), ["Connecting  "], "it may be there now");
    rig.pass(Duration::from_secs(5)).await;
    assert_eq!(rig.heard(), ["Unresponsive  ", "waits: NotSent.Busy"]);
    rig.sent();
    rig.pass(Duration::from_secs(9)).await;
    assert!(rig.sent().is_empty());
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.sent(), [&*line]);
    synced(&mut rig, &line);
    let info = rig.sent();
    rig.peer(&format!(r#"{{"return":{}}}"#, id_of(&line)));
    rig.peer(&format!(r#"{{{INFO},"id":{}}}"#, id_of(&info[0])));
    assert_eq!(rig.heard(), ["Connecting  ", "Connecting 10.0.2 ", "Ready 10.0.2 "]);
}

#[tokio::test(start_paused = true)]
async fn requests_go_one_at_a_time_and_pair_by_id() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| rig.call(name));
    let a = rig.sent();
    assert_eq!(a.len(), 1);
    rig.peer(r#"{"return":"unknown id","id":3}"#);
    rig.peer(r#"{"return":"foreign id","id":"x"}"#);
    rig.peer(r#"{"return":"no id, though the agent echoes them"}"#);
    assert!(rig.sent().is_empty());
    rig.peer(&format!(r#"{{"return":1,"id":{}}}"#, id_of(&a[0])));
    let b = rig.sent();
    assert_ne!(id_of(&a[0]), id_of(&b[0]));
    rig.peer(&format!(r#"{{"return":"late","id":{}}}"#, id_of(&a[0])));
    rig.peer(r#"{"error":{"class":"GenericError","desc":"no id"}}"#);
    assert_eq!(rig.heard(), ["a: 1", "b: GenericError: no id"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_never_reaches_another_caller() {
    for late in [r#"{"return":"late","id":ID}"#, r#"{"return":"late"}"#] {
        let mut rig = serving();
        request_with_timeout(&rig, "a", 10);
        let late = late.replace("ID", &id_of(&rig.sent()[0]));
        rig.pass(Duration::from_secs(10)).await;
        assert_eq!(rig.heard(), ["a: Unknown.Timeout"]);
        assert!(rig.sent().is_empty(), "nobody asks");
        rig.call("b");
        let sync = rig.sent();
        assert!(sync[0].contains("guest-sync-delimited"));
        rig.peer(&late);
        assert!(rig.sent().is_empty());
        synced(&mut rig, &sync[0]);
        let b = rig.sent();
        rig.peer(&format!(r#"{{"return":"b","id":{}}}"#, id_of(&b[0])));
        assert_eq!(rig.heard(), ["b: \"b\""]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_cut_off_by_its_deadline_is_not_completed() {
    let mut rig = serving();
    request_with_timeout(&rig, "a", 10);
    rig.sent_in_part(3);
    rig.pass(Duration::from_secs(10)).await;
    rig.call("b");
    assert_eq!(rig.heard(), ["a: Unknown.Timeout"]);
    let lines = rig.sent();
    assert!(lines.len() == 1 && lines[0].starts_with('\u{fffd}'), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_does_not_come_back_in_step_is_unresponsive() {
    let mut rig = serving();
    request_with_timeout(&rig, "a", 10);
    rig.sent();
    rig.pass(Duration::from_secs(10)).await;
    rig.call("b");
    rig.sent();
    rig.pass(Duration::from_secs(5)).await;
    assert_eq!(
        rig.heard(),
        [
            "a: Unknown.Timeout",
            "fault: Busy: the agent does not answer",
            "Unresponsive  ",
            "b: NotSent.Busy"
        ]
    );
    rig.begin();
    assert!(rig.heard().is_empty(), "until it proves itself");
    let line = rig.sent();
    synced(&mut rig, &line[0]);
    assert_eq!(rig.heard(), ["Connecting  "]);
}

#[tokio::test(start_paused = true)]
async fn garbage_costs_the_request_that_waits_and_nothing_else() {
    for garbage in
        ["<html>", r#"{"return":{"half":1,"#, r#"{"return":1,"return":2}"#, "{\"a\":\u{1}"]
    {
        let mut rig = serving();
        rig.peer("noise while nobody waits");
        ["a", "b"].iter().for_each(|name| rig.call(name));
        let a = rig.sent();
        assert!(a[0].contains(r#""execute":"a""#), "{garbage}");
        rig.peer(garbage);
        rig.peer(&format!(r#"{{"return":1,"id":{}}}"#, id_of(&a[0])));
        assert_eq!(rig.heard(), ["a: Unknown.BadReply"], "{garbage}");
        let sync = rig.sent();
        synced(&mut rig, &sync[0]);
        let b = rig.sent();
        rig.peer(&format!(r#"{{"return":2,"id":{}}}"#, id_of(&b[0])));
        assert_eq!(rig.heard(), ["b: 2"], "{garbage}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_above_the_limit_does_not_cost_the_next() {
    let mut rig = serving_with(|limits| limits.nodes = 100);
    ["a", "b"].iter().for_each(|name| rig.call(name));
    rig.sent();
    rig.peer(&format!(r#"{{"return":[{}0]}}"#, "0,".repeat(100)));
    let b = rig.sent();
    rig.peer(&format!(r#"{{"return":2,"id":{}}}"#, id_of(&b[0])));
    assert_eq!(rig.heard(), ["a: Unknown.ReplyTooLarge", "b: 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_ask_for_synchronisation() {
    let mut rig = serving();
    rig.call("a");
    let timeout = Some(Duration::from_secs(10));
    rig.handle.sync(-7, timeout, rig.completion("sync"));
    rig.call("b");
    let a = rig.sent();
    rig.peer(&format!(r#"{{"return":1,"id":{}}}"#, id_of(&a[0])));
    let sync = rig.sent();
    assert!(sync.len() == 1 && sync[0].contains("guest-sync-delimited"), "{sync:?}");
    assert!(!sync[0].contains("-7"));
    synced(&mut rig, &sync[0]);
    assert_eq!(rig.heard(), ["a: 1", "sync: -7"]);
    assert!(rig.sent()[0].contains(r#""execute":"b""#));
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_if_synchronisation_fails() {
    let mut rig = serving();
    rig.handle.sync(1, Some(Duration::from_secs(1)), rig.completion("short"));
    rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["short: Unknown.Timeout"]);
    rig.pass(Duration::from_secs(4)).await;
    assert_eq!(rig.heard(), ["fault: Busy: the agent does not answer", "Unresponsive  "]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_not_read_for_ever() {
    let mut rig = serving_with(|limits| limits.message = 1 << 20);
    let flood = "{\"return\":0}\n".repeat(1000);
    let is_read = |rig: &Rig| rig.session.pause(tokio::time::Instant::now()).is_none();
    let mut read = 0;
    while is_read(&rig) && read < 1000 {
        rig.peer_bytes(flood.as_bytes());
        read += 1;
    }
    assert!((50..100).contains(&read), "{read} thousand");
    rig.pass(Duration::from_secs(1)).await;
    assert!(is_read(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_monitor_is_not_taken_for_an_agent() {
    let (mut rig, _) = opened(|_| {});
    rig.peer(r#"{"QMP":{"version":{"qemu":{"micro":2,"minor":0,"major":10}},"capabilities":[]}}"#);
    assert!(rig.heard()[1].contains("not an agent"));
}

#[tokio::test(start_paused = true)]
async fn answers_that_were_asked_for_are_always_read() {
    let mut rig = serving_with(|limits| limits.message = 1 << 20);
    let long = "x".repeat(1_000_000);
    for _ in 0..70 {
        rig.call("guest-file-read");
        let line = rig.sent();
        rig.peer(&format!(r#"{{"return":"{long}","id":{}}}"#, id_of(&line[0])));
        assert!(rig.session.pause(tokio::time::Instant::now()).is_none());
    }
    assert_eq!(rig.heard().len(), 70);
}
