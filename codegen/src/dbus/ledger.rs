//! The released interface, read back from its XML, and how far new schemas may move under it
//! (mapping, section 5).

use std::collections::BTreeMap;

use zbus_xml::{Arg, ArgDirection, Node};

use super::{
    Break, Error, Result, annotations,
    class::Class,
    interface::{Annotation, Argument},
    merge::Whole,
    names,
    types::{DICTIONARY, Direction, Shape},
};

/// What was promised, by QAPI name.
#[derive(Debug, Default)]
pub struct Ledger {
    pub(super) methods: BTreeMap<String, Entry>,
    pub(super) signals: BTreeMap<String, Entry>,
}

/// A method or signal that was released.
#[derive(Debug)]
pub(super) struct Entry {
    /// D-Bus name.
    pub(super) name: String,
    /// Without the trailing dictionary.
    pub(super) positional: Vec<Argument>,
    /// The dictionary is there.
    pub(super) optional: bool,
    /// Of a method.
    pub(super) result: Option<Shape>,
    /// Those that tell of QAPI.
    pub(super) annotations: Vec<Annotation>,
    /// Of a method; none of one that was released before there were classes.
    pub(super) class: Option<Class>,
}

impl Ledger {
    /// Reads introspection XML that holds this interface.
    ///
    /// # Errors
    /// `Xml` if it does not parse, `Ledger` if it holds what the generator never writes: nothing
    /// of a promise is passed over.
    pub fn read(xml: &str, interface: &str) -> Result<Self> {
        let node = parse(xml)?;
        let found = node.interfaces().iter().find(|has| has.name().as_str() == interface);
        Self::of(found.ok_or_else(|| problem(interface, "no such interface"))?)
    }

    /// Reads introspection XML that holds one interface, of whatever name.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn read_sole(xml: &str) -> Result<Self> {
        match parse(xml)?.interfaces() {
            [sole] => Self::of(sole),
            all => Err(problem("the file", format_args!("holds {} interfaces", all.len()))),
        }
    }

    fn of(found: &zbus_xml::Interface<'_>) -> Result<Self> {
        let mut ledger = Self::default();
        for method in found.methods() {
            let name = method.name();
            insert(&mut ledger.methods, Entry::read(&name, method.args(), method.annotations())?)?;
        }
        for signal in found.signals() {
            let name = signal.name();
            let entry = Entry::read(&name, signal.args(), signal.annotations())?;
            if !entry.optional {
                return Err(problem(&name, "does not end in a dictionary"));
            }
            insert(&mut ledger.signals, entry)?;
        }
        Ok(ledger)
    }
}

impl Entry {
    /// QAPI name.
    pub(super) fn qapi(&self) -> Option<&str> {
        annotations::value(&self.annotations, annotations::NAME)
    }

    /// Whether the promise covers it.
    pub(super) fn is_promised(&self) -> bool {
        !annotations::has_feature(&self.annotations, annotations::UNSTABLE)
    }

    /// The positional arguments where the schemas have this in place of what was released.
    ///
    /// # Errors
    /// `Broken` where the schemas cannot be served with what was promised.
    pub(super) fn hold(&self, whole: &Whole<'_>, direction: Direction) -> Result<Vec<Argument>> {
        let hold = |held| self.hold_argument(held, whole, direction);
        self.positional.iter().map(hold).collect()
    }

    /// The result where the schemas have this in place of what was released.
    ///
    /// # Errors
    /// As [`Entry::hold`].
    pub(super) fn hold_result(&self, actual: Option<&Shape>) -> Result<Option<Shape>> {
        let Some(held) = &self.result else { return Ok(None) };
        // A command that returns nothing answers with an empty object.
        let actual = actual.unwrap_or(&Shape::Dictionary);
        let shape = held.held_against(actual, Direction::Out);
        shape.map(Some).ok_or_else(|| self.broken(names::RESULT, mismatch(held, actual)))
    }

    /// The same of one argument.
    pub(super) fn hold_argument(
        &self,
        held: &Argument,
        whole: &Whole<'_>,
        direction: Direction,
    ) -> Result<Argument> {
        if held.shape == Shape::Fd {
            return Ok(held.clone());
        }
        let part = whole.member(&held.member);
        let part = part.ok_or_else(|| self.broken(&held.name, Break::Gone))?;
        if direction == Direction::Out && !part.always {
            return Err(self.broken(&held.name, Break::NotAlways));
        }
        let actual = part.newest();
        let shape = held.shape.held_against(&actual, direction);
        let shape = shape.ok_or_else(|| self.broken(&held.name, mismatch(&held.shape, &actual)))?;
        let annotations = annotations::of_argument(&held.name, &held.member, part.features());
        Ok(Argument { shape, annotations, ..held.clone() })
    }

    fn broken(&self, argument: &str, why: Break) -> Error {
        Error::Broken { member: self.name.clone(), argument: argument.into(), why }
    }

    fn read(name: &str, args: &[Arg<'_>], annotated: &[zbus_xml::Annotation<'_>]) -> Result<Self> {
        let (results, mut args): (Vec<_>, Vec<_>) =
            args.iter().partition(|arg| arg.direction() == Some(ArgDirection::Out));
        let optional = args.pop_if(|arg| arg.name() == Some(names::OPTIONAL));
        if optional.is_some_and(|arg| arg.ty() != DICTIONARY) {
            return Err(problem(name, "argument 'optional' is not a dictionary"));
        }
        let argument = |arg: &&Arg<'_>| read_argument(name, arg);
        Ok(Self {
            name: name.into(),
            positional: args.iter().map(argument).collect::<Result<_>>()?,
            optional: optional.is_some(),
            result: match results[..] {
                [] => None,
                [result] => Some(read_shape(name, result)?),
                _ => return Err(problem(name, "more than one result")),
            },
            annotations: read_annotations(annotated),
            class: read_class(name, annotated)?,
        })
    }
}

fn parse(xml: &str) -> Result<Node<'_>> {
    let (node, warnings) = Node::from_reader_with_warnings(xml.as_bytes())?;
    match warnings.first() {
        None => Ok(node),
        Some(warning) => Err(problem("the file", warning)),
    }
}

fn read_argument(of: &str, arg: &Arg<'_>) -> Result<Argument> {
    let name = arg.name().ok_or_else(|| problem(of, "argument without a name"))?;
    if !names::is_member_name(name) {
        return Err(problem(of, format_args!("argument '{name}' is no identifier")));
    }
    let shape = read_shape(of, arg)?;
    let annotations = read_annotations(arg.annotations());
    let member = annotations::value(&annotations, annotations::NAME).unwrap_or(name);
    Ok(Argument { name: name.into(), member: member.into(), shape, annotations })
}

fn read_shape(of: &str, arg: &Arg<'_>) -> Result<Shape> {
    let signature = arg.ty().to_string();
    Shape::from_signature(&signature)
        .ok_or_else(|| problem(of, format_args!("type '{signature}' is none of the mapping's")))
}

fn read_annotations(annotations: &[zbus_xml::Annotation<'_>]) -> Vec<Annotation> {
    annotations
        .iter()
        .filter(|has| annotations::is_fact(has.name()))
        .map(|has| Annotation { name: has.name().into(), value: has.value().into() })
        .collect()
}

fn read_class(of: &str, annotated: &[zbus_xml::Annotation<'_>]) -> Result<Option<Class>> {
    let Some(found) = annotated.iter().find(|has| has.name() == annotations::CLASS) else {
        return Ok(None);
    };
    let class = Class::try_from(found.value().to_owned());
    class.map(Some).map_err(|error| problem(of, error))
}

fn insert(entries: &mut BTreeMap<String, Entry>, entry: Entry) -> Result<()> {
    let Some(qapi) = entry.qapi().map(str::to_owned) else {
        return Err(problem(&entry.name, "does not say its QAPI name"));
    };
    match entries.insert(qapi, entry) {
        None => Ok(()),
        Some(entry) => Err(problem(&entry.name, "stands for the same QAPI name as another")),
    }
}

fn mismatch(held: &Shape, actual: &Shape) -> Break {
    Break::Type { held: held.signature(), actual: actual.signature() }
}

fn problem(at: &str, problem: impl ToString) -> Error {
    Error::Ledger { at: at.into(), problem: problem.to_string() }
}
