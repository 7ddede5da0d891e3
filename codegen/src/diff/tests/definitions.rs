//! Commands and events as a whole: flags, features, conditions, coming and going.

use super::*;

#[test]
fn commands_and_events_come_and_go() {
    let told =
        told("{ 'command': 'old' } { 'event': 'OLD' }", "{ 'command': 'new' } { 'event': 'NEW' }");
    let expected = [
        "command old : command removed: - => -: withdrawn",
        "command new : command added: - => -: compatible",
        "event OLD : event removed: - => -: withdrawn",
        "event NEW : event added: - => -: compatible",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_was_deprecated_is_announced_to_go() {
    let removed = |features| {
        let report = report(&format!("{{ 'command': 'old', 'features': [ {features} ] }}"), "");
        (report.rows[0].verdict, report.rows[0].withdrawal)
    };
    assert_eq!(removed(""), (Verdict::Withdrawn, Some(Withdrawal::Unannounced)));
    assert_eq!(removed("'deprecated'"), (Verdict::Withdrawn, Some(Withdrawal::Announced)));
    assert_eq!(removed("'unstable'"), (Verdict::NotPromised, Some(Withdrawal::Announced)));
}

#[test]
fn what_is_unstable_may_change_in_any_way() {
    let command =
        |data| format!("{{ 'command': 'x-go', 'data': {data}, 'features': [ 'unstable' ] }}");
    let told = told(&command("{ 'a': 'int' }"), &command("{ 'a': 'str', 'b': 'int' }"));
    let expected = [
        "command x-go a: type changed: int => str: not promised",
        "command x-go b: mandatory member added: - => int: not promised",
    ];
    assert_eq!(told, expected);
}

#[test]
fn unstable_member_may_change_in_any_way() {
    let state = |member| {
        format!(
            "{{ 'struct': 'State', 'data': {{ 'x-a': {{ 'type': '{member}',
                'features': [ 'unstable' ] }} }} }}
            {{ 'command': 'query', 'returns': 'State' }}"
        )
    };
    let told = told(&state("int"), &state("str"));
    assert_eq!(told, ["type State x-a: type changed: int => str: not promised"]);
}

#[test]
fn features_come_and_go() {
    let command = |features| format!("{{ 'command': 'go', 'features': [ {features} ] }}");
    let told = told(&command("'quick'"), &command("'deprecated', 'slow'"));
    let expected = [
        "command go : deprecated: - => -: compatible",
        "command go : feature added: - => slow: compatible",
        "command go : feature removed: quick => -: compatible",
    ];
    assert_eq!(told, expected);
}

#[test]
fn conditions_are_told_of_definitions_members_and_features() {
    let told = told(
        "{ 'event': 'GONE', 'if': 'CONFIG_A', 'data': { '*a': 'int' }, 'features': [ 'f' ] }",
        "{ 'event': 'GONE', 'if': { 'all': [ 'CONFIG_A', { 'not': { 'any': [ 'B', 'C' ] } } ] },
           'data': { '*a': { 'type': 'int', 'if': 'CONFIG_B' } },
           'features': [ { 'name': 'f', 'if': 'CONFIG_C' } ] }",
    );
    let expected = [
        "event GONE feature f: condition changed: - => CONFIG_C: compatible",
        "event GONE : condition changed: CONFIG_A => CONFIG_A && !(B || C): compatible",
        "event GONE a: condition changed: - => CONFIG_B: compatible",
    ];
    assert_eq!(told, expected);
}

#[test]
fn promised_event_member_that_became_conditional_breaks() {
    let told = told(
        "{ 'event': 'GONE', 'data': { 'a': 'int' } }",
        "{ 'event': 'GONE', 'data': { 'a': { 'type': 'int', 'if': 'CONFIG_A' } } }",
    );
    assert_eq!(told, ["event GONE a: condition changed: - => CONFIG_A: breaks"]);
}

#[test]
fn flags_are_told_and_what_is_refused_from_now_on_is_withdrawn() {
    let flags = ", 'success-response': false, 'allow-oob': true, 'allow-preconfig': true";
    let command = |flags| format!("{{ 'command': 'go' {flags} }}");
    let without = [
        "command go : success-response changed: false => true: compatible",
        "command go : allow-oob changed: true => false: withdrawn",
        "command go : allow-preconfig changed: true => false: withdrawn",
    ];
    assert_eq!(told(&command(flags), &command("")), without);
    let with = told(&command(""), &command(flags));
    assert!(with.iter().all(|line| line.ends_with(": compatible")), "{with:?}");
}

#[test]
fn same_schema_has_no_changes() {
    let text = "{ 'struct': 'State', 'data': { 'a': ['State'] } }
        { 'command': 'query', 'returns': 'State', 'data': 'State' }";
    assert!(told(text, text).is_empty());
}

#[test]
fn boxed_named_and_written_in_place_are_alike() {
    let in_place = "{ 'command': 'go', 'data': { 'a': 'int', '*b': 'str' } }";
    let structure = "{ 'struct': 'Go', 'data': { 'a': 'int', '*b': 'str' } }";
    let named = format!("{structure} {{ 'command': 'go', 'data': 'Go' }}");
    let boxed = format!("{structure} {{ 'command': 'go', 'data': 'Go', 'boxed': true }}");
    assert!(told(in_place, &named).is_empty() && told(&named, &boxed).is_empty());
}
