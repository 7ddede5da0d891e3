//! Shape tables of the bridge: Rust source for `bridge/src/generated/`, against
//! `bridge/src/transcode/shape.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display, Formatter},
};

use super::{Release, unique};
use crate::dbus::{Argument, Interface, Member, Method, Object, Shape, Signal};

/// The tables of one interface.
pub fn emit_tables(interface: &Interface, release: &Release<'_>) -> String {
    let tables = Tables::new(interface);
    let body = tables.interface().to_string() + &tables.objects();
    format!(
        "{}//! The tables of `{}`, made from the schemas of QEMU {}.\n\n\
         use crate::transcode::shape::{{{}}};\n\n{body}",
        release.header("// "),
        interface.name,
        release.versions,
        imports(&body)
    )
}

/// Only what the body uses: an import too many is a warning.
fn imports(body: &str) -> String {
    const ITEMS: [(&str, &str); 9] = [
        ("Class as C", "C::"),
        ("Interface", "Interface {"),
        ("Member", "Member {"),
        ("Method", "Method {"),
        ("Object", "Object {"),
        ("Shape as S", "S::"),
        ("Signal", "Signal {"),
        ("UNKNOWN", "&UNKNOWN"),
        ("Union", "Union {"),
    ];
    let used = ITEMS.iter().filter(|(_, sign)| body.contains(sign));
    used.map(|(item, _)| *item).collect::<Vec<_>>().join(", ")
}

struct Tables<'a> {
    interface: &'a Interface,
    /// The static of each object.
    statics: Statics<'a>,
}

/// Names of statics by what they are of.
type Statics<'a> = BTreeMap<Owner<'a>, String>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner<'a> {
    Type(&'a str),
    Command(&'a str),
    Event(&'a str),
}

impl<'a> Tables<'a> {
    fn new(interface: &'a Interface) -> Self {
        let types = interface.objects.iter().map(|object| Owner::Type(&object.name));
        let commands = interface.methods.iter().map(|method| Owner::Command(&method.command));
        let events = interface.signals.iter().map(|signal| Owner::Event(&signal.event));
        let mut taken = BTreeSet::from(["INTERFACE".to_owned(), "UNKNOWN".to_owned()]);
        let statics = types
            .chain(commands)
            .chain(events)
            .map(|owner| (owner, unique(owner.static_name(), &mut taken)))
            .collect();
        Self { interface, statics }
    }

    fn interface(&self) -> impl Display {
        let Interface { name, methods, signals, .. } = self.interface;
        let methods = lines(8, methods.iter().map(|method| self.method(method)));
        let mut by_event: Vec<_> = signals.iter().collect();
        by_event.sort_by_key(|signal| &signal.event);
        let signals = lines(8, by_event.into_iter().map(|signal| self.signal(signal)));
        format!(
            "/// `{name}`.\npub static INTERFACE: Interface = Interface {{\n    \
             name: {name:?},\n    \
             xml: include_str!(\"../../../introspection/{name}.xml\"),\n    \
             methods: &[{methods}],\n    signals: &[{signals}],\n}};\n"
        )
    }

    fn method(&self, method: &Method) -> String {
        let Method { name, command, optional, oob, replies, class, .. } = method;
        let positional = self.positional(&method.positional);
        let arguments = self.reference(Owner::Command(command), &method.arguments);
        let result = match &method.result {
            Some(shape) => format!("Some({})", self.shape(shape)),
            None => "None".into(),
        };
        format!(
            "Method {{ name: {name:?}, command: {command:?}, positional: &[{positional}], \
             optional: {optional}, arguments: {arguments}, result: {result}, oob: {oob}, \
             replies: {replies}, class: C::{:?} }}",
            class.class
        )
    }

    fn signal(&self, signal: &Signal) -> String {
        let Signal { name, event, .. } = signal;
        let positional = self.positional(&signal.positional);
        let data = self.reference(Owner::Event(event), &signal.data);
        format!(
            "Signal {{ name: {name:?}, event: {event:?}, positional: &[{positional}], \
             data: {data} }}"
        )
    }

    fn positional(&self, arguments: &[Argument]) -> String {
        let members = arguments.iter().map(|each| self.member(&each.member, &each.shape));
        members.collect::<Vec<_>>().join(", ")
    }

    fn objects(&self) -> String {
        let types = self.interface.objects.iter().map(|each| (Owner::Type(&each.name), each));
        let arguments = self
            .interface
            .methods
            .iter()
            .map(|each| (Owner::Command(&each.command), &each.arguments));
        let data =
            self.interface.signals.iter().map(|each| (Owner::Event(&each.event), &each.data));
        types
            .chain(arguments)
            .chain(data)
            .filter(|(owner, object)| matches!(owner, Owner::Type(_)) || !object.is_empty())
            .map(|(owner, object)| self.object(owner, object))
            .collect()
    }

    fn object(&self, owner: Owner<'_>, object: &Object) -> String {
        let member = |member: &Member| self.member(&member.name, &member.shape);
        let members = lines(4, object.members.iter().map(member));
        let union = match &object.union {
            None => "None".into(),
            Some(union) => {
                let branch = |(value, object): &(String, String)| {
                    format!("({value:?}, &{})", self.statics[&Owner::Type(object)])
                };
                let branches = lines(4, union.branches.iter().map(branch));
                format!("Some(Union {{ tag: {:?}, branches: &[{branches}] }})", union.tag)
            }
        };
        format!(
            "\nstatic {}: Object = Object {{ name: {:?}, members: &[{members}], union: {union} }};\n",
            self.statics[&owner], object.name
        )
    }

    fn member(&self, name: &str, shape: &Shape) -> String {
        format!("Member {{ name: {name:?}, shape: {} }}", self.shape(shape))
    }

    fn reference(&self, owner: Owner<'_>, object: &Object) -> String {
        if object.is_empty() { "&UNKNOWN".into() } else { format!("&{}", self.statics[&owner]) }
    }

    fn shape<'s>(&'s self, shape: &'s Shape) -> ShapeSource<'s> {
        ShapeSource { statics: &self.statics, shape }
    }
}

impl Owner<'_> {
    fn static_name(self) -> String {
        match self {
            Self::Type(name) => screaming(name),
            Self::Command(name) => screaming(name) + "_ARGUMENTS",
            Self::Event(name) => screaming(name) + "_DATA",
        }
    }
}

/// A shape as Rust source.
struct ShapeSource<'a> {
    statics: &'a Statics<'a>,
    shape: &'a Shape,
}

impl Display for ShapeSource<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let of = |shape| ShapeSource { statics: self.statics, shape };
        match self.shape {
            Shape::Object(name) => write!(f, "S::Object(&{})", self.statics[&Owner::Type(name)]),
            Shape::Dictionary => f.write_str("S::Object(&UNKNOWN)"),
            Shape::List(element) => write!(f, "S::List(&{})", of(element)),
            Shape::Enum(_) => f.write_str("S::Str"),
            Shape::Alternate(_, forms) => {
                let forms: Vec<_> = forms.iter().map(|form| of(form).to_string()).collect();
                write!(f, "S::Alternate(&[{}])", forms.join(", "))
            }
            plain => write!(f, "S::{plain:?}"),
        }
    }
}

/// The elements of an array, a line each, so far from the margin.
fn lines(indent: usize, elements: impl Iterator<Item = String>) -> String {
    let lines: String = elements.map(|element| format!("\n{:indent$}{element},", "")).collect();
    if lines.is_empty() { lines } else { format!("{lines}\n{:1$}", "", indent - 4) }
}

/// `BlockdevOptions` is `BLOCKDEV_OPTIONS`.
fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    let mut last = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_digit()) {
            screaming.push('_');
        }
        screaming.push(if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
        last = c;
    }
    screaming
}
