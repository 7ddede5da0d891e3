//! The schema of a monitor as the monitor tells it: its members and values, with the names, ranges
//! and explanations of the one that is built in as far as both agree.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    Members,
    machine::{Endpoint, Manner},
    schema::{Schema, UNNAMED},
    text::printable,
};
use crate::endpoint::Protocol;

/// For the answer of a monitor: somebody waits for what it is good for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Members, values and branches that are taken of a monitor: many times those of QEMU.
const MOST: usize = 40_000;

/// Branches within branches; QEMU has two.
const DEEP: usize = 3;

/// The schema of an endpoint.
#[derive(Debug)]
pub(super) struct Live {
    built_in: Schema<'static>,
    told: Option<Value>,
}

impl Live {
    /// Asks a monitor for it. It is the one that is built in where the monitor is not ready, takes too
    /// long or the caller may not ask, and for agents, which tell none.
    pub(super) async fn of(endpoint: &Endpoint) -> Self {
        let built_in = endpoint.schema();
        if endpoint.protocol != Protocol::Qmp || endpoint.property("State") != "ready" {
            return Self { built_in, told: None };
        }
        let manner = Manner { deadline: Some(PATIENCE), out_of_band: false };
        let (endpoint, arguments) = (endpoint.unattended(), Members::new());
        let asked = endpoint.run("query-qmp-schema", &arguments, manner);
        let entries = timeout(PATIENCE, asked).await.ok().and_then(Result::ok);
        let entries = entries.as_ref().and_then(Value::as_array);
        Self { told: entries.map(|entries| graft(entries, built_in.definitions())), built_in }
    }

    /// The one that is built in.
    pub(super) fn built_in(schema: Schema<'static>) -> Self {
        Self { built_in: schema, told: None }
    }

    /// What it says.
    pub(super) fn schema(&self) -> Schema<'_> {
        self.told.as_ref().map_or(self.built_in, |told| self.built_in.with(told))
    }

    /// Whether it is the peer's own.
    pub(super) fn is_told(&self) -> bool {
        self.told.is_some()
    }
}

/// The definitions that a monitor's entries come to. What the monitor lacks stays as it is built in.
fn graft(entries: &[Value], ours: &Value) -> Value {
    let theirs = entries.iter().map(|entry| (text(entry, "name"), entry)).collect();
    let mut graft = Graft {
        theirs,
        ours,
        definitions: Members::new(),
        names: HashMap::new(),
        taken: HashSet::new(),
        waiting: Vec::new(),
        count: 0,
    };
    for entry in entries {
        graft.add(entry);
    }
    while let Some((ty, ours)) = graft.waiting.pop() {
        let written = graft.definition(ty, ours);
        let name = graft.names.get(ty).cloned().unwrap_or_default();
        graft.definitions.insert(name, written);
    }
    let mut all = ours.as_object().cloned().unwrap_or_default();
    all.extend(graft.definitions);
    all.into()
}

/// Types of a monitor on the way to definitions. A monitor may say what it likes: that types hold
/// themselves, or that there are more than anybody could use.
struct Graft<'a> {
    theirs: HashMap<&'a str, &'a Value>,
    ours: &'a Value,
    definitions: Members,
    /// What the definition of a type is called.
    names: HashMap<&'a str, String>,
    taken: HashSet<&'a str>,
    /// Types with a name, and what is known of them, whose definition is to be written.
    waiting: Vec<(&'a str, Option<&'a Value>)>,
    count: usize,
}

impl<'a> Graft<'a> {
    /// A command or an event.
    fn add(&mut self, entry: &'a Value) {
        let parts: &[_] = match text(entry, "meta-type") {
            "command" => &[("arg-type", "arguments"), ("ret-type", "result")],
            "event" => &[("arg-type", "data")],
            _ => return,
        };
        let Some(owner) = plain(&entry["name"]) else { return };
        for (key, part) in parts {
            let (ty, name) = (text(entry, key), format!("{owner}.{part}"));
            let ours = self.ours.get(&name);
            let mut written = match *part {
                "result" => self.place(ty, ours),
                _ => self.object(ty, ours, 0),
            };
            if let Some(description) = ours.and_then(|it| it.get("description")) {
                written["description"] = description.clone();
            }
            self.definitions.insert(name, written);
        }
    }

    /// A type where it is used.
    fn place(&mut self, ty: &'a str, ours: Option<&'a Value>) -> Value {
        match self.kind(ty) {
            "builtin" => self.builtin(ty, ours),
            "array" => {
                let element = text(self.theirs[ty], "element-type");
                let ours = ours.and_then(|it| it.get("items"));
                // QAPI has no lists of lists.
                let items = match self.kind(element) {
                    "array" => json!({}),
                    _ => self.place(element, ours),
                };
                json!({ "type": "array", "items": items })
            }
            "enum" | "object" | "alternate" => {
                json!({ "$ref": format!("#/$defs/{}", self.name(ty, ours)) })
            }
            _ => json!({}),
        }
    }

    fn kind(&self, ty: &str) -> &'a str {
        self.theirs.get(ty).map_or("", |entry| text(entry, "meta-type"))
    }

    fn builtin(&self, ty: &str, ours: Option<&Value>) -> Value {
        let kind = match text(self.theirs[ty], "json-type") {
            "int" => "integer",
            kind @ ("string" | "number" | "boolean" | "null") => kind,
            _ => return json!({}),
        };
        match ours.and_then(Value::as_object).filter(|ours| ours.get("type") == Some(&kind.into()))
        {
            // They tell no ranges.
            Some(ours) => {
                let kept = ours.iter().filter(|(key, _)| *key != "deprecated");
                kept.map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            None => json!({ "type": kind }),
        }
    }

    /// What a type with a definition of its own is called.
    fn name(&mut self, ty: &'a str, ours: Option<&'a Value>) -> String {
        if let Some(name) = self.names.get(ty) {
            return name.clone();
        }
        let known = ours.and_then(reference).filter(|name| self.taken.insert(name));
        let name = known.map_or_else(|| format!("{UNNAMED}{ty}"), str::to_owned);
        self.names.insert(ty, name.clone());
        self.waiting.push((ty, ours));
        name
    }

    fn definition(&mut self, ty: &'a str, ours: Option<&'a Value>) -> Value {
        let entry = self.theirs[ty];
        match self.kind(ty) {
            "enum" => {
                // Monitors before 6.2 tell values, others both.
                let names = list(entry, "members").map(|it| &it["name"]);
                let mut values: Vec<_> = names.filter_map(plain).collect();
                if values.is_empty() {
                    values = list(entry, "values").filter_map(plain).collect();
                }
                values.truncate(self.left());
                self.count += values.len();
                json!({ "enum": values })
            }
            "alternate" => {
                let ours = self.resolved(ours).and_then(|it| it["anyOf"].as_array());
                let types = list(entry, "members").map(|it| text(it, "type")).enumerate();
                let types = types.take(self.left());
                let types: Vec<_> = types.filter(|(_, ty)| self.kind(ty) != "alternate").collect();
                self.count += types.len();
                let all = types
                    .into_iter()
                    .map(|(at, ty)| self.place(ty, ours.and_then(|ours| ours.get(at))));
                json!({ "anyOf": all.collect::<Vec<_>>() })
            }
            _ => self.object(ty, ours, 0),
        }
    }

    /// The members of an object and, as deep as it makes sense, of its branches.
    fn object(&mut self, ty: &'a str, ours: Option<&'a Value>, depth: usize) -> Value {
        let Some(&entry) = self.theirs.get(ty) else { return json!({ "type": "object" }) };
        let ours = self.resolved(ours);
        let (mut properties, mut required) = (Members::new(), Vec::new());
        for member in list(entry, "members").take(self.left()) {
            let Some(name) = plain(&member["name"]) else { continue };
            self.count += 1;
            let known = ours.and_then(|it| it["properties"].get(name));
            let mut written = self.place(text(member, "type"), known);
            if list(member, "features").any(|it| it == "deprecated") {
                written["deprecated"] = true.into();
            }
            if member.get("default").is_none() {
                required.push(name);
            }
            properties.insert(name.to_owned(), written);
        }
        let mut branches = Vec::new();
        let tag = text(entry, "tag");
        let deeper = if depth < DEEP { self.left() } else { 0 };
        for variant in list(entry, "variants").take(deeper) {
            let Some(case) = plain(&variant["case"]).filter(|_| self.left() > 0) else { continue };
            self.count += 1;
            let known = ours.and_then(|it| {
                it["allOf"]
                    .as_array()?
                    .iter()
                    .find(|it| it["if"]["properties"][tag]["const"] == case)
            });
            let known = known.and_then(|it| it.get("then"));
            let branch = self.object(text(variant, "type"), known, depth + 1);
            branches.push(
                json!({ "if": { "properties": { tag: { "const": case } } }, "then": branch }),
            );
        }
        json!({ "type": "object", "properties": properties, "required": required, "allOf": branches })
    }

    fn resolved(&self, ours: Option<&'a Value>) -> Option<&'a Value> {
        match ours.and_then(reference) {
            Some(name) => self.ours.get(name),
            None => ours,
        }
    }

    /// What may be taken still.
    fn left(&self) -> usize {
        MOST.saturating_sub(self.count)
    }
}

/// The name of the definition that a type refers to.
fn reference(ty: &Value) -> Option<&str> {
    ty["$ref"].as_str()?.rsplit('/').next()
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry[key].as_str().unwrap_or_default()
}

/// A name, if nothing in it is for a terminal.
fn plain(name: &Value) -> Option<&str> {
    name.as_str().filter(|name| printable(name) == *name)
}

fn list<'a>(entry: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    entry[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(entries: Value) -> Live {
        let built_in = Schema::of(Protocol::Qmp);
        let told = graft(entries.as_array().unwrap(), built_in.definitions());
        Live { built_in, told: Some(told) }
    }

    fn object(name: &str, members: Value) -> Value {
        json!({ "name": name, "meta-type": "object", "members": members })
    }

    fn command(name: &str, arguments: &str) -> Value {
        json!({ "name": name, "meta-type": "command", "arg-type": arguments, "ret-type": "0" })
    }

    #[test]
    fn members_and_values_are_the_monitors_and_names_and_ranges_ours() {
        let live = told(json!([
            command("block_resize", "1"),
            command("x-new", "2"),
            object("1", json!([
                { "name": "size", "type": "int" },
                { "name": "new", "type": "3", "default": null, "features": ["deprecated"] },
            ])),
            object("2", json!([{ "name": "list", "type": "4" }, { "name": "a\u{1b}", "type": "int" }])),
            { "name": "3", "meta-type": "enum", "values": ["x", "y"] },
            { "name": "4", "meta-type": "array", "element-type": "3" },
            { "name": "int", "meta-type": "builtin", "json-type": "int" },
            command("query-status", "0"),
            { "name": "0", "meta-type": "object", "members": [] },
        ]));
        let none = Members::new();
        let resize = live.schema().arguments("block_resize").unwrap();
        assert!(resize.description().starts_with("Grow or shrink"));
        let names: Vec<_> = resize.members(&none).iter().map(|it| it.name).collect();
        assert_eq!(names, ["new", "size"]);
        let size = resize.member("size", &none).unwrap();
        assert!(size.required && size.ty.range().is_some());
        let new = resize.member("new", &none).unwrap();
        assert!(!new.required && new.deprecated && new.ty.name() == "string");
        assert_eq!(new.ty.values(), ["x", "y"]);
        let members = live.schema().arguments("x-new").unwrap().members(&none);
        assert_eq!((members.len(), members[0].ty.name().as_str()), (1, "[string]"));
        // What it does not tell of is as it was.
        assert!(live.schema().arguments("blockdev-add").is_some());
    }

    #[test]
    fn unions_are_followed_and_known_names_are_kept() {
        let live = told(json!([
            command("blockdev-add", "1"),
            { "name": "1", "meta-type": "object", "tag": "driver",
              "members": [{ "name": "driver", "type": "2" }, { "name": "node-name", "type": "str", "default": null }],
              "variants": [{ "case": "raw", "type": "3" }, { "case": "newest", "type": "4" }] },
            { "name": "2", "meta-type": "enum", "members": [{ "name": "raw" }, { "name": "newest" }] },
            object("3", json!([{ "name": "file", "type": "5" }])),
            object("4", json!([{ "name": "depth", "type": "int" }])),
            { "name": "5", "meta-type": "alternate", "members": [{ "type": "1" }, { "type": "str" }] },
            { "name": "int", "meta-type": "builtin", "json-type": "int" },
            { "name": "str", "meta-type": "builtin", "json-type": "string" },
        ]));
        let add = live.schema().arguments("blockdev-add").unwrap();
        let given = |driver: &str| json!({ "driver": driver }).as_object().unwrap().clone();
        assert!(add.member("depth", &given("newest")).is_some());
        assert!(add.member("depth", &given("raw")).is_none());
        assert_eq!(add.member("driver", &given("raw")).unwrap().ty.name(), "BlockdevDriver");
        assert_eq!(add.member("driver", &given("raw")).unwrap().ty.values(), ["raw", "newest"]);
        let file = add.member("file", &given("raw")).unwrap().ty;
        assert_eq!(file.name(), "BlockdevRef");
        assert!(file.member("depth", &given("newest")).is_some());
    }

    /// Types that hold themselves, in as many branches.
    fn circles(branches: usize) -> Live {
        let variant = json!({ "case": "c", "type": "1" });
        told(json!([
            { "name": "cont", "meta-type": "command", "arg-type": "1", "ret-type": "3" },
            { "name": "stop", "meta-type": "command", "arg-type": "gone", "ret-type": "2" },
            { "name": "1", "meta-type": "object", "tag": "t", "variants": vec![variant; branches],
              "members": [{ "name": "t", "type": "2" }, { "name": "u", "type": "3" }, { "name": 7 }] },
            { "name": "2", "meta-type": "array", "element-type": "2" },
            { "name": "3", "meta-type": "alternate", "members": [{ "type": "3" }, { "type": "1" }] },
            7, { "name": [] }, {},
        ]))
    }

    #[test]
    fn a_monitor_that_runs_in_circles_ends() {
        let given = json!({ "t": "c" }).as_object().unwrap().clone();
        let live = circles(2);
        let cont = live.schema().arguments("cont").unwrap();
        let member = |name| cont.member(name, &given).unwrap().ty;
        assert_eq!((member("t").name(), member("u").name()), ("[any]".into(), "object".into()));
        assert!(live.schema().arguments("stop").unwrap().members(&given).is_empty());
        let told = circles(10_000).told.unwrap();
        let written = told["cont.arguments"].to_string().matches("$ref").count();
        assert!((1000..=MOST).contains(&written), "{written}");
    }
}
