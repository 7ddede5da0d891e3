//! What may be typed next: names of machines, commands, arguments and events, and values, as the
//! machine really has them, or as the interface does where none answers.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::{
    Members, descriptor,
    list::summary,
    live::Live,
    machine::{self, Endpoint, Machine},
    schema::{Member, Schema, Type},
    target::Target,
    words,
};
use crate::endpoint::Protocol;

/// For all that a bridge is asked: whoever types does not wait longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that may be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// The whole word; more of it follows where it ends with `=`, `.`, `:` or `/`.
    pub(super) word: String,
    pub(super) about: String,
}

impl Offer {
    pub(super) fn new(word: impl Into<String>, about: impl Into<String>) -> Self {
        Self { word: word.into(), about: about.into() }
    }
}

/// The machines.
pub(super) async fn machines(target: &Target) -> Vec<Offer> {
    let found = timeout(PATIENCE, target.place.found(false)).await;
    let machines = found.ok().and_then(Result::ok).unwrap_or_default();
    machines.iter().map(of_machine).collect()
}

fn of_machine(machine: &Machine) -> Offer {
    let states = machine.endpoints.iter().map(|endpoint| {
        format!("{} {}", machine::kind(endpoint.protocol), endpoint.property("State"))
    });
    Offer::new(&machine.name, states.collect::<Vec<_>>().join(", "))
}

/// What the machine can be asked for.
#[derive(Debug)]
pub(super) struct Known {
    sides: Vec<Side>,
    machines: Vec<Offer>,
}

/// How much is to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Of commands and events.
    Names,
    /// Their members and values, too: a monitor needs some milliseconds to tell them.
    Members,
}

/// One schema, with what its peer differs by.
#[derive(Debug)]
struct Side {
    live: Live,
    /// Of the peer that answers; none if none does.
    commands: Vec<String>,
    difference: Value,
}

impl Known {
    /// Asks the machine.
    pub(super) async fn of(target: &Target, depth: Depth) -> Self {
        let asked = async {
            let machine =
                machine::choose(target.place.found(false).await.ok()?, target.vm.as_deref());
            Some(Self::of_machine(&machine.ok()?, depth).await)
        };
        let known = timeout(PATIENCE, asked).await.ok().flatten();
        known.unwrap_or_else(|| Self {
            sides: [Protocol::Qmp, Protocol::Qga].map(|it| Side::unasked(Schema::of(it))).into(),
            machines: Vec::new(),
        })
    }

    /// The same, of a machine that was found before.
    pub(super) async fn of_machine(machine: &Machine, depth: Depth) -> Self {
        let mut sides = Vec::new();
        for endpoint in &machine.endpoints {
            sides.push(Side::asked(endpoint, depth).await);
        }
        Self { sides, machines: Vec::new() }
    }

    /// With these machines, to which one may go.
    pub(super) fn beside(self, machines: &[Machine]) -> Self {
        Self { machines: machines.iter().map(of_machine).collect(), ..self }
    }

    /// The machines.
    pub(super) fn machines(&self) -> Vec<Offer> {
        self.machines.clone()
    }

    /// Its commands.
    pub(super) fn commands(&self) -> Vec<Offer> {
        self.sides.iter().flat_map(Side::commands).collect()
    }

    /// Its events.
    pub(super) fn events(&self) -> Vec<Offer> {
        let monitors =
            self.sides.iter().filter(|it| it.schema().interface.name == "org.qemu.QmpQapi");
        monitors.flat_map(Side::events).collect()
    }

    /// The next word of a command's arguments, of which `before` are given.
    pub(super) fn arguments(&self, command: &str, before: &[String], word: &str) -> Vec<Offer> {
        let mut known = self.sides.iter().map(|side| (side, side.schema().command(command)));
        let Some((side, Some(command))) = known.find(|(_, it)| it.is_some()) else {
            return Vec::new();
        };
        let Some(ty) = side.schema().arguments(command) else { return Vec::new() };
        // What is wrong with them is said when they are used.
        let given = words::arguments(Some(ty), before).unwrap_or_default();
        let mut offers = member_or_value(ty, &given, word, "");
        let method = side.schema().interface.command(command);
        if method.is_some_and(descriptor::is_taken_by) {
            offers.extend(descriptor::offer(before));
        }
        if side.live.is_told() {
            return offers;
        }
        let lacks = |key: &str, word: &str| side.lists(key, &format!("{command}.{word}"));
        offers.retain(|it| !lacks("members-missing", it.word.trim_end_matches(['=', '.'])));
        if !word.contains(['=', '.']) {
            offers.extend(side.unknown_members(command));
        }
        offers
    }

    /// The next condition on an event.
    pub(super) fn conditions(&self, event: &str, word: &str) -> Vec<Offer> {
        let first = event.split(',').next().unwrap_or_default();
        let data = self.sides.iter().find_map(|side| side.schema().event(first));
        data.map(|ty| member_or_value(ty, &Members::new(), word, "")).unwrap_or_default()
    }
}

impl Side {
    fn unasked(schema: Schema<'static>) -> Self {
        Self { live: Live::built_in(schema), commands: Vec::new(), difference: Value::Null }
    }

    async fn asked(endpoint: &Endpoint, depth: Depth) -> Self {
        let commands = endpoint.commands().await.unwrap_or_default();
        let difference = endpoint.get("SchemaDifference").await.unwrap_or_default();
        let live = match depth {
            Depth::Names => Live::built_in(endpoint.schema()),
            Depth::Members => Live::of(endpoint).await,
        };
        Self { live, commands, difference }
    }

    fn schema(&self) -> Schema<'_> {
        self.live.schema()
    }

    fn commands(&self) -> Vec<Offer> {
        let mut commands: Vec<&str> = self.commands.iter().map(String::as_str).collect();
        if commands.is_empty() {
            commands.extend(self.schema().interface.methods.iter().map(|it| it.command));
        }
        let about = |command| self.schema().arguments(command).map(|it| summary(it.description()));
        commands.sort_unstable();
        commands.into_iter().map(|it| Offer::new(it, about(it).unwrap_or_default())).collect()
    }

    fn events(&self) -> Vec<Offer> {
        let known = self.schema().interface.signals.iter().map(|it| it.event);
        let known = known.filter(|it| !self.lists("events-missing", it));
        let about = |event| self.schema().event(event).map(|it| summary(it.description()));
        let known = known.map(|it| Offer::new(it, about(it).unwrap_or_default()));
        known.chain(self.listed("events-unknown").map(|it| Offer::new(it, ""))).collect()
    }

    /// Arguments that the peer has and the interface has not.
    fn unknown_members(&self, command: &str) -> impl Iterator<Item = Offer> {
        let members = self.listed("members-unknown");
        let of = members.filter_map(move |it| it.strip_prefix(command)?.strip_prefix('.'));
        of.map(|name| Offer::new(format!("{name}="), ""))
    }

    fn lists(&self, key: &str, name: &str) -> bool {
        self.listed(key).any(|it| it == name)
    }

    fn listed(&self, key: &str) -> impl Iterator<Item = &str> {
        self.difference[key].as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

/// Members of an object that are not given yet, or values of the one whose name is there.
fn member_or_value(ty: Type<'_>, given: &Members, word: &str, before: &str) -> Vec<Offer> {
    if let Some((name, _)) = word.split_once('=').filter(|(name, _)| !name.contains('.')) {
        let member = ty.member(name, given);
        let values = member.map(|it| values(it.ty)).unwrap_or_default();
        return values.iter().map(|it| Offer::new(format!("{before}{name}={it}"), "")).collect();
    }
    if let Some((name, rest)) = word.split_once('.') {
        let Some(member) = ty.member(name, given) else { return Vec::new() };
        let inner = given.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        return member_or_value(member.ty, &inner, rest, &format!("{before}{name}."));
    }
    let missing =
        |it: &&Member<'_>| !given.contains_key(it.name) || !kinds(it.ty, false).is_empty();
    let members = ty.members(given);
    members.iter().filter(missing).flat_map(|it| member(it, given, before)).collect()
}

/// A member as it is given: by its value, by its members, or either.
fn member(member: &Member<'_>, given: &Members, before: &str) -> Vec<Offer> {
    let Member { name, ty, required, .. } = member;
    let about = format!("{}{}", ty.name(), if *required { ", required" } else { "" });
    let nested = kinds(*ty, false).contains(&"object");
    let whole = kinds(*ty, true).iter().any(|kind| *kind != "object");
    let offer = |end: &str| Offer::new(format!("{before}{name}{end}"), &about);
    let again = kinds(*ty, false).contains(&"array");
    let plain = (whole || !nested) && (again || !given.contains_key(*name));
    nested.then(|| offer(".")).into_iter().chain(plain.then(|| offer("="))).collect()
}

/// What kinds of JSON a type has, all or those that are given in more than one piece.
fn kinds(ty: Type<'_>, all: bool) -> Vec<&str> {
    let kinds = ty.leaves().into_iter().filter_map(Type::kind);
    kinds.filter(|it| all || matches!(*it, "object" | "array")).collect()
}

/// Values that a type is known to have.
fn values(ty: Type<'_>) -> Vec<&str> {
    let mut values = ty.values();
    if kinds(ty, true).contains(&"boolean") {
        values.extend(["on", "off"]);
    }
    let element = ty.leaves().into_iter().find_map(Type::items);
    values.extend(element.map(Type::values).unwrap_or_default());
    values
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(difference: Value) -> Known {
        let schemas = [Protocol::Qmp, Protocol::Qga].map(Schema::of);
        let side = |schema| Side { difference: difference.clone(), ..Side::unasked(schema) };
        Known { sides: schemas.map(side).into(), machines: Vec::new() }
    }

    fn next(line: &str) -> Vec<String> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let ([command, before @ ..], [word]) = words.split_at(words.len() - 1) else { panic!() };
        let offers = known(Value::Null).arguments(command, before, word);
        offers.into_iter().map(|it| it.word).collect()
    }

    #[test]
    fn arguments_and_their_values_are_offered() {
        assert_eq!(next("guest-file-open "), ["mode=", "path="]);
        assert_eq!(next("guest-file-open mode=r "), ["path="]);
        assert_eq!(next("guest-file-seek whence="), ["whence=set", "whence=cur", "whence=end"]);
        assert!(next("guest-exec path=ls arg=-l ").contains(&"arg=".to_owned()));
        assert_eq!(next("QueryNamedBlockNodes flat="), ["flat=on", "flat=off"]);
        assert!(next("block_resize size=").is_empty());
        assert_eq!(next("getfd "), ["fdname=", "fd="]);
        assert_eq!(next("getfd fd=3 "), ["fdname="]);
        assert!(next("no-such ").is_empty());
    }

    #[test]
    fn unions_are_followed_to_their_members() {
        let words = next("blockdev-add driver=qcow2 ");
        for word in ["file=", "file.", "lazy-refcounts=", "node-name="] {
            assert!(words.contains(&word.to_owned()), "{word}: {words:?}");
        }
        assert!(!words.contains(&"driver=".to_owned()));
        assert!(
            next("blockdev-add driver=qcow2 file.driver=").contains(&"file.driver=nbd".to_owned())
        );
        let inner = next("blockdev-add driver=qcow2 file.driver=file file.f");
        assert!(inner.contains(&"file.filename=".to_owned()), "{inner:?}");
    }

    #[test]
    fn a_machine_has_what_it_says() {
        let known =
            known(json!({"members-missing": ["guest-file-open.mode"], "events-missing": ["STOP"],
            "members-unknown": ["guest-file-open.new"], "events-unknown": ["NEW"]}));
        let words = |offers: Vec<Offer>| offers.into_iter().map(|it| it.word).collect::<Vec<_>>();
        assert_eq!(words(known.arguments("guest-file-open", &[], "")), ["path=", "new="]);
        let events = words(known.events());
        assert!(events.contains(&"NEW".to_owned()) && !events.contains(&"STOP".to_owned()));
        assert_eq!(
            words(known.conditions("BLOCK_IO_ERROR", "action=")),
            ["action=ignore", "action=report", "action=stop"]
        );
    }
}
