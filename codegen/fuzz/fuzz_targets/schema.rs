//! Any bytes are a schema or are refused with the place of the mistake; what is a schema becomes
//! an interface that is printed, and the same again within what was printed.

#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use qapi_codegen::{
    Error, Options,
    dbus::{self, Interface, Ledger, Protocol, Source, Summaries, Version},
    emit, load,
    model::Schema,
};

/// Stands between the first file and the one that it can include as `more.json`.
const FILE: u8 = 0x1E;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().unwrap();
    let mut files = bytes.splitn(2, |byte| *byte == FILE);
    for name in ["schema.json", "more.json"] {
        fs::write(folder.path().join(name), files.next().unwrap_or_default()).unwrap();
    }
    match load(&folder.path().join("schema.json"), &Options::default()) {
        Err(Error::Read(..)) => {}
        Err(error) => assert!(error.diagnostic().location.position.is_some(), "{error}"),
        Ok(schema) => [Protocol::Qmp, Protocol::Qga].into_iter().for_each(|protocol| {
            survives(&schema, protocol);
        }),
    }
});

fn survives(schema: &Schema, protocol: Protocol) {
    emit::dump_schema(schema);
    let Ok(interface) = build(schema, protocol, &Ledger::default()) else { return };
    let release = emit::Release { protocol, versions: "9.2" };
    emit::emit_tables(&interface, &release);
    emit::emit_json_schema(&interface, &release);
    emit::emit_python(&interface, &release);
    emit::emit_go(&interface, &release);
    emit::emit_rust(&interface, &release);
    emit::dump_interface(&interface);
    let xml = emit::emit_xml(&interface);
    let ledger = Ledger::read(&xml, &interface.name).unwrap();
    let again = build(schema, protocol, &ledger).unwrap();
    assert_eq!(emit::emit_xml(&again), xml);
}

fn build(schema: &Schema, protocol: Protocol, ledger: &Ledger) -> dbus::Result<Interface> {
    dbus::build(&Source {
        protocol,
        interface: protocol.interface(),
        versions: &[Version { name: "9.2", schema }],
        ledger,
        summaries: &Summaries::default(),
    })
}
