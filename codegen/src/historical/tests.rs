use crate::{
    Dialect,
    dbus::{Shape, tests::loaded},
    model::{Kind, Schema},
};

#[test]
fn struct_is_called_a_type() {
    let schema = read("{ 'type': 'MyType', 'data': { 'some_name': 'str', '*n': 'int' } }");
    let members = schema.members(schema.find("MyType").unwrap());
    let members: Vec<_> = members.iter().map(|each| (each.name.as_str(), each.optional)).collect();
    assert_eq!(members, [("some_name", false), ("n", true)]);
}

#[test]
fn command_lists_mandatory_members_then_optional_ones() {
    let schema = read("[ 'eject_disk', {'device': 'str'}, {'force': 'bool'}, 'none' ]");
    let command = schema.command("eject_disk").unwrap();
    let members = schema.members(command.data.unwrap()).iter();
    let members: Vec<_> = members.map(|each| (each.name.as_str(), each.optional)).collect();
    assert_eq!(members, [("device", false), ("force", true)]);
    assert_eq!(command.returns, None);
}

#[test]
fn command_returns_a_type_a_list_or_a_plain_value() {
    let schema = read(
        "{ 'type': 'Disk', 'data': {} }
        [ 'query-disk', {}, {}, 'Disk' ]
        [ 'query-disks', {}, {}, ['Disk'] ]
        [ 'query-name', {}, {}, 'str' ]",
    );
    let returns = |name| Shape::of(&schema, schema.command(name).unwrap().returns.unwrap());
    assert_eq!(returns("query-disk").signature(), "a{sv}");
    assert_eq!(returns("query-disks").signature(), "aa{sv}");
    assert_eq!(returns("query-name").signature(), "s");
    assert_eq!(schema.command("query-disk").unwrap().data, None);
}

#[test]
fn event_is_known_by_its_name() {
    let schema = read("{ 'DISK_ERROR': { 'device': 'str', '*reason': 'str' } }");
    let data = schema.event("DISK_ERROR").unwrap().data.unwrap();
    assert!(matches!(schema.ty(data).kind, Kind::Struct { implicit: true, .. }));
    assert_eq!(schema.members(data).len(), 2);
}

#[test]
fn signal_accessor_returns_what_put_event_takes() {
    let schema = read(
        "[ 'get-disk-error-event', {}, {}, 'DISK_ERROR' ]
        [ 'put-event', {'tag': 'int'}, {}, 'none' ]
        { 'DISK_ERROR': {} }",
    );
    let handle = schema.command("get-disk-error-event").unwrap().returns;
    let put = schema.command("put-event").unwrap().data.unwrap();
    assert_eq!(handle, Some(schema.members(put)[0].ty));
}

#[test]
fn notation_of_today_is_read_beside_it() {
    let schema = read(
        "{ 'enum': 'Mode', 'data': [ 'on', 'off' ] }
        { 'command': 'set-mode', 'data': { 'mode': 'Mode' } }
        { 'event': 'MODE_CHANGED' }
        [ 'query-mode', {}, {}, 'Mode' ]",
    );
    assert_eq!((schema.commands.len(), schema.events.len()), (2, 1));
}

#[test]
fn mistakes_name_place_definition_and_remedy() {
    let mistakes = [
        ("[ 'stop', {}, {} ]", "1:1: the command has 3 parts in place of 4"),
        ("[ {}, {}, {}, 'none' ]", "1:3: the command's name is not a string"),
        ("[ 'stop', 'Type', {}, 'none' ]", "1:11: in stop: the members of the command are not"),
        ("[ 'stop', {}, ['a'], 'none' ]", "1:15: in stop: the members of the command are not"),
        ("[ 'a', {'b': 'int'}, {'b': 'int'}, 'none' ]", "1:23: in a: member 'b' is both"),
        ("[ 'stop', {}, {}, true ]", "1:19: in stop: what the command returns is neither"),
        ("[ 'get', {}, {}, 'GONE' ]", "1:18: in get: there is no event 'GONE' to return"),
        ("[ 'get', {}, {}, 'Gone' ]", "1:18: in get: "),
        ("{ 'A_B': {}, 'C_D': {} }", "1:1: the object defines nothing"),
        ("{ 'A_B': 'str' }", "1:10: in A_B: "),
        ("{ 'type': {}, 'data': {} }", "1:11: "),
        ("'stop'", "1:1: what stands at the top level is not an object"),
    ];
    for (text, mistake) in mistakes {
        let error = loaded(text, Dialect::Q2011).unwrap_err().to_string();
        assert!(error.contains(&format!("machine.json:{mistake}")), "{text}: {error}");
    }
}

#[test]
fn other_dialects_refuse_it() {
    for text in ["[ 'stop', {}, {}, 'none' ]", "{ 'STOP': {} }", "{ 'type': 'T', 'data': {} }"] {
        assert!(loaded(text, Dialect::Lenient).is_err(), "{text}");
    }
}

fn read(text: &str) -> Schema {
    loaded(text, Dialect::Q2011).unwrap_or_else(|error| panic!("{error}"))
}
