//! Signals as events.

use std::{future::poll_fn, pin::Pin};

use futures_core::Stream;
use qapi_dbus_types::{Events, Fields, Members, Signal, Value, View, dbus};
use zbus::{MatchRule, Message, MessageStream, Structure, message};

use super::{Bus, names, returned};
use crate::{
    Error, Protocol, Source,
    events::{Feed, Raw},
};

/// Starts to listen. The match rules are in force when this returns.
pub(super) async fn start(bus: &Bus) -> Result<Source, Error> {
    let owner = owner_changes(bus).await.map_err(names::error)?;
    let signals = signals(bus).await.map_err(names::error)?;
    let subscription = if bus.subscribes { Some(subscribe(bus).await?) } else { None };
    let listener = Listener { bus: bus.clone(), subscription };
    Ok(Source::new(move |feed| Feeder(tokio::spawn(listener.run(signals, owner, feed)))))
}

async fn next(stream: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// Ends a listener that nobody needs.
struct Feeder(tokio::task::JoinHandle<()>);

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Listener {
    bus: Bus,
    subscription: Option<u64>,
}

impl Listener {
    /// Listens until the service goes away: what happens until another one comes, nobody knows.
    async fn run(self, mut signals: MessageStream, mut owner: MessageStream, feed: Feed) {
        loop {
            let message = tokio::select! {
                biased;
                message = next(&mut signals) => message,
                _ = next(&mut owner) => return,
            };
            match message {
                Some(Ok(message)) => self.tell(&message, &feed),
                _ => return,
            }
        }
    }

    fn tell(&self, message: &Message, feed: &Feed) {
        let header = message.header();
        let (Some(interface), Some(member)) = (header.interface(), header.member()) else { return };
        let mut arguments = arguments(message);
        if interface.as_str() == self.bus.interface("Endpoint") {
            match (member.as_str(), arguments.as_mut_slice()) {
                ("EventsDropped", [count, ..]) => feed.lose(count.as_u64().unwrap_or(1)),
                ("UnknownEvent", [Value::String(name), Value::Object(data)]) => {
                    self.pass(name, std::mem::take(data), feed);
                }
                _ => {}
            }
        } else if let Some(signal) = self.signal(member.as_str()) {
            let mut data = match arguments.pop() {
                Some(Value::Object(optional)) => optional,
                _ => Members::new(),
            };
            let named = signal.positional.iter().map(|(name, _)| (*name).to_owned());
            data.extend(named.zip(arguments));
            self.pass(signal.event, data, feed);
        }
    }

    fn signal(&self, member: &str) -> Option<&'static Signal> {
        signals_of(self.bus.protocol).iter().find(|signal| signal.name == member)
    }

    fn pass(&self, name: &str, mut data: Members, feed: &Feed) {
        let mut own = |key: &str| data.remove(key).and_then(|value| value.as_u64());
        let (timestamp, sequence) = (own("@timestamp"), own("@sequence"));
        // Whoever subscribes still hears what is told to everybody.
        if own("@subscription") == self.subscription {
            let (name, timestamp) = (name.to_owned(), timestamp.unwrap_or(0));
            feed.tell(Raw { name, data, timestamp, sequence });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let Some(handle) = self.subscription else { return };
        let bus = self.bus.clone();
        // Without a runtime the connection is about to end, and the subscription with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let interface = bus.interface("Endpoint");
                let arguments = Ok(vec![handle.into()]);
                bus.send(interface, "Unsubscribe".into(), arguments).await.is_ok()
            });
        }
    }
}

fn signals_of(protocol: Protocol) -> &'static [Signal] {
    match protocol {
        #[cfg(feature = "qga")]
        Protocol::Qga => crate::qga::Event::SIGNALS,
        #[cfg(feature = "qmp")]
        Protocol::Qmp => crate::qmp::Event::SIGNALS,
        #[allow(unreachable_patterns, reason = "both schemas may be there")]
        _ => &[],
    }
}

async fn signals(bus: &Bus) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder().msg_type(message::Type::Signal);
    let rule = rule.sender(bus.name.as_str()).path(bus.path.as_str()).build()?;
    MessageStream::for_match_rule(rule, &bus.connection, None).await
}

async fn owner_changes(bus: &Bus) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder().msg_type(message::Type::Signal).sender("org.freedesktop.DBus");
    let rule = rule.member("NameOwnerChanged").arg(0, bus.name.as_str()).build()?;
    MessageStream::for_match_rule(rule, &bus.connection, None).await
}

/// All events; the handle of the subscription.
async fn subscribe(bus: &Bus) -> Result<u64, Error> {
    let all = View::List("s", &Vec::<String>::new() as _);
    let events = dbus::variant(all, "as");
    let data = dbus::variant(View::Object(&Members::new() as &dyn Fields), "a{sv}");
    let arguments = events.and_then(|events| Ok(vec![events, data?]));
    let reply = bus.clone().send(bus.interface("Endpoint"), "Subscribe".into(), arguments).await?;
    Ok(returned(&reply).as_u64().unwrap_or_default())
}

fn arguments(message: &Message) -> Vec<Value> {
    let body = message.body();
    let structure = body.deserialize::<Structure<'_>>();
    structure.map(|all| all.fields().iter().map(dbus::value).collect()).unwrap_or_default()
}
