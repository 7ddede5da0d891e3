//! The way to one host: its system bus through ssh, again whenever it ends.

use crate::{
    machines::{Change, Machines, RULES},
    view::News,
};
use std::{
    convert::Infallible, future::poll_fn, io, os::fd::OwnedFd, os::unix::net::UnixStream, pin::Pin,
    process::Stdio, time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    sync::mpsc::Sender,
    time::{sleep, timeout},
};
use zbus::{
    Connection, Message, MessageStream, connection::Builder, export::futures_core::Stream,
    message::Flags,
};

/// Says what there is on a host, and each change, for as long as somebody wants to know.
pub(crate) async fn follow(name: String, news: Sender<News>) {
    let mut host = Host { name, news, machines: Machines::default() };
    while host.tell("connecting").await {
        let reason = match host.visit().await {
            Ok(reason) => reason,
            Err(error) => error.to_string(),
        };
        host.machines.lost();
        host.tell(&format!("lost: {reason}")).await;
        sleep(PAUSE).await;
    }
}

/// Before a host is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The other end of the bus comes with systemd on the host. A host that is cut off is missed after
/// six seconds, and nobody is there to be asked for a password.
const SSH: [&str; 9] = [
    "-xT",
    "-oBatchMode=yes",
    "-oConnectTimeout=5",
    "-oServerAliveInterval=2",
    "-oServerAliveCountMax=3",
    "-oControlPath=none",
    "-oClearAllForwardings=yes",
    "-oPermitLocalCommand=no",
    "--",
];
const REMOTE: &str = "systemd-stdio-bridge";

/// Until the bus says hello.
const HELLO: Duration = Duration::from_secs(20);

struct Host {
    name: String,
    news: Sender<News>,
    machines: Machines,
}

impl Host {
    /// Whether somebody still wants to know.
    async fn tell(&self, link: &str) -> bool {
        let news =
            News { host: self.name.clone(), link: link.to_owned(), machines: self.machines.rows() };
        self.news.send(news).await.is_ok()
    }

    /// Connects and listens until the connection ends: why it did.
    async fn visit(&mut self) -> io::Result<String> {
        let (ours, theirs) = UnixStream::pair()?;
        let ssh = ssh(&self.name, theirs.into())?;
        let Err(error) = self.listen(ours).await;
        let said = last_words(ssh).await;
        Ok(said.unwrap_or_else(|| error.to_string()))
    }

    async fn listen(&mut self, stream: UnixStream) -> zbus::Result<Infallible> {
        let hello = timeout(HELLO, Builder::unix_stream(stream).build()).await;
        let bus = hello.map_err(io::Error::from)??;
        let mut messages = MessageStream::from(&bus);
        for rule in RULES {
            add_match(&bus, rule).await?;
        }
        bus.send(&self.machines.ask()?).await?;
        loop {
            let next = poll_fn(|context| Pin::new(&mut messages).poll_next(context)).await;
            let message =
                next.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted))??;
            let link = match self.machines.heard(&message)? {
                Change::None => continue,
                Change::NewBridge => {
                    bus.send(&self.machines.ask()?).await?;
                    continue;
                }
                Change::NoBridge(reason) => format!("no bridge: {reason}"),
                Change::Machines => "connected".to_owned(),
            };
            self.tell(&link).await;
        }
    }
}

fn ssh(host: &str, bus: OwnedFd) -> io::Result<Child> {
    Command::new("ssh")
        .args(SSH)
        .args([host, REMOTE])
        .stdin(bus.try_clone()?)
        .stdout(bus)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// What ssh said at last, at most a little of it.
async fn last_words(mut ssh: Child) -> Option<String> {
    let mut said = Vec::new();
    let stderr = ssh.stderr.take()?;
    // It ends by itself, now that nobody is there; what it started may not.
    let _ = timeout(PAUSE, stderr.take(4096).read_to_end(&mut said)).await;
    let said = String::from_utf8_lossy(&said);
    said.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

/// Its reply would tell nothing: what a bus refuses, it refuses for good.
async fn add_match(bus: &Connection, rule: &str) -> zbus::Result<()> {
    const BUS: &str = "org.freedesktop.DBus";
    let call = Message::method_call("/org/freedesktop/DBus", "AddMatch").destination(BUS);
    let call = call.interface(BUS).with_flags(Flags::NO_REPLY_EXPECTED);
    bus.send(&call.build(&rule)?).await
}
