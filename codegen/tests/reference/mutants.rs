//! Mutants of schemas: one or two small changes of what is defined, or of what is said about it.

mod code;
mod prose;

use crate::{random::Random, subsets::Subset};
use std::collections::HashSet;

/// Makes mutants of these schemas, each unlike the others and unlike what it was made of.
pub(crate) fn mutants(of: &[Subset], count: usize, random: &mut Random) -> Vec<String> {
    let mut seen: HashSet<_> = of.iter().map(Subset::text).collect();
    let mut mutants = Vec::new();
    while mutants.len() < count {
        let mutant = mutant(pick(of, random), random);
        if seen.insert(mutant.clone()) {
            mutants.push(mutant);
        }
    }
    mutants
}

fn mutant(of: &Subset, random: &mut Random) -> String {
    let mut subset = of.clone();
    for _ in 0..=usize::from(random.below(4) == 0) {
        let at = random.below(subset.blocks.len());
        match random.below(20) {
            0..8 => prose::mutate(&mut subset.blocks[at].prose, random),
            8..16 => code::mutate(&mut subset.blocks[at].code, random),
            16 | 17 => rename(&mut subset, at, random),
            18 => {
                let other = random.below(subset.blocks.len());
                subset.blocks.swap(at, other);
            }
            _ => {
                let other = subset.blocks[random.below(subset.blocks.len())].clone();
                subset.blocks[at] = other;
            }
        }
    }
    subset.text()
}

/// One of these.
fn pick<'l, T>(list: &'l [T], random: &mut Random) -> &'l T {
    &list[random.below(list.len())]
}

/// Renames a member, a value or a definition wherever the schema names it.
fn rename(subset: &mut Subset, at: usize, random: &mut Random) {
    let words: Vec<_> = subset.blocks[at].code.split('\'').skip(1).step_by(2).collect();
    if words.is_empty() {
        return;
    }
    let word = pick(&words, random).trim_start_matches('*').to_owned();
    let new = code::edited(&word, random);
    for block in &mut subset.blocks {
        block.code = block
            .code
            .replace(&format!("'{word}'"), &format!("'{new}'"))
            .replace(&format!("'*{word}'"), &format!("'*{new}'"));
        for line in &mut block.prose {
            *line = line.replace(&format!("@{word}:"), &format!("@{new}:"));
        }
    }
}
