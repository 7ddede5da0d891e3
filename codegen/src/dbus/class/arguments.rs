//! What the arguments of a command say: a command that reads may be made to read any file.

use std::collections::BTreeSet;

use crate::model::{Builtin, Command, Kind, Member, Schema, TypeId};

/// What was seen among the arguments, and all that they hold.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The first that looks like a file, a socket or a program.
    pub(super) revealing: Option<String>,
    /// The first of which the schema does not say what it holds.
    pub(super) opaque: Option<String>,
}

/// Words in names of what can hold any text.
const WORDS: &[&str] = &[
    "addr", "backend", "channels", "chardev", "command", "dir", "exec", "fd", "fdname", "file",
    "filename", "host", "path", "socket", "uri", "url",
];

/// How commands begin whose paths lead to objects of QEMU's own.
const OBJECT_PATHS: &[&str] = &["cxl-", "qom-", "x-query-virtio-"];

/// Types that say how to reach something, whatever their members are called.
const TYPES: &[&str] = &[
    "BlockdevOptions",
    "BlockdevRef",
    "ChardevBackend",
    "Netdev",
    "ObjectOptions",
    "SocketAddress",
    "SocketAddressLegacy",
];

/// Looks through the arguments of a command of this schema.
pub(super) fn look(schema: &Schema, command: &Command) -> Seen {
    let object_paths = OBJECT_PATHS.iter().any(|prefix| command.info.name.starts_with(prefix));
    let mut look = Look { schema, object_paths, known: BTreeSet::new(), seen: Seen::default() };
    command.data.into_iter().for_each(|id| look.through(id));
    look.seen
}

struct Look<'a> {
    schema: &'a Schema,
    /// A path is none of files.
    object_paths: bool,
    /// Types refer to each other in circles.
    known: BTreeSet<TypeId>,
    seen: Seen,
}

impl Look<'_> {
    fn through(&mut self, id: TypeId) {
        if !self.known.insert(id) {
            return;
        }
        match &self.schema.ty(id).kind {
            Kind::Struct { members, .. } => self.members(members),
            Kind::Union { members, branches, .. } => {
                self.members(members);
                branches.iter().for_each(|branch| self.through(branch.ty));
            }
            Kind::Alternate { branches } => {
                branches.iter().for_each(|form| self.through(form.ty));
            }
            Kind::Array(element) => self.through(*element),
            Kind::Builtin(_) | Kind::Enum { .. } => {}
        }
    }

    fn members(&mut self, members: &[Member]) {
        for member in members {
            let element = self.element(member.ty);
            let seen = match &self.schema.ty(element).kind {
                Kind::Builtin(Builtin::Any) => &mut self.seen.opaque,
                _ if self.is_revealing(member, element) => &mut self.seen.revealing,
                _ => {
                    self.through(member.ty);
                    continue;
                }
            };
            seen.get_or_insert_with(|| member.name.clone());
        }
    }

    fn is_revealing(&self, member: &Member, element: TypeId) -> bool {
        let ty = self.schema.ty(element);
        let reveals = |word| WORDS.contains(&word) && !(word == "path" && self.object_paths);
        match &ty.kind {
            Kind::Builtin(Builtin::Str) | Kind::Alternate { .. } => {
                member.name.split(['-', '_']).any(reveals)
            }
            Kind::Struct { .. } | Kind::Union { .. } => TYPES.contains(&ty.info.name.as_str()),
            _ => false,
        }
    }

    /// What a list is of, at last.
    fn element(&self, id: TypeId) -> TypeId {
        match self.schema.ty(id).kind {
            Kind::Array(element) => self.element(element),
            _ => id,
        }
    }
}
