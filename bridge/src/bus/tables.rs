//! The endpoints' own interfaces, as tables like the generated ones.

use crate::transcode::shape::{Interface, Member, Method, Object, Shape, UNKNOWN};

const COMMAND: Member = Member { name: "command", shape: Shape::Str };
const ARGUMENTS: Member = Member { name: "arguments", shape: Shape::Object(&UNKNOWN) };
const EVENTS: Member = Member { name: "events", shape: Shape::List(&Shape::Str) };
const MATCH: Member = Member { name: "match", shape: Shape::Object(&UNKNOWN) };
const JSON: Member = Member { name: "json", shape: Shape::Str };

static CALL_ARGUMENTS: Object =
    Object { name: "", members: &[ARGUMENTS, COMMAND, EVENTS, JSON, MATCH], union: None };

const CALL: Method = method("Call", &[COMMAND, ARGUMENTS], true, Some(Shape::Any));
const CALL_AND_WAIT: Method =
    method("CallAndWait", &[COMMAND, ARGUMENTS, EVENTS, MATCH], true, Some(Shape::Any));
const EXECUTE: Method = method("Execute", &[JSON], false, Some(Shape::Str));

/// `org.qemu.QmpEndpoint`
pub(super) static QMP: Interface = Interface {
    name: "org.qemu.QmpEndpoint",
    xml: include_str!("../../../introspection/org.qemu.QmpEndpoint.xml"),
    methods: &[CALL, CALL_AND_WAIT, EXECUTE],
    signals: &[],
};

/// `org.qemu.QgaEndpoint`
pub(super) static QGA: Interface = Interface {
    name: "org.qemu.QgaEndpoint",
    xml: include_str!("../../../introspection/org.qemu.QgaEndpoint.xml"),
    methods: &[CALL, EXECUTE],
    signals: &[],
};

const fn method(
    name: &'static str,
    positional: &'static [Member],
    optional: bool,
    result: Option<Shape>,
) -> Method {
    Method {
        name,
        command: "",
        positional,
        optional,
        arguments: &CALL_ARGUMENTS,
        result,
        oob: true,
        replies: true,
    }
}
