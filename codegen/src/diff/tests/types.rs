//! Types that commands and events reach.

use super::*;

/// A union of two branches, an alternate and an enumeration in every role.
const OLD: &str = "{ 'enum': 'Kind', 'data': [ 'disk', 'net', 'none' ] }
    { 'struct': 'Disk', 'data': { 'path': 'str' } }
    { 'struct': 'Net', 'data': { 'address': 'str' } }
    { 'union': 'Device', 'base': { 'kind': 'Kind' }, 'discriminator': 'kind',
      'data': { 'disk': 'Disk', 'net': 'Net' } }
    { 'alternate': 'Ref', 'data': { 'name': 'str', 'device': 'Device' } }
    { 'command': 'add', 'data': { 'device': 'Ref' } }
    { 'command': 'query', 'returns': ['Device'] }
    { 'event': 'ADDED', 'data': { 'device': 'Device' } }";

fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(OLD.contains(from));
    told(OLD, &OLD.replace(from, to))
}

#[test]
fn enumeration_value_added_changes_nothing() {
    let told = changed("'none' ]", "'none', 'usb' ]");
    assert_eq!(told, ["type Kind usb: enumeration value added: - => -: compatible"]);
}

#[test]
fn conditional_enumeration_value_is_told_as_such() {
    let told = changed("'none' ]", "{ 'name': 'none', 'if': 'A' }, { 'name': 'usb', 'if': 'B' } ]");
    let expected = [
        "type Kind none: condition changed: - => A: compatible",
        "type Kind usb: enumeration value added: - => conditional: compatible",
    ];
    assert_eq!(told, expected);
}

#[test]
fn enumeration_value_removed_is_withdrawn_where_it_was_input() {
    let told = changed(", 'none' ]", "]");
    assert_eq!(told, ["type Kind none: enumeration value removed: - => -: withdrawn"]);
}

#[test]
fn enumeration_value_removed_from_output_changes_nothing() {
    let schema = |values| {
        format!(
            "{{ 'enum': 'Kind', 'data': [ {values} ] }}
            {{ 'struct': 'State', 'data': {{ 'kind': 'Kind' }} }}
            {{ 'command': 'query', 'returns': 'State' }}"
        )
    };
    let told = told(&schema("'a', 'b'"), &schema("'a'"));
    assert_eq!(told, ["type Kind b: enumeration value removed: - => -: compatible"]);
}

#[test]
fn union_branch_added_and_removed() {
    let usb = "{ 'struct': 'Usb', 'data': { 'port': 'int' } }";
    let with = OLD
        .replace("'none' ]", "'none', 'usb' ]")
        .replace("'net': 'Net' }", "'net': 'Net', 'usb': 'Usb' }");
    let with = format!("{usb} {with}");
    let without = format!("{usb} {OLD}");
    let added = told(&without, &with);
    assert!(
        added.contains(&"type Device kind=usb: union branch added: - => Usb: compatible".into())
    );
    let removed = told(&with, &without);
    let expected = "type Device kind=usb: union branch removed: Usb => -: withdrawn";
    assert!(removed.contains(&expected.into()), "{removed:?}");
}

#[test]
fn branch_of_a_value_that_had_no_members_adds_members() {
    let told = changed("'net': 'Net' }", "'net': 'Net', 'none': 'Net' }");
    let expected = "type Device kind=none.address: mandatory member added: - => str: breaks";
    assert_eq!(told, [expected]);
}

#[test]
fn alternate_branch_added_and_removed() {
    let told = changed("'name': 'str',", "'name': 'str', 'none': 'null',");
    assert_eq!(told, ["type Ref none: alternate branch added: - => null: compatible"]);
    let told = changed("'name': 'str',", "");
    assert_eq!(told, ["type Ref name: alternate branch removed: str => -: withdrawn"]);
}

#[test]
fn type_change_is_told_once_with_all_that_reach_it() {
    let report = report(OLD, &OLD.replace("'path': 'str'", "'path': 'str', '*id': 'str'"));
    assert_eq!(report.rows.len(), 1);
    let reach = report.rows[0].reached_by.as_ref().unwrap();
    let names = [&reach.arguments, &reach.results, &reach.events];
    let names = names.map(|names| names.keys().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(names, [["add"], ["query"], ["ADDED"]]);
}

#[test]
fn worst_way_to_a_type_counts() {
    let told = changed("'path': 'str'", "'path': 'str', 'id': 'str'");
    assert_eq!(told, ["type Disk id: mandatory member added: - => str: breaks"]);
}

#[test]
fn type_that_only_what_is_unstable_reaches_is_not_promised() {
    let schema = |data| {
        format!(
            "{{ 'struct': 'Disk', 'data': {{ {data} }} }}
            {{ 'command': 'x-query', 'returns': 'Disk', 'features': [ 'unstable' ] }}"
        )
    };
    let told = told(&schema("'a': 'str'"), &schema("'a': 'bool'"));
    assert_eq!(told, ["type Disk a: type changed: str => bool: not promised"]);
}

#[test]
fn type_that_nothing_reaches_is_left_out() {
    let old = "{ 'struct': 'Disk', 'data': { 'path': 'str' } }";
    assert!(told(old, "{ 'struct': 'Disk', 'data': {} }").is_empty());
}

#[test]
fn type_of_another_name_is_compared_by_its_place() {
    let told = told(OLD, &OLD.replace("Disk'", "Drive'").replace("'path': 'str'", "'path': 'int'"));
    let expected = [
        "type Disk -> Drive : type renamed: Disk => Drive: compatible",
        "type Disk -> Drive path: type changed: str => int: breaks",
    ];
    assert_eq!(told, expected);
}

#[test]
fn struct_that_became_a_union_keeps_its_members() {
    let command = "{ 'command': 'query', 'returns': 'State' }";
    let old = format!(
        "{{ 'enum': 'Kind', 'data': [ 'a' ] }}
        {{ 'struct': 'State', 'data': {{ 'kind': 'Kind', 'n': 'int' }} }} {command}"
    );
    let new = format!(
        "{{ 'enum': 'Kind', 'data': [ 'a' ] }} {{ 'struct': 'More', 'data': {{ 'm': 'int' }} }}
        {{ 'union': 'State', 'base': {{ 'kind': 'Kind', 'n': 'int' }}, 'discriminator': 'kind',
           'data': {{ 'a': 'More' }} }} {command}"
    );
    assert_eq!(told(&old, &new), ["type State kind=a: union branch added: - => More: compatible"]);
}

#[test]
fn type_that_holds_itself_ends() {
    let schema = |member| {
        format!(
            "{{ 'struct': 'Node', 'data': {{ '*next': 'Node', {member} }} }}
            {{ 'command': 'query', 'returns': ['Node'] }}"
        )
    };
    let told = told(&schema("'a': 'int'"), &schema("'a': 'int', 'b': 'int'"));
    assert_eq!(told, ["type Node b: mandatory member added: - => int: compatible"]);
}

#[test]
fn change_behind_a_member_that_became_an_alternate_is_told() {
    let disk = |data| format!("{{ 'struct': 'Disk', 'data': {{ {data} }} }}");
    let old = format!("{} {{ 'command': 'add', 'data': {{ 'd': 'Disk' }} }}", disk("'a': 'int'"));
    let new = format!(
        "{} {{ 'alternate': 'DiskOrStr', 'data': {{ 'd': 'Disk', 's': 'str' }} }}
        {{ 'command': 'add', 'data': {{ 'd': 'DiskOrStr' }} }}",
        disk("'a': 'int', 'b': 'int'")
    );
    let expected = [
        "command add d: became an alternate: Disk => DiskOrStr: held by the ledger",
        "type Disk b: mandatory member added: - => int: breaks",
    ];
    assert_eq!(told(&old, &new), expected);
}
