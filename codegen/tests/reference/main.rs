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

/// Mutants of small parts of the monitor's schema.
const SMALL: usize = 1_200;
/// Mutants of the whole schema of the guest agent.
const LARGE: usize = 300;

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
        unexplained.extend(compare_mutants(&tree));
    }
    assert!(unexplained.is_empty(), "{} unexplained", unexplained.join("\n"));
}

fn compare_mutants(tree: &Tree) -> Vec<String> {
    let folder = Temporary::new(&format!("mutants-{}", tree.version));
    let (parts, agent) = Subset::all(tree);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let small = (0..SMALL).map(|_| &parts[random.below(parts.len())]).collect::<Vec<_>>();
    let all = small.into_iter().chain(std::iter::repeat_n(&agent, LARGE));
    let write =
        |(at, subset)| folder.write(&format!("{at}.json"), mutants::mutant(subset, &mut random));
    let mutants = all.enumerate().map(write).collect();
    let unchanged = parts.iter().chain([&agent]).enumerate();
    let write =
        |(at, subset): (_, &Subset)| folder.write(&format!("part-{at}.json"), subset.text());
    let unchanged = unchanged.map(write).collect();

    let mut unexplained = compare(tree, "parts", unchanged);
    let verdicts = tree.judge(mutants);
    let accepted = verdicts.iter().filter(|verdict| verdict.theirs.is_none()).count();
    let few = verdicts.len() / 10;
    assert!((few..verdicts.len() - few).contains(&accepted), "{accepted} mutants are accepted");
    unexplained.extend(report(tree, "mutants", &verdicts));
    unexplained
}

fn compare(tree: &Tree, group: &str, paths: Vec<PathBuf>) -> Vec<String> {
    report(tree, group, &tree.judge(paths))
}

/// Prints the counts of a group and every disagreement; returns those without an explanation.
fn report(tree: &Tree, group: &str, verdicts: &[Verdict]) -> Vec<String> {
    let accepted = verdicts.iter().filter(|verdict| verdict.theirs.is_none()).count();
    let disagree: Vec<_> =
        verdicts.iter().filter(|it| it.ours.is_none() != it.theirs.is_none()).collect();
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
    let (ours, theirs) = (said(&verdict.ours), said(&verdict.theirs));
    format!("{} {group} {name}: ours: {ours}; reference: {theirs}", tree.version)
}
