//! What goes through D-Bus and back is the same.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*, sample::select};
use zbus::Message;

use super::{
    Body, Json, Part, call,
    shape::{Class, Member, Method, Object, Shape, UNKNOWN, Union},
};

static INNER: Object = Object {
    name: "Inner",
    members: &[
        Member { name: "any", shape: Shape::Any },
        Member { name: "number", shape: Shape::Number },
        Member { name: "self", shape: Shape::Object(&INNER) },
        Member { name: "type", shape: Shape::Str },
    ],
    union: Some(Union {
        tag: "type",
        branches: &[("list", &LIST), ("scalar", &SCALAR), ("union", &BRANCHED)],
    }),
};
static LIST: Object = Object {
    name: "List",
    members: &[Member { name: "data", shape: Shape::List(&Shape::Uint64) }],
    union: None,
};
static SCALAR: Object = Object {
    name: "Scalar",
    members: &[Member { name: "data", shape: Shape::Alternate(EITHER) }],
    union: None,
};
static BRANCHED: Object = Object {
    name: "Branched",
    members: &[Member { name: "kind", shape: Shape::Str }],
    union: Some(Union { tag: "kind", branches: &[("list", &LIST), ("scalar", &SCALAR)] }),
};
static EITHER: &[Shape] = &[Shape::Null, Shape::Str, Shape::Int64, Shape::Object(&INNER)];

const SCALARS: [Shape; 13] = [
    Shape::Str,
    Shape::Bool,
    Shape::Int8,
    Shape::Int16,
    Shape::Int32,
    Shape::Int64,
    Shape::Uint8,
    Shape::Uint16,
    Shape::Uint32,
    Shape::Uint64,
    Shape::Number,
    Shape::Null,
    Shape::Bytes,
];

pub(super) fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(super) fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        6 => select(&SCALARS[..]),
        1 => Just(Shape::Any),
        1 => Just(Shape::Alternate(EITHER)),
        1 => Just(Shape::Object(&INNER)),
        1 => Just(Shape::Object(&UNKNOWN)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| inner.prop_map(|shape| Shape::List(leak(shape))))
}

fn text() -> impl Strategy<Value = Json<'static>> {
    let character = prop_oneof![
        4 => any::<char>(),
        1 => select(vec!['\0', '"', '\\', '\u{7f}', '\u{80}', '\u{fffd}', '\u{10000}', '\u{1f}']),
    ];
    let sound = character.prop_filter("QEMU refuses noncharacters", |character| {
        let code = u32::from(*character);
        !(0xFDD0..=0xFDEF).contains(&code) && code & 0xFFFE != 0xFFFE
    });
    vec(sound, 0..8).prop_map(|text| Json::Str(text.into_iter().collect::<String>().into()))
}

fn within(low: i64, high: u64) -> BoxedStrategy<Json<'static>> {
    let edges = [i128::from(low), i128::from(high), 0, 1, (1 << 53) + 1];
    let edges: Vec<_> =
        edges.into_iter().filter(|edge| (low.into()..=high.into()).contains(edge)).collect();
    prop_oneof![select(edges), i128::from(low)..=i128::from(high)]
        .prop_map(|value| match u64::try_from(value) {
            Ok(value) => value.into(),
            Err(_) => Json::Int(value as i64),
        })
        .boxed()
}

fn float() -> impl Strategy<Value = Json<'static>> {
    let edges = vec![-0.0, f64::from_bits(1), f64::MIN_POSITIVE, f64::MAX, 9007199254740994.0, 0.1];
    let wild = any::<f64>().prop_filter("JSON", |value| value.is_finite());
    prop_oneof![3 => wild, 1 => select(edges)].prop_map(Json::Float)
}

pub(super) fn anything() -> impl Strategy<Value = Json<'static>> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        within(i64::MIN, u64::MAX),
        float(),
        text(),
    ];
    leaf.prop_recursive(8, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::List),
            vec(("[a-z\u{e9}-]{1,6}", inner), 0..4).prop_map(object),
        ]
    })
}

/// An object of these members, the first of each name.
fn object(members: Vec<(String, Json<'static>)>) -> Json<'static> {
    let mut object: Vec<(Cow<'_, str>, _)> = Vec::new();
    for (name, value) in members {
        if object.iter().all(|(other, _)| *other != name) {
            object.push((name.into(), value));
        }
    }
    Json::Object(object)
}

pub(super) fn value(shape: Shape, depth: usize) -> BoxedStrategy<Json<'static>> {
    match shape {
        Shape::Str => text().boxed(),
        Shape::Bool => any::<bool>().prop_map(Json::Bool).boxed(),
        Shape::Int8 => within(i8::MIN.into(), i8::MAX as u64),
        Shape::Int16 => within(i16::MIN.into(), i16::MAX as u64),
        Shape::Int32 => within(i32::MIN.into(), i32::MAX as u64),
        Shape::Int64 => within(i64::MIN, i64::MAX as u64),
        Shape::Uint8 => within(0, u8::MAX.into()),
        Shape::Uint16 => within(0, u16::MAX.into()),
        Shape::Uint32 => within(0, u32::MAX.into()),
        Shape::Uint64 => within(0, u64::MAX),
        Shape::Number => prop_oneof![float(), within(i64::MIN, u64::MAX)].boxed(),
        Shape::Null => Just(Json::Null).boxed(),
        Shape::Bytes => vec(any::<u8>(), 0..50)
            .prop_map(|bytes| Json::Str(STANDARD.encode(bytes).into()))
            .boxed(),
        Shape::Any | Shape::Fd => anything().boxed(),
        Shape::Alternate(branches) => {
            select(branches).prop_flat_map(move |branch| value(branch, depth + 1)).boxed()
        }
        Shape::List(element) => vec(value(*element, depth + 1), 0..5).prop_map(Json::List).boxed(),
        Shape::Object(object) => members(object, depth),
    }
}

/// Members of the schema, of one branch, and others, in any order.
fn members(of: &'static Object, depth: usize) -> BoxedStrategy<Json<'static>> {
    if depth > 3 {
        return Just(Json::Object(Vec::new())).boxed();
    }
    let mut parts: Vec<BoxedStrategy<Vec<(String, Json<'static>)>>> =
        vec![vec(("x[a-z]{1,4}", anything()), 0..3).boxed()];
    for member in of.members {
        let one = (Just(member.name.to_owned()), value(member.shape, depth + 1));
        parts.push(vec(one, 0..2).boxed());
    }
    let Some(union) = &of.union else { return parts.prop_flat_map(shuffled).boxed() };
    let branch = select(union.branches).prop_flat_map(move |(tag, branch)| {
        members(branch, depth + 1).prop_map(move |branch| {
            let Json::Object(branch) = branch else { unreachable!("members are an object") };
            let tag = (union.tag.to_owned(), Json::Str(tag.into()));
            let branch = branch.into_iter().map(|(name, value)| (name.into_owned(), value));
            std::iter::once(tag).chain(branch).collect::<Vec<_>>()
        })
    });
    // Else a value that the schema does not know.
    parts.insert(0, prop_oneof![7 => branch, 1 => Just(Vec::new())].boxed());
    parts.prop_flat_map(shuffled).boxed()
}

fn shuffled(parts: Vec<Vec<(String, Json<'static>)>>) -> impl Strategy<Value = Json<'static>> {
    let Json::Object(members) = object(parts.into_iter().flatten().collect()) else {
        unreachable!("an object");
    };
    Just(members).prop_shuffle().prop_map(Json::Object)
}

pub(super) fn method(shape: Shape) -> Method {
    let positional: &'static [Member] = leak([Member { name: "result", shape }]);
    let arguments = leak(Object { name: "", members: positional, union: None });
    let (name, command) = ("Test", "test");
    let optional = false;
    Method {
        name,
        command,
        positional,
        optional,
        arguments,
        result: None,
        oob: true,
        replies: true,
        class: Class::Host,
    }
}

pub(super) fn there_and_back(shape: Shape, value: &Json<'static>) -> Json<'static> {
    back_as(shape, shape, value)
}

/// Goes to D-Bus by one schema and back by another.
fn back_as(shape: Shape, back: Shape, value: &Json<'static>) -> Json<'static> {
    let parts = [Part { name: "result", shape, value: value.clone() }];
    let body = Body::new(&parts).unwrap();
    let message =
        super::message(super::Head::signal("/", "a.b", "Test").to(Some(":1.7")), &body).unwrap();
    let zbus = Message::signal("/", "a.b", "Test").destination(":1.7");
    let zbus = zbus.endian(zbus::wire::Endian::Little).build(&body).unwrap();
    let without_serial = |message: &Message| [&message.data()[..8], &message.data()[12..]].concat();
    assert_eq!(without_serial(&message), without_serial(&zbus));
    message.body().validate().unwrap();
    assert_eq!(message.body().len(), body.size().unwrap());
    let call = call(&method(back), &message.body()).unwrap();
    assert!(call.arguments.iter().all(|byte| (b' '..=b'~').contains(byte)));
    let text: &'static [u8] = call.arguments.leak();
    Json::parse(text).unwrap().get("result").unwrap().clone()
}

fn as_float(value: &Json<'_>) -> Option<f64> {
    match value {
        Json::Int(value) => Some(*value as f64),
        Json::Uint(value) => Some(*value as f64),
        Json::Float(value) => Some(*value),
        _ => None,
    }
}

/// Equal, but for integers where the schema says number.
pub(super) fn same(left: &Json<'_>, right: &Json<'_>) -> bool {
    match (left, right) {
        (Json::List(left), Json::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| left.0 == right.0 && same(&left.1, &right.1))
        }
        (_, Json::Float(right)) => as_float(left).map(f64::to_bits) == Some(right.to_bits()),
        _ => left == right,
    }
}

/// A positional string is what cannot hold U+0000.
pub(super) fn without_nul(shape: Shape, value: Json<'static>) -> Json<'static> {
    match (shape, value) {
        (Shape::Str, Json::Str(text)) => Json::Str(text.replace('\0', "\u{fffd}").into()),
        (Shape::List(element), Json::List(items)) => {
            Json::List(items.into_iter().map(|item| without_nul(*element, item)).collect())
        }
        (_, value) => value,
    }
}

#[test]
fn huge_and_empty_containers_come_back() {
    for size in [0, 1, 100_000] {
        let items = Json::List((0..size).map(|at| Json::from(u64::MAX - at)).collect());
        assert_eq!(there_and_back(Shape::List(&Shape::Uint64), &items), items);
        assert_eq!(there_and_back(Shape::Any, &items), items);
        let members = (0..size / 10).map(|at| (format!("m{at}").into(), Json::from(at)));
        let object = Json::Object(members.collect());
        assert_eq!(there_and_back(Shape::Object(&UNKNOWN), &object), object);
    }
}

proptest! {
    #[test]
    fn positional_value_comes_back(
        (shape, value) in shapes().prop_flat_map(|shape| (Just(shape), value(shape, 0)))
    ) {
        let back = there_and_back(shape, &value);
        let value = without_nul(shape, value);
        prop_assert!(same(&value, &back), "{shape:?}: {value:?} came back as {back:?}");
    }

    #[test]
    fn member_comes_back(
        (shape, value) in shapes().prop_flat_map(|shape| (Just(shape), value(shape, 0))),
        levels in 0_usize..40,
    ) {
        let members = leak([Member { name: "member", shape }]);
        let mut object = Shape::Object(leak(Object { name: "", members, union: None }));
        let mut value = Json::Object(vec![("member".into(), value)]);
        for _ in 0..levels {
            let members = leak([Member { name: "around", shape: object }]);
            object = Shape::Object(leak(Object { name: "", members, union: None }));
            value = Json::Object(vec![("around".into(), value)]);
        }
        let back = there_and_back(object, &value);
        prop_assert!(same(&value, &back), "{shape:?}: {value:?} came back as {back:?}");
    }

    #[test]
    fn unknown_value_comes_back_exactly(value in anything(), levels in 0_usize..80) {
        let value = (0..levels).fold(value, |value, level| match level % 3 {
            0 => Json::List(vec![value]),
            _ => Json::Object(vec![("in".into(), value)]),
        });
        prop_assert_eq!(there_and_back(Shape::Any, &value), value);
    }

    #[test]
    fn misfit_is_delivered_whole(shape in shapes(), value in anything()) {
        let members = leak([Member { name: "member", shape }]);
        let object = Shape::Object(leak(Object { name: "", members, union: None }));
        let value = Json::Object(vec![("member".into(), value)]);
        // A list of bytes that is not known as one is a string.
        prop_assume!(!format!("{shape:?}").contains("List(Uint8)"));
        let back = back_as(object, Shape::Object(&UNKNOWN), &value);
        prop_assert!(same(&value, &back), "{shape:?}: {value:?} came back as {back:?}");
    }

    #[test]
    fn text_reads_back(value in anything()) {
        let mut text = Vec::new();
        value.write(&mut text).unwrap();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(Json::parse(&text).unwrap(), value);
    }
}
