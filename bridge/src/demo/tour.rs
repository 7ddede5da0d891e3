//! A few calls, each with the busctl(1) line that does the same, and its answer.

use std::{
    collections::{BTreeMap, HashMap},
    future::poll_fn,
    io::{self, Write},
    pin::Pin,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep, timeout};
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedVariant, Structure, Variant,
    connection::Builder, export::futures_core::Stream, message,
};

use super::{answer, busctl};
use crate::daemon::Bus;

/// From the first try of a call until its answer has to be as wanted.
const PATIENCE: Duration = Duration::from_secs(10);

/// From a call to the signal that it causes.
const SIGNAL: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(50);

/// The errors that say that nothing was sent: a call may be repeated.
const NOT_SENT: &str = "org.qemu.QapiError.NotSent.";

/// What is served: its bus name, object and interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object {
    /// Bus name.
    pub(super) name: &'static str,
    /// Object path.
    pub(super) path: &'static str,
    /// The one interface that is called.
    pub(super) interface: &'static str,
}

/// The guest agent.
pub(super) const AGENT: Object =
    Object { name: "org.qemu.qga", path: "/org/qemu/qga", interface: "org.qemu.QgaQapi" };

/// The monitor.
pub(super) const MONITOR: Object =
    Object { name: "org.qemu.qmp", path: "/org/qemu/qmp", interface: "org.qemu.QmpQapi" };

/// A client that shows what it does.
#[derive(Debug)]
pub(super) struct Tour {
    connection: Connection,
    /// `busctl` and the option that names the bus.
    busctl: String,
}

impl Tour {
    /// Connects to the bus.
    pub(super) async fn start(bus: &Bus) -> anyhow::Result<Self> {
        let builder = match bus {
            Bus::Session => Builder::session(),
            Bus::System => Builder::system(),
            Bus::Address(address) => Builder::address(address.as_str()),
        };
        let connection = builder.build().await.with_context(|| format!("cannot reach {bus}"))?;
        Ok(Self { connection, busctl: command(bus) })
    }

    /// Calls the agent.
    pub(super) async fn agent(&self) -> anyhow::Result<()> {
        self.show(&AGENT.call("GuestPing")).await?;
        self.show(&AGENT.call("GuestGetOsinfo")).await?;
        let options: BTreeMap<&str, Variant<'_>> =
            [("arg", vec!["hello from the guest"].into()), ("capture-output", true.into())].into();
        let started = self.show(&AGENT.call("GuestExec").with(("/bin/echo", options))).await?;
        let pid: i64 = member(&started, "pid").context("GuestExec returned no pid")?;
        let status = AGENT.call("GuestExecStatus").with((pid,));
        self.show_when(&status, |reply| member(reply, "exited") == Some(true)).await.map(drop)
    }

    /// Calls the monitor, and waits for the event that a call causes.
    pub(super) async fn monitor(&self) -> anyhow::Result<()> {
        self.show(&MONITOR.call("QueryVersion")).await?;
        self.show(&MONITOR.call("QueryStatus")).await?;
        let mut events = self.events().await?;
        self.show(&MONITOR.call("Stop")).await?;
        show_event(&mut events).await?;
        // Stop again, by a copied line, is an event again.
        self.show(&MONITOR.call("Cont")).await.map(drop)
    }

    /// Prints the lines with which to go on in another terminal.
    pub(super) fn more(&self, monitor: bool) -> io::Result<()> {
        let objects = if monitor { &[AGENT, MONITOR][..] } else { &[AGENT] };
        let busctl = &self.busctl;
        let mut out = io::stdout().lock();
        writeln!(out, "\nThis goes on until Ctrl-C. In another terminal, copy a line above or:")?;
        for Object { name, path, interface } in objects {
            writeln!(out, "  {busctl} introspect {name} {path} {interface}")?;
        }
        if monitor {
            writeln!(out, "  {busctl} monitor --match=sender={}", MONITOR.name)?;
        }
        out.flush()
    }

    async fn show(&self, call: &Call<'_>) -> anyhow::Result<Message> {
        self.show_when(call, |_| true).await
    }

    /// Makes a call until its answer is as wanted; shows the call, and that answer.
    async fn show_when(
        &self,
        call: &Call<'_>,
        wanted: impl Fn(&Message) -> bool,
    ) -> anyhow::Result<Message> {
        writeln!(io::stdout(), "\n$ {} {}", self.busctl, call.line())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match call.make(&self.connection).await {
                Ok(reply) if wanted(&reply) => {
                    write!(io::stdout(), "{}", shown(&reply)?)?;
                    return Ok(reply);
                }
                // Nothing was sent: the bridge is not connected to its peer yet.
                Err(error) if !is_not_sent(&error) || Instant::now() > deadline => {
                    return Err(error).with_context(|| format!("{} failed", call.method));
                }
                Ok(_) if Instant::now() > deadline => bail!("{} does not get done", call.method),
                Ok(_) | Err(_) => sleep(POLL).await,
            }
        }
    }

    async fn events(&self) -> anyhow::Result<MessageStream> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(MONITOR.name)
            .interface(MONITOR.interface)
            .build()?;
        Ok(MessageStream::for_match_rule(rule, &self.connection, None).await?)
    }
}

impl Object {
    fn call(self, method: &'static str) -> Call<'static> {
        Call { object: self, method, arguments: None }
    }
}

struct Call<'a> {
    object: Object,
    method: &'static str,
    arguments: Option<Structure<'a>>,
}

impl Call<'_> {
    fn with<'a>(self, arguments: impl Into<Structure<'a>>) -> Call<'a> {
        Call { object: self.object, method: self.method, arguments: Some(arguments.into()) }
    }

    fn line(&self) -> String {
        let Object { name, path, interface } = self.object;
        let arguments = busctl::arguments(self.arguments.as_ref());
        format!("call {name} {path} {interface} {} {arguments}", self.method).trim_end().to_owned()
    }

    async fn make(&self, connection: &Connection) -> zbus::Result<Message> {
        let Object { name, path, interface } = self.object;
        let (name, interface) = (Some(name), Some(interface));
        match &self.arguments {
            Some(body) => connection.call_method(name, path, interface, self.method, body).await,
            None => connection.call_method(name, path, interface, self.method, &()).await,
        }
    }
}

fn command(bus: &Bus) -> String {
    match bus {
        Bus::Session => "busctl --user".into(),
        Bus::System => "busctl --system".into(),
        Bus::Address(address) => format!("busctl --address={}", busctl::quote(address)),
    }
}

fn is_not_sent(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.starts_with(NOT_SENT))
}

async fn show_event(events: &mut MessageStream) -> anyhow::Result<()> {
    let event = timeout(SIGNAL, poll_fn(|context| Pin::new(&mut *events).poll_next(context))).await;
    let event = event.ok().flatten().context("the call caused no signal")??;
    let header = event.header();
    let name = header.member().map_or("", |member| member.as_str());
    write!(io::stdout(), "\n> signal {name}\n{}", shown(&event)?)?;
    Ok(())
}

/// The body, a line for each part of it.
fn shown(message: &Message) -> anyhow::Result<String> {
    if message.body().is_empty() {
        return Ok("  done\n".into());
    }
    let body = message.body();
    let lines = answer::lines(&body.deserialize()?);
    Ok(lines.iter().map(|line| format!("  {line}\n")).collect())
}

/// A member of the dictionary that a method returned.
fn member<T: TryFrom<OwnedVariant>>(reply: &Message, name: &str) -> Option<T> {
    let mut members: HashMap<String, OwnedVariant> = reply.body().deserialize().ok()?;
    members.remove(name)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_complete_commands() {
        let address = Bus::Address("unix:path=/tmp/x/bus".into());
        assert_eq!(command(&address), "busctl --address=unix:path=/tmp/x/bus");
        assert_eq!(
            AGENT.call("GuestPing").line(),
            "call org.qemu.qga /org/qemu/qga org.qemu.QgaQapi GuestPing"
        );
        let status = AGENT.call("GuestExecStatus").with((7i64,));
        assert!(status.line().ends_with(" GuestExecStatus x 7"), "{}", status.line());
    }

    #[test]
    fn answers_are_indented_and_an_empty_one_is_told() {
        let signal =
            |body: &Structure<'_>| Message::signal("/x", "org.example.X", "X").build(body).unwrap();
        let result = BTreeMap::from([("pid", Variant::new(7i64))]);
        let reply = signal(&Structure::from((result,)));
        assert_eq!(shown(&reply).unwrap(), "  pid  7\n");
        assert_eq!(member(&reply, "pid"), Some(7i64));
        let empty = Message::signal("/x", "org.example.X", "X").build(&()).unwrap();
        assert_eq!(shown(&empty).unwrap(), "  done\n");
    }
}
