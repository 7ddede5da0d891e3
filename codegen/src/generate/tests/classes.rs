//! A command comes, goes or changes its class only where `schemas/classes.toml` says so.

use super::*;

const SCHEMA: &str = "schemas/qmp/9.2/qapi-schema.json";
const STOP: &str = "{ 'command': 'stop' }";

/// A tree with this schema of the monitor, and a table with these lines for it.
fn tree(qmp: &str, lines: &str) -> Tree {
    let tree = Tree::new(PING);
    tree.put(SCHEMA, qmp);
    tree.put("schemas/classes.toml", &format!("[qga]\nguest-ping = \"read\"\n[qmp]\n{lines}"));
    tree
}

/// What stops the generator; nothing is written.
fn refusal(tree: &Tree) -> String {
    let error = tree.output().unwrap_err();
    assert!(matches!(error, Error::Undecided(_)), "{error}");
    assert!(!tree.root.join(XML).exists());
    let text = error.to_string();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, "classes of commands are to be decided:");
    rest.into()
}

#[test]
fn as_decided_it_generates() {
    let tree = tree(STOP, "stop = \"control\"\n");
    tree.update();
    assert!(tree.text("bridge/src/generated/qmp.rs").contains("class: C::Control"));
    let xml = tree.text("introspection/org.qemu.QmpQapi.xml");
    assert!(xml.contains("<annotation name=\"org.qemu.Qapi.Class\" value=\"control\"/>"), "{xml}");
}

#[test]
fn new_command_is_to_be_decided() {
    let tree = tree("{ 'command': 'stop' } { 'command': 'job-run' }", "stop = \"control\"\n");
    assert_eq!(
        refusal(&tree),
        "schemas/classes.toml: 'job-run' is new, and control (pattern): look at what it does, \
         then add \"job-run\" = \"control\" to [qmp]"
    );
}

#[test]
fn command_that_went_is_to_be_removed() {
    let tree = tree(STOP, "cont = \"control\"\nstop = \"control\"\n");
    assert_eq!(
        refusal(&tree),
        "schemas/classes.toml:4: 'cont' is decided to be control, but qmp has no such command: \
         remove the line"
    );
}

#[test]
fn command_that_an_argument_moves_is_to_be_decided() {
    let tree = tree(STOP, "stop = \"control\"\n");
    tree.put(
        "schemas/qmp/10.0/qapi-schema.json",
        "{ 'command': 'stop', 'data': { '*filename': 'str' } }",
    );
    assert_eq!(
        refusal(&tree),
        "schemas/classes.toml:4: 'stop' was decided to be control, and the rule makes it host now \
         (argument 'filename'): write \"stop\" = \"host\" here, or mend the rule in \
         codegen/src/dbus/class/"
    );
}

#[test]
fn command_that_an_exception_moves_is_to_be_decided() {
    // As if `control` were new in the table of exceptions.
    let tree = tree(STOP, "stop = \"host\"\n");
    let text = refusal(&tree);
    let moved = "schemas/classes.toml:4: 'stop' was decided to be host, and the rule makes it \
                 control now (exception)";
    assert!(text.starts_with(moved), "{text}");
}

#[test]
fn everything_undecided_is_told_at_once() {
    let tree = tree(STOP, "cont = \"control\"\n");
    tree.put("schemas/qga/9.2/qapi-schema.json", "");
    let text = refusal(&tree);
    let lines: Vec<_> = text.lines().map(|line| line.split('\'').nth(1).unwrap()).collect();
    assert_eq!(lines, ["guest-ping", "stop", "cont"]);
}

#[test]
fn released_command_without_a_schema_keeps_its_class() {
    let tree = tree("{ 'command': 'job-run' }", "job-run = \"control\"\n");
    tree.update();
    tree.put(SCHEMA, "");
    assert!(!tree.update().iter().any(|path| path == "bridge/src/generated/qmp.rs"));
}

#[test]
fn mistakes_in_the_table_name_the_line() {
    for (lines, says) in [
        ("stop = \"harmless\"\n", "no class 'harmless': there are read, read-sensitive, control"),
        ("stop = \"control\"\nstop = \"host\"\n", "duplicate key"),
        ("[agent]\n", "unknown field `agent`"),
    ] {
        let error = tree(STOP, lines).output().unwrap_err();
        assert!(matches!(error, Error::Toml(..)), "{error}");
        let text = error.to_string();
        let at = format!("line {}", 3 + lines.lines().count());
        assert!(text.contains(says) && text.contains(&at), "{text}");
    }
}
