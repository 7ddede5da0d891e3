//! The interfaces of the endpoints and of the bridge itself, as tables like the generated ones.

use crate::transcode::shape::{Class, Interface, Member, Method, Object, Shape, UNKNOWN};

const COMMAND: Member = Member { name: "command", shape: Shape::Str };
const ARGUMENTS: Member = Member { name: "arguments", shape: Shape::Object(&UNKNOWN) };
const EVENTS: Member = Member { name: "events", shape: Shape::List(&Shape::Str) };
const MATCH: Member = Member { name: "match", shape: Shape::Object(&UNKNOWN) };
const SEQUENCE: Member = Member { name: "sequence", shape: Shape::Uint64 };
const HANDLE: Member = Member { name: "handle", shape: Shape::Uint64 };
const NAME: Member = Member { name: "name", shape: Shape::Str };
const SOCKETS: Member = Member { name: "sockets", shape: Shape::Object(&UNKNOWN) };
const PATH: Member = Member { name: "path", shape: Shape::Str };
const TO: Member = Member { name: "to", shape: Shape::Fd };
const SOURCE: Member = Member { name: "source", shape: Shape::Fd };
const ARGV: Member = Member { name: "argv", shape: Shape::List(&Shape::Str) };
const ENV: Member = Member { name: "env", shape: Shape::List(&Shape::Str) };
const INPUT: Member = Member { name: "input", shape: Shape::Bytes };
const LENGTH: Member = Member { name: "length", shape: Shape::Uint64 };
const MODE: Member = Member { name: "mode", shape: Shape::Str };
const OFFSET: Member = Member { name: "offset", shape: Shape::Uint64 };
const PROGRESS: Member = Member { name: "progress", shape: Shape::Uint64 };
const JSON: Member = Member { name: "json", shape: Shape::Str };

static NAMES: Object = Object {
    name: "",
    members: &[
        ARGUMENTS, ARGV, COMMAND, ENV, EVENTS, HANDLE, INPUT, JSON, LENGTH, MATCH, MODE, NAME,
        OFFSET, PATH, PROGRESS, SEQUENCE, SOCKETS, SOURCE, TO,
    ],
    union: None,
};

// What a method runs that takes any command is the command's to say: this is how far it can go.
const CALL: Method = method("Call", Class::Host, &[COMMAND, ARGUMENTS], true, Some(Shape::Any));
const CALL_AND_WAIT: Method = method(
    "CallAndWait",
    Class::Host,
    &[COMMAND, ARGUMENTS, EVENTS, MATCH],
    true,
    Some(Shape::Any),
);
const EVENTS_SINCE: Method = method("EventsSince", Class::Read, &[SEQUENCE], false, None);
const EXECUTE: Method = method("Execute", Class::Host, &[JSON], false, Some(Shape::Str));

const READ_FILE: Method = bulk("ReadFile", &[PATH, TO], Shape::Uint64);
const RUN: Method = bulk("Run", &[ARGV], Shape::Int32);
const WRITE_FILE: Method = bulk("WriteFile", &[PATH, SOURCE], Shape::Uint64);

const SUBSCRIBE: Method =
    method("Subscribe", Class::Read, &[EVENTS, MATCH], false, Some(Shape::Uint64));
const UNSUBSCRIBE: Method = method("Unsubscribe", Class::Read, &[HANDLE], false, None);

/// `org.qemu.QmpEndpoint`
pub(super) static QMP: Interface = Interface {
    name: "org.qemu.QmpEndpoint",
    xml: include_str!("../../../introspection/org.qemu.QmpEndpoint.xml"),
    methods: &[CALL, CALL_AND_WAIT, EVENTS_SINCE, EXECUTE, SUBSCRIBE, UNSUBSCRIBE],
    signals: &[],
};

/// `org.qemu.QgaEndpoint`
pub(super) static QGA: Interface = Interface {
    name: "org.qemu.QgaEndpoint",
    xml: include_str!("../../../introspection/org.qemu.QgaEndpoint.xml"),
    methods: &[CALL, EXECUTE, READ_FILE, RUN, WRITE_FILE],
    signals: &[],
};

/// `org.qemu.Bridge`
pub static BRIDGE: Interface = Interface {
    name: "org.qemu.Bridge",
    xml: include_str!("../../../introspection/org.qemu.Bridge.xml"),
    methods: &[
        method("AddVm", Class::Host, &[NAME, SOCKETS], false, None),
        method("Reload", Class::Host, &[], false, None),
        method("RemoveVm", Class::Host, &[NAME], false, None),
    ],
    signals: &[],
};

/// `org.freedesktop.LogControl1`
pub static LOG_CONTROL: Interface = Interface {
    name: "org.freedesktop.LogControl1",
    xml: include_str!("../../../introspection/org.freedesktop.LogControl1.xml"),
    methods: &[],
    signals: &[],
};

const fn method(
    name: &'static str,
    class: Class,
    positional: &'static [Member],
    optional: bool,
    result: Option<Shape>,
) -> Method {
    Method {
        name,
        command: "",
        positional,
        optional,
        arguments: &NAMES,
        result,
        oob: true,
        replies: true,
        class,
    }
}

/// One that acts in the guest by several commands, each of which goes in band.
const fn bulk(name: &'static str, positional: &'static [Member], result: Shape) -> Method {
    Method { oob: false, ..method(name, Class::GuestExec, positional, true, Some(result)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zbus_xml::{ArgDirection, Node};

    #[test]
    fn tables_are_what_the_documents_say() {
        for served in [&QMP, &QGA, &BRIDGE, &LOG_CONTROL] {
            let node = Node::from_reader(served.xml.as_bytes()).unwrap();
            let [documented] = node.interfaces() else { panic!("one interface a document") };
            assert_eq!(documented.name().as_str(), served.name);
            let methods: Vec<_> = documented.methods().map(signature).collect();
            let expected: Vec<_> =
                served.methods.iter().map(|it| (it.name.to_owned(), it.signature())).collect();
            assert_eq!(methods, expected);
        }
    }

    fn signature(method: &zbus_xml::Method<'_>) -> (String, String) {
        let given = method.args().iter().filter(|it| it.direction() == Some(ArgDirection::In));
        (method.name().to_string(), given.map(|it| it.ty().to_string()).collect())
    }
}
