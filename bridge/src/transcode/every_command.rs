//! Values of every command and every event go through D-Bus and come back, by the generated
//! tables.

use std::{borrow::Cow, fs::File};

use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    Body, Json, Part,
    form::admits,
    reader::Reader,
    roundtrip::{leak, method, same, there_and_back, value, without_nul},
    shape::{Interface, Member, Method, Object, Shape, Signal},
    signal_parts,
    to_json::read,
};
use crate::generated::{qga, qmp};

const ALL: [&Interface; 2] = [&qga::INTERFACE, &qmp::INTERFACE];
/// Values of each command and event.
const CASES: u32 = 4;
/// Elements of a long list.
const MANY: usize = 100;

#[test]
fn arguments_of_every_command_arrive_and_come_back() {
    for method in methods() {
        check(method.command, arguments(method), |given| {
            let (signature, body) = body_of(method, &given);
            let (back, fd) = read_back(method, &signature, &body);
            prop_assert!(same(&expected(method, given), &back), "{back:?}");
            prop_assert_eq!(fd, method.positional.iter().any(is_fd));
            // As the bridge would send it: the same bytes again.
            let again = body_of(method, &with_fd(method, back));
            prop_assert_eq!(again, (signature, body));
            Ok(())
        });
    }
}

#[test]
fn results_of_every_command_come_back() {
    for method in methods() {
        let Some(shape) = method.result else { continue };
        check(method.command, value(shape, 0), |given| comes_back(shape, given));
        if let Shape::List(element) = shape {
            let long = value(*element, 1).prop_map(|item| Json::List(vec![item; MANY]));
            check(method.command, long.boxed(), |given| comes_back(shape, given));
        }
    }
}

#[test]
fn data_of_every_event_comes_back() {
    for signal in ALL.iter().flat_map(|interface| interface.signals) {
        let method = as_method(signal);
        check(signal.event, value(Shape::Object(signal.data), 0), |given| {
            let parts = signal_parts(signal, given, 1_700_000_000_000_000, u64::MAX);
            let (signature, body) = body(&parts);
            let told = parts.into_iter().map(|part| (part.name.into(), part.value)).collect();
            let (back, _) = read_back(method, &signature, &body);
            prop_assert!(same(&expected(method, Json::Object(told)), &back), "{back:?}");
            Ok(())
        });
    }
}

fn methods() -> impl Iterator<Item = &'static Method> {
    let methods = || ALL.iter().flat_map(|interface| interface.methods);
    assert!(methods().count() >= 288, "of all three releases");
    methods()
}

fn check(
    name: &str,
    values: BoxedStrategy<Json<'static>>,
    holds: impl Fn(Json<'static>) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig { cases: CASES, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&values, holds);
    run.unwrap_or_else(|error| panic!("{name}: {error}"));
}

fn comes_back(shape: Shape, given: Json<'static>) -> Result<(), TestCaseError> {
    let back = there_and_back(shape, &given);
    let given = without_nul(shape, given);
    prop_assert!(same(&given, &back), "{given:?} came back as {back:?}");
    Ok(())
}

/// Arguments with every positional one of the type that the interface declares.
fn arguments(method: &'static Method) -> BoxedStrategy<Json<'static>> {
    let positional: Vec<_> = method.positional.iter().map(|one| value(one.shape, 1)).collect();
    let all = value(Shape::Object(method.arguments), 0);
    let arguments = (all, positional).prop_map(|(all, positional)| {
        let Json::Object(mut all) = all else { unreachable!("arguments are an object") };
        for (member, value) in method.positional.iter().zip(positional) {
            let fits = |value: &Json<'_>| !is_fd(member) && admits(member.shape, value);
            let at = all.iter().position(|(name, _)| name == member.name);
            let given = at.map(|at| all.remove(at).1).filter(fits);
            all.push((member.name.into(), given.unwrap_or(value)));
        }
        with_fd(method, Json::Object(all))
    });
    arguments.boxed()
}

/// The arguments with the index of a file descriptor, where the method takes one.
fn with_fd(method: &Method, arguments: Json<'static>) -> Json<'static> {
    let Json::Object(mut all) = arguments else { unreachable!("arguments are an object") };
    if let Some(fd) = method.positional.iter().find(|member| is_fd(member)) {
        all.retain(|(name, _)| name != fd.name);
        all.push((fd.name.into(), Json::Int(0)));
    }
    Json::Object(all)
}

fn is_fd(member: &Member) -> bool {
    matches!(member.shape, Shape::Fd)
}

/// The body of a call by position.
fn body_of(method: &Method, arguments: &Json<'static>) -> (String, Vec<u8>) {
    let (positional, rest) = split(method, arguments.clone());
    let mut parts: Vec<_> = positional
        .into_iter()
        // A descriptor's index is laid out as any number.
        .map(|(Member { name, shape }, value)| match shape {
            Shape::Fd => Part { name, shape: Shape::Uint32, value },
            _ => Part { name, shape, value },
        })
        .collect();
    if method.optional || !rest.is_empty() {
        let (shape, value) = (Shape::Object(method.arguments), Json::Object(rest));
        parts.push(Part { name: "optional", shape, value });
    }
    let (signature, body) = body(&parts);
    match method.positional {
        [first, ..] if is_fd(first) => (signature.replacen('u', "h", 1), body),
        _ => (signature, body),
    }
}

type Members = Vec<(Cow<'static, str>, Json<'static>)>;

/// The positional arguments in their order, and the others.
fn split(method: &Method, arguments: Json<'static>) -> (Vec<(Member, Json<'static>)>, Members) {
    let Json::Object(mut rest) = arguments else { unreachable!("arguments are an object") };
    let take = |member: &Member| {
        let at = rest.iter().position(|(name, _)| name == member.name);
        (*member, rest.remove(at.expect("a positional argument")).1)
    };
    let positional = method.positional.iter().map(take).collect();
    (positional, rest)
}

fn body(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    let body = Body::new(parts).unwrap();
    let message = super::message(super::Head::signal("/", "a.b", "Test"), &body).unwrap();
    message.body().validate().unwrap();
    let signature = message.body().signature().to_string_no_parens();
    (signature, message.body().data().bytes().to_vec())
}

/// The arguments as the peer gets them, and whether a descriptor came along.
fn read_back(method: &Method, signature: &str, body: &[u8]) -> (Json<'static>, bool) {
    let declared = method.signature();
    assert!(signature.starts_with(&declared), "{signature} for {declared}");
    let descriptor = |_| Some(File::open("/dev/null").unwrap().into());
    let reader = Reader::new(body, false);
    let call = read(method, signature.as_bytes(), reader, &descriptor).unwrap();
    let text = if call.arguments.is_empty() { b"{}".to_vec() } else { call.arguments };
    (Json::parse(text.leak()).unwrap(), call.fd.is_some())
}

/// What the peer should get.
fn expected(method: &Method, arguments: Json<'static>) -> Json<'static> {
    let (positional, rest) = split(method, arguments);
    let sent = positional.into_iter().filter(|(member, _)| !is_fd(member));
    let sent = sent.map(|(member, value)| (member.name.into(), without_nul(member.shape, value)));
    Json::Object(sent.chain(rest).collect())
}

/// A method that takes what the signal tells.
fn as_method(signal: &'static Signal) -> &'static Method {
    let optional = Member { name: "optional", shape: Shape::Object(signal.data) };
    let positional: Vec<_> = signal.positional.iter().copied().chain([optional]).collect();
    let positional: &'static [Member] = leak(positional);
    let mut members = positional.to_vec();
    members.sort_by_key(|member| member.name);
    let arguments = leak(Object { name: "", members: leak(members), union: None });
    leak(Method { positional, arguments, ..method(Shape::Any) })
}
