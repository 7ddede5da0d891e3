//! The notation of 2011 on the command line.

use std::{
    path::Path,
    process::{Command, Output},
};

use crate::temporary::Temporary;

const THEN: &str = "[ 'put-event', {'tag': 'int'}, {}, 'none' ]
    [ 'get-disk-error-event', {}, {}, 'DISK_ERROR' ]
    { 'DISK_ERROR': { 'device': 'str' } }";
const NOW: &str = "{ 'command': 'put-event', 'data': {'tag': 'int'} }
    { 'event': 'DISK_ERROR', 'data': { 'device': 'str', 'path': 'str' } }";

#[test]
fn schema_of_2011_is_dumped_as_an_interface() {
    let folder = Temporary::new("dump-2011");
    let schema = folder.write("schema.json", THEN);
    let output = run(&["dump", "--dbus=qmp", "--dialect=2011"], &[&schema]);
    let dumped: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let methods = dumped["methods"].as_array().unwrap().iter();
    let methods: Vec<_> =
        methods.map(|method| [&method["name"], &method["in"], &method["out"]]).collect();
    let expected = serde_json::json!([["GetDiskErrorEvent", "", "x"], ["PutEvent", "x", null]]);
    assert_eq!(serde_json::json!(methods), expected);
    assert!(!run(&["dump"], &[&schema]).status.success());
}

#[test]
fn schema_of_2011_is_compared_with_one_of_today() {
    let folder = Temporary::new("diff-2011");
    let (then, now) = (folder.write("then.json", THEN), folder.write("now.json", NOW));
    let output = run(&["diff", "--dialect=2011"], &[&then, &now]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("event DISK_ERROR  's' => 'ss'"), "{text}");
    assert!(text.contains("command get-disk-error-event\n    command removed"), "{text}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(run(&["diff"], &[&then, &now]).status.code(), Some(2));
}

fn run(arguments: &[&str], schemas: &[&Path]) -> Output {
    let program = env!("CARGO_BIN_EXE_qapi-codegen");
    Command::new(program).args(arguments).args(schemas).output().unwrap()
}
