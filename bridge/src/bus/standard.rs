//! The standard interfaces: Peer, Introspectable, Properties, ObjectManager (D-Bus specification, "Standard
//! Interfaces").

use std::sync::Arc;

use crate::transcode::{
    Json, Part,
    shape::{Class, Interface, Member, Method, Shape, UNKNOWN},
};

use super::{
    errors::{Failure, standard},
    gate::{Deed, Entrance},
    manager::{self, Managed},
    objects::{Object, Objects},
    properties::{self, Properties},
    reply::Reply,
};

/// What every object serves besides its own interfaces.
pub(super) const XML: &str = r#"  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml_data" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="props" type="a{sv}" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
"#;

/// The interface that every connection has.
const PEER: &str = "org.freedesktop.DBus.Peer";

const INTERFACE: Member = Member { name: "interface_name", shape: Shape::Str };
const PROPERTY: Member = Member { name: "property_name", shape: Shape::Str };
const VALUE: Member = Member { name: "value", shape: Shape::Any };

/// The standard interfaces as tables; their members are answered by [`answer`].
static INTERFACES: &[Interface] = &[
    interface(PEER, &[method("GetMachineId", &[], Some(Shape::Str)), method("Ping", &[], None)]),
    interface(
        "org.freedesktop.DBus.Introspectable",
        &[method("Introspect", &[], Some(Shape::Str))],
    ),
    interface(
        "org.freedesktop.DBus.Properties",
        &[
            method("Get", &[INTERFACE, PROPERTY], Some(Shape::Any)),
            method("GetAll", &[INTERFACE], Some(Shape::Object(&UNKNOWN))),
            method("Set", &[INTERFACE, PROPERTY, VALUE], None),
        ],
    ),
    interface(manager::INTERFACE, &[method("GetManagedObjects", &[], Some(Shape::Any))]),
];

/// The standard interfaces at a path, where an object stands at or below it or not.
pub(super) fn interfaces(path: &str, exists: bool) -> impl Iterator<Item = &'static Interface> {
    INTERFACES.iter().filter(move |it| match it.name {
        // It belongs to the connection, whatever the path.
        PEER => true,
        manager::INTERFACE => exists && path == manager::ROOT,
        _ => exists,
    })
}

const fn interface(name: &'static str, methods: &'static [Method]) -> Interface {
    Interface { name, xml: "", methods, signals: &[] }
}

const fn method(
    name: &'static str,
    positional: &'static [Member],
    result: Option<Shape>,
) -> Method {
    Method {
        name,
        command: "",
        positional,
        optional: false,
        arguments: &UNKNOWN,
        result,
        oob: false,
        replies: true,
        class: Class::Read,
    }
}

/// Where a call goes to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) objects: &'a Objects,
    pub(super) path: &'a str,
    /// None stands above those that do.
    pub(super) object: Option<&'a Object>,
}

/// Answers a member of a standard interface.
pub(super) fn answer(
    entrance: Entrance<'_>,
    Place { objects, path, object }: Place<'_>,
    method: &'static Method,
    arguments: &Json<'_>,
    reply: Reply,
) {
    let text = |name: &str| match arguments.get(name) {
        Some(Json::Str(text)) => text.as_ref(),
        _ => "",
    };
    let result = match method.name {
        "Ping" => Ok(None),
        "GetMachineId" => machine_id().map(Some),
        "Introspect" => Ok(objects.introspect(path).map(|xml| Json::Str(xml.into()))),
        "Get" => {
            let name = text("property_name");
            return match get(object, text("interface_name"), name) {
                Ok(value) => {
                    let shape = properties::variant_of(name);
                    reply.value(&[Part { name: "value", shape, value }]);
                }
                Err(failure) => reply.fail(&failure),
            };
        }
        "GetManagedObjects" => return reply.send(&Managed::of(objects)),
        "GetAll" => return get_all(object, text("interface_name"), reply),
        _ => {
            let value = arguments.get("value").and_then(Json::as_str);
            let property = (text("interface_name"), text("property_name"), value);
            return set(entrance, object, property, reply);
        }
    };
    match result {
        Ok(None) => reply.send(&()),
        Ok(Some(value)) => {
            reply.value(&[Part { name: "result", shape: Shape::Str, value }]);
        }
        Err(failure) => reply.fail(&failure),
    }
}

fn machine_id() -> Result<Json<'static>, Failure> {
    let read = |path| std::fs::read_to_string(path).ok();
    read("/etc/machine-id")
        .or_else(|| read("/var/lib/dbus/machine-id"))
        .map(|id| Json::Str(id.trim().to_owned().into()))
        .ok_or_else(|| Failure::new(standard::FAILED, "this machine has no machine-id"))
}

/// The properties of an interface; most have none.
fn properties_of(object: Option<&Object>, interface: &str) -> Result<Properties, Failure> {
    let found = object.and_then(|object| {
        let endpoint = object.endpoints.iter().find(|it| it.interface().name == interface);
        let service = object.service.iter().find(|it| it.interface().name == interface);
        endpoint.map(|it| it.properties()).or_else(|| service.map(|it| it.properties()))
    });
    let served = object.into_iter().flat_map(Object::interfaces);
    match found {
        Some(properties) => Ok(properties),
        None if INTERFACES.iter().chain(served).any(|known| known.name == interface) => {
            Ok(Properties::new())
        }
        None => {
            let text = format!("this object has no interface `{interface}`");
            Err(Failure::new(standard::UNKNOWN_INTERFACE, &text))
        }
    }
}

fn get(object: Option<&Object>, interface: &str, name: &str) -> Result<Json<'static>, Failure> {
    let mut found = properties_of(object, interface)?.into_iter();
    found.find(|(property, _)| *property == name).map(|(_, value)| value).ok_or_else(|| {
        let text = format!("`{interface}` has no property `{name}`");
        Failure::new(standard::UNKNOWN_PROPERTY, &text)
    })
}

fn get_all(object: Option<&Object>, interface: &str, reply: Reply) {
    match properties_of(object, interface) {
        Err(failure) => reply.fail(&failure),
        Ok(found) => reply.value(&[properties::part(found)]),
    }
}

/// Few can be set: a property by interface and name, to a string.
fn set(
    entrance: Entrance<'_>,
    object: Option<&Object>,
    (interface, name, value): (&str, &str, Option<&str>),
    reply: Reply,
) {
    if let Err(failure) = get(object, interface, name) {
        return reply.fail(&failure);
    }
    let service = object.and_then(|object| object.service.as_ref());
    let service = service.filter(|it| it.interface().name == interface && it.is_writable(name));
    let Some(service) = service else { return reply.fail(&Failure::read_only(name)) };
    let Some(value) = value else {
        let text = format!("argument `value` (v): `{name}` is a string");
        return reply.fail(&Failure::invalid_args(&text));
    };
    let (service, passage) = (Arc::clone(service), entrance.declare(Deed::setting(name)));
    let (name, value) = (name.to_owned(), value.to_owned());
    passage.pass(reply, move |reply| match service.set(&name, &value) {
        Ok(()) => reply.send(&()),
        Err(failure) => reply.fail(&failure),
    });
}
