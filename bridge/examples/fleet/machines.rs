//! The machines of one host, as its bridge tells of them.

use crate::view::Rows;
use std::collections::{BTreeMap, HashMap};
use zbus::{Message, OwnedObjectPath, OwnedVariant, message::Type};

/// The bus name of a bridge that serves many machines.
const BRIDGE: &str = "org.qemu.Bridge";
const BUS: &str = "org.freedesktop.DBus";
const MANAGER: &str = "org.freedesktop.DBus.ObjectManager";

/// What a bus is asked for.
pub(crate) const RULES: [&str; 3] = [
    "type='signal',sender='org.qemu.Bridge',interface='org.freedesktop.DBus.ObjectManager'",
    "type='signal',sender='org.qemu.Bridge',member='PropertiesChanged'",
    "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.qemu.Bridge'",
];

/// What is told of a machine: interface, property, and the word before it.
const TOLD: [(&str, &str, &str); 3] = [
    ("org.qemu.QmpEndpoint", "State", "monitor "),
    ("org.qemu.QmpEndpoint", "RunState", ""),
    ("org.qemu.QgaEndpoint", "State", "agent "),
];

type Properties = HashMap<String, OwnedVariant>;
type Interfaces = HashMap<String, Properties>;

/// The machines by object path.
#[derive(Debug, Default)]
pub(crate) struct Machines {
    objects: BTreeMap<String, Interfaces>,
    /// The serial of the call that asked for all of them, and who answered it.
    asked: Option<u32>,
    owner: Option<String>,
}

/// What a message changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// Machines.
    Machines,
    /// There is no bridge, or none that answers: why.
    NoBridge(String),
    /// There is a new bridge, which was not asked yet.
    NewBridge,
}

impl Machines {
    /// The call that asks for all of them. Its answer is to be told as [`heard`](Self::heard),
    /// among the signals: before it they say nothing new, after it they do.
    pub(crate) fn ask(&mut self) -> zbus::Result<Message> {
        let call = Message::method_call("/org/qemu", "GetManagedObjects");
        let call = call.destination(BRIDGE).interface(MANAGER).build(&())?;
        self.asked = Some(call.primary_header().serial_num().get());
        self.owner = None;
        Ok(call)
    }

    /// Takes in what arrived from the bus.
    pub(crate) fn heard(&mut self, message: &Message) -> zbus::Result<Change> {
        let header = message.header();
        let sender = header.sender().map(|name| name.as_str());
        let reply_to = header.reply_serial().map(|serial| serial.get());
        match message.message_type() {
            Type::MethodReturn if reply_to == self.asked => {
                self.owner = sender.map(str::to_owned);
                let objects: HashMap<OwnedObjectPath, Interfaces> = message.body().deserialize()?;
                let objects = objects.into_iter().map(|(path, it)| (path.to_string(), it));
                self.objects = objects.collect();
                Ok(Change::Machines)
            }
            Type::Error if reply_to == self.asked => {
                self.objects.clear();
                Ok(Change::NoBridge(zbus::Error::from(message.clone()).to_string()))
            }
            Type::Signal if sender == Some(BUS) => self.renamed(message),
            // Anybody may send signals to this connection alone.
            Type::Signal if sender.is_some() && sender == self.owner.as_deref() => {
                self.changed(message)
            }
            _ => Ok(Change::None),
        }
    }

    /// The connection was lost, and what became of them is not known.
    pub(crate) fn lost(&mut self) {
        self.objects.values_mut().flat_map(Interfaces::values_mut).for_each(Properties::clear);
    }

    /// A line for each.
    pub(crate) fn rows(&self) -> Rows {
        let machines = self.objects.iter().filter(|(_, interfaces)| {
            TOLD.iter().any(|(interface, ..)| interfaces.contains_key(*interface))
        });
        machines.map(|(path, interfaces)| (name(path), row(interfaces))).collect()
    }

    fn renamed(&mut self, message: &Message) -> zbus::Result<Change> {
        if message.header().member().is_none_or(|member| member != "NameOwnerChanged") {
            return Ok(Change::None);
        }
        let (_, _, owner): (String, String, String) = message.body().deserialize()?;
        if !owner.is_empty() {
            return Ok(Change::NewBridge);
        }
        self.objects.clear();
        self.owner = None;
        Ok(Change::NoBridge("the bridge ended".to_owned()))
    }

    fn changed(&mut self, message: &Message) -> zbus::Result<Change> {
        let header = message.header();
        let body = message.body();
        match header.member().map(|member| member.as_str()) {
            Some("InterfacesAdded") => {
                let (path, interfaces): (OwnedObjectPath, Interfaces) = body.deserialize()?;
                self.objects.entry(path.to_string()).or_default().extend(interfaces);
            }
            Some("InterfacesRemoved") => {
                let (path, names): (OwnedObjectPath, Vec<String>) = body.deserialize()?;
                if let Some(interfaces) = self.objects.get_mut(path.as_str()) {
                    interfaces.retain(|name, _| !names.contains(name));
                }
            }
            Some("PropertiesChanged") => {
                let (interface, properties, _): (String, Properties, Vec<String>) =
                    body.deserialize()?;
                let object = header.path().and_then(|path| self.objects.get_mut(path.as_str()));
                if let Some(of) = object.and_then(|object| object.get_mut(&interface)) {
                    of.extend(properties);
                }
            }
            _ => return Ok(Change::None),
        }
        Ok(Change::Machines)
    }
}

fn row(interfaces: &Interfaces) -> String {
    let told = TOLD.iter().filter_map(|(interface, property, word)| {
        let value: &str = interfaces.get(*interface)?.get(*property)?.downcast_ref().ok()?;
        (!value.is_empty()).then(|| format!("{word}{value}"))
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { "unknown".to_owned() } else { told.join(", ") }
}

/// The name in an object path, where `_` and two hexadecimal digits stand for a byte.
fn name(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), path.rsplit('/').next().unwrap_or_default());
    while let Some(first) = rest.bytes().next() {
        let escaped = (first == b'_').then(|| rest.get(1..3)).flatten();
        let byte = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = &rest[if byte.is_some() { 3 } else { 1 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
