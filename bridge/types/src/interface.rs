//! Behind the generated interfaces: D-Bus arguments to those of a command, and answers back.

use std::marker::PhantomData;

use serde::{Serialize, Serializer};
use zbus::{
    DBusError, Message, Structure, Type, Variant, message::Header, names::ErrorName,
    object_server::SignalEmitter, wire::Signature,
};

use crate::{
    Command, EventData, Members, Refusal, Request, Viewed,
    dbus::{self, Dictionary, serialize},
};

/// What begins the name of an error.
const PREFIX: &str = "org.qemu.QapiError";

/// Keys of the trailing dictionary that are meant for a bridge: here nobody waits for a peer.
const RESERVED: [&str; 2] = ["@timeout", "@oob"];

/// The value that a method returns, declared as `T`.
#[derive(Debug)]
pub struct Answer<T>(Variant<'static>, PhantomData<fn() -> T>);

/// The arguments of a call, by QAPI name.
#[derive(Debug, Default)]
pub(crate) struct Arguments(Members);

impl Arguments {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Variant<'static>>) -> Self {
        self.0.insert(name.into(), dbus::value(&value.into()));
        self
    }

    pub(crate) fn rest(mut self, optional: Dictionary) -> Self {
        let rest = optional.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        self.0.extend(rest.map(|(name, value)| (name, dbus::value(&value.into()))));
        self
    }

    pub(crate) fn taken<C: Command>(self) -> Result<C, Refusal> {
        Request::new(C::METHOD.command, self.0).arguments()
    }
}

/// The answer as it is declared.
pub(crate) fn answered<T>(
    result: Result<impl Viewed, Refusal>,
    signature: &str,
) -> Result<Answer<T>, Refusal> {
    let value = dbus::variant(result?.view(), signature);
    let value = value.map_err(|unfit| Refusal::generic(unfit.to_string()))?;
    Ok(Answer(value, PhantomData))
}

/// Tells everybody on the bus of an event.
///
/// # Errors
///
/// A member does not fit its declared type, or the connection is closed.
pub async fn emit<E: EventData>(
    emitter: &SignalEmitter<'_>,
    interface: &str,
    event: &E,
) -> zbus::Result<()> {
    let arguments = dbus::data(&E::SIGNAL, event);
    let arguments = arguments.map_err(|unfit| zbus::Error::Failure(unfit.to_string()))?;
    let body = arguments.into_iter().fold(Structure::builder(), |body, it| body.append_field(it));
    emitter.emit(interface, E::SIGNAL.name, &body.build()?).await
}

impl<T: Type> Type for Answer<T> {
    const SIGNATURE: &'static Signature = T::SIGNATURE;
}

impl<T> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, to)
    }
}

impl Refusal {
    /// The name on the bus. A class that no name can hold is told in the text only.
    fn error_name(&self) -> String {
        let class = if self.is_named() { &self.class } else { "GenericError" };
        format!("{PREFIX}.{class}")
    }

    fn is_named(&self) -> bool {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        self.class.len() <= 64
            && self.class.starts_with(first)
            && self.class.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// busctl shows nothing but the text.
    fn error_text(&self) -> String {
        let text = if self.class == "GenericError" { self.desc.clone() } else { self.to_string() };
        text.replace('\0', "\u{FFFD}")
    }
}

impl DBusError for Refusal {
    fn create_reply(&self, call: &Header<'_>) -> zbus::Result<Message> {
        Message::error(call, self.error_name()).build(&self.error_text())
    }

    fn name(&self) -> ErrorName<'_> {
        ErrorName::try_from(self.error_name())
            .unwrap_or(ErrorName::from_static_str_unchecked("org.qemu.QapiError.GenericError"))
    }

    fn description(&self) -> Option<&str> {
        Some(&self.desc)
    }
}
