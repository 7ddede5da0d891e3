//! What the ledger has its say in.

use super::*;

const OLD: &str = "{ 'command': 'go', 'data': { 'a': 'str', 'b': 'str' } }";

/// The report under a ledger made of another schema.
fn under(released: &str, old: &str, new: &str) -> Report {
    let ledger = ledger_of(&schema(released)).unwrap();
    diff(&schema(old), &schema(new), &ledger)
}

#[test]
fn member_that_the_ledger_has_as_a_key_may_go() {
    let released = "{ 'command': 'go', 'data': { 'a': 'str', '*b': 'str' } }";
    let new = "{ 'command': 'go', 'data': { 'a': 'str' } }";
    let report = under(released, OLD, new);
    assert_eq!(report.rows[0].verdict, Verdict::HeldByTheLedger);
    assert!(!report.breaks());
    assert!(under(OLD, OLD, new).breaks());
}

#[test]
fn command_that_was_not_released_is_not_promised() {
    let report = under("", OLD, "{ 'command': 'go', 'data': { 'a': 'str' } }");
    assert_eq!(report.rows[0].verdict, Verdict::NotPromised);
}

#[test]
fn ledger_that_the_old_schema_broke_already_refuses_the_new_one() {
    let released = "{ 'command': 'go', 'data': { 'a': 'str', 'b': 'str', 'c': 'str' } }";
    let report = under(released, OLD, OLD);
    assert!(report.rows.is_empty() && report.breaks());
    assert!(report.refusal.unwrap().contains("argument 'c'"));
}

#[test]
fn two_names_that_meet_on_d_bus_are_refused() {
    let report = report(OLD, &format!("{OLD} {{ 'command': 'Go' }}").replace("'Go'", "'go-'"));
    assert!(report.refusal.unwrap().contains("would both be 'Go'"));
}

#[test]
fn ledger_of_a_schema_holds_the_schema() {
    let report = under(OLD, OLD, OLD);
    assert!(report.rows.is_empty() && !report.breaks() && !report.withdraws_unannounced());
}
