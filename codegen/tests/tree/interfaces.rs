//! The interfaces within the ledger.

use qapi_codegen::{
    check,
    dbus::Protocol,
    generate::{InterfaceNames, generate},
    project::Project,
};

use crate::released::{ledger, released, root, schemas, serve, signatures};

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
