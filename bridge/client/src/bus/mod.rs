//! The way through the bridge, or to any service of the interface.

mod events;
mod names;

use std::time::Duration;

use qapi_dbus_types::{
    Command, Fields, Members, Value, Wire,
    dbus::{self, Unfit},
};
use zbus::{Connection, Message, Structure, Variant};

use crate::{Error, NotSent, Options, Protocol, Source, Transport, Unknown};

/// How much later than it should an answer may come.
const GRACE: Duration = Duration::from_secs(2);

/// One object on a bus that has the interface of a schema.
#[derive(Clone, Debug)]
pub struct Bus {
    connection: Connection,
    name: String,
    path: String,
    protocol: Protocol,
    subscribes: bool,
}

impl Bus {
    /// The object of the bridge that serves a single guest agent or monitor.
    pub fn single(connection: &Connection, protocol: Protocol) -> Self {
        let name = names::of(protocol).to_lowercase();
        Self::at(connection, format!("org.qemu.{name}"), format!("/org/qemu/{name}"), protocol)
    }

    /// The guest agent or monitor of a machine of the bridge, by the machine's name.
    pub fn machine(connection: &Connection, machine: &str, protocol: Protocol) -> Self {
        let path = format!("/org/qemu/vm/{}", names::escaped(machine));
        Self::at(connection, "org.qemu.Bridge", path, protocol)
    }

    /// Any object of any service.
    pub fn at(
        connection: &Connection,
        name: impl Into<String>,
        path: impl Into<String>,
        protocol: Protocol,
    ) -> Self {
        let (name, path) = (name.into(), path.into());
        Self { connection: connection.clone(), name, path, protocol, subscribes: false }
    }

    /// Has events sent to this connection alone, the current state first: for a bridge that tells
    /// them to nobody else (`--unicast`).
    #[must_use]
    pub fn subscribing(mut self) -> Self {
        self.subscribes = true;
        self
    }

    fn interface(&self, kind: &str) -> String {
        format!("org.qemu.{}{kind}", names::of(self.protocol))
    }

    async fn send(
        self,
        interface: String,
        member: String,
        arguments: Result<Vec<Variant<'static>>, Unfit>,
    ) -> Result<Message, Error> {
        let arguments = arguments.map_err(|unfit| unfit_error(&unfit))?;
        let (name, path) = (self.name.as_str(), self.path.as_str());
        let (interface, member) = (interface.as_str(), member.as_str());
        let connection = &self.connection;
        let sent = match body(arguments)? {
            Some(body) => {
                connection.call_method(Some(name), path, Some(interface), member, &body).await
            }
            None => connection.call_method(Some(name), path, Some(interface), member, &()).await,
        };
        sent.map_err(names::error)
    }
}

impl Transport for Bus {
    fn call<C: Command>(
        &self,
        command: C,
        options: Options,
    ) -> impl Future<Output = Result<C::Result, Error>> + Send {
        let Options { deadline, out_of_band, fd } = options;
        let arguments = dbus::arguments(&C::METHOD, &command, fd, reserved(deadline, out_of_band));
        let sent = self.clone().send(self.interface("Qapi"), C::METHOD.name.into(), arguments);
        async move {
            let reply = within(deadline, sent).await?;
            C::Result::from_value(returned(&reply)).map_err(Error::Reply)
        }
    }

    fn call_by_name(
        &self,
        command: &str,
        arguments: Members,
        options: Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send {
        let mut extra = Members::new();
        for (name, value) in reserved(options.deadline, options.out_of_band) {
            extra.insert(name.into(), dbus::value(&value));
        }
        let body = [dictionary(&arguments), dictionary(&extra)];
        let body = body.into_iter().collect::<Result<Vec<_>, _>>();
        let body = body
            .map(|rest| std::iter::once(Variant::from(command.to_owned())).chain(rest).collect());
        let sent = self.clone().send(self.interface("Endpoint"), "Call".into(), body);
        async move { within(options.deadline, sent).await.map(|reply| returned(&reply)) }
    }

    async fn events(&self) -> Result<Source, Error> {
        events::start(self).await
    }
}

/// The bridge answers in time; a service by itself may never.
async fn within(
    deadline: Option<Duration>,
    sent: impl Future<Output = Result<Message, Error>>,
) -> Result<Message, Error> {
    match deadline.and_then(|deadline| deadline.checked_add(GRACE)) {
        None => sent.await,
        Some(limit) => tokio::time::timeout(limit, sent).await.unwrap_or_else(|_| {
            Err(Error::Unknown(Unknown::Timeout, format!("no answer within {limit:?}")))
        }),
    }
}

fn dictionary(members: &Members) -> Result<Variant<'static>, Unfit> {
    dbus::variant(qapi_dbus_types::View::Object(members as &dyn Fields), "a{sv}")
}

/// The keys of the trailing dictionary that are the bridge's own.
fn reserved(
    deadline: Option<Duration>,
    out_of_band: bool,
) -> impl Iterator<Item = (&'static str, Variant<'static>)> {
    let deadline = deadline.map(|deadline| {
        // Zero would be for ever.
        let milliseconds = u64::try_from(deadline.as_millis()).map_or(0, |time| time.max(1));
        ("@timeout", Variant::U64(milliseconds))
    });
    deadline.into_iter().chain(out_of_band.then_some(("@oob", Variant::Bool(true))))
}

fn body(arguments: Vec<Variant<'static>>) -> Result<Option<Structure<'static>>, Error> {
    if arguments.is_empty() {
        return Ok(None);
    }
    let all = arguments.into_iter().fold(Structure::builder(), |body, it| body.append_field(it));
    all.build().map(Some).map_err(|error| Error::NotSent(NotSent::Unfit, error.to_string()))
}

/// The result of a method: it has one or none.
fn returned(reply: &Message) -> Value {
    let body = reply.body();
    match body.deserialize::<Structure<'_>>() {
        Ok(structure) => structure.fields().first().map_or(Value::Null, dbus::value),
        Err(_) => Value::Null,
    }
}

fn unfit_error(unfit: &Unfit) -> Error {
    Error::NotSent(NotSent::Unfit, unfit.to_string())
}
