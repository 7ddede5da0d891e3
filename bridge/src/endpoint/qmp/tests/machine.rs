//! What a monitor tells the agent of its machine.

use std::time::Duration;

use super::{
    super::{END, LULL},
    Rig, serving,
};
use crate::endpoint::{
    Protocol,
    guest::{Hindrance, News},
};

/// A monitor that is ready, and the endpoint of an agent that it was told of since.
fn machine() -> (Rig, Rig) {
    let (mut monitor, agent) = (serving(), Rig::new(Protocol::Qga, |_| {}));
    monitor.handle.attach(&agent.handle);
    assert_eq!(monitor.sent(), [QUERY]);
    (monitor, agent)
}

const QUERY: &str = r#"{"execute":"query-chardev"}"#;
const STATUS: &str = r#"{"execute":"query-status"}"#;

/// The agent's socket, or another, and whether its port is open.
fn devices(rig: &mut Rig, socket: &str, open: bool) {
    let monitor = r#"{"label":"m","filename":"vc","frontend-open":true}"#;
    let file = format!("disconnected:unix:{socket},server=on");
    let agent = format!(r#"{{"label":"a","filename":"{file}","frontend-open":{open}}}"#);
    rig.peer(&format!("{{\"return\":[{monitor},{agent}]}}"));
}

fn event(rig: &mut Rig, name: &str) {
    let time = r#"{"seconds":1,"microseconds":2}"#;
    rig.peer(&format!(r#"{{"timestamp":{time},"event":"{name}"}}"#));
}

fn status(rig: &mut Rig, status: &str, running: bool) {
    rig.peer(&format!(r#"{{"return":{{"status":"{status}","running":{running}}}}}"#));
}

fn news(agent: &Rig) -> Option<News> {
    agent.session.inbox.news()
}

fn text(agent: &Rig) -> &'static str {
    match news(agent).and_then(|news| news.halt) {
        Some(Hindrance::Absent(text) | Hindrance::Stopped(text)) => text,
        None => "runs",
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_the_agents_device_is_found() {
    let (mut monitor, agent) = machine();
    event(&mut monitor, "STOP");
    assert_eq!(news(&agent), None);
    devices(&mut monitor, "other", true);
    assert_eq!(news(&agent), None);
    assert!(monitor.sent().is_empty(), "more events may follow");
    monitor.pass(LULL).await;
    assert_eq!(monitor.sent(), [STATUS, QUERY], "STOP asked for both");
    status(&mut monitor, "paused", false);
    devices(&mut monitor, "peer", true);
    let told = news(&agent).unwrap();
    assert!(told.open == Some(true) && matches!(told.halt, Some(Hindrance::Stopped(_))));
    event(&mut monitor, "VSERPORT_CHANGE");
    assert_eq!(monitor.sent(), [QUERY]);
    devices(&mut monitor, "other", true);
    assert_eq!(news(&agent), Some(News::NONE), "it was unplugged");
}

#[tokio::test(start_paused = true)]
async fn a_port_that_opens_and_closes_is_asked_for_once_at_a_time() {
    let (mut monitor, agent) = machine();
    (0..1000).for_each(|_| event(&mut monitor, "VSERPORT_CHANGE"));
    assert!(monitor.sent().is_empty(), "the question is on the wire");
    for open in [false, true] {
        devices(&mut monitor, "peer", open);
        assert_eq!(news(&agent).unwrap().open, Some(open));
        assert_eq!(monitor.sent().len(), usize::from(!open));
    }
}

#[tokio::test(start_paused = true)]
async fn events_tell_at_once_and_the_state_tells_more() {
    let (mut monitor, agent) = machine();
    devices(&mut monitor, "peer", true);
    news(&agent);
    for (name, state, now, then) in [
        ("STOP", "paused", "stopped; Cont", "stopped; Cont"),
        ("RESUME", "running", "runs", "runs"),
        ("SUSPEND", "suspended", "suspended; SystemWakeup", "suspended; SystemWakeup"),
        ("WAKEUP", "running", "runs", "runs"),
        ("STOP", "guest-panicked", "stopped; Cont", "panicked; SystemReset"),
        ("RESUME", "running", "runs", "runs"),
        ("STOP", "of-a-later-release", "stopped; Cont", "stopped; Cont"),
        ("STOP", "shutdown", "stopped; Cont", "shut down; SystemReset"),
    ] {
        event(&mut monitor, name);
        let told = text(&agent);
        assert!(told.contains(now), "{name}: {told}");
        monitor.pass(LULL).await;
        assert_eq!(monitor.sent(), [STATUS, QUERY], "{name}");
        status(&mut monitor, state, state == "running");
        let told = text(&agent);
        assert!(told.contains(then), "{state}: {told}");
        devices(&mut monitor, "peer", true);
        news(&agent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_or_shutdown_loses_what_the_agent_had() {
    let (mut monitor, agent) = machine();
    devices(&mut monitor, "peer", true);
    for name in ["RESET", "SHUTDOWN"] {
        news(&agent);
        event(&mut monitor, name);
        assert_eq!(news(&agent), Some(News { halt: None, open: Some(false), lost: true }));
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_monitor_an_agent_is_as_if_there_were_none() {
    let (mut monitor, agent) = machine();
    devices(&mut monitor, "peer", false);
    event(&mut monitor, "STOP");
    news(&agent);
    monitor.hang_up();
    assert_eq!(news(&agent), Some(News::NONE));
    monitor.hang_up();
    assert_eq!(news(&agent), None, "once");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_finds_no_agent() {
    let (mut monitor, agent) = machine();
    for answer in [r#""return":7"#, r#""return":[{}]"#, r#""error":{"class":"c","desc":"d"}"#] {
        monitor.peer(&format!("{{{answer}}}"));
        assert_eq!(news(&agent), None);
        event(&mut monitor, "VSERPORT_CHANGE");
        assert_eq!(monitor.sent(), [QUERY]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_run_state_is_asked_for_once_at_a_time() {
    let mut rig = serving();
    (0..8).for_each(|at| rig.call(&format!("c{at}")));
    rig.sent();
    ["STOP", "RESUME", "BLOCK_JOB_READY"].iter().for_each(|name| event(&mut rig, name));
    assert!(rig.sent().is_empty(), "more events may follow");
    rig.pass(LULL).await;
    assert_eq!(rig.sent(), [STATUS], "one more than callers may");
    event(&mut rig, "STOP");
    rig.pass(LULL).await;
    assert!(rig.sent().is_empty());
    (0..7).for_each(|_| rig.peer(r#"{"return": {}}"#));
    rig.heard();
    status(&mut rig, "running", true);
    assert!(rig.heard().is_empty(), "nothing changed");
    assert_eq!(rig.sent(), [STATUS, r#"{"execute":"c7"}"#]);
    event(&mut rig, "SUSPEND");
    rig.pass(LULL).await;
    assert!(rig.sent().is_empty(), "there is room, but one is on the wire");
    rig.heard();
    status(&mut rig, "suspended", false);
    assert_eq!(rig.heard(), ["Ready 10.0.2 suspended"]);
    assert_eq!(rig.sent(), [STATUS]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_ends_is_asked_nothing_unless_it_stays() {
    let mut rig = serving();
    ["GUEST_PANICKED", "STOP", "SHUTDOWN"].iter().for_each(|name| event(&mut rig, name));
    rig.pass(END - Duration::from_millis(1)).await;
    assert!(rig.sent().is_empty());
    rig.pass(Duration::from_millis(1)).await;
    assert_eq!(rig.sent(), [STATUS], "its monitor is still there");
    status(&mut rig, "shutdown", false);
    ["SHUTDOWN", "STOP"].iter().for_each(|name| event(&mut rig, name));
    rig.pass(LULL).await;
    assert_eq!(rig.sent(), [STATUS], "it has stopped only");
    ["RESET", "SHUTDOWN"].iter().for_each(|name| event(&mut rig, name));
    status(&mut rig, "shutdown", false);
    assert!(rig.sent().is_empty(), "nor what was to be asked before");
}
