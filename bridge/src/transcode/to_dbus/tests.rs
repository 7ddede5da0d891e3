use std::collections::HashMap;

use zbus::{Message, OwnedVariant, Variant as Held};

use super::*;
use crate::transcode::shape::{Member, UNKNOWN, Union};

static DEVICE: Object = Object {
    name: "Device",
    members: &[
        Member { name: "backing", shape: Shape::Alternate(EITHER) },
        Member { name: "flag", shape: Shape::Bool },
        Member { name: "i16", shape: Shape::Int16 },
        Member { name: "i32", shape: Shape::Int32 },
        Member { name: "i64", shape: Shape::Int64 },
        Member { name: "i8", shape: Shape::Int8 },
        Member { name: "names", shape: Shape::List(&Shape::Str) },
        Member { name: "number", shape: Shape::Number },
        Member { name: "rows", shape: Shape::List(&Shape::List(&Shape::Uint16)) },
        Member { name: "type", shape: Shape::Str },
        Member { name: "u16", shape: Shape::Uint16 },
        Member { name: "u32", shape: Shape::Uint32 },
        Member { name: "u64", shape: Shape::Uint64 },
        Member { name: "u8", shape: Shape::Uint8 },
    ],
    union: Some(Union { tag: "type", branches: &[("disk", &DISK)] }),
};
static DISK: Object = Object {
    name: "Disk",
    members: &[Member { name: "parts", shape: Shape::List(&Shape::Object(&UNKNOWN)) }],
    union: None,
};
static EITHER: &[Shape] =
    &[Shape::Null, Shape::Object(&DEVICE), Shape::Str, Shape::List(&Shape::Uint8)];

static OBJECT: Shape = Shape::Object(&UNKNOWN);
static OBJECTS: Shape = Shape::List(&OBJECT);
static EITHERS: Shape = Shape::List(&Shape::Alternate(EITHER));

fn parse(text: &str) -> Json<'static> {
    Json::parse(text.to_owned().leak().as_bytes()).unwrap()
}

fn message(parts: &[Part<'_>]) -> Message {
    let message = super::super::message(
        super::super::Head::signal("/", "a.b", "Test"),
        &Body::new(parts).unwrap(),
    )
    .unwrap();
    message.body().validate().unwrap();
    message
}

fn part(shape: Shape, text: &str) -> Part<'static> {
    Part { name: "result", shape, value: parse(text) }
}

/// The dictionary for an object of this type.
fn dictionary(object: &'static Object, text: &str) -> HashMap<String, OwnedVariant> {
    message(&[part(Shape::Object(object), text)]).body().deserialize().unwrap()
}

/// Signatures of the variants that members of a device come in.
fn device(text: &str) -> Vec<(String, String)> {
    let dictionary = dictionary(&DEVICE, text);
    let signature = |value: &OwnedVariant| value.value_signature().to_string();
    let mut members: Vec<_> =
        dictionary.iter().map(|(name, value)| (name.clone(), signature(value))).collect();
    members.sort();
    members
}

fn misfit(shape: Shape, text: &str) -> String {
    Body::new(&[part(shape, text)]).unwrap_err().to_string()
}

#[test]
fn arguments_have_their_declared_types() {
    let parts = [
        part(Shape::Any, "1"),
        part(Shape::Str, r#""s""#),
        part(OBJECTS, "[{}]"),
        part(Shape::Null, "null"),
    ];
    assert_eq!(message(&parts).body().signature().to_string_no_parens(), "vsaa{sv}v");
    assert_eq!(message(&[]).body().signature().to_string_no_parens(), "");
    for (shape, text) in [
        (Shape::Int8, "-32768"),
        (Shape::Uint64, "18446744073709551615"),
        (Shape::Number, "1"),
        (EITHERS, r#"[null, "a"]"#),
    ] {
        let mut expected = String::new();
        shape.push_signature(&mut expected);
        assert_eq!(message(&[part(shape, text)]).body().signature().to_string(), expected);
    }
}

#[test]
fn members_are_typed_by_the_schema() {
    let text = r#"{"i8":1,"i16":1,"i32":1,"i64":1,"u8":1,"u16":1,"u32":1,"u64":1,"number":1,
        "flag":true,"names":["a"],"rows":[[1],[]],"type":"none","new":1}"#;
    let expected = [
        ("flag", "b"),
        ("i16", "n"),
        ("i32", "i"),
        ("i64", "x"),
        ("i8", "n"),
        ("names", "as"),
        ("new", "x"),
        ("number", "d"),
        ("rows", "aaq"),
        ("type", "s"),
        ("u16", "q"),
        ("u32", "u"),
        ("u64", "t"),
        ("u8", "y"),
    ];
    let expected = expected.map(|(name, signature)| (name.to_owned(), signature.to_owned()));
    assert_eq!(device(text), expected);
}

#[test]
fn member_that_does_not_fit_follows_its_value() {
    for (text, expected) in [
        (r#"{"u8":256}"#, "x"),
        (r#"{"u8":-1}"#, "x"),
        (r#"{"i64":9223372036854775808}"#, "t"),
        (r#"{"u8":"one"}"#, "s"),
        (r#"{"u8":null}"#, "g"),
        (r#"{"u8":1.0}"#, "d"),
        (r#"{"flag":{}}"#, "a{sv}"),
        (r#"{"names":["a",1]}"#, "av"),
        (r#"{"names":["a","\u0000"]}"#, "av"),
        (r#"{"names":"a"}"#, "s"),
        (r#"{"rows":[[1],[65536]]}"#, "av"),
        (r#"{"rows":[]}"#, "aaq"),
        (r#"{"new":[]}"#, "av"),
        (r#"{"new":{"a":1}}"#, "a{sv}"),
        (r#"{"type":"\u0000"}"#, "ay"),
    ] {
        assert_eq!(device(text)[0].1, expected, "{text}");
    }
    let dictionary = dictionary(&DEVICE, r#"{"rows":[[1],["a"]]}"#);
    let Held::Array(rows) = &*dictionary["rows"] else { panic!("{dictionary:?}") };
    let rows: Vec<_> = rows.iter().map(|row| row.value_signature().to_string()).collect();
    assert_eq!(rows, ["v", "v"]);
}

#[test]
fn union_branch_is_found_wherever_the_discriminator_stands() {
    for text in [r#"{"parts":[{}],"type":"disk"}"#, r#"{"type":"disk","parts":[{}]}"#] {
        assert_eq!(device(text)[0], ("parts".into(), "aa{sv}".into()));
    }
    assert_eq!(device(r#"{"parts":[{}],"type":"tape"}"#)[0].1, "av");
}

#[test]
fn alternate_has_one_variant_only() {
    for (value, expected) in [
        ("null", "g"),
        (r#""s""#, "s"),
        (r#"{"u8":1}"#, "a{sv}"),
        ("[1]", "ay"),
        ("[256]", "av"),
        ("true", "b"),
    ] {
        assert_eq!(device(&format!(r#"{{"backing":{value}}}"#))[0].1, expected);
        let message = message(&[part(Shape::Alternate(EITHER), value)]);
        let body = message.body();
        assert_eq!(body.signature().to_string(), "v");
        let held: Held<'_> = body.deserialize().unwrap();
        assert_eq!(held.value_signature().to_string(), expected);
    }
    let list = dictionary(&DEVICE, r#"{"backing":[1,256]}"#);
    let Held::Array(list) = &*list["backing"] else { panic!("{list:?}") };
    let one = Held::Variant(Box::new(1_u8.into()));
    assert_eq!(list.inner(), [one, Held::Variant(Box::new(256_i64.into()))]);
    let inner = dictionary(&DEVICE, r#"{"backing":{"u8":1}}"#);
    let Held::Dict(inner) = &*inner["backing"] else { panic!("{inner:?}") };
    assert_eq!(inner.get::<&str, u8>(&"u8").unwrap(), Some(1));
}

#[test]
fn nul_never_reaches_a_string() {
    let message = message(&[
        part(Shape::Str, r#""a\u0000b""#),
        part(Shape::List(&Shape::Str), r#"["\u0000"]"#),
        part(Shape::Object(&UNKNOWN), r#"{"k\u0000":"v\u0000\u00e9"}"#),
        part(Shape::Any, r#"{"\u0000":1,"\ufffd":2}"#),
    ]);
    let body = message.body();
    type Parts<'a> = (&'a str, Vec<&'a str>, HashMap<&'a str, Held<'a>>, Held<'a>);
    let (string, list, dictionary, text): Parts<'_> = body.deserialize().unwrap();
    assert_eq!((string, list), ("a\u{fffd}b", vec!["\u{fffd}"]));
    assert_eq!(dictionary["k\u{fffd}"], Held::from("v\0\u{e9}".as_bytes()));
    assert_eq!(text, Held::from((r#"{"\u0000":1,"\ufffd":2}"#,)));
}

#[test]
fn misfits_name_member_expected_and_found() {
    static ROWS: Shape = Shape::List(&Shape::Uint8);
    for (shape, text, expected) in [
        (Shape::Str, "1", "'result' must be a string ('s'), and the peer sent 1"),
        (Shape::Uint8, "256", "'result' must be an integer ('y'), and the peer sent 256"),
        (Shape::Bool, "null", "'result' must be a boolean ('b'), and the peer sent null"),
        (Shape::Fd, "3", "'result' must be a file descriptor ('h'), and the peer sent 3"),
        (
            Shape::List(&ROWS),
            r#"[[1],[2,{}]]"#,
            "'result[1][1]' must be an integer ('y'), and the peer sent an object",
        ),
        (
            Shape::Object(&DEVICE),
            r#"{"\u0000":1,"\ufffd":1}"#,
            "'result' must be a dictionary ('a{sv}'), and the peer sent an object with names \
             that differ in U+0000 only",
        ),
    ] {
        assert_eq!(misfit(shape, text), expected);
    }
}

fn texts(message: &Message) -> Vec<String> {
    let body = message.body();
    let bytes = body.data().bytes().to_vec();
    let starts = bytes.windows(5).enumerate().filter(|(_, window)| window == b"\x03(s)\0");
    starts
        .map(|(at, _)| {
            let at = (at + 5).next_multiple_of(8);
            let length = u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            String::from_utf8(bytes[at + 4..at + 4 + length].to_vec()).unwrap()
        })
        .collect()
}

fn nested(open: &str, levels: usize, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn only_what_is_too_deep_becomes_text() {
    let object = |levels, inner: &str| nested("{\"a\":", levels, inner, "}");
    let list = |levels, inner: &str| nested("[", levels, inner, "]");
    let root = Shape::Object(&UNKNOWN);
    for (shape, text, expected) in [
        (root, object(21, "1"), ""),
        (root, object(22, "1"), &*object(2, "1")),
        (root, object(40, "1"), &object(20, "1")),
        (root, object(21, r#""\u0000""#), r#"{"a":"\u0000"}"#),
        (root, object(21, "[]"), r#"{"a":[]}"#),
        (root, object(21, "{}"), r#"{"a":{}}"#),
        (root, object(20, "[[1]]"), "[1]"),
        (Shape::Any, object(20, "1"), ""),
        (Shape::Any, object(21, "1"), r#"{"a":1}"#),
        (OBJECTS, format!("[{}]", object(20, "[]")), ""),
        (OBJECTS, format!("[{}]", object(21, "1")), r#"{"a":1}"#),
        (Shape::Any, list(31, "1"), ""),
        (Shape::Any, list(32, ""), "[[]]"),
        (Shape::Any, list(32, "1"), "[[1]]"),
        (Shape::Any, list(500, "\"\u{ffff}\""), &list(470, "\"\\uffff\"")),
    ] {
        let message = message(&[part(shape, &text)]);
        let expected: Vec<_> = Some(expected).filter(|text| !text.is_empty()).into_iter().collect();
        assert_eq!(texts(&message), expected, "{shape:?} {text}");
    }
}

#[test]
fn depth_is_the_same_beside_other_arguments() {
    let object = nested("{\"a\":", 21, "[1]", "}");
    let deep = part(Shape::Object(&UNKNOWN), &object);
    let alone = texts(&message(std::slice::from_ref(&deep)));
    assert_eq!(texts(&message(&[part(Shape::Str, "\"\""), deep])), alone);
    assert_eq!(alone, ["{\"a\":[1]}"]);
}

#[test]
fn typed_lists_keep_to_32_arrays() {
    let shape = (0..33).fold(Shape::Uint8, |shape, _| Shape::List(Box::leak(Box::new(shape))));
    let members: &'static [Member] = Box::leak(Box::new([Member { name: "deep", shape }]));
    let object = Box::leak(Box::new(Object { name: "", members, union: None }));
    let text = nested("[", 33, "1", "]");
    let message = message(&[part(Shape::Object(object), &format!("{{\"deep\":{text}}}"))]);
    assert_eq!(texts(&message), [text]);
}

#[test]
fn size_is_that_of_the_message() {
    let parts = [part(Shape::Any, r#"{"a":[1,"b",null]}"#), part(Shape::Uint8, "1")];
    let body = Body::new(&parts).unwrap();
    assert_eq!(body.size().unwrap(), message(&parts).body().len());
}

#[test]
fn strings_of_a_reply_are_borrowed_from_it() {
    let text = format!(r#"{{"buf-b64":"{}"}}"#, "QUJD".repeat(1 << 18));
    let value = Json::parse(text.as_bytes()).unwrap();
    let Some(Json::Str(std::borrow::Cow::Borrowed(data))) = value.get("buf-b64") else {
        panic!("copied")
    };
    assert!(text.as_bytes().as_ptr_range().contains(&data.as_ptr()));
}
