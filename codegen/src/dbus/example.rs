//! Values that stand for others in examples: for one schema the same each time.

use serde_json::{Map, Number, Value as Json};

use super::{
    interface::{Interface, Member, Method, Object, Signal, Union, Value},
    types::Shape,
};

/// What a member of this name holds, as a text. What is not here has a number behind its name.
const TEXTS: &[(&str, &str)] = &[
    ("addr", "10.0.2.15"),
    ("backing-file", "/var/lib/vm/base.qcow2"),
    ("buf-b64", "aGVsbG8="),
    ("channel-id", "main"),
    ("command-line", "info status"),
    ("data", "hello"),
    ("device", "disk0"),
    ("driver", "virtio-blk-pci"),
    ("filename", "/var/lib/vm/disk.qcow2"),
    ("format", "qcow2"),
    ("host", "192.0.2.1"),
    ("hostname", "192.0.2.1"),
    ("id", "disk0"),
    ("input-data", "aGVsbG8="),
    ("mode", "r"),
    ("node", "node0"),
    ("node-name", "node0"),
    ("password", "c2VjcmV0"),
    ("path", "/etc/hostname"),
    ("port", "4444"),
    ("property", "type"),
    ("protocol", "vnc"),
    ("snapshot-file", "/var/lib/vm/snapshot.qcow2"),
    ("str", "192.0.2.1:4444"),
    ("target", "/var/lib/vm/copy.qcow2"),
    ("tls-creds", "tls0"),
    ("typename", "virtio-blk-pci"),
    ("uri", "tcp:192.0.2.1:4444"),
    ("username", "root"),
];

/// Where an argument of this command holds something else: command, argument, text.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("chardev-add", "id", "serial1"),
    ("chardev-change", "id", "serial1"),
    ("chardev-remove", "id", "serial1"),
    ("chardev-send-break", "id", "serial1"),
    ("netdev_add", "id", "net1"),
    ("netdev_del", "id", "net1"),
    ("object-add", "id", "authz1"),
    ("object-del", "id", "authz1"),
    ("qom-get", "path", "/machine/peripheral/disk0"),
    ("qom-list", "path", "/machine/peripheral/disk0"),
    ("qom-set", "path", "/machine/peripheral/disk0"),
];

/// What a member of this name holds, as an integer. What is not here is 1.
const INTEGERS: &[(&str, u64)] = &[
    ("bandwidth", 1_048_576),
    ("count", 4096),
    ("cpu-index", 0),
    ("handle", 1000),
    ("logical-id", 0),
    ("offset", 0),
    ("port", 4444),
    ("pid", 1234),
    ("size", 1_048_576),
    ("value", 1_073_741_824),
];

/// Branches that say more than others that are as short.
const BRANCHES: &[&str] = &["file", "inet", "user", "qcode", "null"];

/// Types refer to each other in circles.
const DEPTH: usize = 8;

impl Interface {
    /// Arguments: the mandatory ones, and where there is a dictionary one of those in it.
    pub fn example_arguments(&self, method: &Method) -> Map<String, Json> {
        let mut arguments = self.example_object(&method.arguments, DEPTH);
        if method.arguments.union.is_none()
            && let Some(member) = self.shown(&method.arguments)
        {
            arguments.insert(member.name.clone(), self.example(&member.name, &member.shape, DEPTH));
        }
        for (command, member, text) in EXCEPTIONS {
            if method.command == *command {
                arguments.insert((*member).into(), (*text).into());
            }
        }
        arguments
    }

    /// What a method returns: an empty object for nothing.
    pub fn example_result(&self, method: &Method) -> Json {
        let empty = Json::Object(Map::new());
        method.result.as_ref().map_or(empty, |shape| self.example("", shape, DEPTH))
    }

    /// What an event tells.
    pub fn example_data(&self, signal: &Signal) -> Map<String, Json> {
        self.example_object(&signal.data, DEPTH)
    }

    /// The members of an object that are given, those of the union's branch behind the others.
    pub fn given<'a>(
        &'a self,
        object: &'a Object,
        values: &'a Map<String, Json>,
    ) -> Vec<(&'a Member, &'a Json)> {
        let own = self.common(object).into_iter();
        let mut given: Vec<_> =
            own.filter_map(|member| Some((member, values.get(&member.name)?))).collect();
        if let Some(branch) = self.branch_of(object, values) {
            given.extend(self.given(branch, values));
        }
        given
    }

    /// The object that a union adds for these values.
    pub fn branch_of<'a>(
        &'a self,
        object: &'a Object,
        values: &Map<String, Json>,
    ) -> Option<&'a Object> {
        let union = object.union.as_ref()?;
        let tag = values.get(&union.tag)?.as_str()?;
        let (_, name) = union.branches.iter().find(|(value, _)| value == tag)?;
        self.object(name)
    }

    fn shown<'a>(&self, object: &'a Object) -> Option<&'a Member> {
        let lasting = |member: &&Member| !member.always && member.life.lasts();
        let mut members: Vec<_> = object.members.iter().filter(lasting).collect();
        let is_known = |name: &str| TEXTS.iter().any(|(known, _)| *known == name);
        members.sort_by_key(|member| {
            (is_nested(&member.shape), !is_known(&member.name), member.place)
        });
        members.first().copied()
    }

    fn example_object(&self, object: &Object, depth: usize) -> Map<String, Json> {
        let mut values = Map::new();
        // Descriptors travel beside the text.
        let is_shown = |member: &&Member| member.always && member.shape != Shape::Fd;
        for member in self.common(object).into_iter().filter(is_shown) {
            values.insert(member.name.clone(), self.example(&member.name, &member.shape, depth));
        }
        if let Some(union) = &object.union {
            let (value, branch) = self.shortest(object, union, depth);
            values.insert(union.tag.clone(), value.into());
            if let Some(branch) = branch.and_then(|name| self.object(name)) {
                values.extend(self.example_object(branch, depth.saturating_sub(1)));
            }
        }
        values
    }

    /// The value of the tag that needs the least beside it, and the object that it adds.
    fn shortest<'a>(
        &'a self,
        object: &'a Object,
        union: &'a Union,
        depth: usize,
    ) -> (&'a str, Option<&'a str>) {
        let branch = |value: &str| union.branches.iter().find(|(name, _)| name == value);
        let values = self.tag_values(object).iter().filter(|value| value.life.lasts());
        let rated = values.map(|Value { name: value, .. }| {
            let name = branch(value).map(|(_, name)| name.as_str());
            let inner = name.and_then(|name| self.object(name));
            let members = inner.map_or(0, |it| match depth {
                0 => usize::MAX,
                depth => Json::Object(self.example_object(it, depth / 2)).to_string().len(),
            });
            let preferred = BRANCHES.contains(&value.as_str());
            // What adds nothing shows nothing.
            ((!preferred, members == 0, members), value, name)
        });
        let least = rated.min_by(|(a, ..), (b, ..)| a.cmp(b));
        least.map_or(("", None), |(_, value, name)| (value, name))
    }

    fn example(&self, name: &str, shape: &Shape, depth: usize) -> Json {
        let next = depth.saturating_sub(1);
        match shape {
            Shape::Str => text(name).into(),
            Shape::Enum(name) => self.first(name).into(),
            Shape::Bool | Shape::Any => true.into(),
            Shape::Number => Number::from_f64(0.5).into(),
            Shape::Null | Shape::Fd => Json::Null,
            Shape::Dictionary => Json::Object(Map::new()),
            Shape::Object(_) if depth == 0 => Json::Object(Map::new()),
            Shape::Object(name) => match self.object(name) {
                Some(object) => Json::Object(self.example_object(object, next)),
                None => Json::Object(Map::new()),
            },
            Shape::List(_) if depth == 0 => Json::Array(Vec::new()),
            Shape::List(element) => Json::Array(vec![self.example(name, element, next)]),
            Shape::Alternate(_, forms) => match simplest(forms) {
                Some(form) => self.example(name, form, next),
                None => Json::Null,
            },
            integer => {
                let found = INTEGERS.iter().find(|(known, _)| *known == name);
                let value = found.map_or(1, |(_, value)| *value);
                if fits(integer, value) { value.into() } else { 1.into() }
            }
        }
    }

    fn first(&self, name: &str) -> &str {
        let values = self.enumerations.iter().find(|each| each.name == name);
        let values = values.map_or(&[][..], |each| &each.values);
        let lasting = values.iter().find(|value| value.life.lasts());
        lasting.or(values.first()).map_or("", |value| &value.name)
    }
}

fn text(name: &str) -> String {
    let found = TEXTS.iter().find(|(known, _)| *known == name);
    match (found, name) {
        (Some((_, text)), _) => (*text).to_owned(),
        (None, "") => "text".to_owned(),
        (None, name) => format!("{}0", name.trim_end_matches("-id")),
    }
}

fn simplest(forms: &[Shape]) -> Option<&Shape> {
    forms.iter().min_by_key(|form| (**form == Shape::Null, is_nested(form)))
}

fn is_nested(shape: &Shape) -> bool {
    matches!(
        shape,
        Shape::Object(_) | Shape::Dictionary | Shape::List(_) | Shape::Alternate(..) | Shape::Any
    )
}

/// Of the integers above, only the narrow types are too small for some.
fn fits(shape: &Shape, value: u64) -> bool {
    match shape {
        Shape::Int8 => i8::try_from(value).is_ok(),
        Shape::Int16 => i16::try_from(value).is_ok(),
        Shape::Int32 => i32::try_from(value).is_ok(),
        Shape::Uint8 => u8::try_from(value).is_ok(),
        Shape::Uint16 => u16::try_from(value).is_ok(),
        Shape::Uint32 => u32::try_from(value).is_ok(),
        _ => i64::try_from(value).is_ok(),
    }
}
