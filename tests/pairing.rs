//! Replies pair in order, because each request is one that the monitor answers exactly once.
//!
//! Only a real monitor can show it: its parser decides what a request is. Each command here names
//! something that does not exist, and the error names it back.

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use qapi_dbus_tests::{
    bridge::Bridge,
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    on_each_bus,
    qemu::Qemu,
};
use std::collections::HashMap;
use tokio::task::JoinSet;
use zbus::Variant;

on_each_bus!(whatever_is_sent_is_answered_once, nested_arguments_are_answered_once);

/// Requests, and how many of them at once: more than the monitor queues.
const REQUESTS: usize = 600;
const AT_ONCE: usize = 30;

async fn whatever_is_sent_is_answered_once(bus: Bus) {
    let qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    // Any character that D-Bus has and the monitor takes, marks and escapes above all.
    let texts = r#"d[\x01-\u{20ff}"'\\/{}\[\]:,%\u{10000}-\u{1fff0}]{0,40}"#;
    let texts = samples(proptest::string::string_regex(texts).unwrap());
    for texts in texts.chunks(AT_ONCE) {
        let mut calls = JoinSet::new();
        for text in texts {
            let (client, text) = (client.clone(), text.clone());
            calls.spawn(async move {
                let refused = client.call(MONITOR, "DeviceDel", &text).await.unwrap_err();
                assert_eq!(refused.name, "org.qemu.QapiError.DeviceNotFound", "{text:?}");
                let expected = format!("DeviceNotFound: Device '{text}' not found");
                assert_eq!(refused.text, expected);
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
    }
}

async fn nested_arguments_are_answered_once(bus: Bus) {
    let qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let leaf = proptest::prop_oneof![
        proptest::arbitrary::any::<i64>().prop_map(Variant::from),
        proptest::arbitrary::any::<u64>().prop_map(Variant::from),
        proptest::num::f64::NORMAL.prop_map(Variant::from),
        proptest::arbitrary::any::<bool>().prop_map(Variant::from),
        proptest::string::string_regex("[\\x01-\u{20ff}]{0,20}").unwrap().prop_map(Variant::from),
    ];
    let values = leaf.prop_recursive(8, 64, 6, |inner| {
        proptest::prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Variant::from),
            proptest::collection::hash_map("[a-z\\\\\"é-]{0,8}", inner, 0..6)
                .prop_map(Variant::from),
        ]
    });
    for (number, value) in samples(values).into_iter().enumerate() {
        ask_by_name(&client, number, value).await;
    }
}

async fn ask_by_name(client: &Client, number: usize, value: Variant<'static>) {
    let property = format!("p{number}");
    let arguments: HashMap<_, Variant<'_>> = [
        ("path", Variant::from("/machine")),
        ("property", property.as_str().into()),
        ("value", value),
    ]
    .into();
    let body = ("qom-set", arguments, HashMap::<&str, Variant<'_>>::new());
    let refused = client.call(MONITOR_ENDPOINT, "Call", &body).await.unwrap_err();
    assert!(refused.text.ends_with(&format!(".{property}' not found")), "{refused}");
}

fn samples<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::default();
    (0..REQUESTS).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}
