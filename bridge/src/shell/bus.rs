//! The way to the bridge: a bus of this machine, or of another one through ssh.

use std::{future::poll_fn, num::NonZero, path::PathBuf, pin::Pin, time::Duration};

use serde::Serialize;
use tokio::time::timeout;
use zbus::{
    Address, Connection, DynamicType, Message, MessageStream,
    address::transport::{Transport, Unixexec},
    connection::Builder,
    export::futures_core::Stream,
    message::{self, Flags},
};

use super::fault::Fault;

/// Until a bus says hello. Through ssh somebody may have to type a password first.
const HELLO: Duration = Duration::from_secs(10);
const HELLO_REMOTE: Duration = Duration::from_secs(120);

/// Messages that wait for whoever reads them: more than the bridge sends while a call is answered.
const WAITING: NonZero<usize> = NonZero::new(4096).expect("it is not zero");

/// Which bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Session,
    System,
    Address(String),
    /// The bus of a host, the system's or the account's own.
    Host {
        host: String,
        session: bool,
    },
}

impl Way {
    /// What `--bus` and `--host` say; without them it is to be found out.
    pub(super) fn of(bus: Option<&str>, host: Option<&str>) -> Result<Option<Self>, Fault> {
        let way = match (bus, host) {
            (None, None) => return Ok(None),
            (Some("session"), None) => Self::Session,
            (Some("system"), None) => Self::System,
            (Some(address), None) if address.contains(':') => Self::Address(address.to_owned()),
            (bus @ (None | Some("system" | "session")), Some(host)) => {
                Self::Host { host: host.to_owned(), session: bus == Some("session") }
            }
            (Some(address), Some(_)) if address.contains(':') => {
                return Err(Fault::usage(
                    "`--host` reaches the system or the session bus of a host",
                ));
            }
            (Some(other), _) => {
                return Err(Fault::usage(format!(
                    "`{other}` is no bus: write session, system or an address as unix:path=/run/bus"
                )));
            }
        };
        Ok(Some(way))
    }

    /// How busctl gets there.
    pub(super) fn busctl(&self) -> String {
        match self {
            Self::Session => "busctl --user".into(),
            Self::System => "busctl".into(),
            Self::Address(address) => format!("busctl --address={address}"),
            Self::Host { host, session: false } => format!("busctl --host {host}"),
            // It reaches no other bus of a host.
            Self::Host { host, session: true } => format!("ssh {host} busctl --user"),
        }
    }

    fn builder(&self) -> Result<Builder<'static>, zbus::Error> {
        Ok(match self {
            Self::Session => Builder::session(),
            Self::System => Builder::system(),
            Self::Address(address) => Builder::address(Address::try_from(address.as_str())?),
            Self::Host { host, session } => Builder::address(Address::from(ssh(host, *session))),
        })
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session => f.write_str("the session bus"),
            Self::System => f.write_str("the system bus"),
            Self::Address(address) => write!(f, "the bus at {address}"),
            Self::Host { host, .. } => write!(f, "the bus of {host}"),
        }
    }
}

/// As busctl does it: USER@HOST:PORT, and what systemd brings on the other side.
fn ssh(host: &str, session: bool) -> Transport {
    let (host, port) = match host.rsplit_once(':') {
        // An address with colons of its own needs brackets before a port.
        Some((host, port))
            if port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')) =>
        {
            (host, Some(port))
        }
        _ => (host, None),
    };
    let host = host.replace(['[', ']'], "");
    let mut arguments = vec!["-xT"];
    arguments.extend(port.into_iter().flat_map(|port| ["-p", port]));
    arguments.extend(["--", &host, "systemd-stdio-bridge"]);
    arguments.extend(session.then_some("--user"));
    let arguments = arguments.into_iter().map(Into::into).collect();
    Transport::Unixexec(Unixexec::new(PathBuf::from("ssh"), None, arguments))
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Bus {
    connection: Connection,
    pub(super) way: Way,
    /// Whether somebody is there to be asked for a password.
    interactive: bool,
}

/// One method of one object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'a> {
    pub(super) service: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
}

impl Bus {
    /// Connects.
    pub(super) async fn connect(way: &Way, interactive: bool) -> Result<Self, Fault> {
        let bad = |error: zbus::Error| {
            let fault = Fault::unreachable(format!("{way} cannot be reached: {error}"));
            match way {
                Way::Host { host, .. } => fault.advise(format!(
                    "try `ssh {host} systemd-stdio-bridge`; on the host it comes with systemd"
                )),
                _ => fault.advise("`qapi-dbus doctor` says what is wrong; --bus names another"),
            }
        };
        let builder = way.builder().map_err(bad)?.max_queued(WAITING);
        let patience = if matches!(way, Way::Host { .. }) { HELLO_REMOTE } else { HELLO };
        match timeout(patience, builder.build()).await {
            Ok(connection) => {
                Ok(Self { connection: connection.map_err(bad)?, way: way.clone(), interactive })
            }
            Err(_) => Err(Fault::unreachable(format!("{way} says nothing within {patience:?}"))),
        }
    }

    /// The same connection, for calls that nobody is asked a password for.
    pub(super) fn unattended(&self) -> Self {
        Self { interactive: false, ..self.clone() }
    }

    /// Calls a method and waits for its reply.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it does not take the call back.
    pub(super) async fn call(
        &self,
        method: Method<'_>,
        body: &(impl Serialize + DynamicType),
    ) -> Result<Message, Fault> {
        let Method { service, path, interface, member } = method;
        let call = Message::method_call(path, member).destination(service).interface(interface);
        let call =
            if self.interactive { call.with_flags(Flags::ALLOW_INTERACTIVE_AUTH) } else { call };
        let call = call.build(body).map_err(|error| Fault::usage(error.to_string()))?;
        let serial = call.primary_header().serial_num();
        let mut heard = self.hear();
        // Half a message would be taken for the beginning of what is sent next.
        let (connection, whole) = (self.connection.clone(), call.clone());
        let sent = tokio::spawn(async move { connection.send(&whole).await }).await;
        sent.map_err(|error| Fault::odd(error.to_string()))?.map_err(|error| Fault::bus(&error))?;
        loop {
            let message = heard.next().await?;
            let header = message.header();
            if header.reply_serial() != Some(serial) {
                continue;
            }
            return match header.message_type() {
                message::Type::Error => {
                    let name = header.error_name().map(ToString::to_string).unwrap_or_default();
                    let text = message.body().deserialize::<&str>().map(str::to_owned);
                    Err(Fault::replied(&name, &text.unwrap_or_default()))
                }
                _ => Ok(message),
            };
        }
    }

    /// All that comes from now on.
    pub(super) fn hear(&self) -> Heard {
        Heard(MessageStream::from(&self.connection))
    }
}

/// What comes, in order.
#[derive(Debug)]
pub(super) struct Heard(MessageStream);

impl Heard {
    /// The next message.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Result<Message, Fault> {
        match poll_fn(|context| Pin::new(&mut self.0).poll_next(context)).await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(Fault::bus(&error)),
            None => Err(Fault::odd("the bus ended the connection")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_name_a_bus() {
        let way = |bus, host| Way::of(bus, host).map_err(|fault| fault.to_string());
        assert_eq!(way(None, None).unwrap(), None);
        assert_eq!(way(Some("system"), None).unwrap(), Some(Way::System));
        let address = Way::Address("unix:path=/x".into());
        assert_eq!(way(Some("unix:path=/x"), None).unwrap(), Some(address));
        assert!(way(Some("x"), None).unwrap_err().contains("`x` is no bus"));
        assert!(way(Some("unix:path=/x"), Some("h")).is_err());
    }

    #[test]
    fn busctl_is_told_where_to_go() {
        let busctl = |bus, host| Way::of(bus, host).unwrap().unwrap().busctl();
        assert_eq!(busctl(Some("session"), None), "busctl --user");
        assert_eq!(busctl(Some("system"), None), "busctl");
        assert_eq!(busctl(Some("unix:path=/x"), None), "busctl --address=unix:path=/x");
        assert_eq!(busctl(None, Some("a@b")), "busctl --host a@b");
        assert_eq!(busctl(Some("session"), Some("a@b")), "ssh a@b busctl --user");
    }

    #[test]
    fn a_host_is_reached_as_busctl_does() {
        let address = |host, session| Address::from(ssh(host, session)).to_string();
        assert_eq!(
            address("root@web1:2222", false),
            "unixexec:path=ssh,argv1=-xT,argv2=-p,argv3=2222,argv4=--,argv5=root%40web1,argv6=systemd-stdio-bridge"
        );
        assert!(
            address("::1", true)
                .ends_with(",argv3=%3a%3a1,argv4=systemd-stdio-bridge,argv5=--user")
        );
    }
}
