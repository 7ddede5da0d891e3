//! What a caller must be allowed to do.

use super::*;
use Class::{Control, Destructive, Host, Read, ReadSensitive};

/// Class and reason of each method of a monitor's interface, by name of the command.
fn classes(texts: &[&str]) -> Vec<(String, Class, String)> {
    classes_of(interface(texts))
}

fn classes_of(made: Interface) -> Vec<(String, Class, String)> {
    let of = |method: Method| (method.command, method.class.class, method.class.by.to_string());
    made.methods.into_iter().map(of).collect()
}

#[track_caller]
fn assert_class(schema: &str, class: Class, by: &str) {
    let [(_, found, reason)] = &classes(&[schema])[..] else { panic!("one command: {schema}") };
    assert_eq!((*found, reason.as_str()), (class, by), "{schema}");
}

#[test]
fn names_tell() {
    for (name, class) in [
        ("query-block", Read),
        ("x-query-jit", ReadSensitive),
        ("x-debug-query-block-graph", ReadSensitive),
        ("netdev-del", Destructive),
        ("nbd-server-remove", Destructive),
        ("cxl-inject-poison", Destructive),
        ("block-job-cancel", Destructive),
        ("block-job-pause", Control),
    ] {
        assert_class(&format!("{{ 'command': '{name}' }}"), class, "pattern");
    }
}

#[test]
fn unknown_command_is_the_strictest() {
    assert_class("{ 'command': 'frobnicate' }", Host, "default");
    // Words, not parts of words.
    assert_class("{ 'command': 'model-undelete' }", Host, "default");
}

#[test]
fn command_that_reads_a_file_is_none_that_reads() {
    let file = "{ 'command': 'query-log', 'data': { '*filename': 'str' } }";
    assert_class(file, Host, "argument 'filename'");
    // A number or a word of a list names no file.
    for harmless in ["'file': 'int'", "'*file': 'Kind'", "'profile': 'str'"] {
        let schema = format!(
            "{{ 'enum': 'Kind', 'data': [ 'a' ] }}
             {{ 'command': 'query-log', 'data': {{ {harmless} }} }}"
        );
        assert_class(&schema, Read, "pattern");
    }
}

#[test]
fn path_may_be_one_of_objects() {
    for (name, class, by) in [
        ("query-log", Host, "argument 'path'"),
        ("x-query-virtio-status", ReadSensitive, "pattern"),
        ("cxl-inject-poison", Destructive, "pattern"),
        ("qom-get", ReadSensitive, "exception"),
    ] {
        let schema = format!("{{ 'command': '{name}', 'data': {{ 'path': 'str' }} }}");
        assert_class(&schema, class, by);
    }
}

#[test]
fn arguments_are_looked_at_however_deep() {
    let types = "
        { 'enum': 'Kind', 'data': [ 'plain', 'deep' ] }
        { 'struct': 'Deep', 'data': { 'next': [ 'Deep' ], 'log-file': 'str' } }
        { 'union': 'Target', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
          'data': { 'deep': 'Deep' } }
        { 'alternate': 'Either', 'data': { 'name': 'str', 'target': 'Target' } }
        { 'struct': 'SocketAddress', 'data': { 'port': 'int' } }";
    for (data, by) in [
        ("{ 'a': 'Deep' }", "argument 'log-file'"),
        ("{ 'a': [ 'Deep' ] }", "argument 'log-file'"),
        ("{ 'a': 'Target' }", "argument 'log-file'"),
        ("{ 'a': 'Either' }", "argument 'log-file'"),
        ("{ 'a': [ 'SocketAddress' ] }", "argument 'a'"),
        ("{ 'uri': [ 'str' ] }", "argument 'uri'"),
        ("'Deep'", "argument 'log-file'"),
    ] {
        assert_class(&format!("{types} {{ 'command': 'job-run', 'data': {data} }}"), Host, by);
    }
}

#[test]
fn argument_of_any_type_tells_nothing_of_a_command_that_changes() {
    assert_class("{ 'command': 'job-set', 'data': { 'value': 'any' } }", Host, "argument 'value'");
    assert_class("{ 'command': 'query-x', 'data': { 'value': 'any' } }", Read, "pattern");
}

#[test]
fn exception_does_not_cover_an_argument_of_the_host_s() {
    assert_class("{ 'command': 'stop' }", Control, "exception");
    let filename = "{ 'command': 'stop', 'data': { 'filename': 'str' } }";
    assert_class(filename, Host, "argument 'filename'");
}

#[test]
fn strictest_of_all_versions_counts() {
    let plain = "{ 'command': 'query-log' }";
    let file = "{ 'command': 'query-log', 'data': { '*file': 'str' } }";
    for texts in [[plain, file], [file, plain]] {
        assert_eq!(classes(&texts)[0].1, Host, "{texts:?}");
    }
}

#[test]
fn kept_command_has_the_class_it_was_released_with() {
    let first = "{ 'command': 'query-log', 'data': { 'file': 'str' } } { 'command': 'stop' }";
    let kept = build_within(&released(&[first]), &[""]).unwrap();
    let of = |name: &str, class, by: &str| (name.to_owned(), class, by.to_owned());
    let expected = [of("query-log", Host, "ledger"), of("stop", Control, "exception")];
    assert_eq!(classes_of(kept), expected);
}

#[test]
fn ledger_without_classes_is_as_good() {
    let xml = emit::emit_xml(&interface(&["{ 'command': 'query-log' }"]));
    let line = "      <annotation name=\"org.qemu.Qapi.Class\" value=\"read\"/>\n";
    let older = xml.replace(line, "");
    assert_ne!(older, xml);
    let ledger = Ledger::read(&older, INTERFACE).unwrap();
    let kept = build_within(&ledger, &[""]).unwrap();
    assert_eq!(emit::emit_xml(&kept), xml);
    let error = Ledger::read(&xml.replace("\"read\"", "\"all\""), INTERFACE).unwrap_err();
    assert!(error.to_string().starts_with("ledger: QueryLog: no class 'all'"), "{error}");
}
