//! `qapi-codegen diff` over the schemas of the tree.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Output},
};

use qapi_codegen::dbus::Protocol;
use serde_json::Value;

use crate::released::root;

#[test]
fn eight_signatures_changed_from_7_2_to_10_2_and_the_ledger_holds_them() {
    let (code, json) = diff("qmp", "7.2", "10.2");
    let signatures: BTreeSet<_> = with_verdict(&json, "held-by-the-ledger")
        .map(|change| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let signature = &change["signature"];
            (text(&change["name"]), text(&signature["before"]), text(&signature["after"]))
        })
        .collect();
    let expected = [
        ("BLOCK_IO_ERROR", "ssssa{sv}", "sssssa{sv}"),
        ("memsave", "xxsa{sv}", "ttsa{sv}"),
        ("migrate", "sa{sv}", "a{sv}"),
        ("migrate-incoming", "s", "a{sv}"),
        ("pmemsave", "xxs", "tts"),
        ("query-dirty-rate", "", "a{sv}"),
        ("query-machines", "", "a{sv}"),
        ("trace-event-get-state", "sa{sv}", "s"),
    ];
    let expected = expected.map(|(name, old, new)| (name.into(), old.into(), new.into()));
    assert_eq!(signatures, BTreeSet::from(expected));
    assert_eq!(json["summary"]["held"], 8);
    assert_eq!((code, with_verdict(&json, "breaks").count()), (0, 0));
}

#[test]
fn what_is_gone_since_7_2_is_told() {
    let (_, json) = diff("qmp", "7.2", "10.2");
    let commands = ["x-query-opcount", "x-query-profile", "x-query-rdma"];
    assert_eq!(names(&json, "command-removed"), BTreeSet::from(commands));
    let events = ["MEM_UNPLUG_ERROR", "RDMA_GID_STATUS_CHANGED"];
    assert_eq!(names(&json, "event-removed"), BTreeSet::from(events));
    assert_eq!(names(&json, "command-added").len(), 27);
    assert_eq!(names(&json, "event-added").len(), 7);
}

#[test]
fn no_signature_changed_from_10_0_to_10_2() {
    let (code, json) = diff("qmp", "10.0", "10.2");
    assert_eq!((code, &json["summary"]["held"]), (0, &Value::from(0)));
    assert_eq!(names(&json, "command-removed"), BTreeSet::from(["x-query-opcount"]));
    assert!(names(&json, "event-removed").is_empty());
}

#[test]
fn no_signature_of_the_agent_ever_changed() {
    for (old, new) in [("7.2", "10.0"), ("10.0", "10.2"), ("7.2", "10.2")] {
        let (code, json) = diff("qga", old, new);
        assert_eq!((code, &json["summary"]["held"]), (0, &Value::from(0)), "{old} {new}");
        assert!(names(&json, "command-removed").is_empty());
    }
}

#[test]
fn ledger_of_the_old_schema_alone_holds_the_same() {
    let output = run(&[schema("qmp", "7.2"), schema("qmp", "10.2")]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0 break D-Bus clients, 8 signatures held by the ledger"), "{text}");
}

#[test]
fn exit_status_tells_of_breaks_and_of_misuse() {
    let back = [schema("qmp", "10.2"), schema("qmp", "7.2")];
    assert_eq!(run(&back).status.code(), Some(1));
    for (protocol, code) in [("qmp", 1), ("qga", 0)] {
        let strict = [schema(protocol, "10.0"), schema(protocol, "10.2"), "--strict".into()];
        assert_eq!(run(&strict).status.code(), Some(code));
    }
    let missing = run(&[schema("qmp", "7.2"), schema("qmp", "1.0")]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("cannot read"));
    assert_eq!(run(&[schema("qmp", "7.2")]).status.code(), Some(2));
    let ledger = "--ledger=no-such-file.xml".into();
    assert_eq!(run(&[schema("qmp", "7.2"), schema("qmp", "7.2"), ledger]).status.code(), Some(2));
}

/// Exit status and report, under the tree's ledger.
fn diff(protocol: &str, old: &str, new: &str) -> (i32, Value) {
    let of = Protocol::ALL.into_iter().find(|of| of.name() == protocol).unwrap();
    let ledger = root().join(format!("introspection/{}.xml", of.interface()));
    let ledger = format!("--ledger={}", ledger.display()).into();
    let json = "--format=json".into();
    let output = run(&[schema(protocol, old), schema(protocol, new), ledger, json]);
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

fn schema(protocol: &str, release: &str) -> PathBuf {
    root().join("schemas").join(protocol).join(release)
}

fn run(arguments: &[PathBuf]) -> Output {
    let program = env!("CARGO_BIN_EXE_qapi-codegen");
    Command::new(program).arg("diff").args(arguments).output().unwrap()
}

fn with_verdict<'j>(json: &'j Value, verdict: &str) -> impl Iterator<Item = &'j Value> {
    let changes = json["changes"].as_array().unwrap().iter();
    changes.filter(move |change| change["verdict"] == verdict)
}

fn names<'j>(json: &'j Value, kind: &str) -> BTreeSet<&'j str> {
    let changes = json["changes"].as_array().unwrap().iter();
    let changes = changes.filter(|change| change["kind"] == kind);
    changes.map(|change| change["name"].as_str().unwrap()).collect()
}
