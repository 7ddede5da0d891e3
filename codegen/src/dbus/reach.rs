//! The named types in reach of an interface.

use std::collections::BTreeMap;

use super::{
    interface::{Alternate, Enumeration, Life, Object, Value},
    merge::{Version, Whole},
    types::Shape,
};
use crate::model::{self, Kind, Type, TypeId};

/// Collects types; each is looked up once.
#[derive(Debug)]
pub(super) struct Types<'a> {
    versions: &'a [Version<'a>],
    objects: BTreeMap<String, Object>,
    enumerations: BTreeMap<String, Enumeration>,
    alternates: BTreeMap<String, Alternate>,
}

/// What was collected, in order of names.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) objects: Vec<Object>,
    pub(super) enumerations: Vec<Enumeration>,
    pub(super) alternates: Vec<Alternate>,
}

impl<'a> Types<'a> {
    /// None yet, of these schemas, oldest first.
    pub(super) fn new(versions: &'a [Version<'a>]) -> Self {
        let (objects, enumerations) = (BTreeMap::new(), BTreeMap::new());
        Self { versions, objects, enumerations, alternates: BTreeMap::new() }
    }

    /// Adds what an object without a name leads to.
    pub(super) fn add_parts(&mut self, object: &Object) {
        object.members.iter().for_each(|member| self.add(&member.shape));
        let branches = object.union.iter().flat_map(|union| &union.branches);
        branches.for_each(|(_, name)| self.add_object(name));
    }

    /// Adds what a type leads to.
    pub(super) fn add(&mut self, shape: &Shape) {
        match shape {
            Shape::Object(name) => self.add_object(name),
            Shape::Enum(name) => self.add_enumeration(name),
            Shape::List(element) => self.add(element),
            Shape::Alternate(name, forms) => self.add_alternate(name, forms),
            _ => {}
        }
    }

    /// All of them.
    pub(super) fn finish(self) -> Reached {
        Reached {
            objects: self.objects.into_values().collect(),
            enumerations: self.enumerations.into_values().collect(),
            alternates: self.alternates.into_values().collect(),
        }
    }

    fn add_object(&mut self, name: &str) {
        if self.objects.contains_key(name) {
            return;
        }
        // Types refer to each other in circles: it is known before its members are followed.
        self.objects.insert(name.into(), Object::default());
        let mut versions: Vec<_> =
            self.found(name).map(|(version, id, _)| (version, Some(id))).collect();
        versions.reverse();
        let mut object = Whole::new(&versions).into_object(name);
        object.module = self.module(name);
        object.since = self.found(name).find_map(|(_, _, ty)| ty.info.since.clone());
        self.add_parts(&object);
        self.objects.insert(name.into(), object);
    }

    fn add_enumeration(&mut self, name: &str) {
        if self.enumerations.contains_key(name) {
            return;
        }
        let mut values: Vec<Value> = Vec::new();
        for (_, _, ty) in self.found(name) {
            if let Kind::Enum { values: known, .. } = &ty.kind {
                let new = known.iter().filter(|it| !values.iter().any(|has| has.name == it.name));
                values.extend(new.map(value).collect::<Vec<_>>());
            }
        }
        let enumeration = Enumeration { name: name.into(), module: self.module(name), values };
        self.enumerations.insert(name.into(), enumeration);
    }

    fn add_alternate(&mut self, name: &str, forms: &[Shape]) {
        if self.alternates.contains_key(name) {
            return;
        }
        if !name.is_empty() {
            let mut forms: Vec<(String, Shape)> = Vec::new();
            for (version, _, ty) in self.found(name) {
                if let Kind::Alternate { branches } = &ty.kind {
                    let new =
                        branches.iter().filter(|it| !forms.iter().any(|(n, _)| *n == it.name));
                    let new = new.map(|it| (it.name.clone(), Shape::of(version.schema, it.ty)));
                    forms.extend(new.collect::<Vec<_>>());
                }
            }
            let alternate = Alternate { name: name.into(), module: self.module(name), forms };
            self.alternates.insert(name.into(), alternate);
        }
        forms.iter().for_each(|form| self.add(form));
    }

    /// The types of this name, newest first.
    fn found(&self, name: &str) -> impl Iterator<Item = (Version<'a>, TypeId, &'a Type)> {
        self.versions.iter().rev().filter_map(move |version| {
            let id = version.schema.find(name)?;
            Some((*version, id, version.schema.ty(id)))
        })
    }

    /// The newest schema's.
    fn module(&self, name: &str) -> String {
        let newest = self.found(name).next();
        newest.map_or("", |(version, _, ty)| version.schema.module(&ty.info)).into()
    }
}

fn value(value: &model::Value) -> Value {
    Value { name: value.name.clone(), life: Life::of(value.since.as_ref(), &value.features) }
}
