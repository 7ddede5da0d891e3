//! Programs of a real agent, and answers that get lost.

use super::{INVALID_ARGS, TIMEOUT};
use qapi_dbus_tests::{
    agent::Agent,
    bridge::Bridge,
    bus::Bus,
    client::{AGENT, AGENT_ENDPOINT, Client, Refusal},
    json::Dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    until,
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use zbus::Variant;

on_each_bus!(
    a_program_gets_input_and_environment_and_tells_its_output,
    how_a_program_ended_is_told,
    much_output_arrives_whole,
    a_status_is_told_to_nobody_else,
    a_program_outlives_the_time_of_its_call,
    a_status_that_is_lost_is_not_waited_for,
    what_is_wrong_is_named,
);

type Output = (i32, Vec<u8>, Vec<u8>);

async fn a_program_gets_input_and_environment_and_tells_its_output(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let input: Vec<_> = (0..=255).collect();
    let options = Dictionary::from([
        ("input".to_owned(), Variant::from(input.clone())),
        ("env".to_owned(), Variant::from(vec!["NAME=value of it", "OTHER=x"])),
    ]);
    let script = "cat; printf '%s' \"$NAME\" >&2; exit 3";
    let output = run(&client, &["/bin/sh", "-c", script], options).await.unwrap();
    assert_eq!(output, (3, input, b"value of it".to_vec()));
    let text = Dictionary::from([("input".to_owned(), Variant::from("text"))]);
    assert_eq!(run(&client, &["/bin/cat"], text).await.unwrap(), (0, b"text".to_vec(), vec![]));
}

async fn how_a_program_ended_is_told(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let none = Dictionary::new;
    assert_eq!(run(&client, &["/bin/true"], none()).await.unwrap(), (0, vec![], vec![]));
    let killed = run(&client, &["/bin/sh", "-c", "kill -TERM $$"], none()).await.unwrap();
    assert_eq!(killed.0, -15);
    let missing = run(&client, &["/nonexistent/program"], none()).await.unwrap_err();
    assert_eq!(missing.name, "org.qemu.QapiError.GenericError");
}

async fn much_output_arrives_whole(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let script = "head -c 2000000 /dev/zero; head -c 1000 /dev/zero >&2";
    let (code, out, err) =
        run(&client, &["/bin/sh", "-c", script], Dictionary::new()).await.unwrap();
    assert_eq!((code, out.len(), err.len()), (0, 2_000_000, 1000));
}

async fn a_status_is_told_to_nobody_else(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-exec" => Some(Answer::Return(json!({ "pid": 42 }))),
        "guest-exec-status" => Some(Answer::Return(json!({ "exited": false }))),
        _ => None,
    });
    let (_bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let other = Client::new(&bus).await;
    let running = run(&client, &["/bin/true"], timeout(2000));
    let stealing = async {
        peer.received("guest-exec-status", 1).await;
        let taken = other.call(AGENT, "GuestExecStatus", &42_i64).await.unwrap_err();
        assert_eq!(taken.name, "org.qemu.QapiError.NotSent.Busy");
        assert!(taken.text.contains("`pid` 42"), "{taken}");
        let arguments = Dictionary::from([("pid".to_owned(), Variant::from(42_i64))]);
        let call = ("guest-exec-status", arguments);
        assert!(other.call(AGENT_ENDPOINT, "Call", &call).await.is_err());
        let raw = r#"{"execute": "guest-exec-status", "arguments": {"pid": 42}}"#;
        assert!(other.call(AGENT_ENDPOINT, "Execute", &raw).await.is_err());
        other.call(AGENT, "GuestExecStatus", &43_i64).await.unwrap();
    };
    let (run, ()) = tokio::join!(running, stealing);
    assert_eq!(run.unwrap_err().name, TIMEOUT);
    // Asked rarer and rarer, and not after the end.
    let asked = peer.lines("guest-exec-status").len();
    assert!(asked < 40, "asked {asked} times");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(peer.lines("guest-exec-status").len() <= asked + 1);
}

async fn a_program_outlives_the_time_of_its_call(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let script = "sleep 2; echo done";
    let late = run(&client, &["/bin/sh", "-c", script], timeout(300)).await.unwrap_err();
    assert_eq!(late.name, TIMEOUT, "{late}");
    let pid: i64 = late.text.rsplit(' ').next().unwrap().parse().unwrap();
    let status = until("its end", async || {
        let status = client.call(AGENT, "GuestExecStatus", &pid).await.unwrap();
        (status["exited"] == true).then_some(status)
    });
    assert_eq!(status.await["out-data"], "ZG9uZQo=");
}

async fn a_status_that_is_lost_is_not_waited_for(bus: Bus) {
    let peer = Peer::agent(|command, _| match command {
        "guest-exec" => Some(Answer::Return(json!({ "pid": 42 }))),
        "guest-exec-status" => Some(Answer::Close),
        _ => None,
    });
    let (mut bridge, client) = Bridge::with_agent(&bus, &peer.socket()).await;
    let lost = run(&client, &["/bin/true"], timeout(3000)).await.unwrap_err();
    assert_eq!(lost.name, TIMEOUT, "the agent never says that it does not know it: {lost}");
    assert!(peer.lines("guest-exec-status").len() > 1, "it is asked again");
    let asked = AtomicBool::new(false);
    let forgetful = Peer::agent(move |command, _| match command {
        "guest-exec" => Some(Answer::Return(json!({ "pid": 42 }))),
        "guest-exec-status" if !asked.swap(true, Ordering::Relaxed) => Some(Answer::Close),
        "guest-exec-status" => Some(Answer::Error("GenericError", "no such pid")),
        _ => None,
    });
    bridge.terminate();
    bridge.exit().await;
    let (_bridge, client) = Bridge::with_agent(&bus, &forgetful.socket()).await;
    let lost = run(&client, &["/bin/true"], Dictionary::new()).await.unwrap_err();
    assert_eq!(lost.name, "org.qemu.QapiError.Unknown.ConnectionLost", "{lost}");
    assert!(lost.text.contains("pid 42"), "{lost}");
}

async fn what_is_wrong_is_named(bus: Bus) {
    let (_agent, _bridge, client) = started(&bus).await;
    let empty = run(&client, &[], Dictionary::new()).await.unwrap_err();
    assert_eq!(empty.name, INVALID_ARGS);
    assert!(empty.text.contains("`argv` (as) is empty"), "{empty}");
    let unknown = Dictionary::from([("stdin".to_owned(), Variant::from("x"))]);
    let unknown = run(&client, &["/bin/true"], unknown).await.unwrap_err();
    assert!(unknown.text.contains("no key `stdin`; there are `env`, `input`"), "{unknown}");
    let number = Dictionary::from([("input".to_owned(), Variant::from(1_u32))]);
    let number = run(&client, &["/bin/true"], number).await.unwrap_err();
    assert_eq!(number.name, INVALID_ARGS, "{number}");
}

async fn started(bus: &Bus) -> (Agent, Bridge, Client) {
    let agent = Agent::start().await;
    let (bridge, client) = Bridge::with_agent(bus, &agent.socket()).await;
    (agent, bridge, client)
}

async fn run(client: &Client, argv: &[&str], options: Dictionary) -> Result<Output, Refusal> {
    let reply = client.call_message(AGENT_ENDPOINT, "Run", &(argv, options)).await?;
    Ok(reply.body().deserialize().unwrap())
}

fn timeout(milliseconds: u32) -> Dictionary {
    Dictionary::from([("@timeout".to_owned(), Variant::from(milliseconds))])
}
