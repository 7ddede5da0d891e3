//! One interface for several versions, none released before.

use super::*;

#[test]
fn mandatory_members_are_positional_base_first_and_the_rest_is_a_dictionary() {
    let made = interface(&["
        { 'pragma': { 'command-returns-exceptions': [ 'job-start' ] } }
        { 'struct': 'Base', 'data': { 'node-name': 'str', '*speed': 'int' } }
        { 'struct': 'Job', 'base': 'Base', 'data': { '*auto': 'bool', 'size': 'size' } }
        { 'command': 'job-start', 'data': 'Job', 'returns': 'int' }
        { 'command': 'job-stop' }
    "]);
    assert_eq!(outline(&made), ["JobStart(sta{sv}) -> (x)", "JobStop() -> ()"]);
    assert_eq!(names(&made.methods[0].positional), ["node_name", "size"]);
    let arguments: Vec<_> =
        made.methods[0].arguments.members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(arguments, ["auto", "node-name", "size", "speed"]);
}

#[test]
fn every_qapi_type_has_its_signature() {
    let made = interface(&["
        { 'enum': 'Kind', 'data': [ 'a' ] }
        { 'struct': 'Item', 'data': {} }
        { 'alternate': 'Either', 'data': { 'kind': 'Kind', 'number': 'int' } }
        { 'command': 'all', 'data': {
            'a': 'str', 'b': 'Kind', 'c': 'bool', 'd': 'int', 'e': 'int8', 'f': 'int16',
            'g': 'int32', 'h': 'int64', 'i': 'uint8', 'j': 'uint16', 'k': 'uint32', 'l': 'uint64',
            'm': 'size', 'n': 'number', 'o': 'any', 'p': 'null', 'q': 'Either', 'r': 'Item',
            's': [ 'Item' ], 't': [ 'str' ], 'v': 'QType' } }
    "]);
    assert_eq!(made.methods[0].signature(), "ssbxnnixyquttdvvva{sv}aa{sv}ass");
}

#[test]
fn positional_is_what_every_version_with_the_command_demands() {
    let older = "{ 'command': 'migrate', 'data': { 'uri': 'str', 'id': 'str', '*blk': 'bool' } }";
    let newer = "{ 'command': 'migrate', 'data': { '*uri': 'str', 'id': 'str', 'mode': 'str' } }
                 { 'command': 'pause', 'data': { 'id': 'str' } }";
    let made = interface(&[older, newer]);
    assert_eq!(outline(&made), ["Migrate(sa{sv}) -> ()", "Pause(s) -> ()"]);
    assert_eq!(names(&made.methods[0].positional), ["id"]);
    for key in ["uri", "blk", "mode"] {
        assert!(shape(&made.methods[0].arguments, key).is_some(), "{key}");
    }
}

#[test]
fn signal_has_what_every_version_of_the_event_carries() {
    let older = "{ 'event': 'IO_ERROR', 'data': { 'device': 'str', '*node': 'str' } }";
    let newer = "{ 'event': 'IO_ERROR', 'data': { 'path': 'str', 'device': 'str' } }
                 { 'event': 'RESUME' }";
    let made = interface(&[older, newer]);
    assert_eq!(outline(&made), ["IoError: sa{sv}", "Resume: a{sv}"]);
    assert!(shape(&made.signals[0].data, "path").is_some());
    assert!(shape(&made.signals[0].data, "node").is_some());
}

#[test]
fn member_that_some_builds_lack_is_a_key() {
    let made = interface(&["
        { 'struct': 'Data', 'data': { 'a': 'str', 'b': { 'type': 'str', 'if': 'CONFIG_B' } } }
        { 'command': 'run', 'data': 'Data', 'boxed': true }
    "]);
    assert_eq!(made.methods[0].signature(), "sa{sv}");
}

#[test]
fn newest_integer_width_is_declared() {
    let older = "{ 'command': 'save', 'data': { 'at': 'int', 'all': [ 'int' ] } }";
    let newer = "{ 'command': 'save', 'data': { 'at': 'uint64', 'all': [ 'uint8' ] } }";
    assert_eq!(interface(&[older, newer]).methods[0].signature(), "tay");
}

#[test]
fn older_type_is_declared_where_a_newer_one_is_an_alternate_of_it() {
    let older = "{ 'command': 'exec', 'data': { 'capture': 'bool' } }";
    let newer = "{ 'enum': 'Mode', 'data': [ 'merged' ] }
                 { 'alternate': 'Capture', 'data': { 'flag': 'bool', 'mode': 'Mode' } }
                 { 'command': 'exec', 'data': { 'capture': 'Capture' } }";
    let made = interface(&[older, newer]);
    assert_eq!(made.methods[0].signature(), "b");
    let forms = vec![Shape::Bool, Shape::Enum("Mode".into())];
    let alternate = Shape::Alternate("Capture".into(), forms);
    assert_eq!(shape(&made.methods[0].arguments, "capture"), Some(&alternate));
}

#[test]
fn types_that_share_no_signature_are_an_error_unless_unstable() {
    let older = "{ 'command': 'run', 'data': { 'id': 'str' } }";
    let newer = "{ 'command': 'run', 'data': { 'id': 'int' } }";
    let error = refusal(&[older, newer]);
    for part in ["'id'", "'run'", "'s'", "'x'", "2.0"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let unstable = "{ 'command': 'run', 'data': { 'id': 'int' }, 'features': [ 'unstable' ] }";
    assert_eq!(interface(&[older, unstable]).methods[0].signature(), "x");
}

#[test]
fn event_member_that_became_an_alternate_is_an_error() {
    let older = "{ 'event': 'DONE', 'data': { 'code': 'int' } }";
    let newer = "{ 'enum': 'Name', 'data': [ 'good' ] }
                 { 'alternate': 'Code', 'data': { 'number': 'int', 'name': 'Name' } }
                 { 'event': 'DONE', 'data': { 'code': 'Code' } }";
    assert!(refusal(&[older, newer]).contains("'code' of 'DONE'"));
}

#[test]
fn removed_commands_and_events_stay_while_a_version_has_them() {
    let made = interface(&["{ 'command': 'old' } { 'event': 'GONE' }", "{ 'command': 'new' }"]);
    assert_eq!(outline(&made), ["New() -> ()", "Old() -> ()", "Gone: a{sv}"]);
}

#[test]
fn result_that_came_later_is_declared() {
    let older = "{ 'command': 'run' }";
    let newer = "{ 'struct': 'Done', 'data': {} } { 'command': 'run', 'returns': 'Done' }";
    assert_eq!(outline(&interface(&[older, newer])), ["Run() -> (a{sv})"]);
}

#[test]
fn common_members_of_a_union_are_positional_and_branches_are_keys() {
    let made = interface(&["
        { 'enum': 'Driver', 'data': [ 'file', 'null' ] }
        { 'struct': 'File', 'data': { 'filename': 'str' } }
        { 'union': 'Options', 'base': { '*node': 'str', 'driver': 'Driver' },
          'discriminator': 'driver', 'data': { 'file': 'File' } }
        { 'command': 'add', 'data': 'Options', 'boxed': true }
    "]);
    assert_eq!(made.methods[0].signature(), "sa{sv}");
    let union = made.methods[0].arguments.union.as_ref().unwrap();
    assert_eq!(union.tag, "driver");
    assert!(union.branches.contains(&("file".into(), "File".into())));
    assert!(made.objects.iter().any(|object| object.name == "File"));
}

#[test]
fn objects_hold_the_members_of_all_versions_with_their_newest_types() {
    let older = "
        { 'struct': 'Info', 'data': { 'old': 'bool', 'size': 'int' } }
        { 'command': 'query', 'returns': [ 'Info' ] }";
    let newer = "
        { 'enum': 'Kind', 'data': [ 'x' ] }
        { 'struct': 'Extra', 'data': { 'new': 'str' } }
        { 'union': 'Info', 'base': { 'kind': 'Kind', 'size': 'uint32' }, 'discriminator': 'kind',
          'data': { 'x': 'Extra' } }
        { 'command': 'query', 'returns': [ 'Info' ] }";
    let made = interface(&[older, newer]);
    let info = made.objects.iter().find(|object| object.name == "Info").unwrap();
    assert_eq!(shape(info, "old"), Some(&Shape::Bool));
    assert_eq!(shape(info, "size"), Some(&Shape::Uint32));
    assert_eq!(info.union.as_ref().unwrap().tag, "kind");
}

#[test]
fn types_may_refer_to_themselves_and_are_listed_once() {
    let made = interface(&["
        { 'struct': 'Image', 'data': { '*backing': 'Image', 'all': [ 'Image' ] } }
        { 'command': 'query', 'returns': 'Image' }
        { 'event': 'CHANGED', 'data': { 'image': 'Image' } }
    "]);
    assert_eq!(made.objects.len(), 1);
}

#[test]
fn exceptions_are_applied() {
    let made = interface(&["
        { 'pragma': { 'command-name-exceptions': [ 'qmp_capabilities' ] } }
        { 'command': 'qmp_capabilities' }
        { 'command': 'getfd', 'data': { 'fdname': 'str' } }
        { 'command': 'stop' }
        { 'event': 'STOP' }
    "]);
    assert_eq!(outline(&made), ["Getfd(hs) -> ()", "Stop() -> ()", "StopEvent: a{sv}"]);
    assert_eq!(names(&made.methods[0].positional), ["fd", "fdname"]);
    assert_eq!(shape(&made.methods[0].arguments, "fd"), Some(&Shape::Fd));
}

#[test]
fn names_that_meet_stop_the_generator() {
    let error = refusal(&["
        { 'pragma': { 'command-name-exceptions': [ 'block_resize' ] } }
        { 'command': 'block-resize' }
        { 'command': 'block_resize' }
    "]);
    assert!(error.contains("'block-resize'") && error.contains("'block_resize'"), "{error}");
    let error = refusal(&["{ 'command': 'run', 'data': { 'optional': 'str' } }"]);
    assert!(error.contains("'optional'"), "{error}");
}
