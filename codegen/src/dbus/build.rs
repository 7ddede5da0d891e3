//! From schemas, ledger and summaries to an interface.

use super::{
    Result, annotations,
    class::{self, Decision},
    docs::{Definition, Protocol, Summaries},
    exceptions,
    interface::{Annotation, Argument, Interface, Life, Member, Method, Object, Signal},
    ledger::{Entry, Ledger},
    merge::{self, Over, Version, Whole},
    names::{self, Members},
    reach::{Reached, Types},
    types::{Direction, Shape},
};
use crate::model::{Command, Event, Info, Kind, TypeId};

/// What an interface is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Which schema it is.
    pub protocol: Protocol,
    /// D-Bus name.
    pub interface: &'a str,
    /// Oldest first.
    pub versions: &'a [Version<'a>],
    /// What was released.
    pub ledger: &'a Ledger,
    /// What is said of commands and events.
    pub summaries: &'a Summaries,
}

/// Makes the interface that serves all given schemas within the ledger.
///
/// # Errors
/// Any [`super::Error`] but those of reading the ledger.
pub fn build(source: &Source<'_>) -> Result<Interface> {
    Builder { source: *source, names: Members::default(), documented: 0, notices: Vec::new() }
        .build()
}

struct Builder<'a> {
    source: Source<'a>,
    names: Members,
    documented: usize,
    notices: Vec<String>,
}

impl<'a> Builder<'a> {
    fn build(mut self) -> Result<Interface> {
        let mut methods = self.methods()?;
        let mut signals = self.signals()?;
        methods.sort_by(|a, b| a.name.cmp(&b.name));
        signals.sort_by(|a, b| a.name.cmp(&b.name));
        annotations::add_for_generators(&mut methods, &mut signals);
        for method in &methods {
            check_arguments(&method.positional, &[names::OPTIONAL, names::RESULT])?;
        }
        for signal in &signals {
            check_arguments(&signal.positional, &[names::OPTIONAL])?;
        }
        self.note_stale_summaries(&methods, &signals);
        let Reached { objects, enumerations, alternates } =
            reached(self.source.versions, &methods, &signals);
        Ok(Interface {
            name: self.source.interface.into(),
            objects,
            enumerations,
            alternates,
            methods,
            signals,
            documented: self.documented,
            notices: self.notices,
        })
    }

    fn methods(&mut self) -> Result<Vec<Method>> {
        let ledger = &self.source.ledger.methods;
        let commands = merge::by_name(
            self.source.versions,
            |schema| &schema.commands,
            |command: &Command| &command.info.name,
        );
        let mut methods = Vec::new();
        for (name, over) in &commands {
            if exceptions::is_served(name) {
                methods.push(self.method(over, ledger.get(*name))?);
            }
        }
        for (command, entry) in ledger {
            if !commands.contains_key(command.as_str()) && self.keeps(command, entry) {
                self.names.add_method(command, Some(&entry.name))?;
                let class = class::decide_kept(self.source.protocol, command, entry.class);
                methods.push(kept_method(command, entry, class));
            }
        }
        Ok(methods)
    }

    fn signals(&mut self) -> Result<Vec<Signal>> {
        let ledger = &self.source.ledger.signals;
        let events = merge::by_name(
            self.source.versions,
            |schema| &schema.events,
            |event: &Event| &event.info.name,
        );
        let mut signals = Vec::new();
        for (name, over) in &events {
            signals.push(self.signal(over, ledger.get(*name))?);
        }
        for (event, entry) in ledger {
            if !events.contains_key(event.as_str()) && self.keeps(event, entry) {
                self.names.add_signal(event, Some(&entry.name))?;
                signals.push(kept_signal(event, entry));
            }
        }
        Ok(signals)
    }

    fn method(&mut self, over: &Over<'a, Command>, released: Option<&Entry>) -> Result<Method> {
        let (newest, command) = over[over.len() - 1];
        let info = &command.info;
        let versions: Vec<_> = over.iter().map(|(version, each)| (*version, each.data)).collect();
        let whole = Whole::new(&versions);
        let actual = result(over)?;
        let promised = released.filter(|entry| entry.is_promised());
        let (positional, optional, result) = match promised {
            Some(entry) => {
                let positional = entry.hold(&whole, Direction::In)?;
                (positional, entry.optional, entry.hold_result(actual.as_ref())?)
            }
            None => {
                let fd = exceptions::takes_fd(&info.name).then(fd_argument);
                let members = positional(&whole, info, Direction::In)?;
                (fd.into_iter().chain(members).collect(), whole.has_optional(), actual)
            }
        };
        let mut arguments = whole.into_object("");
        if let Some(fd) = positional.iter().find(|argument| argument.shape == Shape::Fd) {
            add_member(&mut arguments, &fd.member, Shape::Fd);
        }
        let module = newest.schema.module(info);
        let reference = self.source.protocol.reference(Definition::Command, module, &info.name);
        let doc = self.doc(Definition::Command, &reference, info);
        let class = class::decide(self.source.protocol, over);
        let mut annotations = of_definition(doc, info);
        annotations.push(annotations::of_class(class.class));
        Ok(Method {
            name: self.names.add_method(&info.name, released.map(|entry| entry.name.as_str()))?,
            command: info.name.clone(),
            module: module.into(),
            reference,
            annotations,
            positional,
            optional,
            arguments,
            data: named_data(&versions),
            result,
            oob: command.allow_oob,
            replies: command.success_response,
            class,
        })
    }

    fn signal(&mut self, over: &Over<'a, Event>, released: Option<&Entry>) -> Result<Signal> {
        let (newest, event) = over[over.len() - 1];
        let info = &event.info;
        let versions: Vec<_> = over.iter().map(|(version, each)| (*version, each.data)).collect();
        let whole = Whole::new(&versions);
        let positional = match released.filter(|entry| entry.is_promised()) {
            Some(entry) => entry.hold(&whole, Direction::Out)?,
            None => positional(&whole, info, Direction::Out)?,
        };
        let module = newest.schema.module(info);
        let reference = self.source.protocol.reference(Definition::Event, module, &info.name);
        let doc = self.doc(Definition::Event, &reference, info);
        Ok(Signal {
            name: self.names.add_signal(&info.name, released.map(|entry| entry.name.as_str()))?,
            event: info.name.clone(),
            module: module.into(),
            reference,
            annotations: of_definition(doc, info),
            positional,
            data: whole.into_object(""),
        })
    }

    fn doc(&mut self, kind: Definition, reference: &str, info: &Info) -> String {
        match self.source.summaries.get(kind, &info.name) {
            Some(summary) => {
                self.documented += 1;
                summary.into()
            }
            None => reference.into(),
        }
    }

    /// Whether something that no schema has any more is still served.
    fn keeps(&mut self, qapi: &str, entry: &Entry) -> bool {
        let keeps = entry.is_promised();
        let what = if keeps { "stays as the ledger has it" } else { "is gone: it was unstable" };
        self.notices.push(format!("no schema has '{qapi}': {} {what}", entry.name));
        keeps
    }

    fn note_stale_summaries(&mut self, methods: &[Method], signals: &[Signal]) {
        let Summaries { commands, events } = self.source.summaries;
        let is_command = |name: &str| methods.iter().any(|method| method.command == name);
        let is_event = |name: &str| signals.iter().any(|signal| signal.event == name);
        let commands = commands.keys().filter(|name| !is_command(name));
        let events = events.keys().filter(|name| !is_event(name));
        let note = |name| format!("nothing is called '{name}', which has a summary");
        self.notices.extend(commands.chain(events).map(note));
    }
}

/// The arguments that a new signature has in front: the members that are never left out.
fn positional(whole: &Whole<'_>, of: &Info, direction: Direction) -> Result<Vec<Argument>> {
    let argument = |part: &merge::Part<'_>| {
        let name = names::argument(part.name);
        let shape = part.declared(of, direction)?;
        let annotations = annotations::of_argument(&name, part.name, part.features());
        Ok(Argument { name, member: part.name.into(), shape, annotations })
    };
    whole.members.iter().filter(|part| part.always).map(argument).collect()
}

fn result(over: &Over<'_, Command>) -> Result<Option<Shape>> {
    let (_, newest) = over[over.len() - 1];
    let returning = || over.iter().filter_map(|(version, each)| Some((*version, each.returns?)));
    if returning().next().is_none() {
        return Ok(None);
    }
    merge::declared(&newest.info, names::RESULT, returning(), Direction::Out).map(Some)
}

/// The type that all of them have for data, if it has a name.
fn named_data(versions: &[(Version<'_>, Option<TypeId>)]) -> Option<String> {
    let name = |(version, id): &(Version<'_>, Option<TypeId>)| {
        let ty = version.schema.ty((*id)?);
        (!matches!(ty.kind, Kind::Struct { implicit: true, .. })).then(|| ty.info.name.clone())
    };
    let newest = name(versions.last()?)?;
    versions.iter().all(|version| name(version).as_ref() == Some(&newest)).then_some(newest)
}

fn of_definition(doc: String, info: &Info) -> Vec<Annotation> {
    annotations::of_definition(doc, &info.name, info.since.as_deref(), &info.features)
}

fn fd_argument() -> Argument {
    let fd = names::FD.to_owned();
    Argument { name: fd.clone(), member: fd, shape: Shape::Fd, annotations: Vec::new() }
}

/// A method of which no schema says anything any more.
fn kept_method(command: &str, entry: &Entry, class: Decision) -> Method {
    let mut annotations = entry.annotations.clone();
    annotations.push(annotations::of_class(class.class));
    Method {
        name: entry.name.clone(),
        command: command.into(),
        module: String::new(),
        reference: String::new(),
        annotations,
        positional: entry.positional.clone(),
        optional: entry.optional,
        arguments: known_from(&entry.positional),
        data: None,
        result: entry.result.clone(),
        oob: false,
        replies: true,
        class,
    }
}

/// A signal of which no schema says anything any more.
fn kept_signal(event: &str, entry: &Entry) -> Signal {
    Signal {
        name: entry.name.clone(),
        event: event.into(),
        module: String::new(),
        reference: String::new(),
        annotations: entry.annotations.clone(),
        positional: entry.positional.clone(),
        data: known_from(&entry.positional),
    }
}

fn known_from(positional: &[Argument]) -> Object {
    let mut object = Object::default();
    positional.iter().for_each(|known| add_member(&mut object, &known.member, known.shape.clone()));
    object
}

fn add_member(object: &mut Object, name: &str, shape: Shape) {
    let at = object.members.partition_point(|member| member.name.as_str() < name);
    let place = object.members.len();
    let name = name.to_owned();
    let member = Member { name, place, shape, always: true, life: Life::default() };
    object.members.insert(at, member);
}

fn check_arguments(arguments: &[Argument], added: &[&str]) -> Result<()> {
    let pairs = arguments.iter().map(|each| (each.name.as_str(), each.member.as_str()));
    names::check_arguments(pairs, added)
}

fn reached(versions: &[Version<'_>], methods: &[Method], signals: &[Signal]) -> Reached {
    let mut types = Types::new(versions);
    for method in methods {
        types.add_parts(&method.arguments);
        method.positional.iter().for_each(|argument| types.add(&argument.shape));
        method.result.iter().for_each(|result| types.add(result));
    }
    for signal in signals {
        types.add_parts(&signal.data);
        signal.positional.iter().for_each(|argument| types.add(&argument.shape));
    }
    types.finish()
}
