//! Which objects there are, and what comes and goes (D-Bus specification, "ObjectManager").
//!
//! Of a machine's properties those are told here that say how it is. What takes kilobytes a machine
//! (`Commands`, `SchemaDifference`) or changes with every call (`Counters`) is read from the object
//! itself: thousands of machines are to fit into one message.

use std::sync::Arc;

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeMap},
};
use tracing::error;
use zbus::{Message, ObjectPath, Signature, Type};

use crate::transcode::Body;

use super::{
    objects::{Object, Objects},
    properties::{self, Properties},
};

/// The object that lists those below it.
pub(super) const ROOT: &str = "/org/qemu";

/// The interface.
pub(super) const INTERFACE: &str = "org.freedesktop.DBus.ObjectManager";

/// Its description.
pub(super) const XML: &str = r#"  <interface name="org.freedesktop.DBus.ObjectManager">
    <method name="GetManagedObjects">
      <arg name="object_paths_interfaces_and_properties" type="a{oa{sa{sv}}}" direction="out"/>
    </method>
    <signal name="InterfacesAdded">
      <arg name="object_path" type="o"/>
      <arg name="interfaces_and_properties" type="a{sa{sv}}"/>
    </signal>
    <signal name="InterfacesRemoved">
      <arg name="object_path" type="o"/>
      <arg name="interfaces" type="as"/>
    </signal>
  </interface>
"#;

/// Every object below [`ROOT`]: the body of a reply. Properties are read while it is written, since
/// those of all machines at once would take several times its size.
#[derive(Debug)]
pub(super) struct Managed(Vec<(Arc<str>, Arc<Object>)>);

/// Interfaces with their properties.
struct Interfaces(Vec<(&'static str, Properties)>);

/// `a{sv}`
struct Values<'a>(&'a Properties);

impl Managed {
    pub(super) fn of(objects: &Objects) -> Self {
        let mut all = objects.all();
        all.retain(|(path, _)| is_listed(path));
        Self(all)
    }
}

/// The signal that tells of new interfaces of an object.
pub fn added(path: &str, object: &Object) -> Option<Message> {
    signal(path, "InterfacesAdded", &Interfaces::of(object))
}

/// The signal that tells that interfaces of an object are gone.
pub fn removed(path: &str, object: &Object) -> Option<Message> {
    let names = object.interfaces().map(|interface| interface.name);
    signal(path, "InterfacesRemoved", &names.collect::<Vec<_>>())
}

fn signal<T: Serialize + Type>(path: &str, member: &str, body: &T) -> Option<Message> {
    if !is_listed(path) {
        return None;
    }
    let build =
        || Message::signal(ROOT, INTERFACE, member).build(&(ObjectPath::try_from(path)?, body));
    let tell = |error: &zbus::Error| error!(path, member, %error, "signal cannot be built");
    build().inspect_err(tell).ok()
}

fn is_listed(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|below| below.starts_with('/'))
}

impl Interfaces {
    fn of(object: &Object) -> Self {
        let listed = object.endpoints.iter().flat_map(|endpoint| {
            [(endpoint.qapi().name, Vec::new()), (endpoint.interface().name, endpoint.brief())]
        });
        let service = object.service.iter().map(|it| (it.interface().name, it.properties()));
        Self(listed.chain(service).collect())
    }
}

impl Type for Managed {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::ObjectPath, Interfaces::SIGNATURE);
}

impl Serialize for Managed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let entry = |(path, object): &(Arc<str>, Arc<Object>)| {
            let path = ObjectPath::try_from(path.to_string());
            path.map(|path| (path, Interfaces::of(object))).map_err(S::Error::custom)
        };
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for object in &self.0 {
            let (path, interfaces) = entry(object)?;
            map.serialize_entry(&path, &interfaces)?;
        }
        map.end()
    }
}

impl Type for Interfaces {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, Values::SIGNATURE);
}

impl Serialize for Interfaces {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, properties)| (name, Values(properties))))
    }
}

impl Type for Values<'_> {
    const SIGNATURE: &'static Signature =
        &Signature::static_dict(&Signature::Str, &Signature::Variant);
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let parts = [properties::part(self.0.clone())];
        Body::new(&parts).map_err(S::Error::custom)?.serialize(to)
    }
}
