//! Requests that only read are on the wire together.

use super::*;

fn read(rig: &Rig, name: &str) {
    rig.submit(crate::endpoint::Request { reads: true, ..rig.request(name) });
}

fn answer(rig: &mut Rig, line: &str, value: &str) {
    rig.peer(&format!(r#"{{"return":{value},"id":{}}}"#, id_of(line)));
}

#[tokio::test(start_paused = true)]
async fn each_gets_its_own_answer_and_no_more_are_sent_than_the_limit() {
    let mut rig = serving_with(|limits| limits.in_flight = 3);
    ["a", "b", "c", "d"].iter().for_each(|name| read(&rig, name));
    let lines = rig.sent();
    assert_eq!(lines.len(), 3);
    for (line, value) in lines.iter().zip(["1", "2", "3"]) {
        answer(&mut rig, line, value);
    }
    assert_eq!(rig.heard(), ["a: 1", "b: 2", "c: 3"]);
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_does_more_is_alone_and_none_overtakes_it() {
    let mut rig = serving();
    read(&rig, "a");
    rig.call("acts");
    read(&rig, "b");
    let reads = rig.sent();
    assert!(reads.len() == 1 && reads[0].contains(r#""a""#), "{reads:?}");
    answer(&mut rig, &reads[0], "1");
    let acts = rig.sent();
    assert!(acts.len() == 1 && acts[0].contains("acts"), "{acts:?}");
    answer(&mut rig, &acts[0], "2");
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_ids_they_go_one_by_one() {
    let (mut rig, line) = opened(|_| {});
    rig.peer(&format!(r#"{{"return":{}}}"#, id_of(&line)));
    rig.sent();
    rig.peer(&format!("{{{INFO}}}"));
    rig.heard();
    ["a", "b"].iter().for_each(|name| read(&rig, name));
    assert_eq!(rig.sent().len(), 1);
    rig.peer(r#"{"return":1}"#);
    assert_eq!(rig.heard(), ["a: 1"]);
    assert_eq!(rig.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_nobody_reaches_nobody_and_one_that_is_left_out_fails() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| read(&rig, name));
    let lines = rig.sent();
    rig.peer(r#"{"error":{"class":"GenericError","desc":"whose?"}}"#);
    rig.peer(r#"{"return":3}"#);
    assert!(rig.heard().is_empty());
    answer(&mut rig, &lines[1], "2");
    assert_eq!(rig.heard(), ["a: Unknown.BadReply", "b: 2"]);
    answer(&mut rig, &lines[0], "1");
    assert!(rig.heard().is_empty());
    read(&rig, "c");
    assert!(rig.sent()[0].contains("guest-sync-delimited"));
}

#[tokio::test(start_paused = true)]
async fn after_a_missed_one_none_joins_and_the_channel_is_proved_anew() {
    let mut rig = serving();
    let timeout = |seconds| Some(Duration::from_secs(seconds));
    for (name, seconds) in [("a", 1), ("b", 5)] {
        let request = rig.request(name);
        rig.submit(crate::endpoint::Request { reads: true, timeout: timeout(seconds), ..request });
    }
    let lines = rig.sent();
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.heard(), ["a: Unknown.Timeout"]);
    read(&rig, "c");
    assert!(rig.sent().is_empty());
    rig.peer(r#"{"error":{"class":"GenericError","desc":"of the missed one"}}"#);
    assert!(rig.heard().is_empty());
    answer(&mut rig, &lines[0], "1");
    answer(&mut rig, &lines[1], "2");
    assert_eq!(rig.heard(), ["b: 2"]);
    let sync = rig.sent();
    assert!(sync.len() == 1 && sync[0].contains("guest-sync-delimited"), "{sync:?}");
    synced(&mut rig, &sync[0]);
    let line = rig.sent();
    answer(&mut rig, &line[0], "3");
    assert!(rig.heard().contains(&"c: 3".into()));
}

#[tokio::test(start_paused = true)]
async fn garbage_may_be_the_answer_of_each() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| read(&rig, name));
    let lines = rig.sent();
    rig.peer("garbage");
    assert_eq!(rig.heard(), ["a: Unknown.BadReply", "b: Unknown.BadReply"]);
    answer(&mut rig, &lines[1], "2");
    read(&rig, "c");
    assert!(rig.heard().is_empty());
    assert!(rig.sent()[0].contains("guest-sync-delimited"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_but_for_its_id_fails_one() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| read(&rig, name));
    let lines = rig.sent();
    rig.peer(&format!(r#"{{"return":1,"return":2,"id":{}}}"#, id_of(&lines[0])));
    assert_eq!(rig.heard(), ["a: Unknown.BadReply"]);
    answer(&mut rig, &lines[1], "2");
    assert_eq!(rig.heard(), ["b: 2"]);
    read(&rig, "c");
    assert!(rig.sent()[0].contains(r#""c""#));
}

#[tokio::test(start_paused = true)]
async fn one_of_which_no_byte_left_outlives_garbage() {
    let mut rig = serving();
    ["a", "b"].iter().for_each(|name| read(&rig, name));
    let first = rig.sent_in_part(1000).unwrap();
    assert!(first.contains(r#""a""#));
    rig.session.wire.written(tokio::time::Instant::now());
    assert!(rig.sent_in_part(0).unwrap().contains(r#""b""#));
    rig.peer("garbage");
    assert_eq!(rig.heard(), ["a: Unknown.BadReply"]);
    let line = rig.sent();
    answer(&mut rig, &line[0], "2");
    assert_eq!(rig.heard(), ["b: 2"]);
    read(&rig, "c");
    assert!(rig.sent()[0].contains("guest-sync-delimited"));
}
