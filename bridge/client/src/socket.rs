//! The way over the socket itself, as its only client.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use qapi_dbus::{
    endpoint::{
        self, Account, Budget, Completion, Config, Deadlines, Event, Handle, Limits, Observer,
        Outcome, Request, Status, Trust, reading_time,
    },
    transcode::Json,
};
use qapi_dbus_types::{Command, Members, Method, Value, Viewed, Wire};
use serde::Deserialize;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    Error, NotSent, Options, Protocol, Source, Transport, Unknown,
    events::{Feed, Raw},
};

/// One socket of a monitor or a guest agent. It connects by itself, again and again; calls meanwhile
/// are `NotSent`. Dropped, it is closed.
#[derive(Debug)]
pub struct Socket {
    handle: Handle,
    protocol: endpoint::Protocol,
    listeners: Arc<Listeners>,
    task: JoinHandle<()>,
}

impl Socket {
    /// Opens the socket at this path, which root or this process's own user serves.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn open(path: impl Into<PathBuf>, protocol: Protocol) -> Self {
        Self::served_by(path, protocol, [])
    }

    /// Opens a socket that one of these users may serve as well, by number.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn served_by(
        path: impl Into<PathBuf>,
        protocol: Protocol,
        uids: impl IntoIterator<Item = u32>,
    ) -> Self {
        let protocol = match protocol {
            Protocol::Qga => endpoint::Protocol::Qga,
            Protocol::Qmp => endpoint::Protocol::Qmp,
        };
        let listeners = Arc::new(Listeners::default());
        let (handle, task) = endpoint::new(Config {
            socket: path.into().into(),
            protocol,
            limits: Limits::new(protocol).into(),
            budget: Budget::new().share(),
            observer: Arc::clone(&listeners) as Arc<dyn Observer>,
            account: Arc::new(Account::default()),
            trust: Arc::new(Trust { uids: uids.into_iter().collect(), ..Trust::default() }),
        });
        Self { handle, protocol, listeners, task: tokio::spawn(task.run()) }
    }

    /// Closes the socket: calls that wait are not sent, those on the wire have so long to be answered.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it closes the socket at once.
    pub async fn close(self, drain: Duration) {
        self.handle.stop(drain).await;
    }

    /// Hands a command to the endpoint at once; the future waits for the outcome.
    fn send(
        &self,
        method: &Method,
        command: &str,
        arguments: &dyn Viewed,
        options: Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send + use<> {
        let sent = written(arguments).map(|text| self.submit(method, command, text, options));
        async move { sent?.await.unwrap_or_else(|_| Err(closed())) }
    }

    fn submit(
        &self,
        method: &Method,
        command: &str,
        arguments: Vec<u8>,
        options: Options,
    ) -> oneshot::Receiver<Result<Value, Error>> {
        let own = Deadlines::default().of(self.protocol, command);
        let timeout = match options.deadline {
            None => own.map(|own| own + reading_time(arguments.len())),
            deadline => deadline.filter(|deadline| *deadline != Duration::MAX),
        };
        let (told, outcome) = oneshot::channel();
        // Whoever has gone is told nothing.
        let tell = |outcome: Outcome<'_>| told.send(returned(outcome)).unwrap_or_default();
        let completion = Completion::new(tell);
        match synchronisation(command, &arguments) {
            Some(id) => self.handle.sync(id, timeout, completion),
            None => self.handle.submit(Request {
                command: command.into(),
                arguments,
                fd: options.fd,
                oob: options.out_of_band && method.oob,
                replies: !method.silent,
                reads: false,
                timeout,
                completion,
            }),
        }
        outcome
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Transport for Socket {
    fn call<C: Command>(
        &self,
        command: C,
        options: Options,
    ) -> impl Future<Output = Result<C::Result, Error>> + Send {
        let sent = self.send(&C::METHOD, C::METHOD.command, &command, options);
        async move { C::Result::from_value(sent.await?).map_err(Error::Reply) }
    }

    fn call_by_name(
        &self,
        command: &str,
        arguments: Members,
        options: Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send {
        // The peer says so if it does not take it out of band.
        let method = Method { oob: true, ..Method::PLAIN };
        self.send(&method, command, &arguments, options)
    }

    async fn events(&self) -> Result<Source, Error> {
        Ok(Source::new(|feed| self.listeners.add(feed)))
    }
}

/// The peer's own limits and alphabet are kept before a byte leaves.
fn written(arguments: &dyn Viewed) -> Result<Vec<u8>, Error> {
    let unfit = |text: String| Error::NotSent(NotSent::Unfit, text);
    let text = serde_json::to_vec(&arguments.view()).map_err(|error| unfit(error.to_string()))?;
    if text == b"{}" {
        return Ok(Vec::new());
    }
    let json = Json::parse(&text).map_err(|error| unfit(error.to_string()))?;
    let mut ascii = Vec::with_capacity(text.len());
    json.write(&mut ascii).map_err(|error| unfit(format!("argument {error}")))?;
    Ok(ascii)
}

/// The number that a caller wants back. The endpoint uses these commands for itself, and so brings
/// the channel back in step on a caller's behalf.
fn synchronisation(command: &str, arguments: &[u8]) -> Option<i64> {
    if !matches!(command, "guest-sync" | "guest-sync-delimited") {
        return None;
    }
    Json::parse(arguments).ok()?.get("id")?.as_integer()?.try_into().ok()
}

fn returned(outcome: Outcome<'_>) -> Result<Value, Error> {
    match outcome {
        Outcome::Return(text) => read(text).map_err(|text| Error::Unknown(Unknown::BadReply, text)),
        Outcome::Error { class, desc } => {
            Err(Error::Peer { class: class.into(), desc: desc.into() })
        }
        Outcome::NotSent(why, text) => Err(Error::NotSent(not_sent(why), text)),
        Outcome::Unknown(why, text) => Err(Error::Unknown(unknown(why), text)),
    }
}

fn not_sent(why: endpoint::NotSent) -> NotSent {
    match why {
        endpoint::NotSent::NotConnected | endpoint::NotSent::Absent => NotSent::NotConnected,
        endpoint::NotSent::Busy => NotSent::Busy,
        endpoint::NotSent::TooLarge => NotSent::TooLarge,
        endpoint::NotSent::Stopping => NotSent::Stopping,
        endpoint::NotSent::Stale => NotSent::Stale,
        endpoint::NotSent::QueueFull => NotSent::QueueFull,
    }
}

fn unknown(why: endpoint::Unknown) -> Unknown {
    match why {
        endpoint::Unknown::Timeout => Unknown::Timeout,
        endpoint::Unknown::ConnectionLost => Unknown::ConnectionLost,
        endpoint::Unknown::BadReply => Unknown::BadReply,
        endpoint::Unknown::ReplyTooLarge => Unknown::ReplyTooLarge,
        endpoint::Unknown::Internal => Unknown::Internal,
    }
}

fn closed() -> Error {
    Error::Unknown(Unknown::ConnectionLost, "the socket was closed".into())
}

/// The endpoint has bounded nesting and number of values.
fn read(text: &[u8]) -> Result<Value, String> {
    let mut source = serde_json::Deserializer::from_slice(text);
    source.disable_recursion_limit();
    Value::deserialize(&mut source).map_err(|error| error.to_string())
}

/// Those who want to hear of events.
#[derive(Debug, Default)]
struct Listeners(Mutex<Vec<Feed>>);

impl Listeners {
    /// They are dropped once nobody reads any more.
    fn add(&self, feed: Feed) {
        self.feeds(|feeds| feeds.push(feed));
    }

    fn feeds(&self, change: impl FnOnce(&mut Vec<Feed>)) {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.retain(|feed| !feed.is_closed());
        change(&mut feeds);
    }
}

impl Observer for Listeners {
    fn together(&self, take: &mut dyn FnMut()) {
        take();
    }

    fn event(&self, event: &Event<'_>) {
        self.feeds(|feeds| {
            if feeds.is_empty() {
                return;
            }
            let data = if event.data.is_empty() { b"{}" } else { event.data };
            match read(data) {
                Ok(Value::Object(data)) => feeds.iter().for_each(|feed| {
                    let (name, timestamp) = (event.name.to_owned(), event.timestamp);
                    feed.tell(Raw { name, data: data.clone(), timestamp, sequence: None });
                }),
                _ => feeds.iter().for_each(|feed| feed.lose(1)),
            }
        });
    }

    fn event_lost(&self) {
        self.feeds(|feeds| feeds.iter().for_each(|feed| feed.lose(1)));
    }

    fn changed(&self, status: &Status) {
        // What happens until there is another connection, nobody knows.
        if status.state != endpoint::State::Ready {
            self.feeds(Vec::clear);
        }
    }
}
