//! Peers that go away or were never there.

use qapi_dbus_tests::{
    bridge::{Bridge, connected, in_state},
    bus::Bus,
    client::{Client, MONITOR, MONITOR_ENDPOINT},
    monitor::Monitor,
    on_each_bus,
    qemu::Qemu,
    scratch::Scratch,
    soon,
};
use std::{collections::HashSet, ffi::OsStr, future::poll_fn, pin::Pin};
use zbus::{Connection, Message, MessageStream, export::futures_core::Stream};

on_each_bus!(
    each_call_in_flight_fails_once_and_service_comes_back,
    a_missing_socket_is_named,
    a_busy_monitor_is_told,
);

async fn each_call_in_flight_fails_once_and_service_comes_back(bus: Bus) {
    let mut qemu = Qemu::none().await;
    let (_bridge, client) = Bridge::with_monitor(&bus, &qemu.socket()).await;
    let owner = client.owner(MONITOR.name).await.unwrap();
    let mut caller = Caller::new(&bus).await;
    qemu.freeze();
    caller.send(20).await;
    qemu.kill().await;
    let failures = caller.replies(20).await;
    assert!(failures.iter().all(|name| FAILURES.contains(&name.as_str())), "{failures:?}");
    assert!(failures.iter().any(|name| name == FAILURES[0]), "calls were on the wire");
    in_state(&client, MONITOR_ENDPOINT, "disconnected").await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, FAILURES[1]);
    qemu.restart(&["-M", "none"]).await;
    connected(&client, MONITOR_ENDPOINT).await;
    caller.send(1).await;
    assert_eq!(caller.replies(1).await, [""], "no second reply to an earlier call");
    assert_eq!(client.owner(MONITOR.name).await.unwrap(), owner);
}

/// What a call may come to that was sent to a peer that died, and one that still waited.
const FAILURES: [&str; 2] =
    ["org.qemu.QapiError.Unknown.ConnectionLost", "org.qemu.QapiError.NotSent.NotConnected"];

/// A client that sends several calls before it reads a reply.
struct Caller {
    connection: Connection,
    incoming: MessageStream,
    unanswered: HashSet<u32>,
}

impl Caller {
    async fn new(bus: &Bus) -> Self {
        let connection = bus.connect().await;
        let incoming = MessageStream::from(&connection);
        Self { connection, incoming, unanswered: HashSet::new() }
    }

    /// Sends calls, and waits until the bridge has taken them.
    async fn send(&mut self, count: usize) {
        for _ in 0..count {
            let call = Message::method_call(MONITOR.path, "QueryStatus")
                .destination(MONITOR.name)
                .interface(MONITOR.interface)
                .build(&())
                .unwrap();
            self.unanswered.insert(call.primary_header().serial_num().get());
            self.connection.send(&call).await.unwrap();
        }
        // A bus keeps the order of one client's calls, and the bridge answers this one at once.
        let peer = Some("org.freedesktop.DBus.Peer");
        let ping = self.connection.call_method(Some(MONITOR.name), MONITOR.path, peer, "Ping", &());
        ping.await.unwrap();
    }

    /// The next replies, each to a call that had none yet: the error's name, empty for success.
    async fn replies(&mut self, count: usize) -> Vec<String> {
        let mut replies = Vec::new();
        while replies.len() < count {
            let next = poll_fn(|context| Pin::new(&mut self.incoming).poll_next(context));
            let message = soon("a reply", next).await.unwrap().unwrap();
            let header = message.header();
            let Some(serial) = header.reply_serial() else { continue };
            let ping = message.body().is_empty();
            if !ping {
                assert!(self.unanswered.remove(&serial.get()), "{message:?} is one too many");
                replies.push(header.error_name().map(ToString::to_string).unwrap_or_default());
            }
        }
        replies
    }
}

async fn a_missing_socket_is_named(bus: Bus) {
    let scratch = Scratch::new();
    let socket = scratch.path("missing.sock");
    let _bridge = Bridge::serve(&bus, &[OsStr::new("--qmp"), socket.as_os_str()]).await;
    let client = Client::new(&bus).await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.NotConnected");
    assert!(refused.text.contains(socket.to_str().unwrap()), "{}", refused.text);
    assert!(refused.text.contains("No such file"), "{}", refused.text);
}

async fn a_busy_monitor_is_told(bus: Bus) {
    let qemu = Qemu::none().await;
    let holder = Monitor::qmp(&qemu.socket()).await;
    let socket = qemu.socket();
    let _bridge = Bridge::serve(&bus, &[OsStr::new("--qmp"), socket.as_os_str()]).await;
    let client = Client::new(&bus).await;
    in_state(&client, MONITOR_ENDPOINT, "unresponsive").await;
    let refused = client.call(MONITOR, "QueryStatus", &()).await.unwrap_err();
    assert_eq!(refused.name, "org.qemu.QapiError.NotSent.Busy");
    assert!(refused.text.contains(socket.to_str().unwrap()), "{}", refused.text);
    drop(holder);
    connected(&client, MONITOR_ENDPOINT).await;
    client.call(MONITOR, "QueryStatus", &()).await.unwrap();
}
