//! Interfaces made from schemas of a few lines.

mod annotated;
mod classed;
mod held;
mod merged;
mod reached;

use std::{
    env, fs, process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::*;
use crate::{Dialect, Options, emit, model::Schema};

pub(crate) const INTERFACE: &str = "org.example.Machine1";

/// The schema of this text, as module `machine`.
pub(crate) fn schema(text: &str) -> Schema {
    loaded(text, Dialect::Lenient).unwrap_or_else(|error| panic!("{error}"))
}

/// The same of a text that may be wrong.
pub(crate) fn loaded(text: &str, dialect: Dialect) -> std::result::Result<Schema, crate::Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("qapi-codegen-{}-{count}", process::id()));
    let path = folder.join("machine.json");
    fs::create_dir(&folder).unwrap();
    fs::write(&path, text).unwrap();
    let schema = crate::load(&path, &Options { dialect, ..Options::default() });
    fs::remove_dir_all(&folder).unwrap();
    schema
}

/// The interface of these schemas, oldest first, under a ledger.
fn build_within(ledger: &Ledger, texts: &[&str]) -> Result<Interface> {
    let schemas: Vec<_> = texts.iter().map(|text| schema(text)).collect();
    let names = ["1.0", "2.0", "3.0"];
    let version = |(name, schema)| Version { name, schema };
    let versions: Vec<_> = names.into_iter().zip(&schemas).map(version).collect();
    let source = Source {
        protocol: Protocol::Qmp,
        interface: INTERFACE,
        versions: &versions,
        ledger,
        summaries: &Summaries::default(),
    };
    build(&source)
}

/// The interface of these schemas, the first of its name.
pub(crate) fn interface(texts: &[&str]) -> Interface {
    build_within(&Ledger::default(), texts).unwrap_or_else(|error| panic!("{error}"))
}

/// Why there is no interface of these schemas.
fn refusal(texts: &[&str]) -> String {
    build_within(&Ledger::default(), texts).unwrap_err().to_string()
}

/// The ledger after a release of these schemas.
fn released(texts: &[&str]) -> Ledger {
    Ledger::read(&emit::emit_xml(&interface(texts)), INTERFACE).unwrap()
}

/// Name, input and output of every method, name and signature of every signal.
fn outline(interface: &Interface) -> Vec<String> {
    let method = |method: &Method| {
        let result = method.result.as_ref().map_or_else(String::new, Shape::signature);
        format!("{}({}) -> ({result})", method.name, method.signature())
    };
    let signal = |signal: &Signal| format!("{}: {}", signal.name, signal.signature());
    let methods = interface.methods.iter().map(method);
    methods.chain(interface.signals.iter().map(signal)).collect()
}

/// D-Bus names of a method's or signal's positional arguments.
fn names(positional: &[Argument]) -> Vec<&str> {
    positional.iter().map(|argument| argument.name.as_str()).collect()
}

/// The type of a member.
fn shape<'a>(object: &'a Object, name: &str) -> Option<&'a Shape> {
    object.members.iter().find(|member| member.name == name).map(|member| &member.shape)
}
