//! What the monitor of its machine tells of an agent.

use std::time::Duration;

use super::{Rig, id_of, opened, request_with_timeout, serving, synced};
use crate::endpoint::guest::{Hindrance, News};

const STOPPED: News = News { halt: Some(Hindrance::Stopped("stopped")), open: None, lost: false };
const RUNS: News = News { halt: None, ..STOPPED };
const CLOSED: News = News { open: Some(false), ..RUNS };
const OPEN: News = News { open: Some(true), ..RUNS };
const RESET: News = News { lost: true, ..CLOSED };

async fn told(rig: &mut Rig, news: News) {
    rig.session.inbox.tell(news);
    rig.pass(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_left_loses_its_call_and_is_absent_until_it_is_back() {
    let mut rig = serving();
    rig.call("on-the-wire");
    rig.sent();
    rig.call("waits");
    told(&mut rig, CLOSED).await;
    let expected = [
        "fault: Absent: no agent is running in the guest",
        "on-the-wire: Unknown.ConnectionLost",
        "Absent  ",
        "waits: NotSent.Absent",
    ];
    assert_eq!(rig.heard(), expected);
    rig.begin();
    let line = rig.sent().remove(0);
    rig.call("next");
    told(&mut rig, CLOSED).await;
    assert_eq!(rig.heard(), ["next: NotSent.Absent"]);
    rig.pass(Duration::from_secs(60)).await;
    told(&mut rig, OPEN).await;
    rig.call("early");
    assert_eq!(rig.heard(), ["Connecting  "]);
    assert_eq!(rig.sent(), [&*line], "asked at once, and not after the pause");
    synced(&mut rig, &line);
    let info = rig.sent();
    rig.peer(&format!(r#"{{"return":{{}},"id":{}}}"#, id_of(&info[0])));
    assert_eq!(rig.heard(), ["Ready  "]);
    assert!(rig.sent()[0].contains("early"));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_answers_is_there_whatever_the_monitor_told() {
    let mut rig = Rig::new(crate::endpoint::Protocol::Qga, |_| {});
    told(&mut rig, CLOSED).await;
    rig.begin();
    let line = rig.sent().remove(0);
    rig.pass(Duration::from_secs(5)).await;
    rig.sent();
    rig.heard();
    synced(&mut rig, &line);
    assert_eq!(rig.heard(), ["Connecting  "]);
    told(&mut rig, STOPPED).await;
    assert_eq!(rig.heard(), ["Unresponsive  "], "a stop says nothing of the port");
    told(&mut rig, CLOSED).await;
    assert_eq!(rig.heard()[0], "fault: Absent: no agent is running in the guest");
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_what_is_on_the_wire_even_if_the_port_is_open_again() {
    let mut rig = serving();
    let mut request = rig.request("guest-shutdown");
    request.replies = false;
    rig.submit(request);
    rig.sent();
    rig.call("guest-exec");
    rig.sent();
    rig.session.inbox.tell(RESET);
    told(&mut rig, OPEN).await;
    let expected = [
        "fault: NotConnected: the machine was reset",
        "guest-exec: Unknown.ConnectionLost",
        "guest-shutdown: {}",
        "Disconnected  ",
    ];
    assert_eq!(rig.heard(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_machine_gets_no_call_and_answers_the_one_it_has() {
    let mut rig = serving();
    request_with_timeout(&rig, "on-the-wire", 60);
    let line = rig.sent();
    told(&mut rig, STOPPED).await;
    rig.call("refused");
    assert!(rig.sent().is_empty());
    assert_eq!(rig.heard(), ["Unresponsive 10.0.2 ", "refused: NotSent.Busy"]);
    told(&mut rig, RUNS).await;
    assert_eq!(rig.heard(), ["Ready 10.0.2 "]);
    rig.peer(&format!(r#"{{"return":{{}},"id":{}}}"#, id_of(&line[0])));
    assert_eq!(rig.heard(), ["on-the-wire: {}"]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_runs_again_is_synchronised_first() {
    let mut rig = serving();
    request_with_timeout(&rig, "too-late", 1);
    let late = rig.sent();
    told(&mut rig, STOPPED).await;
    rig.pass(Duration::from_secs(3600)).await;
    assert_eq!(rig.heard(), ["Unresponsive 10.0.2 ", "too-late: Unknown.Timeout"]);
    assert!(rig.sent().is_empty(), "nobody reads it");
    told(&mut rig, RUNS).await;
    rig.call("next");
    let line = rig.sent().remove(0);
    assert!(line.contains("guest-sync-delimited"), "{line}");
    rig.peer(&format!(r#"{{"return":{{}},"id":{}}}"#, id_of(&late[0])));
    synced(&mut rig, &line);
    let info = rig.sent();
    assert!(info[0].contains("guest-info"), "{info:?}");
    rig.peer(&format!(r#"{{"return":{{}},"id":{}}}"#, id_of(&info[0])));
    assert_eq!(rig.heard(), ["Connecting 10.0.2 ", "Ready 10.0.2 "]);
    assert!(rig.sent()[0].contains("next"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_stops_while_it_synchronises_is_not_asked_over_and_over() {
    let (mut rig, line) = opened(|_| {});
    told(&mut rig, STOPPED).await;
    rig.pass(Duration::from_secs(3600)).await;
    assert_eq!(rig.heard(), ["Connecting  ", "Unresponsive  "]);
    assert!(rig.sent().is_empty());
    told(&mut rig, RUNS).await;
    assert_eq!(rig.sent(), [line]);
    assert_eq!(rig.heard(), ["Connecting  "]);
}
