//! The calls of a soak: what is sent, and which replies are right.

use super::{
    dice::Dice,
    ledger::{Endpoint, Outcome},
    machine::{CALM, CHARACTERS, Character, LARGE, PATHS, tag},
};
use qapi_dbus_tests::json::{self, Dictionary};
use serde_json::json;
use std::collections::HashMap;
use zbus::{
    Message, Variant,
    export::serde::Serialize,
    message::{Flags, Type},
    wire::DynamicType,
};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A command without arguments.
    Status,
    /// A command that gives back its tag.
    Get,
    /// The same, of which no reply is wanted.
    Silent,
    /// The same with little time.
    Hasty,
    /// The same through `Call`.
    Call,
    /// A monitor's answer of 1 MiB.
    Large,
    /// An agent's answer of 1 MiB.
    Read,
    /// A request of some hundred kilobytes.
    Set,
    /// A request nested nearly as deep as D-Bus allows.
    Deep,
    /// A command that is done when an event came.
    Wait,
    /// The agent's `guest-ping`.
    Ping,
    /// An agent's command that gives back its tag.
    Open,
    /// Events for the caller alone.
    Subscribe,
    /// No more of them.
    Unsubscribe,
    /// The interfaces as text.
    Introspect,
    /// All properties.
    Properties,
    /// A call that the bridge answers alone.
    Alive,
    /// Arguments that do not fit.
    Misfit,
    /// A method that does not exist.
    Missing,
}

/// How often each kind is chosen.
pub(crate) const KINDS: [(Kind, usize); 18] = [
    (Kind::Status, 200),
    (Kind::Get, 200),
    (Kind::Silent, 50),
    (Kind::Hasty, 20),
    (Kind::Call, 60),
    (Kind::Large, 8),
    (Kind::Read, 8),
    (Kind::Set, 8),
    (Kind::Deep, 10),
    (Kind::Wait, 40),
    (Kind::Ping, 150),
    (Kind::Open, 150),
    (Kind::Subscribe, 10),
    (Kind::Introspect, 2),
    (Kind::Properties, 20),
    (Kind::Alive, 30),
    (Kind::Misfit, 30),
    (Kind::Missing, 30),
];

/// A call to be made.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Where it goes.
    pub(crate) endpoint: Endpoint,
    /// Its number in the ledger.
    pub(crate) number: usize,
}

const NAME: &str = "org.qemu.Bridge";
const MONITOR: &str = "org.qemu.QmpQapi";
const MONITOR_ENDPOINT: &str = "org.qemu.QmpEndpoint";
const AGENT: &str = "org.qemu.QgaQapi";

impl Kind {
    /// The same for a machine: a real one is not asked for what it does not have.
    pub(crate) fn on(self, machine: usize) -> Self {
        match (CHARACTERS[machine], self) {
            (Character::Real, Self::Large) => Self::Get,
            (Character::Real, Self::Read) => Self::Open,
            _ => self,
        }
    }

    /// Whether it goes to the agent.
    pub(crate) fn is_for_agent(self) -> bool {
        matches!(self, Self::Ping | Self::Open | Self::Read)
    }

    /// Whether the peer is told the number of the call.
    fn carries_tag(self) -> bool {
        matches!(
            self,
            Self::Get
                | Self::Silent
                | Self::Hasty
                | Self::Call
                | Self::Large
                | Self::Read
                | Self::Set
                | Self::Deep
                | Self::Wait
                | Self::Open
        )
    }

    /// Whether the bridge answers without its peer.
    fn is_own(self) -> bool {
        matches!(
            self,
            Self::Subscribe
                | Self::Unsubscribe
                | Self::Introspect
                | Self::Properties
                | Self::Alive
                | Self::Misfit
                | Self::Missing
        )
    }
}

impl Call {
    /// Whether a scripted peer sees its number.
    pub(crate) fn is_seen(&self) -> bool {
        self.kind.carries_tag() && !self.is_real()
    }

    /// The message that makes it; `handle` is that of the subscription to end.
    pub(crate) fn message(&self, dice: &mut Dice, handle: u64) -> Message {
        let tag = tag(self.number);
        let path = format!("/{tag}");
        let none = Dictionary::new();
        match self.kind {
            Kind::Status => self.to(MONITOR, "QueryStatus", &()),
            Kind::Get | Kind::Silent => self.to(MONITOR, "QomGet", &(path, "small")),
            Kind::Hasty => {
                let time: Variant<'_> = (dice.millis(1..100).as_millis() as u64).into();
                self.to(MONITOR, "QomGet", &(path, "small", HashMap::from([("@timeout", time)])))
            }
            Kind::Call => {
                let arguments = json::dictionary(json!({ "path": path, "property": "small" }));
                self.to(MONITOR_ENDPOINT, "Call", &("qom-get", arguments, none))
            }
            Kind::Large => self.to(MONITOR, "QomGet", &(path, "large")),
            Kind::Read => self.to(AGENT, "GuestFileRead", &(self.number as i64,)),
            Kind::Set => {
                // A real monitor reads a byte a system call.
                let size = if self.is_real() { 4 << 10 } else { dice.pick(&SIZES) };
                self.to(MONITOR, "QomSet", &(path, "x", Variant::from("x".repeat(size))))
            }
            Kind::Deep => self.to(MONITOR, "QomSet", &(path, "x", nested())),
            Kind::Wait => {
                let (id, device) = (json!({ "id": tag }), json!({ "device": tag }));
                let (id, device) = (json::dictionary(id), json::dictionary(device));
                let body = ("device_del", id, vec!["DEVICE_DELETED"], device, none);
                self.to(MONITOR_ENDPOINT, "CallAndWait", &body)
            }
            Kind::Ping => self.to(AGENT, "GuestPing", &()),
            Kind::Open => self.to(AGENT, "GuestFileOpen", &(path,)),
            Kind::Subscribe => self.to(MONITOR_ENDPOINT, "Subscribe", &(Vec::<&str>::new(), none)),
            Kind::Unsubscribe => self.to(MONITOR_ENDPOINT, "Unsubscribe", &handle),
            Kind::Introspect => self.to("org.freedesktop.DBus.Introspectable", "Introspect", &()),
            Kind::Properties => {
                self.to("org.freedesktop.DBus.Properties", "GetAll", &MONITOR_ENDPOINT)
            }
            Kind::Alive => self.to("org.freedesktop.DBus.Peer", "Ping", &()),
            Kind::Misfit => self.to(MONITOR, "QomGet", &(dice.below(9) as u32, [path])),
            Kind::Missing => self.to(MONITOR, "NoSuchMethod", &path),
        }
    }

    /// What its reply comes to.
    ///
    /// # Errors
    /// What is wrong with the reply.
    pub(crate) fn judge(&self, reply: &Message) -> Result<Outcome, String> {
        let header = reply.header();
        let Some(name) = header.error_name() else {
            return self.returned(reply).map(|()| Outcome::Success);
        };
        let outcome = self.failed(name.as_str(), reply);
        outcome.ok_or_else(|| format!("{} of {}", name, self.describe(reply)))
    }

    fn returned(&self, reply: &Message) -> Result<(), String> {
        let body = reply.body();
        let data: &[u8] = body.data();
        let right = match self.kind {
            Kind::Large | Kind::Read => data.len() >= LARGE && self.is_named(data),
            Kind::Open => i64::try_from(self.number).ok() == body.deserialize().ok(),
            Kind::Status if self.is_real() => holds(data, "running"),
            Kind::Status => holds(data, &format!("vm{}", self.endpoint.machine)),
            Kind::Introspect => holds(data, "<node"),
            Kind::Properties => holds(data, "qapi-dbus-"),
            Kind::Set | Kind::Deep => data.is_empty(),
            Kind::Misfit | Kind::Missing => false,
            Kind::Subscribe => body.deserialize::<u64>().is_ok(),
            Kind::Unsubscribe | Kind::Ping | Kind::Alive => data.is_empty(),
            _ => self.is_named(data),
        };
        if right { Ok(()) } else { Err(format!("success of {}", self.describe(reply))) }
    }

    /// What an error comes to; `None` if it may not be.
    fn failed(&self, name: &str, reply: &Message) -> Option<Outcome> {
        const LIMITS: &str = "org.freedesktop.DBus.Error.LimitsExceeded";
        const OWN: &str = "org.qemu.QapiError.";
        let calm = self.endpoint.machine == CALM;
        let own = name.strip_prefix(OWN).unwrap_or_default();
        match (self.kind, own.split_once('.').unwrap_or((own, ""))) {
            _ if name == LIMITS => Some(Outcome::Limits),
            (Kind::Misfit, _) if name.ends_with(".InvalidArgs") => Some(Outcome::Refused),
            (Kind::Missing, _) if name.ends_with(".UnknownMethod") => Some(Outcome::Refused),
            // A subscription that an endless stall made impossible is the caller's to end.
            (kind, _) if kind.is_own() => None,
            (Kind::Hasty, ("NotSent", "Busy")) => Some(Outcome::NotSent),
            (Kind::Hasty, ("Unknown", "Timeout")) => Some(Outcome::Unknown),
            _ if calm => None,
            (_, ("NotSent", "NotConnected" | "Busy")) => Some(Outcome::NotSent),
            (_, ("Unknown", "Timeout" | "ConnectionLost" | "BadReply" | "ReplyTooLarge")) => {
                Some(Outcome::Unknown)
            }
            (_, ("GenericError" | "DeviceNotFound", "")) if self.is_real() => {
                self.is_named(reply.body().data()).then_some(Outcome::Peer)
            }
            _ => None,
        }
    }

    /// Whether a reply is to this call and no other.
    fn is_named(&self, data: &[u8]) -> bool {
        holds(data, &tag(self.number))
    }

    fn is_real(&self) -> bool {
        CHARACTERS[self.endpoint.machine] == Character::Real
    }

    /// The call and the beginning of its reply.
    pub(crate) fn describe(&self, reply: &Message) -> String {
        let body = reply.body();
        let data: &[u8] = body.data();
        let beginning = String::from_utf8_lossy(&data[..data.len().min(200)]).into_owned();
        let Self { kind, endpoint, number } = self;
        let kind_of = if reply.message_type() == Type::Error { "error" } else { "return" };
        format!("call {number}, {kind:?} to {endpoint}: {kind_of} {beginning:?}")
    }

    fn to<B: Serialize + DynamicType>(&self, interface: &str, member: &str, body: &B) -> Message {
        let path = PATHS[self.endpoint.machine];
        let call = Message::method_call(path, member).destination(NAME).interface(interface);
        let silent = self.kind == Kind::Silent;
        let flags = if silent { Flags::NO_REPLY_EXPECTED } else { Flags::empty() };
        call.with_flags(flags).build(body).unwrap()
    }
}

const SIZES: [usize; 3] = [64 << 10, 256 << 10, 1 << 20];

/// D-Bus allows 64 levels; each object takes three, and the arguments two more.
fn nested() -> Variant<'static> {
    let mut value = json!(true);
    for _ in 0..19 {
        value = json!({ "a": value });
    }
    json::to_variant(value)
}

/// Whether a text is near the beginning of the data, where each of the replies has what is looked
/// for.
fn holds(data: &[u8], text: &str) -> bool {
    let beginning = &data[..data.len().min(64 << 10)];
    beginning.windows(text.len()).any(|window| window == text.as_bytes())
}
