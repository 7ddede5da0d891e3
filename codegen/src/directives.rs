//! Follows `include` and collects `pragma`: from one file to the modules of a schema.

use crate::{
    doc::{self, Doc},
    error::Shortened,
    limits::Limits,
    model::ModuleId,
    parser::{self, Block, Node, Tree},
    rules::Rules,
    source::{Fault, FileId, Place, Result, Sources},
};
use std::{collections::HashSet, path::PathBuf};

/// Every file of a schema, parsed.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// In order of inclusion.
    pub(crate) modules: Vec<Module>,
    /// In schema order: what a file includes comes where it is first included.
    pub(crate) definitions: Vec<Expression>,
    pub(crate) pragmas: Pragmas,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: FileId,
    pub(crate) items: Vec<Item>,
}

/// What stands at the top level, in the order of the file.
#[derive(Debug)]
pub(crate) enum Item {
    Include(Tree),
    Pragma(Tree),
    /// Index into [`Parsed::definitions`].
    Definition(usize),
}

/// A definition, not yet checked.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) module: ModuleId,
    pub(crate) tree: Tree,
    pub(crate) doc: Option<Doc>,
}

/// What the schema excuses from the rules. It counts for the whole schema, also for what stands
/// before it, and a later list replaces an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Pragmas {
    /// Commands whose names may have `_`.
    pub(crate) command_names: HashSet<String>,
    /// Commands that may return something other than an object.
    pub(crate) command_returns: HashSet<String>,
    /// Types whose members and values may have `_` and upper case.
    pub(crate) member_names: HashSet<String>,
    /// Definitions whose members may have no description.
    pub(crate) undocumented: HashSet<String>,
    /// Whether every definition must have a documentation comment.
    pub(crate) doc_required: bool,
}

/// Reads the file at `path` and what it includes.
pub(crate) fn read(sources: &mut Sources, path: PathBuf, rules: &Rules) -> Result<Parsed> {
    let file = sources.open(path, None)?;
    let mut parsed = Parsed::default();
    Walker { sources, parsed: &mut parsed, rules }.file(file)?;
    Ok(parsed)
}

/// Bytes of a path that Linux does not accept any more.
const PATH_MAX: usize = 4_096;

struct Walker<'w> {
    sources: &'w mut Sources,
    parsed: &'w mut Parsed,
    rules: &'w Rules,
}

impl Walker<'_> {
    fn file(&mut self, file: FileId) -> Result<()> {
        let module = ModuleId(self.parsed.modules.len() as u32);
        self.parsed.modules.push(Module { file, items: Vec::new() });
        let text = self.sources.text(file);
        let limits: Limits = *self.sources.limits();
        let mut doc = None;
        for block in parser::parse(&text, file, &limits)? {
            match block {
                Block::Comment(comment) => {
                    check_followed(doc.take())?;
                    doc = Some(doc::parse(&comment, self.rules.documentation)?);
                }
                Block::Expression(tree) => {
                    let item = self.expression(module, tree, doc.take())?;
                    self.parsed.modules[module.0 as usize].items.push(item);
                }
            }
        }
        check_followed(doc)
    }

    fn expression(&mut self, module: ModuleId, tree: Tree, doc: Option<Doc>) -> Result<Item> {
        // A list is a command in one dialect, which is rewritten once all files are read.
        let is_command = self.rules.commands_are_lists && matches!(tree.node, Node::Array(_));
        let Node::Object(entries) = &tree.node else {
            if is_command {
                return Ok(self.definition(module, tree, doc));
            }
            let mistake = "what stands at the top level is not an object";
            return Err(Fault::syntax(tree.at, mistake, "write { 'struct': ... } or the like"));
        };
        if let Some(include) = entries.iter().find(|entry| entry.key == "include") {
            check_followed(doc)?;
            check_alone(&tree, "include")?;
            self.include(&include.value)?;
            return Ok(Item::Include(tree));
        }
        if let Some(pragma) = entries.iter().find(|entry| entry.key == "pragma") {
            check_followed(doc)?;
            check_alone(&tree, "pragma")?;
            self.parsed.pragmas.apply(&pragma.value, self.rules)?;
            return Ok(Item::Pragma(tree));
        }
        if let Some(doc) = doc.as_ref().filter(|doc| doc.symbol.is_none()) {
            let mistake = "the documentation comment before a definition does not name it";
            return Err(Fault::rule(doc.at, mistake, "begin it with '# @name:'"));
        }
        Ok(self.definition(module, tree, doc))
    }

    fn definition(&mut self, module: ModuleId, tree: Tree, doc: Option<Doc>) -> Item {
        self.parsed.definitions.push(Expression { module, tree, doc });
        Item::Definition(self.parsed.definitions.len() - 1)
    }

    fn include(&mut self, value: &Tree) -> Result<()> {
        let Node::String(name) = &value.node else {
            return Err(Fault::rule(value.at, "'include' is not a string", "give the file's path"));
        };
        if name.len() >= PATH_MAX {
            let mistake = "'include' names a path that no file can have";
            return Err(Fault::rule(value.at, mistake, "shorten it"));
        }
        let including = value.at.file;
        let path = self.sources.path(including).with_file_name("").join(name);
        if let Some(file) = self.sources.find(&path) {
            if self.sources.chain(including).any(|above| above == file) {
                let mistake = format!("'{}' includes itself", Shortened(name));
                return Err(Fault::rule(value.at, mistake, "move what both need to a third file"));
            }
            return Ok(());
        }
        self.check_depth(including, value.at)?;
        let file = self.sources.open(path, Some(value.at))?;
        self.file(file)
    }

    fn check_depth(&self, including: FileId, at: Place) -> Result<()> {
        let limit = self.sources.limits().nesting;
        if self.sources.chain(including).count() > limit {
            let mistake = format!("includes nest deeper than {limit}");
            return Err(Fault::limit(Some(at), mistake, "include from fewer levels"));
        }
        Ok(())
    }
}

impl Pragmas {
    fn apply(&mut self, value: &Tree, rules: &Rules) -> Result<()> {
        let Node::Object(entries) = &value.node else {
            let remedy = "write { 'pragma': { ... } }";
            return Err(Fault::rule(value.at, "'pragma' is not an object", remedy));
        };
        for entry in entries {
            match entry.key.as_str() {
                "doc-required" => self.doc_required = bool(&entry.value)?,
                "documentation-exceptions" if rules.documentation_exceptions => {
                    self.undocumented = names(&entry.value)?;
                }
                "command-name-exceptions" => self.command_names = names(&entry.value)?,
                "command-returns-exceptions" => self.command_returns = names(&entry.value)?,
                "member-name-exceptions" => self.member_names = names(&entry.value)?,
                key => {
                    let mistake = format!("there is no pragma '{}'", Shortened(key));
                    return Err(Fault::rule(entry.at, mistake, "check its spelling"));
                }
            }
        }
        Ok(())
    }
}

fn bool(value: &Tree) -> Result<bool> {
    match value.node {
        Node::Bool(value) => Ok(value),
        _ => Err(Fault::rule(value.at, "the pragma is not a boolean", "write true or false")),
    }
}

fn names(value: &Tree) -> Result<HashSet<String>> {
    let wrong = |at| Fault::rule(at, "the pragma is not a list of strings", "write ['name', ...]");
    let Node::Array(elements) = &value.node else { return Err(wrong(value.at)) };
    elements
        .iter()
        .map(|element| match &element.node {
            Node::String(name) => Ok(name.clone()),
            _ => Err(wrong(element.at)),
        })
        .collect()
}

fn check_alone(tree: &Tree, key: &str) -> Result<()> {
    match &tree.node {
        Node::Object(entries) if entries.len() > 1 => {
            let mistake = format!("'{key}' stands beside other keys");
            Err(Fault::rule(tree.at, mistake, "give it an object of its own"))
        }
        _ => Ok(()),
    }
}

fn check_followed(doc: Option<Doc>) -> Result<()> {
    let Some(Doc { at, symbol: Some(symbol), .. }) = doc else { return Ok(()) };
    let mistake = format!("no definition follows the documentation of '{}'", Shortened(&symbol));
    Err(Fault::rule(at, mistake, "put it right before its definition"))
}
