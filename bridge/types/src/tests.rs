//! A newer and an older peer lose nothing and break nothing.
#![cfg(all(feature = "qga", feature = "qmp"))]

use serde_json::json;

use crate::{
    Command, Events, Members, Object, Value, find_unlisted, qga,
    qmp::{self, BlockdevOptions, BlockdevOptionsBranch, BlockdevOptionsFile, BlockdevRef},
};

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn written(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

fn members(value: Value) -> Members {
    value.as_object().unwrap().clone()
}

#[test]
fn members_of_a_newer_peer_are_kept_and_come_back() {
    let answer = json!({
        "exited": true, "exitcode": 0, "cgroup": {"path": "/a", "limits": [1, null]},
    });
    let status: qga::GuestExecStatus = read(&answer);
    assert_eq!((status.exited, status.exitcode), (true, Some(0)));
    assert_eq!(status.unlisted["cgroup"]["path"], "/a");
    assert_eq!(written(&status), answer);
    let answer = json!([{"name": "lo", "x": 1, "ip-addresses": [
        {"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128, "scope": "host"},
    ]}]);
    let interfaces: Vec<qga::GuestNetworkInterface> = read(&answer);
    assert_eq!(interfaces[0].ip_addresses.as_ref().unwrap()[0].unlisted["scope"], "host");
    assert_eq!(written(&interfaces), answer);
}

#[test]
fn values_of_a_newer_peer_are_kept() {
    let status: qmp::StatusInfo = read(&json!({"running": false, "status": "levitating"}));
    assert_eq!(status.status, qmp::RunState::Unlisted("levitating".into()));
    assert_eq!(written(&status)["status"], "levitating");
    assert_eq!(qmp::RunState::from("running"), qmp::RunState::Running);
    assert!(qmp::RunState::VALUES.contains(&"io-error"));
}

#[test]
fn branches_and_forms_of_a_newer_peer_are_kept() {
    let options = json!({"driver": "quantum", "node-name": "n", "qubits": [1], "read-only": true});
    let read_back: BlockdevOptions = read(&options);
    assert_eq!(read_back.driver, BlockdevOptionsBranch::Unlisted("quantum".into()));
    assert_eq!(read_back.unlisted["qubits"], json!([1]));
    assert_eq!(written(&read_back), options);
    let form: BlockdevRef = read(&json!(["a"]));
    assert_eq!(form, BlockdevRef::Unlisted(json!(["a"])));
    assert_eq!(written(&form), json!(["a"]));
}

#[test]
fn unions_hold_common_members_and_one_branch() {
    let file = BlockdevOptionsFile::new("/a").aio("native");
    let options = BlockdevOptions::new(BlockdevOptionsBranch::File(file)).node_name("n");
    let expected = json!({"driver": "file", "node-name": "n", "filename": "/a", "aio": "native"});
    assert_eq!(written(&options), expected);
    assert_eq!(read::<BlockdevOptions>(&expected), options);
    let reference = BlockdevRef::from(options.clone());
    assert_eq!(read::<BlockdevRef>(&written(&reference)), reference);
    assert_eq!(read::<BlockdevRef>(&json!("n")), BlockdevRef::from("n"));
    assert_eq!(written(&qmp::command::BlockdevAdd::new(options)), expected);
    // A branch that adds nothing.
    let bare: qmp::SocketAddress = read(&json!({"type": "fd", "str": "3"}));
    assert_eq!(written(&bare), json!({"type": "fd", "str": "3"}));
}

#[test]
fn an_older_peer_leaves_members_out() {
    let disk: qga::GuestDiskStatsInfo = read(&json!({
        "name": "vda", "major": 254, "minor": 0, "stats": {},
    }));
    assert_eq!(disk.stats.discard_ios, None);
    assert_eq!(written(&disk.stats), json!({}));
}

#[test]
fn what_does_not_fit_is_told_by_its_place() {
    let cases = [
        (json!({"version": "9"}), "'supported_commands' is missing"),
        (json!({"version": 9, "supported_commands": []}), "'version' must be a string"),
        (
            json!({"version": "9", "supported_commands": [{"name": "a", "enabled": "yes"}]}),
            "'supported_commands[0].enabled' must be a boolean",
        ),
        (json!([]), "must be an object"),
    ];
    for (answer, text) in cases {
        let error = serde_json::from_value::<qga::GuestAgentInfo>(answer).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let error =
        serde_json::from_str::<qga::GuestDeviceIdPCI>(r#"{"vendor-id": 70000, "device-id": 1}"#);
    assert!(error.unwrap_err().to_string().contains("fits u16"));
}

#[test]
fn integers_are_exact() {
    let event: qmp::event::BalloonChange = read(&json!({"actual": i64::MAX}));
    assert_eq!(event.actual, i64::MAX);
    let written = serde_json::to_string(&qmp::command::SetLink::new("a", true)).unwrap();
    assert_eq!(written, r#"{"name":"a","up":true}"#);
    let range: qmp::Memdev = read(&json!({
        "size": u64::MAX, "merge": true, "dump": true, "prealloc": false,
        "host-nodes": [65535], "policy": "default", "share": true,
    }));
    assert_eq!((range.size, range.host_nodes), (u64::MAX, vec![65535]));
}

#[test]
fn events_are_told_by_name_and_unknown_ones_kept() {
    let data = members(json!({"device": "d", "path": "/p", "cause": "new"}));
    let event = qmp::Event::read("DEVICE_DELETED", data).unwrap();
    let deleted = qmp::event::DeviceDeleted::try_from(event).unwrap();
    assert_eq!((deleted.device.as_deref(), &*deleted.path), (Some("d"), "/p"));
    assert_eq!(deleted.unlisted["cause"], "new");
    let event = qmp::Event::read("MOON_RISEN", members(json!({"phase": 1}))).unwrap();
    assert_eq!(event.name(), "MOON_RISEN");
    assert!(matches!(&event, qmp::Event::Unlisted(_, data) if data["phase"] == 1));
    assert!(qmp::event::StopEvent::read_err(event));
    let error = qmp::Event::read("DEVICE_DELETED", Members::new()).unwrap_err();
    assert_eq!(error.to_string(), "'path' is missing");
}

trait ReadErr {
    fn read_err(event: qmp::Event) -> bool;
}

impl<T: TryFrom<qmp::Event>> ReadErr for T {
    fn read_err(event: qmp::Event) -> bool {
        T::try_from(event).is_err()
    }
}

#[test]
fn members_that_nobody_knows_are_found() {
    let known = qga::command::GuestFileOpen::new("/a").mode("r");
    assert_eq!(find_unlisted(&known), None);
    assert_eq!(find_unlisted(&known.unlisted("colour", "red")), Some("colour".into()));
    let vcpu = qga::GuestLogicalProcessor::new(0, true).unlisted("turbo", true);
    let nested = qga::command::GuestSetVcpus::new([vcpu]);
    assert_eq!(find_unlisted(&nested), Some("vcpus[0].turbo".into()));
    let arguments = members(json!({"vcpus": [{"logical-id": 0, "online": true, "turbo": 1}]}));
    let read = qga::command::GuestSetVcpus::from_members(arguments).unwrap();
    assert_eq!(find_unlisted(&read), Some("vcpus[0].turbo".into()));
}

#[test]
fn commands_know_what_stands_for_them() {
    let method = qga::command::GuestFileOpen::METHOD;
    assert_eq!((method.command, method.name), ("guest-file-open", "GuestFileOpen"));
    assert_eq!((method.positional, method.optional), (&[("path", "s")][..], true));
    assert_eq!(method.returns, Some("x"));
    let flags = |method: crate::Method| (method.silent, method.fd, method.oob);
    assert_eq!(flags(qga::command::GuestShutdown::METHOD), (true, false, false));
    assert_eq!(flags(qmp::command::Getfd::METHOD), (false, true, false));
    assert_eq!(flags(qmp::command::MigratePause::METHOD), (false, false, true));
    let stop = <qmp::event::StopEvent as crate::EventData>::SIGNAL;
    assert_eq!((stop.event, stop.name), ("STOP", "StopEvent"));
}
