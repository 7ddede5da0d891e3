//! New schemas under a released interface: the cases of mapping, section 5.

use super::*;

const RUN: &str = "{ 'command': 'run', 'data': { 'id': 'str', 'size': 'int' } }";
const RUN_OPTIONAL: &str =
    "{ 'command': 'run', 'data': { 'id': 'str', 'size': 'int', '*force': 'bool' } }";
const DONE: &str = "{ 'event': 'DONE', 'data': { 'id': 'str', 'code': 'int' } }";

fn within(released_texts: &[&str], texts: &[&str]) -> Interface {
    build_within(&released(released_texts), texts).unwrap_or_else(|error| panic!("{error}"))
}

fn broken(released_texts: &[&str], texts: &[&str]) -> (String, String, Break) {
    match build_within(&released(released_texts), texts) {
        Err(Error::Broken { member, argument, why }) => (member, argument, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn optional_member_added_is_a_key_and_no_dictionary_appears() {
    let made = within(&[RUN], &[RUN_OPTIONAL]);
    assert_eq!(outline(&made), ["Run(sx) -> ()"]);
    assert_eq!(shape(&made.methods[0].arguments, "force"), Some(&Shape::Bool));
    let more = "{ 'command': 'run', 'data': {
        'id': 'str', 'size': 'int', '*force': 'bool', '*wait': 'bool' } }";
    assert_eq!(outline(&within(&[RUN_OPTIONAL], &[more])), ["Run(sxa{sv}) -> ()"]);
}

#[test]
fn dictionary_stays_when_its_last_member_goes() {
    assert_eq!(outline(&within(&[RUN_OPTIONAL], &[RUN])), ["Run(sxa{sv}) -> ()"]);
}

#[test]
fn mandatory_member_that_became_optional_stays_positional() {
    let newer = "{ 'command': 'run', 'data': { '*id': 'str', 'size': 'int' } }";
    assert_eq!(outline(&within(&[RUN], &[newer])), ["Run(sx) -> ()"]);
}

#[test]
fn optional_member_that_an_older_peer_demands_stays_a_key() {
    let newer = "{ 'command': 'run', 'data': { '*id': 'str', 'size': 'int' } }";
    let made = within(&[RUN, newer], &[RUN]);
    assert_eq!(outline(&made), ["Run(xa{sv}) -> ()"]);
}

#[test]
fn members_added_to_results_and_events_are_keys() {
    let older = "{ 'struct': 'Info', 'data': {} } { 'command': 'query', 'returns': 'Info' }";
    let newer = "{ 'struct': 'Info', 'data': { 'name': 'str' } }
                 { 'command': 'query', 'returns': 'Info' }
                 { 'event': 'DONE', 'data': { 'why': 'str', 'id': 'str', 'code': 'int' } }";
    let made = within(&[older, DONE], &[newer]);
    assert_eq!(outline(&made), ["Query() -> (a{sv})", "Done: sxa{sv}"]);
    assert_eq!(names(&made.signals[0].positional), ["id", "code"]);
    assert_eq!(shape(&made.signals[0].data, "why"), Some(&Shape::Str));
    assert_eq!(shape(&made.objects[0], "name"), Some(&Shape::Str));
}

#[test]
fn declared_type_stays_where_an_argument_became_an_alternate() {
    let newer = "{ 'enum': 'Name', 'data': [ 'all' ] }
                 { 'alternate': 'Size', 'data': { 'number': 'int', 'name': 'Name' } }
                 { 'command': 'run', 'data': { 'id': 'str', 'size': 'Size' } }";
    let made = within(&[RUN], &[newer]);
    assert_eq!(made.methods[0].signature(), "sx");
    let forms = Shape::Alternate("Size".into(), vec![Shape::Int64, Shape::Enum("Name".into())]);
    assert_eq!(shape(&made.methods[0].arguments, "size"), Some(&forms));
}

#[test]
fn declared_width_stays_where_an_integer_s_changed() {
    let newer = "{ 'command': 'run', 'data': { 'id': 'str', 'size': 'uint64' } }
                 { 'event': 'DONE', 'data': { 'id': 'str', 'code': 'int8' } }";
    let made = within(&[RUN, DONE], &[newer]);
    assert_eq!(outline(&made), ["Run(sx) -> ()", "Done: sxa{sv}"]);
    assert_eq!(shape(&made.methods[0].arguments, "size"), Some(&Shape::Uint64));
}

#[test]
fn order_and_names_of_the_ledger_hold() {
    let newer = "{ 'command': 'run', 'data': { 'size': 'int', 'id': 'str' } }";
    let made = within(&[RUN], &[newer]);
    assert_eq!(names(&made.methods[0].positional), ["id", "size"]);
    let renamed = emit::emit_xml(&interface(&[RUN])).replace("\"Run\"", "\"RunNow\"");
    let ledger = Ledger::read(&renamed, INTERFACE).unwrap();
    assert_eq!(outline(&build_within(&ledger, &[RUN]).unwrap()), ["RunNow(sx) -> ()"]);
}

#[test]
fn what_no_schema_has_any_more_stays_and_is_reported() {
    let made = within(&[RUN, DONE], &["{ 'command': 'new' }"]);
    assert_eq!(outline(&made), ["New() -> ()", "Run(sx) -> ()", "Done: sxa{sv}"]);
    assert_eq!(made.methods[1].command, "run");
    assert_eq!(shape(&made.signals[0].data, "code"), Some(&Shape::Int64));
    assert_eq!(made.notices.len(), 2);
    assert!(made.notices[0].contains("'run'"), "{:?}", made.notices);
}

#[test]
fn second_release_keeps_what_the_first_kept() {
    let first = within(&[RUN, DONE], &["{ 'command': 'new' }"]);
    let xml = emit::emit_xml(&first);
    let ledger = Ledger::read(&xml, INTERFACE).unwrap();
    let second = build_within(&ledger, &["{ 'command': 'new' }"]).unwrap();
    assert_eq!(emit::emit_xml(&second), xml);
}

#[test]
fn unstable_may_change_and_go() {
    let unstable = |data: &str| {
        format!("{{ 'command': 'x-run', 'data': {data}, 'features': [ 'unstable' ] }}")
    };
    let older = unstable("{ 'id': 'str' }");
    let made = within(&[&older], &[&unstable("{ 'id': 'int', '*wait': 'bool' }")]);
    assert_eq!(outline(&made), ["XRun(xa{sv}) -> ()"]);
    let made = within(&[&older], &[RUN]);
    assert_eq!(outline(&made), ["Run(sx) -> ()"]);
    assert!(made.notices[0].contains("unstable"), "{:?}", made.notices);
}

#[test]
fn promise_made_once_is_not_taken_back_by_a_feature() {
    let newer = "{ 'command': 'run', 'data': { 'id': 'int', 'size': 'int' },
                   'features': [ 'unstable' ] }";
    let (member, argument, why) = broken(&[RUN], &[newer]);
    assert_eq!((member.as_str(), argument.as_str()), ("Run", "id"));
    assert_eq!(why, Break::Type { held: "s".into(), actual: "x".into() });
}

#[test]
fn argument_that_is_gone_is_an_error_naming_method_argument_and_remedy() {
    let newer = "{ 'command': 'run', 'data': { 'id': 'str' } }";
    let error = build_within(&released(&[RUN]), &[newer]).unwrap_err().to_string();
    for part in ["Run", "'size'", "no schema has it", "--interface"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(outline(&within(&[RUN], &[RUN, newer])), ["Run(sx) -> ()"]);
}

#[test]
fn event_that_comes_without_a_promised_member_is_an_error() {
    let optional = "{ 'event': 'DONE', 'data': { 'id': 'str', '*code': 'int' } }";
    assert_eq!(broken(&[DONE], &[optional]), ("Done".into(), "code".into(), Break::NotAlways));
    assert_eq!(broken(&[DONE], &[DONE, optional]).2, Break::NotAlways);
    let gone = "{ 'event': 'DONE', 'data': { 'id': 'str' } }";
    assert_eq!(broken(&[DONE], &[gone]).2, Break::Gone);
}

#[test]
fn result_of_another_type_is_an_error() {
    let older = "{ 'struct': 'Info', 'data': {} } { 'command': 'query', 'returns': [ 'Info' ] }";
    let newer = "{ 'struct': 'Info', 'data': {} } { 'command': 'query', 'returns': 'Info' }";
    let (member, argument, _) = broken(&[older], &[newer]);
    assert_eq!((member.as_str(), argument.as_str()), ("Query", "result"));
}

#[test]
fn result_of_a_method_that_declares_none_is_left_to_call() {
    let older = "{ 'command': 'query' }";
    let newer = "{ 'struct': 'Info', 'data': {} } { 'command': 'query', 'returns': 'Info' }";
    assert_eq!(outline(&within(&[older], &[newer])), ["Query() -> ()"]);
}

#[test]
fn new_command_never_takes_a_released_signal_s_name() {
    let ledger = released(&["{ 'event': 'DONE' }"]);
    let texts = ["{ 'event': 'DONE' } { 'command': 'done' }"];
    assert!(matches!(build_within(&ledger, &texts), Err(Error::Collision { .. })));
}

#[test]
fn ledger_that_the_generator_did_not_write_is_refused() {
    let xml = emit::emit_xml(&interface(&[RUN, DONE]));
    let edits = [
        ("type=\"x\"", "type=\"(x)\""),
        ("type=\"s\"", "type=\"?\""),
        ("<arg name=\"id\"", "<argument name=\"id\""),
        ("org.qemu.Qapi.Name", "org.example.Name"),
        (INTERFACE, "org.example.Other"),
        ("<arg name=\"optional\" type=\"a{sv}\"/>", ""),
        ("<arg name=\"id\"", "<arg"),
        ("<arg name=\"id\"", "<arg name=\"i&amp;d\""),
        ("</node>", ""),
    ];
    for (from, to) in edits {
        let edited = xml.replace(from, to);
        assert_ne!(edited, xml, "{from}");
        assert!(Ledger::read(&edited, INTERFACE).is_err(), "{from}");
    }
}
