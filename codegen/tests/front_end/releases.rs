//! The schemas that the project ships: complete, and printed as the extraction prints them.

use qapi_codegen::{
    Options, facts, load,
    model::{Kind, Schema},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Commands, events, structs, unions, alternates and enumerations, as QEMU's own generator counts
/// the definitions of these releases.
const COUNTS: [(&str, [usize; 6]); 6] = [
    ("qmp/7.2", [220, 52, 418, 39, 6, 155]),
    ("qmp/10.0", [240, 56, 468, 43, 6, 181]),
    ("qmp/10.2", [244, 57, 479, 43, 6, 182]),
    ("qga/7.2", [42, 0, 32, 3, 1, 7]),
    ("qga/10.0", [44, 0, 34, 3, 2, 8]),
    ("qga/10.2", [44, 0, 34, 3, 2, 8]),
];

#[test]
fn releases_have_every_definition() {
    for (release, expected) in COUNTS {
        let schema = load(&first_file(release), &Options::default()).unwrap();
        assert_eq!(counts(&schema), expected, "{release}");
    }
}

#[test]
fn facts_of_the_releases_are_themselves() {
    for (release, _) in COUNTS {
        let first = first_file(release);
        let text = fs::read_to_string(&first).unwrap();
        let heading = text.lines().next().unwrap();
        assert!(facts::print(&first, heading).unwrap() == files(&first), "{release} differs");
    }
}

#[test]
fn known_facts_of_the_guest_agent_are_there() {
    let schema = load(&first_file("qga/10.2"), &Options::default()).unwrap();
    let named =
        |name: &str| schema.commands.iter().find(|command| command.info.name == name).unwrap();
    let open = named("guest-file-open");
    assert_eq!(open.info.since.as_deref(), Some("0.15.0"));
    let members = schema.members(open.data.unwrap());
    let names: Vec<_> = members.iter().map(|it| (it.name.as_str(), it.optional)).collect();
    assert_eq!(names, [("path", false), ("mode", true)]);
    assert!(!named("guest-shutdown").success_response);
    assert!(named("guest-get-vcpus").info.condition.is_some());
}

fn counts(schema: &Schema) -> [usize; 6] {
    let defined = || schema.types.iter().filter(|ty| ty.info.module.is_some());
    let count = |is: fn(&Kind) -> bool| defined().filter(|ty| is(&ty.kind)).count();
    [
        schema.commands.len(),
        schema.events.len(),
        count(|kind| matches!(kind, Kind::Struct { implicit: false, .. })),
        count(|kind| matches!(kind, Kind::Union { .. })),
        count(|kind| matches!(kind, Kind::Alternate { .. })),
        count(|kind| matches!(kind, Kind::Enum { .. })),
    ]
}

fn first_file(release: &str) -> PathBuf {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    schemas.join(release).join("qapi-schema.json")
}

fn files(first: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(first.parent().unwrap()).unwrap();
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}
