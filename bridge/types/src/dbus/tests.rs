#![cfg(all(feature = "qga", feature = "qmp"))]

use serde_json::json;
use zbus::{Message, Variant};

use super::*;
use crate::{Command, Value, qga, qmp};

/// What arrives of a value that a message carries as its body.
fn carried<T: crate::Wire + PartialEq + std::fmt::Debug>(sent: T) {
    let message = Message::method_call("/", "Carry").build(&Dbus(sent)).unwrap();
    let body = message.body();
    assert_eq!(body.signature().to_string(), <T as crate::Wire>::SIGNATURE);
    let Dbus(arrived): Dbus<T> = body.deserialize().unwrap();
    let Dbus(sent): Dbus<T> = body.deserialize().unwrap();
    assert_eq!(arrived, sent);
}

fn sent(value: Value) -> Value {
    let message = Message::method_call("/", "Carry").build(&Dbus(value)).unwrap();
    message.body().validate().unwrap();
    let Dbus(arrived): Dbus<Value> = message.body().deserialize().unwrap();
    arrived
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(7), |inner, at| match at % 2 {
        0 => json!({"a": inner}),
        _ => json!([inner, "b"]),
    })
}

#[test]
fn values_come_back_from_the_bus() {
    for value in [
        json!(null),
        json!(true),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.1),
        json!("text"),
        json!("a\0b"),
        json!([1, "a", null, [], {}]),
        json!({"a": {"b": [{"c": "\0"}]}, "k-e_y.": null}),
        nested(10),
        nested(60),
        nested(400),
    ] {
        assert_eq!(sent(value.clone()), value);
    }
}

#[test]
fn types_come_back_from_the_bus() {
    carried(String::from("a"));
    carried(vec![1_u64, u64::MAX]);
    carried(vec![qmp::RunState::Running, qmp::RunState::Unlisted("x".into())]);
    carried(vec![qmp::BlockdevRef::from("n")]);
    let file = qmp::BlockdevOptionsFile::new("/a\0b").unlisted("new", json!([1]));
    let options = qmp::BlockdevOptions::new(qmp::BlockdevOptionsBranch::File(file));
    carried(vec![qmp::BlockdevRef::from(options.clone())]);
    carried(vec![options]);
    carried(qga::GuestDeviceIdPCI::new(1, 65535));
}

#[test]
fn members_have_their_own_types() {
    let id = qga::GuestDeviceIdPCI::new(1, 2);
    let Variant::Dict(dict) = variant(crate::Viewed::view(&id), "a{sv}").unwrap() else { panic!() };
    let types: Vec<_> = dict.iter().map(|(_, held)| held.to_string()).collect();
    assert_eq!(types, ["<uint16 2>", "<uint16 1>"]);
    let empty = qga::command::GuestFsfreezeFreezeList::new().mountpoints([""; 0]);
    let body = arguments(&qga::command::GuestFsfreezeFreezeList::METHOD, &empty, None, []).unwrap();
    assert_eq!(body[0].to_string(), "{\"mountpoints\": <@as []>}");
}

#[test]
fn arguments_are_laid_out_as_declared() {
    type Open = qga::command::GuestFileOpen;
    let laid = |open: Open, reserved: &[&'static str]| {
        let reserved = reserved.iter().map(|name| (*name, Variant::from(5_u64)));
        let body = arguments(&Open::METHOD, &open, None, reserved).unwrap();
        body.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(laid(Open::new("/a"), &[]), "\"/a\" @a{sv} {}");
    assert_eq!(laid(Open::new("/a").mode("r"), &[]), "\"/a\" {\"mode\": <\"r\">}");
    assert_eq!(laid(Open::new("/a"), &["@timeout"]), "\"/a\" {\"@timeout\": <uint64 5>}");
    // Nothing is declared to be left out, but something of a newer peer is given.
    type Ping = qga::command::GuestPing;
    let body = |ping: &Ping| arguments(&Ping::METHOD, ping, None, []).unwrap().len();
    assert_eq!((body(&Ping::new()), body(&Ping::new().unlisted("loud", true))), (0, 1));
    // The released type lags behind the schema's.
    type Save = qmp::command::Memsave;
    let body = arguments(&Save::METHOD, &Save::new(1, 2, "f"), None, []).unwrap();
    assert_eq!(body[0].to_string(), "uint64 1");
}

#[test]
fn what_was_declared_otherwise_is_refused_by_name() {
    let missing = arguments(&qga::command::GuestFileOpen::METHOD, &crate::Members::new(), None, []);
    assert_eq!(missing.unwrap_err().to_string(), "argument 'path' is missing");
    let mut members = crate::Members::new();
    members.insert("path".into(), json!(5));
    let wrong = arguments(&qga::command::GuestFileOpen::METHOD, &members, None, []).unwrap_err();
    assert!(wrong.to_string().starts_with("argument 'path' is of type 'x'"), "{wrong}");
}
