//! What the XML says beside names and types (mapping, section 8).

use std::collections::BTreeSet;

use super::{
    class::Class,
    interface::{Annotation, Argument, Method, Signal},
    types::{DICTIONARY, Shape},
};
use crate::model::Feature;

/// For people: a summary, or the address of one.
pub const DOC: &str = "org.gtk.GDBus.DocString";
/// The QAPI name.
pub const NAME: &str = "org.qemu.Qapi.Name";
/// The QEMU release that has it first.
pub const SINCE: &str = "org.qemu.Qapi.Since";
/// QAPI features, separated by commas.
pub const FEATURES: &str = "org.qemu.Qapi.Features";
/// What a caller must be allowed to do, where it is asked: `read-sensitive`.
pub const CLASS: &str = "org.qemu.Qapi.Class";

/// Set where clients should turn to something else.
pub const DEPRECATED: &str = "org.freedesktop.DBus.Deprecated";
const C_NAME: &str = "org.gtk.GDBus.C.Name";
const C_FD: &str = "org.gtk.GDBus.C.UnixFD";
const QT_TYPE: &str = "org.qtproject.QtDBus.QtTypeName";

/// The feature of what the compatibility promise does not cover.
pub const UNSTABLE: &str = "unstable";

/// What is said of a method or signal for what it stands for.
pub(super) fn of_definition(
    doc: String,
    qapi: &str,
    since: Option<&str>,
    features: &[Feature],
) -> Vec<Annotation> {
    let mut annotations = vec![annotation(DOC, doc), annotation(NAME, qapi)];
    annotations.extend(since.map(|since| annotation(SINCE, since)));
    annotations.extend(of_features(features));
    annotations
}

/// What is said of an argument: the QAPI name only where it differs.
pub(super) fn of_argument(name: &str, qapi: &str, features: &[Feature]) -> Vec<Annotation> {
    let renamed = (name != qapi).then(|| annotation(NAME, qapi));
    renamed.into_iter().chain(of_features(features)).collect()
}

/// What is said of a method for what it can do. It is no promise.
pub(super) fn of_class(class: Class) -> Annotation {
    annotation(CLASS, class.name())
}

/// Whether it tells of QAPI; the others follow from names and types.
pub(super) fn is_fact(name: &str) -> bool {
    [DOC, NAME, SINCE, FEATURES, DEPRECATED].contains(&name)
}

/// Whether this feature is among the annotated ones.
pub fn has_feature(annotations: &[Annotation], feature: &str) -> bool {
    value(annotations, FEATURES).is_some_and(|all| all.split(',').any(|has| has == feature))
}

/// The value of an annotation.
pub fn value<'a>(annotations: &'a [Annotation], name: &str) -> Option<&'a str> {
    annotations.iter().find(|has| has.name == name).map(|has| has.value.as_str())
}

/// Adds what code generators need to know of methods.
pub(super) fn add_for_generators(methods: &mut [Method], signals: &mut [Signal]) {
    let names: BTreeSet<_> = methods.iter().map(|method| method.name.clone()).collect();
    for method in methods {
        if is_taken_in_c(&method.name, &names) {
            let name = format!("{}Command", method.name);
            method.annotations.push(annotation(C_NAME, name));
        }
        if method.positional.iter().any(|argument| argument.shape == Shape::Fd) {
            method.annotations.push(annotation(C_FD, "true"));
        }
        method.annotations.extend(qt_types("In", signatures(&method.positional, method.optional)));
        let result = method.result.iter().map(Shape::signature);
        method.annotations.extend(qt_types("Out", result));
    }
    for signal in signals {
        signal.annotations.extend(qt_types("Out", signatures(&signal.positional, true)));
    }
}

fn of_features(features: &[Feature]) -> impl Iterator<Item = Annotation> {
    let names: Vec<_> = features.iter().map(|feature| feature.name.as_str()).collect();
    let deprecated = names.contains(&"deprecated").then(|| annotation(DEPRECATED, "true"));
    let all = (!names.is_empty()).then(|| annotation(FEATURES, names.join(",")));
    all.into_iter().chain(deprecated)
}

/// gdbus-codegen makes `call_x`, `call_x_sync` and `call_x_finish` of a method `X`.
fn is_taken_in_c(name: &str, names: &BTreeSet<String>) -> bool {
    ["Sync", "Finish"]
        .iter()
        .filter_map(|suffix| name.strip_suffix(suffix))
        .any(|shorter| names.contains(shorter))
}

fn signatures(arguments: &[Argument], optional: bool) -> impl Iterator<Item = String> {
    let trailing = optional.then(|| DICTIONARY.to_owned());
    arguments.iter().map(|argument| argument.shape.signature()).chain(trailing)
}

/// qdbusxml2cpp refuses dictionaries that it is given no C++ type for.
fn qt_types(
    direction: &'static str,
    signatures: impl Iterator<Item = String>,
) -> impl Iterator<Item = Annotation> {
    signatures.enumerate().filter_map(move |(at, signature)| {
        let lists = signature.strip_suffix(DICTIONARY)?.len();
        let name = format!("{QT_TYPE}.{direction}{at}");
        Some(annotation(&name, "QList<".repeat(lists) + "QVariantMap" + &">".repeat(lists)))
    })
}

fn annotation(name: &str, value: impl Into<String>) -> Annotation {
    Annotation { name: name.into(), value: value.into() }
}
