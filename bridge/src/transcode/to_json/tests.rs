use std::{
    collections::BTreeMap,
    io::{Read, Write},
    os::fd::AsFd,
};

use serde::Serialize;
use zbus::{DynamicType, Fd, Message, ObjectPath, Signature, Variant, wire::Endian};

use super::*;
use crate::transcode::shape::{Class, Object, UNKNOWN, Union};

mod refusals;

type Dict<'a> = BTreeMap<&'a str, Variant<'a>>;

static BACKEND: Object = Object {
    name: "Backend",
    members: &[Member { name: "type", shape: Shape::Str }],
    union: Some(Union { tag: "type", branches: &[("file", &FILE), ("pipe", &PIPE)] }),
};
static FILE: Object =
    Object { name: "File", members: &[Member { name: "size", shape: Shape::Uint8 }], union: None };
static PIPE: Object =
    Object { name: "Pipe", members: &[Member { name: "size", shape: Shape::Str }], union: None };
static WHENCE: &[Shape] = &[Shape::Int64, Shape::Null, Shape::Object(&BACKEND), Shape::Str];

static SEEK: Method = Method {
    name: "GuestFileSeek",
    command: "guest-file-seek",
    positional: &[
        Member { name: "handle", shape: Shape::Uint16 },
        Member { name: "whence", shape: Shape::Alternate(WHENCE) },
    ],
    optional: true,
    arguments: &Object {
        name: "",
        members: &[
            Member { name: "handle", shape: Shape::Uint16 },
            Member { name: "limit", shape: Shape::Int8 },
            Member { name: "names", shape: Shape::List(&Shape::Str) },
            Member { name: "scale", shape: Shape::Number },
            Member { name: "whence", shape: Shape::Alternate(WHENCE) },
        ],
        union: None,
    },
    result: None,
    oob: false,
    replies: true,
    class: Class::Host,
};

static PING: Method = Method {
    name: "GuestPing",
    command: "guest-ping",
    positional: &[],
    optional: false,
    arguments: &UNKNOWN,
    result: None,
    oob: true,
    replies: true,
    class: Class::Host,
};

static ADD: Method = Method {
    name: "BlockdevAdd",
    command: "blockdev-add",
    positional: &[Member { name: "type", shape: Shape::Str }],
    optional: true,
    arguments: &BACKEND,
    result: None,
    oob: false,
    replies: true,
    class: Class::Host,
};

const NESTED: Method = Method {
    name: "ChardevAdd",
    command: "chardev-add",
    positional: &[Member { name: "backend", shape: Shape::Object(&BACKEND) }],
    optional: false,
    arguments: &Object {
        name: "",
        members: &[Member { name: "backend", shape: Shape::Object(&BACKEND) }],
        union: None,
    },
    result: None,
    oob: false,
    replies: true,
    class: Class::Host,
};

static GETFD: Method = Method {
    name: "Getfd",
    command: "getfd",
    positional: &[
        Member { name: "fd", shape: Shape::Fd },
        Member { name: "fdname", shape: Shape::Str },
    ],
    optional: false,
    arguments: &Object {
        name: "",
        members: &[
            Member { name: "fd", shape: Shape::Fd },
            Member { name: "fdname", shape: Shape::Str },
        ],
        union: None,
    },
    result: None,
    oob: false,
    replies: true,
    class: Class::Host,
};

fn called<B: Serialize + DynamicType>(
    method: &Method,
    body: &B,
) -> std::result::Result<Call, Refused> {
    let both = [Endian::Little, Endian::Big].map(|endian| {
        let message = Message::method_call("/", method.name).endian(endian).build(body).unwrap();
        message.body().validate().unwrap();
        call(method, &message.body())
    });
    let [little, big] = both;
    match (&little, &big) {
        (Ok(little), Ok(big)) => assert_eq!(little.arguments, big.arguments),
        (little, big) => assert_eq!(little.as_ref().err(), big.as_ref().err()),
    }
    little
}

fn json<B: Serialize + DynamicType>(method: &Method, body: &B) -> String {
    String::from_utf8(called(method, body).unwrap().arguments).unwrap()
}

fn dict<'a, const N: usize>(entries: [(&'a str, Variant<'a>); N]) -> Dict<'a> {
    entries.into_iter().collect()
}

fn wrapped<'a>(value: impl Into<Variant<'a>>) -> Variant<'a> {
    Variant::Variant(Box::new(value.into()))
}

fn null() -> Variant<'static> {
    Variant::Signature(Signature::Unit)
}

#[test]
fn declared_signature_is_taken() {
    let body = (7_u16, Variant::from("set"), dict([("limit", Variant::I16(-128))]));
    assert_eq!(json(&SEEK, &body), r#"{"handle":7,"whence":"set","limit":-128}"#);
    assert_eq!(json(&PING, &()), "");
}

#[test]
fn trailing_dictionary_can_be_left_out() {
    assert_eq!(json(&SEEK, &(7_u16, Variant::I64(2))), r#"{"handle":7,"whence":2}"#);
}

#[test]
fn undeclared_trailing_dictionary_is_passed_on() {
    assert_eq!(json(&PING, &dict([("new", true.into())])), r#"{"new":true}"#);
    let body = (dict([("type", "file".into())]), dict([("new", 1_u8.into())]));
    assert_eq!(json(&NESTED, &body), r#"{"backend":{"type":"file"},"new":1}"#);
}

#[test]
fn one_dictionary_can_hold_every_member() {
    let body = dict([("handle", 7_i32.into()), ("whence", "set".into())]);
    assert_eq!(json(&SEEK, &body), r#"{"handle":7,"whence":"set"}"#);
    let body = dict([("type", "file".into())]);
    assert_eq!(json(&NESTED, &body), r#"{"backend":{"type":"file"}}"#);
}

#[test]
fn any_integer_type_is_taken_in_range() {
    let whence = Variant::I64(0);
    let expected = r#"{"handle":65535,"whence":0}"#;
    assert_eq!(json(&SEEK, &(65535_u16, &whence)), expected);
    assert_eq!(json(&SEEK, &(65535_i32, &whence)), expected);
    assert_eq!(json(&SEEK, &(65535_u32, &whence)), expected);
    assert_eq!(json(&SEEK, &(65535_i64, &whence)), expected);
    assert_eq!(json(&SEEK, &(65535_u64, &whence)), expected);
    assert_eq!(json(&SEEK, &(255_u8, &whence)), r#"{"handle":255,"whence":0}"#);
    assert_eq!(json(&SEEK, &(wrapped(9_i16), &whence)), r#"{"handle":9,"whence":0}"#);
}

#[test]
fn variant_and_bare_type_are_alike() {
    let expected = r#"{"handle":1,"whence":"set"}"#;
    assert_eq!(json(&SEEK, &(Variant::U16(1), wrapped("set"))), expected);
    assert_eq!(json(&SEEK, &(1_u16, "set")), expected);
    assert_eq!(json(&SEEK, &(1_u16, "set", Variant::from(Dict::new()))), expected);
}

#[test]
fn list_can_be_of_variants() {
    let list = Variant::from(vec![wrapped("a"), "b".into(), Variant::from(b"c\0".to_vec())]);
    let body = (1_u16, "set", dict([("names", list)]));
    assert_eq!(json(&SEEK, &body), r#"{"handle":1,"whence":"set","names":["a","b","c\u0000"]}"#);
}

#[test]
fn strings_come_in_several_types() {
    let path = ObjectPath::try_from("/a").unwrap();
    let signature = Signature::try_from("as").unwrap();
    let list = Variant::from(vec![
        Variant::from(path),
        Variant::Signature(signature),
        Variant::from("\u{e9}\u{1f600}\u{7f}\n\"".as_bytes().to_vec()),
    ]);
    let body = (1_u16, "set", dict([("names", list)]));
    let expected = r#"["/a","as","\u00e9\ud83d\ude00\u007f\n\""]"#;
    assert_eq!(json(&SEEK, &body), format!(r#"{{"handle":1,"whence":"set","names":{expected}}}"#));
}

#[test]
fn number_is_written_as_given() {
    for (value, expected) in [
        (Variant::F64(1.5), "1.5"),
        (Variant::F64(1.0), "1.0"),
        (Variant::F64(1e300), "1e300"),
        (Variant::I64(-3), "-3"),
        (Variant::U64(u64::MAX), "18446744073709551615"),
    ] {
        let text = json(&SEEK, &(1_u16, "", dict([("scale", value)])));
        assert_eq!(text, format!(r#"{{"handle":1,"whence":"","scale":{expected}}}"#));
    }
}

#[test]
fn alternate_takes_each_branch() {
    let object = dict([("size", 3_u8.into()), ("type", "file".into())]);
    for (value, expected) in [
        (Variant::from("set"), r#""set""#),
        (5_u8.into(), "5"),
        (null(), "null"),
        (object.into(), r#"{"size":3,"type":"file"}"#),
        // Not a branch that the schema knows.
        (true.into(), "true"),
    ] {
        let expected = format!(r#"{{"handle":1,"whence":{expected}}}"#);
        assert_eq!(json(&SEEK, &(1_u16, wrapped(value.try_clone().unwrap()))), expected);
        assert_eq!(json(&SEEK, &(1_u16, value)), expected);
    }
    let bare = dict([("type", "file".into())]);
    assert_eq!(json(&SEEK, &(1_u16, bare)), r#"{"handle":1,"whence":{"type":"file"}}"#);
}

#[test]
fn argument_that_became_an_alternate_takes_the_new_forms() {
    static CAPTURE: Method = Method {
        positional: &[Member { name: "capture", shape: Shape::Bool }],
        arguments: &Object {
            name: "",
            members: &[Member {
                name: "capture",
                shape: Shape::Alternate(&[Shape::Bool, Shape::Str]),
            }],
            union: None,
        },
        ..NESTED
    };
    assert_eq!(json(&CAPTURE, &true), r#"{"capture":true}"#);
    assert_eq!(json(&CAPTURE, &"merged"), r#"{"capture":"merged"}"#);
}

#[test]
fn discriminator_counts_wherever_it_stands() {
    assert_eq!(
        json(&ADD, &("pipe", dict([("size", "1G".into())]))),
        r#"{"type":"pipe","size":"1G"}"#
    );
    assert!(called(&ADD, &("file", dict([("size", "1G".into())]))).is_err());
    let body = dict([("size", wrapped("1G")), ("type", wrapped("pipe"))]);
    assert_eq!(json(&ADD, &body), r#"{"size":"1G","type":"pipe"}"#);
    assert_eq!(json(&NESTED, &body), r#"{"backend":{"size":"1G","type":"pipe"}}"#);
}

#[test]
fn unknown_members_follow_their_own_type() {
    let inner = dict([("b", Variant::F64(0.5)), ("g", null())]);
    let values = dict([
        ("a", Variant::from(vec![1_i16, -2])),
        ("d", inner.into()),
        ("e", Variant::from(Vec::<Variant<'_>>::new())),
        ("s", Variant::from(BTreeMap::from([("k", "v")]))),
        ("t", Variant::from(("{\"deep\": [1, {\"x\": null}]}",))),
        ("y", Variant::from(b"nul\0".to_vec())),
    ]);
    let expected = concat!(
        r#"{"a":[1,-2],"d":{"b":0.5,"g":null},"e":[],"s":{"k":"v"},"#,
        r#""t":{"deep":[1,{"x":null}]},"y":"nul\u0000"}"#
    );
    assert_eq!(json(&PING, &values), expected);
}

#[test]
fn null_goes_to_any_member() {
    let body = (1_u16, "", dict([("names", null()), ("limit", null())]));
    assert_eq!(json(&SEEK, &body), r#"{"handle":1,"whence":"","limit":null,"names":null}"#);
}

#[test]
fn reserved_keys_are_read() {
    let of = |entries| called(&PING, &entries).unwrap();
    let call = of(dict([("@oob", wrapped(true)), ("@timeout", 1500_i32.into())]));
    assert_eq!((call.oob, call.timeout), (Some(true), Timeout::After(Duration::from_millis(1500))));
    assert!(call.arguments.is_empty());
    assert_eq!(of(dict([("@timeout", 0_u8.into())])).timeout, Timeout::Never);
    assert_eq!(of(dict([("@timeout", u64::MAX.into())])).timeout, Timeout::Never);
    assert_eq!((of(Dict::new()).oob, of(Dict::new()).timeout), (None, Timeout::Default));
    let body = dict([("handle", 1.into()), ("@timeout", 5_u64.into())]);
    let call = called(&SEEK, &body).unwrap();
    assert_eq!(call.timeout, Timeout::After(Duration::from_millis(5)));
    assert_eq!(call.arguments, br#"{"handle":1}"#);
}

#[test]
fn timeout_stands_before_the_default() {
    let default = Some(Duration::from_secs(30));
    assert_eq!(Timeout::Default.or(default), default);
    assert_eq!(Timeout::Never.or(default), None);
    assert_eq!(Timeout::After(Duration::ZERO).or(default), Some(Duration::ZERO));
}

#[test]
fn file_descriptor_goes_beside_the_arguments() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let call = called(&GETFD, &(Fd::from(writer.as_fd()), "name")).unwrap();
    drop(writer);
    std::fs::File::from(call.fd.unwrap()).write_all(b"through").unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through");

    let by_name = dict([("fd", Fd::from(reader.as_fd()).into()), ("fdname", "name".into())]);
    let call = called(&GETFD, &by_name).unwrap();
    assert!(call.fd.is_some());
    assert_eq!(call.arguments, br#"{"fdname":"name"}"#);
}

#[test]
fn hand_written_methods_need_nothing_special() {
    static CALL: Method = Method {
        name: "Call",
        command: "",
        positional: &[
            Member { name: "command", shape: Shape::Str },
            Member { name: "arguments", shape: Shape::Object(&UNKNOWN) },
        ],
        optional: true,
        arguments: &Object {
            name: "",
            members: &[
                Member { name: "arguments", shape: Shape::Object(&UNKNOWN) },
                Member { name: "command", shape: Shape::Str },
            ],
            union: None,
        },
        result: Some(Shape::Any),
        oob: true,
        replies: true,
        class: Class::Host,
    };
    let body = ("stop", dict([("a", 1.into())]), dict([("@timeout", 1.into())]));
    assert_eq!(json(&CALL, &body), r#"{"command":"stop","arguments":{"a":1}}"#);
}
