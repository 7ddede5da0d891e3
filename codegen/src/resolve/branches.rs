//! Members of a branch stand beside those of its union on the wire, however deep unions nest in
//! branches: their names must differ, and no union may contain itself.

use super::Draft;
use crate::{
    ast::{self, Body},
    error::Shortened,
    expr::mapped,
    limits::Limits,
    model::{Branch, Kind, Schema, TypeId},
    source::{Fault, Result},
};
use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

/// Checks every union.
pub(super) fn check(draft: &Draft<'_>, limits: &Limits) -> Result<()> {
    let mut reach = Reach { schema: &draft.schema, known: HashMap::new(), limits, spent: 0 };
    draft.each_type(|id, body| {
        let Body::Union { branches: written, .. } = body else { return Ok(()) };
        let Kind::Union { branches, .. } = &draft.schema.ty(id).kind else { return Ok(()) };
        let fixed = own_names(&draft.schema, id);
        for (written, branch) in written.iter().zip(branches) {
            check_branch(&mut reach, &fixed, written, branch)?;
        }
        Ok(())
    })
}

/// Member names as they collide: mapped, with the name that messages show.
type Names<'s> = HashMap<String, &'s str>;

fn own_names(schema: &Schema, id: TypeId) -> Names<'_> {
    schema.members(id).iter().map(|member| (mapped(&member.name), &*member.name)).collect()
}

fn check_branch(
    reach: &mut Reach<'_>,
    fixed: &Names<'_>,
    written: &ast::Branch,
    branch: &Branch,
) -> Result<()> {
    let explain = |stop: Stop| stop.explain(written, reach.limits);
    let reached = reach.of(branch.ty, 0).map_err(explain)?;
    reach.spend(fixed.len().min(reached.len())).map_err(explain)?;
    let Some(name) = shared(fixed, &reached) else { return Ok(()) };
    let member = Shortened(fixed[name]);
    let branch = Shortened(&branch.name);
    let mistake = format!("branch '{branch}' has a member '{member}' that the union has already");
    Err(Fault::rule(written.name.at, mistake, "rename one of them"))
}

/// A name in both, found through the smaller one.
fn shared<'n>(fixed: &'n Names<'_>, reached: &'n BTreeSet<String>) -> Option<&'n String> {
    if fixed.len() < reached.len() {
        fixed.keys().filter(|name| reached.contains(*name)).min()
    } else {
        reached.iter().find(|name| fixed.contains_key(*name))
    }
}

/// Finds the names of all members that objects of a type can have.
struct Reach<'s> {
    schema: &'s Schema,
    /// None for those being worked on.
    known: HashMap<TypeId, Option<Rc<BTreeSet<String>>>>,
    limits: &'s Limits,
    spent: usize,
}

/// Why the names cannot be found.
enum Stop {
    Circle,
    Depth,
    Members,
}

impl Reach<'_> {
    fn of(&mut self, id: TypeId, depth: usize) -> std::result::Result<Rc<BTreeSet<String>>, Stop> {
        match self.known.get(&id) {
            Some(Some(names)) => return Ok(Rc::clone(names)),
            Some(None) => return Err(Stop::Circle),
            None if depth > self.limits.nesting => return Err(Stop::Depth),
            None => {}
        }
        self.known.insert(id, None);
        let schema = self.schema;
        let mut names: BTreeSet<_> =
            schema.members(id).iter().map(|member| mapped(&member.name)).collect();
        if let Kind::Union { branches, .. } = &schema.ty(id).kind {
            for branch in branches {
                let reached = self.of(branch.ty, depth + 1)?;
                self.spend(reached.len())?;
                names.extend(reached.iter().cloned());
            }
        }
        self.spend(names.len())?;
        let names = Rc::new(names);
        self.known.insert(id, Some(Rc::clone(&names)));
        Ok(names)
    }

    fn spend(&mut self, members: usize) -> std::result::Result<(), Stop> {
        self.spent += members;
        if self.spent > self.limits.members { Err(Stop::Members) } else { Ok(()) }
    }
}

impl Stop {
    fn explain(self, branch: &ast::Branch, limits: &Limits) -> Fault {
        let at = branch.name.at;
        let name = Shortened(&branch.name.text);
        match self {
            Self::Circle => {
                let mistake = format!("branch '{name}' leads to a union that contains itself");
                Fault::rule(at, mistake, "make it a member of a struct")
            }
            Self::Depth => {
                let mistake = format!("unions nest deeper than {} in branches", limits.nesting);
                Fault::limit(Some(at), mistake, "merge some of them")
            }
            Self::Members => {
                let mistake = format!("with branch '{name}' the schema has too many members");
                Fault::limit(Some(at), mistake, "share less between branches")
            }
        }
    }
}
