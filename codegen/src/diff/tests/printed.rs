//! What people and programs see.

use super::*;

const OLD: &str = "{ 'struct': 'State', 'data': { 'n': 'int' } }
    { 'command': 'query', 'returns': 'State' }
    { 'command': 'go', 'data': { 'a': 'str' } }
    { 'command': 'stop' }";
const NEW: &str = "{ 'struct': 'State', 'data': { 'n': 'str' } }
    { 'command': 'query', 'returns': 'State', 'if': 'CONFIG_A' }
    { 'command': 'go', 'data': { '*a': 'str', '*b': 'int' } }";

#[test]
fn text_has_the_worst_first_and_a_paragraph_each() {
    let expected = "\
Breaks D-Bus clients:
  type State  [results of query]
    type changed: n: int => str

Would break a naive binding, held by the ledger (naive signature => new one):
  command go  's' => 'a{sv}'
    mandatory became optional: a: str => *str
    optional member added: b: *int

Withdrawn by QEMU (signatures stay, the peer refuses or omits):
  command stop
    command removed (not announced)

Compatible:
  command query
    condition changed: none => CONFIG_A

5 changes: 1 break D-Bus clients, 1 signatures held by the ledger, 1 withdrawn (1 not announced)
";
    assert_eq!(print_text(&report(OLD, NEW)).to_string(), expected);
}

#[test]
fn text_names_a_few_of_many_that_reach_a_type() {
    let queries: String =
        ('a'..='f').map(|name| format!("{{ 'command': '{name}', 'returns': 'State' }}")).collect();
    let schema = |data| format!("{{ 'struct': 'State', 'data': {{ {data} }} }} {queries}");
    let text = print_text(&report(&schema(""), &schema("'n': 'int'"))).to_string();
    assert!(text.contains("type State  [results of a, b, c, d, 2 more]"), "{text}");
}

#[test]
fn json_has_every_fact_of_a_change() {
    let json = print_json(&report(OLD, NEW));
    let changes = json["changes"].as_array().unwrap();
    let find = |kind| changes.iter().find(|change| change["kind"] == kind).unwrap();
    let optional = serde_json::json!({
        "kind": "became-optional",
        "definition": "command",
        "name": "go",
        "path": "a",
        "before": "str",
        "after": "*str",
        "signature": { "before": "s", "after": "a{sv}" },
        "result": { "before": null, "after": null },
        "verdict": "held-by-the-ledger",
        "withdrawal": null,
        "reached-by": null,
    });
    assert_eq!(*find("became-optional"), optional);
    assert_eq!(find("command-removed")["withdrawal"], "unannounced");
    let reach = serde_json::json!({ "arguments": [], "results": ["query"], "events": [] });
    assert_eq!(find("type-changed")["reached-by"], reach);
    let summary = serde_json::json!(
        { "changes": 5, "breaks": 1, "held": 1, "withdrawn": 1, "unannounced": 1 }
    );
    assert_eq!(json["summary"], summary);
    assert!(json["refusal"].is_null());
}
