//! Schemas that are complete in themselves, cut out of the real ones: small enough to judge
//! thousands of mutants of them.

use crate::tree::Tree;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// A schema in parts.
#[derive(Clone)]
pub(crate) struct Subset {
    pub(crate) pragmas: String,
    pub(crate) blocks: Vec<Block>,
}

/// A definition and its documentation, or a comment about no definition.
#[derive(Clone)]
pub(crate) struct Block {
    /// The lines of the comment, with its fences.
    pub(crate) prose: Vec<String>,
    pub(crate) code: String,
}

/// Definitions in one subset, at most.
const LARGEST: usize = 8;

impl Subset {
    /// Each definition of the monitor with all it refers to, where that is not too much.
    pub(crate) fn of_monitor(tree: &Tree) -> Vec<Self> {
        Self::read(&tree.modules("qapi")).closures()
    }

    /// The whole schema of the guest agent.
    pub(crate) fn of_agent(tree: &Tree) -> Vec<Self> {
        vec![Self::read(&tree.modules("qga"))]
    }

    /// A schema of the conformance tests that has everything a documentation comment can have.
    pub(crate) fn of_documentation(tree: &Tree) -> Vec<Self> {
        let path = tree.corpus().into_iter().find(|path| path.ends_with("doc-good.json")).unwrap();
        vec![Self::read(&[fs::read_to_string(path).unwrap()])]
    }

    pub(crate) fn text(&self) -> String {
        let blocks = self.blocks.iter();
        let blocks = blocks.map(|block| format!("\n{}\n{}", block.prose.join("\n"), block.code));
        format!("{}{}", self.pragmas, blocks.collect::<String>())
    }

    fn read(modules: &[String]) -> Self {
        let mut schema = Self { pragmas: String::new(), blocks: Vec::new() };
        for text in modules {
            schema.read_module(text);
        }
        schema
    }

    fn read_module(&mut self, text: &str) {
        let mut block = Block { prose: Vec::new(), code: String::new() };
        let mut commented = false;
        for line in text.lines() {
            if line == "##" {
                commented = !commented;
                if commented {
                    self.add(std::mem::replace(&mut block, Block::empty()));
                }
            }
            if commented || line == "##" {
                block.prose.push(line.to_owned());
            } else if !line.starts_with("{ 'include'") && !line.starts_with('#') {
                block.code += &format!("{line}\n");
            }
        }
        self.add(block);
    }

    fn add(&mut self, block: Block) {
        if block.code.contains("'pragma'") {
            self.pragmas += &block.code;
        } else if !block.prose.is_empty() {
            self.blocks.push(block);
        }
    }

    fn closures(&self) -> Vec<Self> {
        let names = self.blocks.iter().enumerate();
        let names = names.filter_map(|(at, block)| Some((block.type_name()?, at)));
        let names: BTreeMap<_, _> = names.collect();
        let closure = |at| {
            let blocks = self.reachable(at, &names)?;
            let blocks = blocks.into_iter().map(|at| self.blocks[at].clone()).collect();
            Some(Self { pragmas: self.pragmas.clone(), blocks })
        };
        let definitions = (0..self.blocks.len()).filter(|at| self.blocks[*at].symbol().is_some());
        definitions.filter_map(closure).collect()
    }

    fn reachable(&self, from: usize, names: &BTreeMap<&str, usize>) -> Option<BTreeSet<usize>> {
        let mut reached = BTreeSet::from([from]);
        let mut left = vec![from];
        while let Some(at) = left.pop() {
            let words = self.blocks[at].code.split('\'').skip(1).step_by(2);
            left.extend(words.filter_map(|word| names.get(word)).filter(|at| reached.insert(**at)));
            if reached.len() > LARGEST {
                return None;
            }
        }
        Some(reached)
    }
}

impl Block {
    fn empty() -> Self {
        Self { prose: Vec::new(), code: String::new() }
    }

    /// The name that the documentation is for.
    fn symbol(&self) -> Option<&str> {
        self.prose.get(1)?.strip_prefix("# @")?.strip_suffix(':')
    }

    fn type_name(&self) -> Option<&str> {
        let keyword = self.code.split('\'').nth(1)?;
        let is_type = ["struct", "enum", "union", "alternate"].contains(&keyword);
        self.symbol().filter(|_| is_type)
    }
}
