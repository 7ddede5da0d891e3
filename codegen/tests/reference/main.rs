//! Our parser against QEMU's own: does it accept what that accepts, and nothing else?
//!
//! Runs where the variable `QEMU_SOURCE` names source trees of QEMU, separated by `:`. Debian's
//! source package `qemu` is one; its folders `qapi`, `qga`, `storage-daemon`, `scripts/qapi` and
//! `tests/qapi-schema` are enough. Needs Python.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod mutants;
mod quirks;
#[path = "../front_end/random.rs"]
mod random;
mod subsets;
#[allow(dead_code, reason = "other tests need all of it")]
#[path = "../front_end/temporary.rs"]
mod temporary;
mod tree;

use quirks::Quirk;
use random::Random;
use std::{env, path::PathBuf};
use subsets::Subset;
use temporary::Temporary;
use tree::{Tree, Verdict};

/// Schemas to make mutants of.
struct Group {
    name: &'static str,
    schemas: fn(&Tree) -> Vec<Subset>,
    mutants: usize,
}

const GROUPS: [Group; 3] = [
    Group { name: "monitor", schemas: Subset::of_monitor, mutants: 1_000 },
    Group { name: "agent", schemas: Subset::of_agent, mutants: 300 },
    Group { name: "documentation", schemas: Subset::of_documentation, mutants: 300 },
];

#[test]
fn verdicts_are_those_of_the_reference() {
    let Some(trees) = env::var_os("QEMU_SOURCE") else {
        println!("no reference tree given (QEMU_SOURCE)");
        return;
    };
    let mut unexplained = Vec::new();
    for root in env::split_paths(&trees) {
        let tree = Tree::at(&root);
        unexplained.extend(compare(&tree, "corpus", tree.corpus()));
        unexplained.extend(compare(&tree, "real", tree.programs()));
        for group in &GROUPS {
            unexplained.extend(compare_mutants(&tree, group));
        }
    }
    assert!(unexplained.is_empty(), "{} unexplained", unexplained.join("\n"));
}

fn compare_mutants(tree: &Tree, group: &Group) -> Vec<String> {
    let folder = Temporary::new(&format!("mutants-{}-{}", group.name, tree.version));
    let schemas = (group.schemas)(tree);
    let write = |(at, schema): (_, &Subset)| folder.write(&format!("{at}.json"), schema.text());
    let unchanged = schemas.iter().enumerate().map(write).collect();
    let mut unexplained = compare(tree, group.name, unchanged);

    let mutants = mutants::mutants(&schemas, group.mutants, &mut Random(0x9e37_79b9_7f4a_7c15));
    let write = |(at, mutant)| folder.write(&format!("mutant-{at}.json"), mutant);
    let verdicts = tree.judge(mutants.into_iter().enumerate().map(write).collect());
    let accepted = verdicts.iter().filter(|verdict| verdict.theirs.is_none()).count();
    let few = group.mutants / 10;
    assert!((few..group.mutants - few).contains(&accepted), "{accepted} mutants are accepted");
    unexplained.extend(report(tree, &format!("{} mutants", group.name), &verdicts));
    unexplained
}

fn compare(tree: &Tree, group: &str, paths: Vec<PathBuf>) -> Vec<String> {
    report(tree, group, &tree.judge(paths))
}

/// Prints the counts of a group and every disagreement; returns those without an explanation.
fn report(tree: &Tree, group: &str, verdicts: &[Verdict]) -> Vec<String> {
    let accepted = verdicts.iter().filter(|verdict| verdict.theirs.is_none()).count();
    let disagree: Vec<_> = verdicts.iter().filter(|verdict| !verdict.agrees()).collect();
    println!(
        "{} {group}: {} agree, {} disagree; the reference accepts {accepted}, rejects {}",
        tree.version,
        verdicts.len() - disagree.len(),
        disagree.len(),
        verdicts.len() - accepted
    );
    let mut unexplained = Vec::new();
    for verdict in disagree {
        match Quirk::of(verdict) {
            Some(quirk) => println!("  explained: {}", quirk.name),
            None => unexplained.push(describe(tree, group, verdict)),
        }
    }
    unexplained
}

fn describe(tree: &Tree, group: &str, verdict: &Verdict) -> String {
    let name = verdict.path.file_name().unwrap_or_default().display();
    let said = |reason: &Option<String>| reason.clone().unwrap_or_else(|| "accepted".to_owned());
    let [ours, lenient, theirs] = [&verdict.ours, &verdict.lenient, &verdict.theirs].map(said);
    format!(
        "{} {group} {name}: ours: {ours}; lenient: {lenient}; reference: {theirs}",
        tree.version
    )
}
