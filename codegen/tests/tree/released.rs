//! What the tree holds, and what becomes of a schema within it.

use std::{collections::BTreeMap, fs, path::PathBuf};

use qapi_codegen::{
    Options,
    dbus::{self, Interface, Ledger, Protocol, Source, Summaries, Version},
    load,
    model::Schema,
};

/// The tree itself.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What is promised.
pub(crate) fn ledger(protocol: Protocol) -> Ledger {
    let name = protocol.interface();
    let xml = fs::read_to_string(root().join(format!("introspection/{name}.xml"))).unwrap();
    Ledger::read(&xml, name).unwrap()
}

/// The schemas of all releases.
pub(crate) fn schemas(protocol: Protocol) -> Vec<Schema> {
    let folder = root().join("schemas").join(protocol.name());
    let releases = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    releases
        .map(|release| load(&release.join("qapi-schema.json"), &Options::default()).unwrap())
        .collect()
}

/// What the ledger alone says, without what is unstable.
pub(crate) fn released(protocol: Protocol, ledger: &Ledger) -> BTreeMap<String, String> {
    signatures(&serve(protocol, &Schema::default(), ledger))
}

/// The interface that serves a schema within the ledger.
pub(crate) fn serve(protocol: Protocol, schema: &Schema, ledger: &Ledger) -> Interface {
    let source = Source {
        protocol,
        interface: protocol.interface(),
        versions: &[Version { name: "one", schema }],
        ledger,
        summaries: &Summaries::default(),
    };
    dbus::build(&source).unwrap_or_else(|error| panic!("{error}"))
}

/// Names, argument names and types of all members.
pub(crate) fn signatures(interface: &Interface) -> BTreeMap<String, String> {
    let names = |positional: &[dbus::Argument]| {
        let names: Vec<_> = positional.iter().map(|argument| argument.name.as_str()).collect();
        names.join(",")
    };
    let methods = interface.methods.iter().map(|method| {
        let result = method.result.as_ref().map(dbus::Shape::signature);
        let names = names(&method.positional);
        (method.name.clone(), format!("({names}) {} -> {result:?}", method.signature()))
    });
    let signals = interface.signals.iter().map(|signal| {
        let names = names(&signal.positional);
        (signal.name.clone(), format!("({names}) {}", signal.signature()))
    });
    methods.chain(signals).collect()
}
