//! Calls and their replies, entry by entry: each call has exactly one reply, which tells the
//! truth about what the peer got.

use crate::{bus::Bus, client::Target, soon};
use std::{
    collections::{BTreeMap, HashMap},
    future::poll_fn,
    num::NonZero,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};
use zbus::{
    Connection, Message, MessageStream,
    connection::Builder,
    export::{futures_core::Stream, serde::Serialize},
    message::{Flags, Type},
    wire::DynamicType,
};

/// Replies that wait for the ledger to look at them.
const QUEUE: NonZero<usize> = NonZero::new(100_000).unwrap();

/// A client that sends without waiting and books what comes back.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    incoming: MessageStream,
    calls: BTreeMap<u32, Entry>,
}

/// One call.
#[derive(Debug)]
pub struct Entry {
    /// Found in the request that the peer gets, and nowhere else.
    pub tag: String,
    /// What came back.
    pub reply: Option<Message>,
}

impl Ledger {
    /// Connects to the bus.
    pub async fn new(bus: &Bus) -> Self {
        let connection = Builder::address(bus.address()).max_queued(QUEUE).build().await.unwrap();
        let incoming = MessageStream::from(&connection);
        Self { connection, incoming, calls: BTreeMap::new() }
    }

    /// Sends a harmless call with a tag of its own: `QomGet` to a monitor, `GuestFileOpen` of
    /// what does not exist to an agent.
    pub async fn call(&mut self, target: Target) -> u32 {
        static TAGS: AtomicU64 = AtomicU64::new(0);
        let tag = format!("/nonexistent/tag{:06}x", TAGS.fetch_add(1, Ordering::Relaxed));
        match target.interface {
            "org.qemu.QmpQapi" => self.send(target, "QomGet", &(&tag, "name"), &tag).await,
            _ => self.send(target, "GuestFileOpen", &tag, &tag).await,
        }
    }

    /// Sends as many of these.
    pub async fn calls(&mut self, target: Target, count: usize) {
        for _ in 0..count {
            self.call(target).await;
        }
    }

    /// Sends any call; an empty tag is for one that the peer does not get.
    pub async fn send<B>(&mut self, target: Target, method: &str, body: &B, tag: &str) -> u32
    where
        B: Serialize + DynamicType,
    {
        self.book(&message(target, method, body, None), tag).await
    }

    /// Sends a call of any shape.
    pub async fn book(&mut self, call: &Message, tag: &str) -> u32 {
        let serial = call.primary_header().serial_num().get();
        self.calls.insert(serial, Entry { tag: tag.to_owned(), reply: None });
        self.connection.send(call).await.unwrap();
        serial
    }

    /// Sends a call that wants no reply, and gets none.
    pub async fn send_no_reply<B>(&self, target: Target, method: &str, body: &B)
    where
        B: Serialize + DynamicType,
    {
        let call = message(target, method, body, Some(Flags::NO_REPLY_EXPECTED));
        self.connection.send(&call).await.unwrap();
    }

    /// Waits until the bridge has taken all calls: a bus keeps the order of one client's, and the
    /// bridge answers this one at once.
    pub async fn taken(&mut self, target: Target) {
        let peer = target.interface("org.freedesktop.DBus.Peer");
        let ping = self.send(peer, "Ping", &(), "").await;
        while self.calls[&ping].reply.is_none() {
            self.next().await;
        }
        self.calls.remove(&ping);
    }

    /// Waits until each call has its reply.
    pub async fn settle(&mut self) {
        while self.calls.values().any(|entry| entry.reply.is_none()) {
            self.next().await;
        }
    }

    /// How many calls have no reply yet.
    pub fn open(&self) -> usize {
        self.calls.values().filter(|entry| entry.reply.is_none()).count()
    }

    /// How many calls came to what: by error name, and by the empty one for success.
    pub fn outcomes(&self) -> HashMap<String, usize> {
        let mut outcomes = HashMap::new();
        for outcome in self.calls.values().filter_map(Entry::outcome) {
            *outcomes.entry(outcome).or_default() += 1;
        }
        outcomes
    }

    /// Every call, by serial number.
    pub fn entries(&self) -> &BTreeMap<u32, Entry> {
        &self.calls
    }

    /// Waits until each call has its reply, and compares with the lines that the peers got then: a
    /// call that was not sent is in none of them, one that the peer answered in one, and any
    /// other at most in one.
    ///
    /// # Panics
    /// If that is not so, or if a call had a second reply.
    pub async fn close(&mut self, target: Target, lines: impl FnOnce() -> Vec<String>) {
        self.settle().await;
        self.taken(target).await;
        let lines = lines();
        for entry in self.calls.values().filter(|entry| !entry.tag.is_empty()) {
            let outcome = entry.outcome().unwrap_or_default();
            let seen = lines.iter().filter(|line| line.contains(&entry.tag)).count();
            let right = match () {
                () if is_unsent(&outcome) => seen == 0,
                () if outcome.starts_with("org.qemu.QapiError.Unknown.") => seen <= 1,
                () => seen == 1,
            };
            assert!(right, "{}: `{outcome}`, and the peer got it {seen} times", entry.tag);
        }
    }

    /// Books the next message.
    async fn next(&mut self) {
        let what = format!("replies to {} calls", self.open());
        let next = poll_fn(|context| Pin::new(&mut self.incoming).poll_next(context));
        let message = soon(&what, next).await.expect("the bus went away").unwrap();
        if !matches!(message.message_type(), Type::MethodReturn | Type::Error) {
            return;
        }
        let header = message.header();
        let serial = header.reply_serial().map_or(0, Into::into);
        // What the bus answers to the connection's own calls is in no entry.
        if let Some(entry) = self.calls.get_mut(&serial) {
            assert!(entry.reply.is_none(), "{}: a second reply, {message:?}", entry.tag);
            entry.reply = Some(message.clone());
        }
    }
}

impl Entry {
    /// Name of the error that came back, empty for success; `None` without a reply.
    pub fn outcome(&self) -> Option<String> {
        let header = self.reply.as_ref()?.header();
        Some(header.error_name().map(ToString::to_string).unwrap_or_default())
    }
}

/// Whether an error of this name says that no byte of the call reached the peer.
pub fn is_unsent(outcome: &str) -> bool {
    outcome.starts_with("org.qemu.QapiError.NotSent.")
        || outcome.starts_with("org.freedesktop.DBus.Error.")
}

fn message<B>(target: Target, method: &str, body: &B, flags: Option<Flags>) -> Message
where
    B: Serialize + DynamicType,
{
    let call = Message::method_call(target.path, method)
        .destination(target.name)
        .interface(target.interface);
    flags.into_iter().fold(call, |call, flags| call.with_flags(flags)).build(body).unwrap()
}
