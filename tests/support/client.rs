//! A D-Bus client of the bridge.

use crate::{bus::Bus, json, soon, system::User};
use serde_json::Value;
use std::{
    fmt,
    future::poll_fn,
    num::NonZero,
    pin::Pin,
    task::{Context, Waker},
};
use zbus::{
    Connection, DBusError, MatchRule, Message, MessageStream, Proxy, Structure,
    export::futures_core::Stream,
    fdo, message,
    proxy::{self, CacheProperties, MethodFlags},
    wire::DynamicType,
};

/// One interface of one object of the bridge.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Bus name.
    pub name: &'static str,
    /// Object path.
    pub path: &'static str,
    /// Interface.
    pub interface: &'static str,
}

/// The commands of the guest agent.
pub const AGENT: Target =
    Target { name: "org.qemu.qga", path: "/org/qemu/qga", interface: "org.qemu.QgaQapi" };

/// The guest agent's connection.
pub const AGENT_ENDPOINT: Target = Target { interface: "org.qemu.QgaEndpoint", ..AGENT };

/// The commands of the monitor.
pub const MONITOR: Target =
    Target { name: "org.qemu.qmp", path: "/org/qemu/qmp", interface: "org.qemu.QmpQapi" };

/// The monitor's connection.
pub const MONITOR_ENDPOINT: Target = Target { interface: "org.qemu.QmpEndpoint", ..MONITOR };

/// The bridge itself.
pub const BRIDGE: Target =
    Target { name: "org.qemu.Bridge", path: "/org/qemu/Bridge", interface: "org.qemu.Bridge" };

/// The one who knows which objects it has.
pub const MANAGER: Target = Target {
    name: BRIDGE.name,
    path: "/org/qemu",
    interface: "org.freedesktop.DBus.ObjectManager",
};

impl Target {
    /// Another interface of the same object.
    pub const fn interface(self, interface: &'static str) -> Self {
        Self { interface, ..self }
    }
}

/// An error reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Name of the D-Bus error.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl From<&fdo::Error> for Refusal {
    fn from(error: &fdo::Error) -> Self {
        let text = error.description().unwrap_or_default();
        Self { name: error.name().to_string(), text: text.to_owned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// One connection to the bus.
#[derive(Clone, Debug)]
pub struct Client(Connection);

impl Client {
    /// Connects.
    pub async fn new(bus: &Bus) -> Self {
        Self(bus.connect().await)
    }

    /// Connects as another user.
    pub async fn of(bus: &Bus, user: User) -> Self {
        Self(bus.connect_as(user).await)
    }

    /// Calls a method; the arguments of the reply as [`json::body`] gives them.
    ///
    /// # Errors
    /// The error reply.
    pub async fn call<B>(&self, target: Target, method: &str, body: &B) -> Result<Value, Refusal>
    where
        B: zbus::export::serde::Serialize + DynamicType,
    {
        self.call_message(target, method, body).await.map(|reply| json::body(&reply))
    }

    /// Calls a method; the reply as it came.
    ///
    /// # Errors
    /// The error reply.
    pub async fn call_message<B>(
        &self,
        target: Target,
        method: &str,
        body: &B,
    ) -> Result<Message, Refusal>
    where
        B: zbus::export::serde::Serialize + DynamicType,
    {
        let Target { name, path, interface } = target;
        let call = self.0.call_method(Some(name), path, Some(interface), method, body);
        let reply = soon(&format!("the reply to {method}"), call).await;
        reply.map_err(|error| refusal(method, error))
    }

    /// Calls a method without arguments and result, and lets the user be asked to authenticate.
    ///
    /// # Errors
    /// The error reply.
    pub async fn call_interactive(
        &self,
        target: Target,
        method: &'static str,
    ) -> Result<(), Refusal> {
        let Target { name, path, interface } = target;
        let builder =
            proxy::Builder::<Proxy<'_>>::new(&self.0).cache_properties(CacheProperties::No);
        let builder = builder.destination(name).path(path);
        let proxy = builder.interface(interface).build().await.unwrap();
        let call = proxy.call_with_flags(method, MethodFlags::ALLOW_INTERACTIVE_AUTH, &());
        let reply = soon(&format!("the reply to {method}"), call).await;
        reply.map(|_: Option<()>| ()).map_err(|error| refusal(method, error))
    }

    /// Reads a property.
    ///
    /// # Errors
    /// The error reply.
    pub async fn property(&self, target: Target, name: &str) -> Result<Value, Refusal> {
        let properties = target.interface(PROPERTIES);
        self.call(properties, "Get", &(target.interface, name)).await
    }

    /// Reads all properties of an interface.
    ///
    /// # Errors
    /// The error reply.
    pub async fn properties(&self, target: Target) -> Result<Value, Refusal> {
        self.call(target.interface(PROPERTIES), "GetAll", &target.interface).await
    }

    /// The introspection document of the object.
    pub async fn introspect(&self, target: Target) -> String {
        let target = target.interface("org.freedesktop.DBus.Introspectable");
        let text = self.call(target, "Introspect", &()).await.unwrap();
        text.as_str().unwrap().to_owned()
    }

    /// The unique name that owns a name.
    ///
    /// # Errors
    /// The error reply, if nobody does.
    pub async fn owner(&self, name: &str) -> Result<Value, Refusal> {
        const BUS: Target = Target {
            name: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
        };
        self.call(BUS, "GetNameOwner", &name).await
    }

    /// The signals of an object from now on.
    pub async fn signals(&self, target: Target) -> Signals {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(target.name)
            .path(target.path)
            .build()
            .unwrap();
        Signals(MessageStream::for_match_rule(rule, &self.0, Some(QUEUE)).await.unwrap())
    }

    /// The connection itself.
    pub fn connection(&self) -> &Connection {
        &self.0
    }
}

fn refusal(method: &str, error: zbus::Error) -> Refusal {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            Refusal { name: name.to_string(), text: text.unwrap_or_default() }
        }
        zbus::Error::FDO(error) => Refusal::from(&*error),
        error => panic!("{method}: {error}"),
    }
}

/// The arguments of a message with their types, as GVariant text; dictionaries by key.
pub fn text(message: &Message) -> String {
    let body = message.body();
    let arguments: Structure<'_> = body.deserialize().unwrap();
    arguments.to_string()
}

/// `org.freedesktop.DBus.Properties`
pub const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How many signals wait for a test to read them before the connection stops reading.
const QUEUE: NonZero<usize> = NonZero::new(100_000).unwrap();

/// Signals in the order in which they arrive.
#[derive(Debug)]
pub struct Signals(MessageStream);

/// A signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Its interface.
    pub interface: String,
    /// Its name.
    pub member: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
    /// The same as [`text`].
    pub text: String,
}

impl Signals {
    /// The next signal.
    pub async fn next(&mut self) -> Signal {
        let next = poll_fn(|context| Pin::new(&mut self.0).poll_next(context));
        let message = soon("a signal", next).await.expect("the bus went away").unwrap();
        let header = message.header();
        Signal {
            interface: header.interface().unwrap().to_string(),
            member: header.member().unwrap().to_string(),
            arguments: json::arguments(&message),
            text: text(&message),
        }
    }

    /// Whether none has arrived that was not read.
    pub fn is_silent(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.0).poll_next(&mut context).is_pending()
    }

    /// The next signal of this name; those before it are passed over.
    pub async fn named(&mut self, member: &str) -> Signal {
        loop {
            let signal = self.next().await;
            if signal.member == member {
                return signal;
            }
        }
    }
}
