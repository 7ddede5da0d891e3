//! Arguments, results and data of events.

use super::*;

/// The change of arguments that are written like this.
fn arguments(old: &str, new: &str) -> Vec<String> {
    let command = |data| format!("{TYPES} {{ 'command': 'go', 'data': {data} }}");
    told(&command(old), &command(new))
}

/// The change of an event's data.
fn data(old: &str, new: &str) -> Vec<String> {
    let event = |data| format!("{TYPES} {{ 'event': 'GONE', 'data': {data} }}");
    told(&event(old), &event(new))
}

/// The change of a result's members.
fn result(old: &str, new: &str) -> Vec<String> {
    let command = |data| {
        format!(
            "{TYPES} {{ 'struct': 'State', 'data': {data} }}
            {{ 'command': 'query', 'returns': 'State' }}"
        )
    };
    told(&command(old), &command(new))
}

const TYPES: &str = "{ 'alternate': 'StrOrNull', 'data': { 's': 'str', 'n': 'null' } }
    { 'alternate': 'IntOrBool', 'data': { 'i': 'int', 'b': 'bool' } }
    { 'enum': 'Mode', 'data': [ 'on' ] }";

#[test]
fn optional_argument_added_where_a_dictionary_is_changes_nothing() {
    let told = arguments("{ 'a': 'int', '*b': 'int' }", "{ 'a': 'int', '*b': 'int', '*c': 'str' }");
    assert_eq!(told, ["command go c: optional member added: - => *str: compatible"]);
}

#[test]
fn first_optional_argument_is_held_by_the_ledger() {
    let told = arguments("{ 'a': 'int' }", "{ 'a': 'int', '*b': 'bool' }");
    assert_eq!(told, ["command go b: optional member added: - => *bool: held by the ledger"]);
}

#[test]
fn first_argument_at_all_is_held_by_the_ledger() {
    let told = told("{ 'command': 'go' }", "{ 'command': 'go', 'data': { '*b': 'bool' } }");
    assert_eq!(told, ["command go b: optional member added: - => *bool: held by the ledger"]);
}

#[test]
fn last_optional_argument_removed_is_held_and_told_as_withdrawn() {
    let command = |data| format!("{{ 'command': 'go', 'data': {data} }}");
    let report = report(&command("{ 'a': 'int', '*b': 'int' }"), &command("{ 'a': 'int' }"));
    assert_eq!(
        line(&report.rows[0]),
        "command go b: member removed: *int => -: held by the ledger"
    );
    assert_eq!(report.rows[0].withdrawal, Some(Withdrawal::Unannounced));
    assert!(!report.breaks() && report.withdraws_unannounced());
}

#[test]
fn optional_argument_removed_is_withdrawn() {
    let told = arguments("{ '*a': 'int', '*b': 'int' }", "{ '*a': 'int' }");
    assert_eq!(told, ["command go b: member removed: *int => -: withdrawn"]);
}

#[test]
fn mandatory_argument_removed_breaks() {
    let told = arguments("{ 'a': 'int', 'b': 'int' }", "{ 'a': 'int' }");
    assert_eq!(told, ["command go b: member removed: int => -: breaks"]);
}

#[test]
fn mandatory_argument_added_breaks() {
    let told = arguments("{ 'a': 'int' }", "{ 'a': 'int', 'b': 'int' }");
    assert_eq!(told, ["command go b: mandatory member added: - => int: breaks"]);
}

#[test]
fn argument_that_became_optional_is_held_by_the_ledger() {
    let told = arguments("{ 'a': 'str', '*b': 'int' }", "{ '*a': 'str', '*b': 'int' }");
    assert_eq!(told, ["command go a: mandatory became optional: str => *str: held by the ledger"]);
}

#[test]
fn argument_that_became_mandatory_breaks() {
    let told = arguments("{ '*a': 'str' }", "{ 'a': 'str' }");
    assert_eq!(told, ["command go a: optional became mandatory: *str => str: breaks"]);
}

#[test]
fn mandatory_arguments_in_another_order_are_held_by_the_ledger() {
    let told = arguments("{ 'a': 'str', 'b': 'str' }", "{ 'b': 'str', 'a': 'str' }");
    assert_eq!(told, ["command go : members reordered: a, b => b, a: held by the ledger"]);
}

#[test]
fn optional_arguments_in_another_order_change_nothing() {
    let told = arguments("{ '*a': 'str', '*b': 'str' }", "{ '*b': 'str', '*a': 'str' }");
    assert_eq!(told, ["command go : members reordered: a, b => b, a: compatible"]);
}

#[test]
fn positional_argument_that_became_an_alternate_is_held_by_the_ledger() {
    let told = arguments("{ 'a': 'str' }", "{ 'a': 'StrOrNull' }");
    let expected = "command go a: became an alternate: str => StrOrNull: held by the ledger";
    assert_eq!(told, [expected]);
    let told = arguments("{ 'a': ['str'] }", "{ 'a': ['StrOrNull'] }");
    let expected = "command go a: became an alternate: [str] => [StrOrNull]: held by the ledger";
    assert_eq!(told, [expected]);
}

#[test]
fn optional_argument_that_became_an_alternate_changes_nothing() {
    let told = arguments("{ '*a': 'int' }", "{ '*a': 'IntOrBool' }");
    assert_eq!(told, ["command go a: became an alternate: int => IntOrBool: compatible"]);
}

#[test]
fn argument_that_became_an_alternate_of_other_types_breaks() {
    let told = arguments("{ 'a': 'bool' }", "{ 'a': 'StrOrNull' }");
    assert_eq!(told, ["command go a: type changed: bool => StrOrNull: breaks"]);
    let told = arguments("{ '*a': 'bool' }", "{ '*a': 'StrOrNull' }");
    assert_eq!(told, ["command go a: type changed: bool => StrOrNull: breaks"]);
}

#[test]
fn width_of_an_integer_argument_is_held_where_it_is_positional() {
    let told = arguments("{ 'a': 'int', '*b': 'int' }", "{ 'a': 'size', '*b': 'uint8' }");
    let expected = [
        "command go a: integer width changed: int => size: held by the ledger",
        "command go b: integer width changed: int => uint8: compatible",
    ];
    assert_eq!(told, expected);
    assert!(arguments("{ 'a': 'int' }", "{ 'a': 'int64' }").is_empty());
    assert!(arguments("{ 'a': 'uint64' }", "{ 'a': 'size' }").is_empty());
}

#[test]
fn argument_of_another_type_breaks() {
    let told = arguments("{ 'a': 'str', '*b': 'str' }", "{ 'a': ['str'], '*b': 'number' }");
    let expected = [
        "command go a: type changed: str => [str]: breaks",
        "command go b: type changed: str => number: breaks",
    ];
    assert_eq!(told, expected);
}

#[test]
fn string_and_enumeration_are_one_type_on_d_bus() {
    let told = arguments("{ 'a': 'str' }", "{ 'a': 'Mode' }");
    assert_eq!(told, ["command go a: string and enumeration exchanged: str => Mode: compatible"]);
}

#[test]
fn event_member_added_is_held_where_it_is_mandatory() {
    let told = data("{ 'a': 'str', '*b': 'int' }", "{ 'a': 'str', '*b': 'int', 'c': 'str' }");
    assert_eq!(told, ["event GONE c: mandatory member added: - => str: held by the ledger"]);
    let told = data("{ 'a': 'str', '*b': 'int' }", "{ 'a': 'str', '*b': 'int', '*c': 'str' }");
    assert_eq!(told, ["event GONE c: optional member added: - => *str: compatible"]);
}

#[test]
fn event_member_that_a_signal_cannot_do_without_breaks() {
    let told = data("{ 'a': 'str', 'b': 'int', 'c': 'int' }", "{ '*a': 'str', 'c': 'str' }");
    let expected = [
        "event GONE a: mandatory became optional: str => *str: breaks",
        "event GONE b: member removed: int => -: breaks",
        "event GONE c: type changed: int => str: breaks",
    ];
    assert_eq!(told, expected);
}

#[test]
fn event_member_that_became_an_alternate_breaks_and_another_width_does_not() {
    let told = data("{ 'a': 'str', 'b': 'int' }", "{ 'a': 'StrOrNull', 'b': 'uint64' }");
    let expected = [
        "event GONE a: became an alternate: str => StrOrNull: breaks",
        "event GONE b: integer width changed: int => uint64: held by the ledger",
    ];
    assert_eq!(told, expected);
}

#[test]
fn optional_event_member_removed_is_withdrawn() {
    let told = data("{ '*a': 'str', '*b': 'int' }", "{ '*a': 'str' }");
    assert_eq!(told, ["event GONE b: member removed: *int => -: withdrawn"]);
}

#[test]
fn result_member_added_changes_nothing() {
    let told = result("{ 'a': 'str' }", "{ 'a': 'str', 'b': 'str', '*c': 'str' }");
    let expected = [
        "type State b: mandatory member added: - => str: compatible",
        "type State c: optional member added: - => *str: compatible",
    ];
    assert_eq!(told, expected);
}

#[test]
fn result_member_that_may_be_missing_is_withdrawn() {
    let told = result("{ 'a': 'str', 'b': 'str' }", "{ '*a': 'str' }");
    let expected = [
        "type State a: mandatory became optional: str => *str: withdrawn",
        "type State b: member removed: str => -: withdrawn",
    ];
    assert_eq!(told, expected);
}

#[test]
fn result_member_of_another_type_breaks() {
    let told = result(
        "{ 'a': 'str', 'b': 'int', 'c': 'int' }",
        "{ 'a': 'bool', 'b': 'uint64', 'c': 'IntOrBool' }",
    );
    let expected = [
        "type State a: type changed: str => bool: breaks",
        "type State b: integer width changed: int => uint64: breaks",
        "type State c: became an alternate: int => IntOrBool: breaks",
    ];
    assert_eq!(told, expected);
}

#[test]
fn result_added_is_held_and_result_removed_or_exchanged_breaks() {
    let without = "{ 'command': 'query' }";
    let with = "{ 'struct': 'State', 'data': {} } { 'command': 'query', 'returns': 'State' }";
    let list = "{ 'struct': 'State', 'data': {} } { 'command': 'query', 'returns': ['State'] }";
    let added = "command query (result): result added: - => State: held by the ledger";
    assert_eq!(told(without, with), [added]);
    assert_eq!(
        told(with, list),
        ["command query (result): type changed: State => [State]: breaks"]
    );
    assert_eq!(
        told(list, without),
        ["command query (result): result removed: [State] => -: breaks"]
    );
}

#[test]
fn naive_signature_has_a_dictionary_only_for_optional_members() {
    let command = |data: &str| format!("{{ 'command': 'go', 'data': {data} }}");
    let (old, new) = ("{ '*b': 'int', 'a': 'str', 'c': ['int'] }", "{ 'a': 'str', 'c': ['int'] }");
    let expected = ("saxa{sv}".into(), "sax".into());
    assert_eq!(signatures(&command(old), &command(new)), expected);
}
