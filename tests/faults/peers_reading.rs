//! Agents that lie while several requests, which only read, are with them.

use qapi_dbus_tests::{
    bus::Bus,
    client::{AGENT, Client, Refusal},
    json::dictionary,
    on_each_bus,
    peer::{Answer, Peer},
    stage::Stage,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

on_each_bus!(
    an_answer_that_is_left_out_fails_at_once_and_alone,
    an_answer_of_another_id_reaches_nobody,
    garbage_fails_those_on_the_wire_and_the_next_ones_work,
    silence_ends_by_each_deadline_and_the_channel_is_proved_anew,
);

const BAD_REPLY: &str = "org.qemu.QapiError.Unknown.BadReply";
const TIMEOUT: &str = "org.qemu.QapiError.Unknown.Timeout";

/// An agent that answers GuestGetHostName so, and others as they should be.
async fn stage(bus: &Bus, lie: Answer) -> (Stage, Peer) {
    let peer = Peer::agent(move |command, _| match command {
        "guest-get-host-name" => Some(lie.clone()),
        "guest-get-timezone" => Some(Answer::Return(json!({ "offset": 7 }))),
        _ => None,
    });
    (Stage::agent(bus, &peer.socket()).await, peer)
}

/// The one that is lied to, with others before and behind it.
async fn together(client: &Client) -> [Result<Value, Refusal>; 4] {
    let call = |method| client.call(AGENT, method, &());
    let (first, lied, third, last) = tokio::join!(
        call("GuestPing"),
        call("GuestGetHostName"),
        call("GuestGetTimezone"),
        call("GuestPing"),
    );
    [first, lied, third, last]
}

async fn works(client: &Client) {
    let zone = client.call(AGENT, "GuestGetTimezone", &()).await.unwrap();
    assert_eq!(zone["offset"], 7);
}

async fn an_answer_that_is_left_out_fails_at_once_and_alone(bus: Bus) {
    let (stage, _peer) = stage(&bus, Answer::Silence).await;
    let start = Instant::now();
    let [first, lied, third, last] = together(&stage.client).await;
    assert!(first.is_ok() && last.is_ok());
    assert_eq!(third.unwrap()["offset"], 7);
    assert_eq!(lied.unwrap_err().name, BAD_REPLY);
    assert!(start.elapsed() < Duration::from_secs(5), "before its deadline");
    works(&stage.client).await;
    stage.end().await;
}

async fn an_answer_of_another_id_reaches_nobody(bus: Bus) {
    let lie = Answer::Forged(json!(7), Box::new(Answer::Return(json!({ "host-name": "x" }))));
    let (stage, _peer) = stage(&bus, lie).await;
    let [first, lied, third, last] = together(&stage.client).await;
    assert!(first.is_ok() && last.is_ok());
    assert_eq!(third.unwrap()["offset"], 7);
    assert_eq!(lied.unwrap_err().name, BAD_REPLY);
    works(&stage.client).await;
    stage.end().await;
}

async fn garbage_fails_those_on_the_wire_and_the_next_ones_work(bus: Bus) {
    let (stage, _peer) = stage(&bus, Answer::Raw(b"nonsense\n".to_vec())).await;
    for _ in 0..3 {
        let outcomes = together(&stage.client).await;
        assert_eq!(outcomes[1].as_ref().unwrap_err().name, BAD_REPLY);
        for outcome in outcomes {
            assert!(outcome.as_ref().err().is_none_or(|it| it.name == BAD_REPLY), "{outcome:?}");
        }
        works(&stage.client).await;
    }
    stage.end().await;
}

async fn silence_ends_by_each_deadline_and_the_channel_is_proved_anew(bus: Bus) {
    let (stage, peer) = stage(&bus, Answer::Silence).await;
    let lied =
        stage.client.call(AGENT, "GuestGetHostName", &dictionary(json!({ "@timeout": 300 }))).await;
    assert_eq!(lied.unwrap_err().name, TIMEOUT);
    works(&stage.client).await;
    peer.received("guest-sync-delimited", 2).await;
    stage.end().await;
}
