//! Facts say what the schema says, and nothing besides.

use crate::temporary::Temporary;
use qapi_codegen::{
    Options,
    facts::{self, Error},
    load,
    model::Schema,
};
use std::{fs, path::Path};

const HEADING: &str = "# A heading.";

#[test]
fn facts_of_a_schema_make_the_same_model() {
    let folder = Temporary::new("model");
    for path in schemas() {
        let (Ok(files), Ok(schema)) = (facts::print(&path, HEADING), load(&path, &OPTIONS)) else {
            continue;
        };
        for (name, text) in &files {
            folder.write(name, text);
        }
        let again = folder.path().join(path.file_name().unwrap());
        assert_eq!(debug(&load(&again, &OPTIONS).unwrap()), debug(&schema), "{}", path.display());
        assert_eq!(facts::print(&again, HEADING).unwrap(), files);
    }
}

#[test]
fn facts_have_no_text_of_the_documentation() {
    let folder = Temporary::new("text");
    let path = folder.write(
        "schema.json",
        "# A remark.\n\
         ##\n# About paint in general.\n##\n\
         { 'pragma': { 'doc-required': true } }\n\
         { 'pragma': { 'documentation-exceptions': ['Tin'], 'member-name-exceptions': ['Tin'] } }\n\
         ##\n# @paint:\n#\n# Covers things.\n#\n# @wall: what to cover\n#     (since 2.0)\n#\n\
         # @quick: hurry\n#\n# Since: 1.0\n##\n\
         { 'command':'paint','data':{'wall' : 'str', '*quick': 'bool'} }\n\
         ##\n# @dry:\n#\n# Waits.\n##\n\
         { 'command': 'dry' }\n",
    );
    let expected = "# A heading.\n\n\
         { 'pragma': { 'member-name-exceptions': ['Tin'] } }\n\n\
         ##\n# @paint:\n#\n# @wall: (since 2.0)\n# Since: 1.0\n##\n\
         { 'command': 'paint', 'data': { 'wall': 'str', '*quick': 'bool' } }\n\n\
         { 'command': 'dry' }\n";
    assert_eq!(facts::print(&path, HEADING).unwrap()["schema.json"], expected);
}

#[test]
fn long_definitions_take_a_line_for_each_entry() {
    let folder = Temporary::new("lines");
    let members: Vec<_> = (0..9).map(|at| format!("'member-{at}': 'str'")).collect();
    let values: Vec<_> = (0..12).map(|at| format!("'value-{at}'")).collect();
    let text = format!(
        "{{ 'struct': 'Long', 'data': {{ {} }} }}\n{{ 'enum': 'Wide', 'data': [ {} ] }}\n",
        members.join(", "),
        values.join(", ")
    );
    let printed = facts::print(&folder.write("schema.json", text), HEADING).unwrap();
    let expected = format!(
        "# A heading.\n\n{{ 'struct': 'Long',\n  'data': {{ {} }} }}\n\n\
         {{ 'enum': 'Wide',\n  'data': [ {},\n            {} ] }}\n",
        members.join(",\n            "),
        values[..7].join(", "),
        values[7..].join(", ")
    );
    assert_eq!(printed["schema.json"], expected);
}

#[test]
fn extraction_writes_what_differs_and_removes_what_is_gone() {
    let tree = tree("tree");
    let output = Temporary::new("output");
    let orphan = output.write("qmp/10.0/gone.json", "");
    let foreign = output.write("qmp/10.0/notes.txt", "mine");
    let extract = || facts::extract(tree.path(), "10.0", output.path()).unwrap();

    let first = ["qmp/10.0/more.json", "qmp/10.0/qapi-schema.json", "qmp/10.0/gone.json"];
    let paths = |names: &[&str]| names.iter().map(|name| output.path().join(name)).collect();
    let mut expected: Vec<_> = paths(&first);
    expected.push(output.path().join("qga/10.0/qapi-schema.json"));
    assert_eq!(extract(), expected);
    assert!(!orphan.exists() && foreign.exists());
    assert!(extract().is_empty());

    fs::write(output.path().join(first[0]), "edited").unwrap();
    assert_eq!(extract(), paths(&first[..1]));
    let text = fs::read_to_string(output.path().join(first[0])).unwrap();
    assert!(text.starts_with("# The QMP schema of QEMU 10.0.7: "), "{text}");
}

#[test]
fn version_that_is_no_number_is_refused() {
    let output = Temporary::new("version");
    for version in ["", "10", "..", "../10.0", "10.x", "10.0\n"] {
        let result = facts::extract(Path::new("nowhere"), version, output.path());
        assert!(matches!(result, Err(Error::Version(_))), "{version:?}");
    }
    assert_eq!(fs::read_dir(output.path()).unwrap().count(), 0);
}

#[test]
fn module_outside_the_schemas_folder_is_refused() {
    let folder = Temporary::new("outside");
    folder.write("elsewhere/more.json", "");
    for include in ["../elsewhere/more.json", "sub/more.json"] {
        folder.write("schema/sub/more.json", "");
        let path = folder.write("schema/schema.json", format!("{{ 'include': '{include}' }}\n"));
        assert!(matches!(facts::print(&path, HEADING), Err(Error::Outside(_))), "{include}");
    }
}

#[test]
fn tree_without_schemas_is_refused() {
    let folder = Temporary::new("nothing");
    let error = facts::extract(folder.path(), "10.0", folder.path()).unwrap_err();
    assert!(matches!(error, Error::Schema(_)), "{error}");
}

/// A tree as QEMU's is laid out.
fn tree(name: &str) -> Temporary {
    let tree = Temporary::new(name);
    tree.write("VERSION", "10.0.7\n");
    tree.write("qapi/qapi-schema.json", "{ 'include': 'more.json' }\n{ 'command': 'stop' }\n");
    tree.write("qapi/more.json", "{ 'event': 'STOP' }\n");
    tree.write("qga/qapi-schema.json", "{ 'command': 'guest-ping' }\n");
    tree
}

const OPTIONS: Options = Options {
    limits: qapi_codegen::limits::Limits {
        bytes: 1 << 20,
        files: 10,
        nesting: 128,
        members: 10_000,
    },
    dialect: qapi_codegen::Dialect::Lenient,
};

fn debug(schema: &Schema) -> String {
    format!("{schema:#?}")
}

fn schemas() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths
}
