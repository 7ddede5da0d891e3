//! The D-Bus model: everything that backends print, nothing left to decide.

use std::collections::BTreeSet;

use super::{annotations, class::Decision, types::Shape};
use crate::model::Feature;

/// One interface.
#[derive(Debug)]
pub struct Interface {
    /// D-Bus name.
    pub name: String,
    /// In order of D-Bus names.
    pub methods: Vec<Method>,
    /// In order of D-Bus names.
    pub signals: Vec<Signal>,
    /// The structs and unions in reach of a method or signal, in order of QAPI names.
    pub objects: Vec<Object>,
    /// The enumerations in reach, in order of QAPI names.
    pub enumerations: Vec<Enumeration>,
    /// The alternates in reach, in order of QAPI names.
    pub alternates: Vec<Alternate>,
    /// How many methods and signals have a summary.
    pub documented: usize,
    /// What the one who releases the interface should know, for people.
    pub notices: Vec<String>,
}

/// A method.
#[derive(Debug)]
pub struct Method {
    /// D-Bus name.
    pub name: String,
    /// QAPI name.
    pub command: String,
    /// QAPI module; empty if no schema has it any more.
    pub module: String,
    /// Its address in QEMU's reference; empty if no schema has it any more.
    pub reference: String,
    /// In the order in which they are written.
    pub annotations: Vec<Annotation>,
    /// In the ledger's order.
    pub positional: Vec<Argument>,
    /// The trailing dictionary is declared.
    pub optional: bool,
    /// Every argument.
    pub arguments: Object,
    /// The named type that holds them in every release.
    pub data: Option<String>,
    /// What it returns.
    pub result: Option<Shape>,
    /// QAPI `allow-oob`.
    pub oob: bool,
    /// QAPI `success-response`.
    pub replies: bool,
    /// What a caller must be allowed to do.
    pub class: Decision,
}

/// A signal. A dictionary follows its positional arguments.
#[derive(Debug)]
pub struct Signal {
    /// D-Bus name.
    pub name: String,
    /// QAPI name.
    pub event: String,
    /// QAPI module; empty if no schema has it any more.
    pub module: String,
    /// Its address in QEMU's reference; empty if no schema has it any more.
    pub reference: String,
    /// In the order in which they are written.
    pub annotations: Vec<Annotation>,
    /// In the ledger's order.
    pub positional: Vec<Argument>,
    /// Every member.
    pub data: Object,
}

/// A positional argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// D-Bus name.
    pub name: String,
    /// QAPI name.
    pub member: String,
    /// The declared type, which may lag behind the schema's.
    pub shape: Shape,
    /// In the order in which they are written.
    pub annotations: Vec<Annotation>,
}

/// A struct or union: what all given schemas know of it.
#[derive(Debug, Default, PartialEq)]
pub struct Object {
    /// QAPI name; empty for the arguments of a command and the data of an event.
    pub name: String,
    /// QAPI module; empty where the name is.
    pub module: String,
    /// What its documentation says: `10.0`.
    pub since: Option<String>,
    /// In order of names; for a union those common to all branches.
    pub members: Vec<Member>,
    /// For a union.
    pub union: Option<Union>,
}

/// A member of an object.
#[derive(Debug, PartialEq)]
pub struct Member {
    /// QAPI name.
    pub name: String,
    /// Where it stands in the newest schema, by which people expect it.
    pub place: usize,
    /// Its newest type.
    pub shape: Shape,
    /// Never left out, in any release and any build.
    pub always: bool,
    /// Since when, and for how long.
    pub life: Life,
}

/// Since when QEMU has a member or value, and whether it will last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Life {
    /// What its description says: `10.0`.
    pub since: Option<String>,
    /// QAPI `deprecated`.
    pub deprecated: bool,
    /// QAPI `unstable`: the promise of compatibility does not cover it.
    pub unstable: bool,
}

/// An enumeration: what all given schemas know of it.
#[derive(Debug, Default, PartialEq)]
pub struct Enumeration {
    /// QAPI name.
    pub name: String,
    /// QAPI module.
    pub module: String,
    /// In the newest schema's order; those that only older ones have come last.
    pub values: Vec<Value>,
}

/// A value of an enumeration: what the newest schema that has it says.
#[derive(Debug, PartialEq)]
pub struct Value {
    /// Verbatim.
    pub name: String,
    /// Since when, and for how long.
    pub life: Life,
}

/// An alternate: what all given schemas know of it.
#[derive(Debug, Default, PartialEq)]
pub struct Alternate {
    /// QAPI name.
    pub name: String,
    /// QAPI module.
    pub module: String,
    /// Name and type of each form, as `values` of an enumeration.
    pub forms: Vec<(String, Shape)>,
}

/// What makes an object a union.
#[derive(Debug, PartialEq)]
pub struct Union {
    /// Name of the discriminator.
    pub tag: String,
    /// Its values, sorted, each with the name of the object that it adds.
    pub branches: Vec<(String, String)>,
}

/// An annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Reverse-domain name.
    pub name: String,
    /// Unescaped.
    pub value: String,
}

impl Interface {
    /// The members of an object whatever a union's tag says, in the schema's order. What moved into
    /// a branch between releases is the branch's.
    pub fn common<'a>(&self, object: &'a Object) -> Vec<&'a Member> {
        let branches = object.union.iter().flat_map(|union| &union.branches);
        let branches: Vec<_> = branches.filter_map(|(_, name)| self.object(name)).collect();
        let moved = |member: &Member| {
            branches.iter().any(|branch| branch.members.iter().any(|it| it.name == member.name))
        };
        let mut common: Vec<_> = object.members.iter().filter(|member| !moved(member)).collect();
        common.sort_by_key(|member| member.place);
        common
    }

    /// The same as arguments or data: those that are positional first, in their order.
    pub fn placed<'a>(&self, object: &'a Object, positional: &[Argument]) -> Vec<&'a Member> {
        let place = |member: &&Member| positional.iter().position(|it| it.member == member.name);
        let mut members = self.common(object);
        members.sort_by_key(|member| place(member).unwrap_or(positional.len()));
        members
    }

    /// The methods whose arguments form a union that is nothing else but arguments, one for each
    /// union.
    pub fn argument_unions(&self) -> Vec<&Method> {
        let mut seen: BTreeSet<_> =
            self.objects.iter().map(|object| object.name.as_str()).collect();
        let mut methods: Vec<_> = self.methods.iter().collect();
        methods.retain(|method| match method.boxed() {
            Some(name) => seen.insert(name),
            None => method.arguments.union.is_some(),
        });
        methods
    }

    /// The values of a union's tag that add nothing.
    pub fn values_without_branch<'a>(&'a self, object: &Object) -> Vec<&'a str> {
        let Some(union) = &object.union else { return Vec::new() };
        let is_bare = |value: &&str| !union.branches.iter().any(|(branch, _)| branch == value);
        self.tag_values(object).iter().map(|value| value.name.as_str()).filter(is_bare).collect()
    }

    /// The values of a union's tag.
    pub(super) fn tag_values(&self, object: &Object) -> &[Value] {
        let tag = object.union.as_ref().map(|union| &union.tag);
        let tag = object.members.iter().find(|member| Some(&member.name) == tag);
        let Some(Shape::Enum(name)) = tag.map(|tag| &tag.shape) else { return &[] };
        let all = self.enumerations.iter().find(|each| each.name == *name);
        all.map_or(&[], |all| &all.values)
    }

    /// The names of all types.
    pub fn type_names(&self) -> impl Iterator<Item = &str> {
        let objects = self.objects.iter().map(|each| &each.name);
        let enumerations = self.enumerations.iter().map(|each| &each.name);
        let alternates = self.alternates.iter().map(|each| &each.name);
        objects.chain(enumerations).chain(alternates).map(String::as_str)
    }

    /// The object of this QAPI name.
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name == name)
    }
}

impl Enumeration {
    /// The names of its values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| value.name.as_str())
    }
}

impl Life {
    /// Whether programs may count on it.
    pub(super) fn lasts(&self) -> bool {
        !self.deprecated && !self.unstable
    }

    /// What a schema says with `since` and these features.
    pub(super) fn of(since: Option<&String>, features: &[Feature]) -> Self {
        let has = |name: &str| features.iter().any(|feature| feature.name == name);
        let (deprecated, unstable) = (has("deprecated"), has(annotations::UNSTABLE));
        Self { since: since.cloned(), deprecated, unstable }
    }
}

impl Object {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.union.is_none()
    }
}

impl Method {
    /// The named union that holds all arguments: callers build it as a whole.
    pub fn boxed(&self) -> Option<&str> {
        self.data.as_deref().filter(|_| self.arguments.union.is_some())
    }

    /// The signature of the call.
    pub fn signature(&self) -> String {
        let mut signature = signature(&self.positional);
        if self.optional {
            signature.push_str(super::types::DICTIONARY);
        }
        signature
    }
}

impl Signal {
    /// The signature of the signal.
    pub fn signature(&self) -> String {
        signature(&self.positional) + super::types::DICTIONARY
    }
}

fn signature(arguments: &[Argument]) -> String {
    arguments.iter().map(|argument| argument.shape.signature()).collect()
}
