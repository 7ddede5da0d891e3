//! Shape tables: what the generated interfaces say about types, and what both transcoders walk.
//!
//! Everything here is `'static` data. Objects refer to each other directly, cycles included, so a
//! shape is `Copy` and a look-up follows references only.

use std::fmt;

/// The type of one value, as QAPI declares it and as D-Bus carries it (mapping, section 2).
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `s`: QAPI `str` and every enumeration.
    Str,
    /// `b`
    Bool,
    /// `n`: D-Bus has no signed byte.
    Int8,
    /// `n`
    Int16,
    /// `i`
    Int32,
    /// `x`: QAPI `int` and `int64`.
    Int64,
    /// `y`
    Uint8,
    /// `q`
    Uint16,
    /// `u`
    Uint32,
    /// `t`: QAPI `uint64` and `size`.
    Uint64,
    /// `d`
    Number,
    /// `v`, by the value itself.
    Any,
    /// QAPI `null`: a variant of signature `g` that holds the empty signature.
    Null,
    /// `ay`: base64 in the JSON text. Of the bridge's own methods only.
    Bytes,
    /// `h`: a file descriptor that travels beside the JSON text, not in it.
    Fd,
    /// `a{sv}`: a struct or a union.
    Object(&'static Object),
    /// `a` and the element's type.
    List(&'static Shape),
    /// One of several shapes, which differ in their JSON type: `v` as a positional argument.
    Alternate(&'static [Shape]),
}

/// A struct or union: the members that the schemas know. Others pass by the rule for `any`.
pub struct Object {
    /// QAPI name; empty for the arguments of a command and the data of an event.
    pub name: &'static str,
    /// Members by QAPI name, sorted; for a union those common to all branches.
    pub members: &'static [Member],
    /// Branches, for a union.
    pub union: Option<Union>,
}

/// How the value of a union's discriminator selects further members.
#[derive(Debug)]
pub struct Union {
    /// The discriminator, one of the members.
    pub tag: &'static str,
    /// Values of the discriminator with the members they add, sorted by value.
    pub branches: &'static [(&'static str, &'static Object)],
}

/// A named value.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// QAPI name, verbatim.
    pub name: &'static str,
    /// Its type.
    pub shape: Shape,
}

/// One generated interface.
#[derive(Debug)]
pub struct Interface {
    /// D-Bus name, for example `org.qemu.QgaQapi`.
    pub name: &'static str,
    /// The whole introspection document, one `<interface>` in a `<node>`.
    pub xml: &'static str,
    /// Methods, sorted by D-Bus name.
    pub methods: &'static [Method],
    /// Signals, sorted by QAPI event name.
    pub signals: &'static [Signal],
}

/// A command and the method that stands for it.
#[derive(Debug)]
pub struct Method {
    /// D-Bus name: `GuestFileOpen`.
    pub name: &'static str,
    /// QAPI name: `guest-file-open`.
    pub command: &'static str,
    /// Positional arguments in the order of the ledger.
    pub positional: &'static [Member],
    /// Whether the interface declares the trailing dictionary.
    pub optional: bool,
    /// Every argument by name, positional ones too.
    pub arguments: &'static Object,
    /// Return type; `None` for a command that returns nothing.
    pub result: Option<Shape>,
    /// The peer accepts it out of band.
    pub oob: bool,
    /// The peer answers (`false`: only when it failed, QAPI `success-response: false`).
    pub replies: bool,
    /// What a caller must be allowed to do.
    pub class: Class,
}

/// What a command does to whom, in order of how much it can do: what a caller must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Looks at a machine.
    Read,
    /// Looks at secrets, memory or a console of a machine.
    ReadSensitive,
    /// Changes a machine in a way that can be undone.
    Control,
    /// Ends or harms a machine, or loses data of it.
    Destructive,
    /// Acts inside the guest as its administrator can.
    GuestExec,
    /// Uses files, sockets, devices or programs of the host, as QEMU's account can.
    Host,
}

/// An event and the signal that stands for it.
#[derive(Debug)]
pub struct Signal {
    /// D-Bus name: `BlockIoError`.
    pub name: &'static str,
    /// QAPI name: `BLOCK_IO_ERROR`.
    pub event: &'static str,
    /// Positional arguments in the order of the ledger; a dictionary always follows them.
    pub positional: &'static [Member],
    /// Every member by name, positional ones too.
    pub data: &'static Object,
}

/// An object of which the schema says nothing.
pub static UNKNOWN: Object = Object { name: "", members: &[], union: None };

impl Interface {
    /// The method of this D-Bus name.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        let at = self.methods.binary_search_by_key(&name, |method| method.name).ok()?;
        Some(&self.methods[at])
    }

    /// The method that stands for this command.
    pub fn command(&self, command: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.command == command)
    }

    /// The signal that stands for this event.
    pub fn signal(&self, event: &str) -> Option<&'static Signal> {
        let at = self.signals.binary_search_by_key(&event, |signal| signal.event).ok()?;
        Some(&self.signals[at])
    }
}

impl fmt::Debug for Object {
    /// The name only: types refer to each other in cycles.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.name).finish()
    }
}

impl Object {
    /// The shape of a member common to all branches. Members that the bridge itself adds
    /// (`@timestamp`, `@sequence`) are `t`.
    pub fn member(&self, name: &str) -> Option<Shape> {
        if name.starts_with('@') {
            return Some(Shape::Uint64);
        }
        let at = self.members.binary_search_by_key(&name, |member| member.name).ok()?;
        Some(self.members[at].shape)
    }

    /// The members that this value of the discriminator adds.
    pub fn branch(&self, tag_value: &str) -> Option<&'static Object> {
        let branches = self.union.as_ref()?.branches;
        let at = branches.binary_search_by_key(&tag_value, |(value, _)| value).ok()?;
        Some(branches[at].1)
    }
}

impl Shape {
    /// Appends the D-Bus signature of a value of this shape as a positional argument.
    pub fn push_signature(self, to: &mut String) {
        to.push_str(match self {
            Self::Str => "s",
            Self::Bool => "b",
            Self::Int8 | Self::Int16 => "n",
            Self::Int32 => "i",
            Self::Int64 => "x",
            Self::Uint8 => "y",
            Self::Uint16 => "q",
            Self::Uint32 => "u",
            Self::Uint64 => "t",
            Self::Number => "d",
            Self::Any | Self::Null | Self::Alternate(_) => "v",
            Self::Bytes => "ay",
            Self::Fd => "h",
            Self::Object(_) => "a{sv}",
            Self::List(element) => {
                to.push('a');
                return element.push_signature(to);
            }
        });
    }
}

impl Class {
    /// Each of them, the least first.
    pub const ALL: [Self; 6] = [
        Self::Read,
        Self::ReadSensitive,
        Self::Control,
        Self::Destructive,
        Self::GuestExec,
        Self::Host,
    ];

    /// In configuration, introspection and polkit's actions: `read-sensitive`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::ReadSensitive => "read-sensitive",
            Self::Control => "control",
            Self::Destructive => "destructive",
            Self::GuestExec => "guest-exec",
            Self::Host => "host",
        }
    }

    /// The class of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

impl Method {
    /// The signature that the interface declares for the call.
    pub fn signature(&self) -> String {
        let mut signature = String::new();
        self.positional.iter().for_each(|member| member.shape.push_signature(&mut signature));
        if self.optional {
            signature.push_str("a{sv}");
        }
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{qga, qmp};

    #[test]
    fn classes_are_in_order_and_known_by_name() {
        assert!(Class::ALL.is_sorted());
        for class in Class::ALL {
            assert_eq!(Class::named(class.name()), Some(class));
        }
        assert_eq!(Class::named("root"), None);
    }

    #[test]
    fn class_of_each_method_is_the_one_that_callers_read() {
        for interface in [&qga::INTERFACE, &qmp::INTERFACE] {
            let node = zbus_xml::Node::from_reader(interface.xml.as_bytes()).unwrap();
            let documented = node.interfaces()[0].methods().map(|method| {
                let annotated = method.annotations().iter();
                let class = annotated.filter(|it| it.name() == "org.qemu.Qapi.Class");
                (method.name().to_string(), class.map(|it| it.value().to_owned()).collect())
            });
            let served = interface.methods.iter();
            let served = served.map(|it| (it.name.to_owned(), vec![it.class.name().to_owned()]));
            assert_eq!(documented.collect::<Vec<_>>(), served.collect::<Vec<_>>());
        }
    }
}
