//! The released interfaces, the schemas they were made from and the files generated from both.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use qapi_codegen::{
    Options, check,
    dbus::{self, Interface, Ledger, Protocol, Source, Summaries, Version},
    generate::{InterfaceNames, generate},
    load,
    model::Schema,
    project::Project,
};

#[test]
fn generated_files_are_fresh() {
    let project = Project::at(root());
    let output = generate(&project, &InterfaceNames::default()).unwrap();
    let diff = check::diff(&project, &output).unwrap();
    assert!(diff.is_empty(), "run `cargo run -p qapi-codegen -- generate`:\n{diff}");
}

#[test]
fn every_promised_signature_holds_with_each_schema_alone() {
    for protocol in Protocol::ALL {
        let ledger = ledger(protocol);
        let released = released(protocol, &ledger);
        assert!(!released.is_empty());
        for schema in schemas(protocol) {
            let served = signatures(&serve(protocol, &schema, &ledger));
            for (name, signature) in &released {
                assert_eq!(served.get(name), Some(signature), "{name}");
            }
        }
    }
}

#[test]
fn one_interface_serves_what_the_releases_disagree_on() {
    let released = released(Protocol::Qmp, &ledger(Protocol::Qmp));
    let expected = [
        ("Migrate", "() a{sv} -> None"),
        ("MigrateIncoming", "() a{sv} -> None"),
        ("Memsave", "(val,size,filename) ttsa{sv} -> None"),
        ("Pmemsave", "(val,size,filename) tts -> None"),
        ("QueryDirtyRate", "() a{sv} -> Some(\"a{sv}\")"),
        ("QueryMachines", "() a{sv} -> Some(\"aa{sv}\")"),
        ("TraceEventGetState", "(name) sa{sv} -> Some(\"aa{sv}\")"),
        ("BlockIoError", "(device,operation,action,reason) ssssa{sv}"),
        ("Getfd", "(fd,fdname) hs -> None"),
        ("AddFd", "(fd) ha{sv} -> Some(\"a{sv}\")"),
        ("BlockdevAdd", "(driver) sa{sv} -> None"),
        ("StopEvent", "() a{sv}"),
    ];
    for (name, signature) in expected {
        assert_eq!(released.get(name).map(String::as_str), Some(signature), "{name}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn ledger(protocol: Protocol) -> Ledger {
    let name = protocol.interface();
    let xml = fs::read_to_string(root().join(format!("introspection/{name}.xml"))).unwrap();
    Ledger::read(&xml, name).unwrap()
}

fn schemas(protocol: Protocol) -> Vec<Schema> {
    let folder = root().join("schemas").join(protocol.name());
    let releases = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    releases
        .map(|release| load(&release.join("qapi-schema.json"), &Options::default()).unwrap())
        .collect()
}

/// What the ledger alone says, without what is unstable.
fn released(protocol: Protocol, ledger: &Ledger) -> BTreeMap<String, String> {
    signatures(&serve(protocol, &Schema::default(), ledger))
}

fn serve(protocol: Protocol, schema: &Schema, ledger: &Ledger) -> Interface {
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
fn signatures(interface: &Interface) -> BTreeMap<String, String> {
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
