//! Definitions as they are written: every key checked and typed, no name looked up.
//!
//! Between `expr`, which makes it from trees, and `resolve`, which makes the model from it.

use crate::{
    model::{Condition, Feature, ModuleId},
    source::Place,
};

/// A text of the schema and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) at: Place,
}

/// One definition.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Text,
    pub(crate) module: ModuleId,
    pub(crate) condition: Option<Condition>,
    pub(crate) features: Vec<Spanned<Feature>>,
    pub(crate) since: Option<String>,
    pub(crate) body: Body,
}

/// Something and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

/// What a definition defines.
#[derive(Debug)]
pub(crate) enum Body {
    Enum { values: Vec<Value>, prefix: Option<String> },
    Struct { base: Option<Text>, members: Vec<Member> },
    Union { base: Data, discriminator: Text, branches: Vec<Branch> },
    Alternate { branches: Vec<Branch> },
    Command(Command),
    Event { data: Option<Data>, boxed: bool },
}

/// `command`
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) data: Option<Data>,
    pub(crate) returns: Option<TypeRef>,
    pub(crate) boxed: bool,
    pub(crate) generated: bool,
    pub(crate) success_response: bool,
    pub(crate) allow_oob: bool,
    pub(crate) allow_preconfig: bool,
    pub(crate) coroutine: bool,
}

/// Members, by the name of a type that has them or in place.
#[derive(Debug)]
pub(crate) enum Data {
    Named(Text),
    Inline(Vec<Member>),
}

/// A type or an array of it.
#[derive(Clone, Debug)]
pub(crate) struct TypeRef {
    pub(crate) name: Text,
    pub(crate) array: bool,
}

/// A value of an enumeration.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) name: Text,
    pub(crate) condition: Option<Condition>,
    pub(crate) features: Vec<Spanned<Feature>>,
    pub(crate) since: Option<String>,
}

/// A member of a struct, a base in place, arguments or data.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Text,
    pub(crate) ty: TypeRef,
    pub(crate) optional: bool,
    pub(crate) condition: Option<Condition>,
    pub(crate) features: Vec<Spanned<Feature>>,
    pub(crate) since: Option<String>,
}

/// A branch of a union or a form of an alternate.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) name: Text,
    pub(crate) ty: TypeRef,
    pub(crate) condition: Option<Condition>,
}

impl Body {
    /// The members that are written in place.
    pub(crate) fn members(&self) -> &[Member] {
        match self {
            Self::Struct { members, .. } => members,
            Self::Union { base, .. } => base.inline(),
            Self::Command(command) => command.data.as_ref().map_or(&[], Data::inline),
            Self::Event { data, .. } => data.as_ref().map_or(&[], Data::inline),
            Self::Enum { .. } | Self::Alternate { .. } => &[],
        }
    }
}

impl Data {
    /// The members, where they are written in place.
    pub(crate) fn inline(&self) -> &[Member] {
        match self {
            Self::Inline(members) => members,
            Self::Named(_) => &[],
        }
    }
}

impl<T: Clone> Spanned<T> {
    /// The things without their places.
    pub(crate) fn values(spanned: &[Self]) -> Vec<T> {
        spanned.iter().map(|spanned| spanned.value.clone()).collect()
    }
}
