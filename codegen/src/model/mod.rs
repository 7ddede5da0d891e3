//! The resolved schema: names looked up, bases flattened, every type an index.
//!
//! Between the passes of `resolve/`, which build it, and `dbus/`, which turns one or several of
//! these into the D-Bus model. Backends never see it.

/// A checked schema.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// Every type, builtins and arrays too; indexed by [`TypeId`].
    pub types: Vec<Type>,
    /// In schema order.
    pub commands: Vec<Command>,
    /// In schema order.
    pub events: Vec<Event>,
    /// QAPI modules in order of inclusion; indexed by [`ModuleId`].
    pub modules: Vec<Module>,
}

/// Index into [`Schema::types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// Index into [`Schema::modules`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// One schema file.
#[derive(Clone, Debug)]
pub struct Module {
    /// File name without folder and `.json`: `block-core`.
    pub name: String,
}

/// What every definition has.
#[derive(Clone, Debug)]
pub struct Info {
    /// QAPI name. Arguments and data written in place have the name of their command or event.
    pub name: String,
    /// Module of the definition; builtins and arrays have none.
    pub module: Option<ModuleId>,
    /// `if`
    pub condition: Option<Condition>,
    /// `features`
    pub features: Vec<Feature>,
    /// The `Since:` of its documentation: `10.0`.
    pub since: Option<String>,
}

/// A type.
#[derive(Clone, Debug)]
pub struct Type {
    /// Name, module, condition, features.
    pub info: Info,
    /// What it is.
    pub kind: Kind,
}

/// What a type is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Predefined by the language.
    Builtin(Builtin),
    /// `enum`
    Enum {
        /// In schema order.
        values: Vec<Value>,
        /// `prefix`, for generated C.
        prefix: Option<String>,
    },
    /// `struct`, or the arguments of a command or event written in place.
    Struct {
        /// Members of all bases first, in schema order.
        members: Vec<Member>,
        /// The base it names.
        base: Option<TypeId>,
        /// How many of `members` come from the base.
        inherited: usize,
        /// It has no name in the schema: arguments or data written in place.
        implicit: bool,
    },
    /// `union`
    Union {
        /// Members common to all branches, the discriminator among them.
        members: Vec<Member>,
        /// The base, when it is a named type.
        base: Option<TypeId>,
        /// Index of the discriminator in `members`.
        tag: usize,
        /// One per value that adds members.
        branches: Vec<Branch>,
    },
    /// `alternate`
    Alternate {
        /// Name and type of each form.
        branches: Vec<Branch>,
    },
    /// `[T]`
    Array(TypeId),
}

/// A predefined type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// `str`
    Str,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `int` and `int64`
    Int64,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64` and `size`
    Uint64,
    /// `null`
    Null,
    /// `any`
    Any,
}

/// A value of an enumeration.
#[derive(Clone, Debug)]
pub struct Value {
    /// Verbatim.
    pub name: String,
    /// `if`
    pub condition: Option<Condition>,
    /// `features`
    pub features: Vec<Feature>,
    /// `(since X)` in its description.
    pub since: Option<String>,
}

/// A member of a struct or union.
#[derive(Clone, Debug)]
pub struct Member {
    /// QAPI name, without `*`.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// Marked with `*`.
    pub optional: bool,
    /// `if`
    pub condition: Option<Condition>,
    /// `features`
    pub features: Vec<Feature>,
    /// `(since X)` in its description.
    pub since: Option<String>,
}

/// A branch of a union or a form of an alternate.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Value of the discriminator, or name of the form.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// `if`
    pub condition: Option<Condition>,
}

/// A command.
#[derive(Clone, Debug)]
pub struct Command {
    /// Name, module, condition, features.
    pub info: Info,
    /// A struct or union; none without arguments.
    pub data: Option<TypeId>,
    /// `returns`
    pub returns: Option<TypeId>,
    /// `boxed: true`
    pub boxed: bool,
    /// `gen: false` is false
    pub generated: bool,
    /// `success-response: false` is false
    pub success_response: bool,
    /// `allow-oob: true`
    pub allow_oob: bool,
    /// `allow-preconfig: true`
    pub allow_preconfig: bool,
    /// `coroutine: true`
    pub coroutine: bool,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Name, module, condition, features.
    pub info: Info,
    /// A struct or union; none without data.
    pub data: Option<TypeId>,
    /// `boxed: true`
    pub boxed: bool,
}

/// `if`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A preprocessor symbol.
    Symbol(String),
    /// `all`
    All(Vec<Condition>),
    /// `any`
    Any(Vec<Condition>),
    /// `not`
    Not(Box<Condition>),
}

/// A feature: `deprecated`, `unstable`, or one that tells of a change.
#[derive(Clone, Debug)]
pub struct Feature {
    /// Verbatim.
    pub name: String,
    /// `if`
    pub condition: Option<Condition>,
}

impl Schema {
    /// The type of this index.
    pub fn ty(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    /// The type of this name.
    pub fn find(&self, name: &str) -> Option<TypeId> {
        let at = self.types.iter().position(|ty| ty.info.name == name)?;
        Some(TypeId(at as u32))
    }

    /// The command of this name.
    pub fn command(&self, name: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.info.name == name)
    }

    /// The event of this name.
    pub fn event(&self, name: &str) -> Option<&Event> {
        self.events.iter().find(|event| event.info.name == name)
    }

    /// The name of a definition's module; none for builtins.
    pub fn module(&self, of: &Info) -> &str {
        of.module.map_or("", |at| &self.modules[at.0 as usize].name)
    }

    /// The members that arguments or data of this type have on the wire whatever the
    /// discriminator says, base first.
    pub fn members(&self, id: TypeId) -> &[Member] {
        match &self.ty(id).kind {
            Kind::Struct { members, .. } | Kind::Union { members, .. } => members,
            _ => &[],
        }
    }
}

impl Info {
    /// Whether it has this feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|has| has.name == feature)
    }
}
