use serde_json::{Value, json};

use crate::transcode::shape::{
    Class, Interface, Member, Method, Object, Shape, Signal, UNKNOWN, Union,
};

use super::*;

static ADD: Object = Object {
    name: "",
    members: &[
        Member { name: "driver", shape: Shape::Str },
        Member { name: "fd", shape: Shape::Fd },
        Member { name: "node-name", shape: Shape::Str },
    ],
    union: Some(Union { tag: "driver", branches: &[("file", &FILE)] }),
};

static FILE: Object = Object {
    name: "File",
    members: &[Member { name: "filename", shape: Shape::Str }],
    union: None,
};

static RESET: Object =
    Object { name: "", members: &[Member { name: "guest", shape: Shape::Bool }], union: None };

static INTERFACE: Interface = Interface {
    name: "org.example.Qapi",
    xml: "",
    methods: &[method("Add", "add", &ADD), method("Stop", "stop", &UNKNOWN)],
    signals: &[
        Signal { name: "Reset", event: "RESET", positional: &[], data: &RESET },
        Signal { name: "Wakeup", event: "WAKEUP", positional: &[], data: &UNKNOWN },
    ],
};

const fn method(name: &'static str, command: &'static str, arguments: &'static Object) -> Method {
    Method {
        name,
        command,
        positional: &[],
        optional: true,
        arguments,
        result: None,
        oob: false,
        replies: true,
        class: Class::Host,
    }
}

/// The schema of a peer that has what [`INTERFACE`] has.
fn alike() -> Value {
    json!([
        { "name": "qmp_capabilities", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
        { "name": "add", "meta-type": "command", "arg-type": "1", "ret-type": "0" },
        { "name": "stop", "meta-type": "command", "arg-type": "0", "ret-type": "0" },
        { "name": "RESET", "meta-type": "event", "arg-type": "3" },
        { "name": "WAKEUP", "meta-type": "event", "arg-type": "0" },
        { "name": "0", "meta-type": "object", "members": [] },
        {
            "name": "1",
            "meta-type": "object",
            "members": [
                { "name": "node-name", "type": "str", "default": null },
                { "name": "driver", "type": "4" },
            ],
            "tag": "driver",
            "variants": [{ "case": "file", "type": "2" }, { "case": "null-co", "type": "0" }],
        },
        { "name": "2", "meta-type": "object", "members": [{ "name": "filename", "type": "str" }] },
        { "name": "3", "meta-type": "object", "members": [{ "name": "guest", "type": "bool" }] },
        {
            "name": "4",
            "meta-type": "enum",
            "members": [{ "name": "file" }, { "name": "null-co" }],
            "values": ["file", "null-co"],
        },
        { "name": "5", "meta-type": "alternate", "members": [{ "type": "str" }, { "type": "2" }] },
        { "name": "[5]", "meta-type": "array", "element-type": "5" },
        { "name": "str", "meta-type": "builtin", "json-type": "string" },
    ])
}

/// What differs, without the kinds in which nothing does.
fn differing(schema: &Value) -> Vec<(&'static str, String)> {
    let difference = Difference::from_schema(&INTERFACE, schema.to_string().as_bytes()).unwrap();
    assert_eq!(difference.lists().count(), 6);
    let lists = difference.lists().filter(|(_, names)| !names.is_empty());
    lists.map(|(kind, names)| (kind, names.join(" "))).collect()
}

#[test]
fn a_peer_of_the_same_schema_differs_in_nothing() {
    assert_eq!(differing(&alike()), []);
}

#[test]
fn what_only_the_interface_has_is_missing() {
    let mut schema = alike();
    let entries = schema.as_array_mut().unwrap();
    entries[7]["members"] = json!([]);
    entries[8]["members"] = json!([]);
    entries.retain(|entry| entry["name"] != "stop" && entry["name"] != "WAKEUP");
    let expected = [
        (COMMANDS_MISSING, "stop".to_owned()),
        (EVENTS_MISSING, "WAKEUP".to_owned()),
        (MEMBERS_MISSING, "RESET.guest add.filename".to_owned()),
    ];
    assert_eq!(differing(&schema), expected);
}

#[test]
fn what_only_the_peer_has_is_unknown() {
    let mut schema = alike();
    let entries = schema.as_array_mut().unwrap();
    entries[2]["arg-type"] = json!("2");
    entries[4]["arg-type"] = json!("3");
    entries.push(json!({ "name": "x-new", "meta-type": "command", "arg-type": "2" }));
    entries.push(json!({ "name": "NEW", "meta-type": "event" }));
    let expected = [
        (COMMANDS_UNKNOWN, "x-new".to_owned()),
        (EVENTS_UNKNOWN, "NEW".to_owned()),
        (MEMBERS_UNKNOWN, "WAKEUP.guest stop.filename".to_owned()),
    ];
    assert_eq!(differing(&schema), expected);
}

#[test]
fn a_type_that_is_its_own_branch_ends() {
    let mut schema = alike();
    schema[6]["variants"] = json!([{ "case": "file", "type": "1" }]);
    assert_eq!(differing(&schema), [(MEMBERS_MISSING, "add.filename".to_owned())]);
}

#[test]
fn what_is_no_schema_is_refused() {
    for text in ["", "{}", "[1]", r#"[{ "name": "stop" }]"#] {
        assert!(Difference::from_schema(&INTERFACE, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn commands_alone_are_compared_where_the_peer_tells_no_more() {
    let commands = ["add", "guest-new"].map(str::to_owned);
    let difference = Difference::from_commands(&INTERFACE, &commands);
    assert_eq!(difference.to_string(), "commands-missing 1, commands-unknown 1");
    let lists: Vec<_> = difference.lists().collect();
    let (stop, new) = (["stop".to_owned()], ["guest-new".to_owned()]);
    assert_eq!(lists, [(COMMANDS_MISSING, &stop[..]), (COMMANDS_UNKNOWN, &new[..])]);
}
