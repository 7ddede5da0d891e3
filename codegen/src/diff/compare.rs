//! Which commands and events differ, and which types they reach.

use std::collections::BTreeMap;

use super::{
    change::{Change, Kind, Place, Reach, Role},
    marks::{self, Marks},
    members,
    recorder::Recorder,
    types::{self, Relation},
};
use crate::model::{Command, Event, Info, Schema, TypeId};

/// Everything that differs.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Commands, events, then types, each in the order of the old schema; what is new comes last.
    pub(super) changes: Vec<Change>,
    /// For the types of `changes`.
    pub(super) reach: BTreeMap<Place, Reach>,
}

/// Compares two schemas as far as commands and events reach.
pub(super) fn compare(old: &Schema, new: &Schema) -> Comparison {
    let mut comparer = Comparer {
        schemas: Pair { old, new },
        comparison: Comparison::default(),
        pairs: Vec::new(),
        reach: BTreeMap::new(),
    };
    comparer.commands();
    comparer.events();
    comparer.types();
    comparer.comparison
}

/// The same of both schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair<T> {
    pub(super) old: T,
    pub(super) new: T,
}

/// The types that stand in one place of both schemas.
pub(super) type Types = Pair<TypeId>;

struct Comparer<'a> {
    schemas: Pair<&'a Schema>,
    comparison: Comparison,
    /// Types to compare, in the order in which they were reached.
    pairs: Vec<Types>,
    reach: BTreeMap<Types, Reach>,
}

/// A command or event as the way to types.
#[derive(Clone, Copy)]
struct Root<'n> {
    role: Role,
    name: &'n str,
}

impl Comparer<'_> {
    fn commands(&mut self) {
        let Pair { old, new } = self.schemas;
        for command in &old.commands {
            match new.command(&command.info.name) {
                Some(newer) => self.command(&Pair { old: command, new: newer }),
                None => self.definition(Kind::CommandRemoved, Place::Command, &command.info),
            }
        }
        let added = |command: &&Command| old.command(&command.info.name).is_none();
        for command in new.commands.iter().filter(added) {
            self.definition(Kind::CommandAdded, Place::Command, &command.info);
        }
    }

    fn events(&mut self) {
        let Pair { old, new } = self.schemas;
        for event in &old.events {
            match new.event(&event.info.name) {
                Some(newer) => self.event(&Pair { old: event, new: newer }),
                None => self.definition(Kind::EventRemoved, Place::Event, &event.info),
            }
        }
        let added = |event: &&Event| old.event(&event.info.name).is_none();
        for event in new.events.iter().filter(added) {
            self.definition(Kind::EventAdded, Place::Event, &event.info);
        }
    }

    fn definition(&mut self, kind: Kind, place: fn(String) -> Place, info: &Info) {
        let marks = Marks::of(info);
        let mut recorder = Recorder::new(place(info.name.clone()), marks);
        recorder.add(kind, "", None, None, marks);
        self.comparison.changes.extend(recorder.finish());
    }

    fn command(&mut self, command: &Pair<&Command>) {
        let Pair { old, new } = command;
        let mut recorder =
            Recorder::new(Place::Command(old.info.name.clone()), Marks::of(&old.info));
        marks::compare_info(&mut recorder, &old.info, &new.info);
        compare_flags(&mut recorder, command);
        let data = Pair { old: old.data, new: new.data };
        members::compare_data(&mut recorder, self.schemas, data);
        members::compare_result(&mut recorder, self.schemas, old.returns, new.returns);
        self.comparison.changes.extend(recorder.finish());
        let promised = !old.info.has("unstable");
        let name = &old.info.name;
        self.walk_data(Root { role: Role::Argument, name }, data, promised);
        if let (Some(old), Some(new)) = (old.returns, new.returns) {
            self.walk(Root { role: Role::Result, name }, Pair { old, new }, promised);
        }
    }

    fn event(&mut self, event: &Pair<&Event>) {
        let Pair { old, new } = event;
        let mut recorder = Recorder::new(Place::Event(old.info.name.clone()), Marks::of(&old.info));
        marks::compare_info(&mut recorder, &old.info, &new.info);
        let data = Pair { old: old.data, new: new.data };
        members::compare_data(&mut recorder, self.schemas, data);
        self.comparison.changes.extend(recorder.finish());
        let promised = !old.info.has("unstable");
        self.walk_data(Root { role: Role::Event, name: &old.info.name }, data, promised);
    }

    /// Marks what arguments or data lead to. Their own type belongs to the command or event.
    fn walk_data(&mut self, root: Root<'_>, data: Pair<Option<TypeId>>, promised: bool) {
        if let (Some(old), Some(new)) = (data.old, data.new) {
            let below = types::below(self.schemas, Pair { old, new });
            below
                .into_iter()
                .for_each(|(types, stable)| self.walk(root, types, promised && stable));
        }
    }

    fn walk(&mut self, root: Root<'_>, types: Types, promised: bool) {
        let mut open = vec![(types, promised)];
        while let Some((types, promised)) = open.pop() {
            let Relation::Comparable(types) = types::relate(self.schemas, types) else { continue };
            if !self.reach.contains_key(&types) {
                self.pairs.push(types);
            }
            let reach = self.reach.entry(types).or_default();
            if reach.add(root.role, root.name, promised) {
                let below = types::below(self.schemas, types).into_iter();
                open.extend(below.map(|(types, stable)| (types, promised && stable)));
            }
        }
    }

    fn types(&mut self) {
        let name = |schema: &Schema, id| schema.ty(id).info.name.clone();
        for types in std::mem::take(&mut self.pairs) {
            let Pair { old, new } = self.schemas;
            let place = Place::Type { old: name(old, types.old), new: name(new, types.new) };
            let info = &old.ty(types.old).info;
            let mut recorder = Recorder::new(place.clone(), Marks::of(info));
            types::compare(&mut recorder, self.schemas, types);
            let changes = recorder.finish();
            if !changes.is_empty() {
                self.comparison.changes.extend(changes);
                let reach = self.reach.remove(&types).unwrap_or_default();
                self.comparison.reach.insert(place, reach);
            }
        }
    }
}

fn compare_flags(recorder: &mut Recorder, command: &Pair<&Command>) {
    let Pair { old, new } = command;
    let flags = [
        (Kind::SuccessResponseChanged, old.success_response, new.success_response),
        (Kind::OobChanged, old.allow_oob, new.allow_oob),
        (Kind::PreconfigChanged, old.allow_preconfig, new.allow_preconfig),
    ];
    for (kind, old, new) in flags {
        if old != new {
            let (before, after) = (old.to_string(), new.to_string());
            recorder.add(kind, "", Some(before), Some(after), Marks::default());
        }
    }
}
