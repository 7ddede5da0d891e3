//! The machines of a bridge, and how a command gets to one.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
    time::Duration,
};

use qapi_dbus_types::{Fields, View, dbus};
use serde_json::Value;
use zbus::{Message, OwnedObjectPath, OwnedVariant, Structure, Variant};

use super::{
    Members,
    bus::{Bus, Method},
    fault::Fault,
    schema::{self, Schema},
    text::printable,
};
use crate::endpoint::Protocol;

/// The names of bridges: of machines, of a single monitor, of a single agent.
const SERVICES: [&str; 3] = ["org.qemu.Bridge", "org.qemu.qmp", "org.qemu.qga"];

/// Where machines are, and what those without a name are called.
const MACHINES: &str = "/org/qemu/vm/";
const SINGLE: [&str; 2] = ["/org/qemu/qmp", "/org/qemu/qga"];
pub(super) const NAMELESS: &str = "-";

const DBUS: &str = "org.freedesktop.DBus";

/// A machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) endpoints: Vec<Endpoint>,
}

/// The monitor or the agent of a machine.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) bus: Bus,
    pub(super) service: String,
    pub(super) path: String,
    pub(super) protocol: Protocol,
    /// As they were found.
    pub(super) properties: Members,
}

/// How a command is to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// The bridge's own deadline if not given; zero for none.
    pub(super) deadline: Option<Duration>,
    pub(super) out_of_band: bool,
}

impl Manner {
    /// As the bridge is told of it.
    pub(super) fn reserved(self) -> Members {
        let mut reserved = Members::new();
        if let Some(deadline) = self.deadline {
            // Zero is for ever, and little is not.
            let least = u64::from(!deadline.is_zero());
            let time = u64::try_from(deadline.as_millis()).map_or(0, |time| time.max(least));
            reserved.insert("@timeout".into(), time.into());
        }
        if self.out_of_band {
            reserved.insert("@oob".into(), true.into());
        }
        reserved
    }
}

/// All machines of the bridge of this name, or of all bridges.
pub(super) async fn all(bus: &Bus, service: Option<&str>) -> Result<Vec<Machine>, Fault> {
    let services: Vec<String> = match service {
        Some(service) => vec![service.to_owned()],
        None => services(bus).await?,
    };
    let mut found: BTreeMap<String, Vec<Endpoint>> = BTreeMap::new();
    let mut owners = Vec::new();
    for service in services {
        let path = "/org/qemu";
        let interface = "org.freedesktop.DBus.ObjectManager";
        let method = Method { service: &service, path, interface, member: "GetManagedObjects" };
        let reply = bus.call(method, &()).await?;
        let owner = reply.header().sender().map(ToString::to_string);
        if owners.contains(&owner) {
            continue;
        }
        owners.push(owner);
        type Interfaces = HashMap<String, HashMap<String, OwnedVariant>>;
        let objects: HashMap<OwnedObjectPath, Interfaces> =
            reply.body().deserialize().map_err(|error| Fault::bus(&error))?;
        for (path, interfaces) in objects {
            for protocol in [Protocol::Qmp, Protocol::Qga] {
                let Some(properties) = interfaces.get(&own_interface(protocol)) else { continue };
                let properties =
                    properties.iter().map(|(name, it)| (name.clone(), dbus::value(it)));
                let properties = properties.collect();
                let (bus, service, path) = (bus.clone(), service.clone(), path.to_string());
                let endpoint = Endpoint { bus, service, protocol, properties, path };
                found.entry(name(&endpoint.path)).or_default().push(endpoint);
            }
        }
    }
    Ok(found.into_iter().map(|(name, endpoints)| Machine { name, endpoints }).collect())
}

/// The bridges that are there, or would be started by a call.
async fn services(bus: &Bus) -> Result<Vec<String>, Fault> {
    let mut there: Vec<String> = Vec::new();
    for member in ["ListNames", "ListActivatableNames"] {
        let path = "/org/freedesktop/DBus";
        let method = Method { service: DBUS, path, interface: DBUS, member };
        let names = bus.call(method, &()).await?;
        there.extend(names.body().deserialize::<Vec<String>>().unwrap_or_default());
    }
    let known = SERVICES.iter().filter(|known| there.iter().any(|it| it == *known));
    Ok(known.map(|known| (*known).to_owned()).collect())
}

/// One of them by its name; the only one if there is no name.
pub(super) fn choose(mut machines: Vec<Machine>, name: Option<&str>) -> Result<Machine, Fault> {
    let names = machines.iter().map(|it| printable(&it.name)).collect::<Vec<_>>().join(", ");
    if machines.is_empty() {
        return Err(Fault::unreachable("no bridge serves a machine").advise(
            "`qapi-dbus serve --help` says how one does; `qapi-dbus doctor` finds what is amiss",
        ));
    }
    match name {
        None if machines.len() > 1 => Err(Fault::usage("there is more than one machine")
            .advise(format!("choose with --vm NAME, or by the variable QAPI_DBUS_VM: {names}"))),
        None => Ok(machines.remove(0)),
        Some(name) => match machines.iter().position(|it| it.name == name) {
            Some(at) => Ok(machines.remove(at)),
            None => Err(Fault::usage(format!("there is no machine `{}`", printable(name)))
                .advise(format!("there are: {names}"))),
        },
    }
}

impl Machine {
    /// Whom a command goes to, and its QAPI name.
    pub(super) async fn serving(&self, command: &str) -> Result<(&Endpoint, String), Fault> {
        for protocol in [Protocol::Qmp, Protocol::Qga] {
            if let Some(known) = Schema::of(protocol).command(command) {
                return Ok((self.endpoint(protocol)?, known.to_owned()));
            }
        }
        let mut near = Vec::new();
        for endpoint in &self.endpoints {
            let offered = endpoint.commands().await?;
            if offered.iter().any(|it| it == command) {
                return Ok((endpoint, command.to_owned()));
            }
            let known = endpoint.schema().interface.methods.iter().map(|it| it.command.to_owned());
            near.extend(offered.into_iter().chain(known));
        }
        let fault = Fault::usage(format!("`{}` is no command of {self}", printable(command)));
        near.retain(|it| resembles(it, command));
        near.sort();
        near.dedup();
        near.truncate(5);
        Err(match near.as_slice() {
            [] => fault.advise("`qapi-dbus list commands` names them"),
            near => fault.advise(format!("did you mean {}?", printable(&near.join(", ")))),
        })
    }

    /// Its monitor or agent.
    pub(super) fn endpoint(&self, protocol: Protocol) -> Result<&Endpoint, Fault> {
        let found = self.endpoints.iter().find(|it| it.protocol == protocol);
        found.ok_or_else(|| {
            let what = kind(protocol);
            Fault::unreachable(format!("{self} has no {what} that a bridge serves"))
                .advise("`qapi-dbus list` says what each machine has")
        })
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name.as_str() {
            NAMELESS => f.write_str("this machine"),
            name => write!(f, "machine {}", printable(name)),
        }
    }
}

/// What people call it.
pub(super) fn kind(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Qmp => "monitor",
        Protocol::Qga => "agent",
    }
}

/// The interface of an endpoint that is not the schema's.
pub(super) fn own_interface(protocol: Protocol) -> String {
    schema::interface(protocol).name.replace("Qapi", "Endpoint")
}

/// The name of the machine of an object.
fn name(path: &str) -> String {
    match path.strip_prefix(MACHINES) {
        Some(escaped) => unescaped(escaped),
        None if SINGLE.contains(&path) => NAMELESS.into(),
        None => path.into(),
    }
}

/// As sd_bus_path_decode(3) does it.
fn unescaped(escaped: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = escaped;
    while let Some(first) = rest.chars().next() {
        let code = rest.strip_prefix('_').and_then(|code| code.get(..2));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.extend(first.to_string().bytes());
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether one may have been meant by the other.
pub(super) fn resembles(known: &str, typed: &str) -> bool {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let (known, typed) = (plain(known), plain(typed));
    known == typed
        || typed.len() >= 3 && (known.contains(&typed) || typed.contains(&known))
        || known.len() == typed.len()
            && known.chars().zip(typed.chars()).filter(|(a, b)| a != b).count() <= 2
}

impl Endpoint {
    pub(super) fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(super) fn schema(&self) -> Schema<'static> {
        Schema::of(self.protocol)
    }

    /// The same, for calls that nobody is asked a password for.
    pub(super) fn unattended(&self) -> Self {
        Self { bus: self.bus.unattended(), ..self.clone() }
    }

    /// The text of a property as it was found.
    pub(super) fn property(&self, name: &str) -> &str {
        self.properties.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Runs a command by its QAPI name.
    pub(super) async fn run(
        &self,
        command: &str,
        arguments: &Members,
        manner: Manner,
    ) -> Result<Value, Fault> {
        let extra = manner.reserved();
        let reply =
            self.own("Call", &(command, dictionary(arguments)?, dictionary(&extra)?)).await?;
        Ok(first(&reply))
    }

    /// Calls a method of the endpoint's own interface.
    pub(super) async fn own(
        &self,
        member: &str,
        body: &(impl serde::Serialize + zbus::Type),
    ) -> Result<Message, Fault> {
        let interface = own_interface(self.protocol);
        let Self { service, path, .. } = self;
        self.bus.call(Method { service, path, interface: &interface, member }, body).await
    }

    /// What the peer really offers, without what belongs to the bridge; nothing as long as it is not connected.
    pub(super) async fn commands(&self) -> Result<Vec<String>, Fault> {
        let value = self.get("Commands").await?;
        let names = value.as_array().into_iter().flatten();
        let names = names.filter_map(Value::as_str).filter(|name| *name != "qmp_capabilities");
        Ok(names.map(str::to_owned).collect())
    }

    /// A property as it is now.
    pub(super) async fn get(&self, name: &str) -> Result<Value, Fault> {
        let Self { service, path, .. } = self;
        let interface = "org.freedesktop.DBus.Properties";
        let method = Method { service, path, interface, member: "Get" };
        let reply = self.bus.call(method, &(own_interface(self.protocol), name)).await?;
        Ok(first(&reply))
    }
}

/// Members as `a{sv}`.
pub(super) fn dictionary(members: &Members) -> Result<Variant<'static>, Fault> {
    dbus::variant(View::Object(members as &dyn Fields), "a{sv}")
        .map_err(|unfit| Fault::usage(unfit.to_string()))
}

/// The first argument of a message.
pub(super) fn first(message: &Message) -> Value {
    values(message).into_iter().next().unwrap_or_default()
}

/// The arguments of a message.
pub(super) fn values(message: &Message) -> Vec<Value> {
    let body = message.body();
    let structure = body.deserialize::<Structure<'_>>();
    structure.map(|it| it.fields().iter().map(dbus::value).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon;

    #[test]
    fn names_come_back_from_paths() {
        for name in ["vm1", "1", "a-b_c", "ä /", "_"] {
            let machine = daemon::Machine { name: name.into(), ..Default::default() };
            assert_eq!(super::name(&machine.path()), name);
        }
        assert_eq!(name("/org/qemu/qga"), NAMELESS);
    }

    #[test]
    fn what_was_meant_is_found() {
        assert!(resembles("query-status", "query_status"));
        assert!(resembles("query-status", "query-statsu"));
        assert!(resembles("guest-file-open", "file-open"));
        assert!(!resembles("stop", "quit-it"));
    }
}
