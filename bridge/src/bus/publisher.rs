//! What an endpoint tells without being asked: events as signals, changes of its properties.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{info, warn};
use zbus::Message;

use crate::{
    endpoint::{Event, Observer, Protocol, State, Status},
    transcode::{
        Body, Json, Part,
        shape::{Interface, Shape, UNKNOWN},
        signal_parts,
    },
};

use super::{
    endpoint::{Settings, interface, qapi},
    guard::Outbox,
    pacer::Pacer,
    properties::{self, Properties},
    waiters::{Seen, Waiters},
};

/// Publishes the events and properties of one endpoint.
#[derive(Debug)]
pub(super) struct Publisher {
    protocol: Protocol,
    path: String,
    socket: PathBuf,
    status: Mutex<Status>,
    sequence: AtomicU64,
    waiters: Waiters,
    pacer: Arc<Pacer>,
    outbox: Arc<Outbox>,
}

impl Publisher {
    pub(super) fn new(settings: &Settings, outbox: Arc<Outbox>) -> Self {
        let interface = interface(settings.protocol).name;
        Self {
            protocol: settings.protocol,
            path: settings.path.clone(),
            socket: settings.socket.clone(),
            status: Mutex::default(),
            sequence: AtomicU64::new(0),
            waiters: Waiters::default(),
            pacer: Pacer::new(settings.path.clone(), interface, Arc::clone(&outbox)),
            outbox,
        }
    }

    pub(super) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    pub(super) fn properties(&self) -> Properties {
        properties::all(self.protocol, &self.socket, &self.status())
    }

    fn qapi(&self) -> &'static Interface {
        qapi(self.protocol)
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The signal of an event.
    fn signal(&self, seen: &Seen<'_>) -> Option<Message> {
        let (interface, member, parts) = match self.qapi().signal(seen.name) {
            Some(signal) => {
                let parts = signal_parts(signal, seen.data.clone(), seen.timestamp, seen.sequence);
                (self.qapi().name, signal.name, parts)
            }
            None => {
                let name = Json::Str(seen.name.into());
                let parts = vec![
                    Part { name: "name", shape: Shape::Str, value: name },
                    Part { name: "data", shape: Shape::Object(&UNKNOWN), value: seen.dictionary() },
                ];
                (interface(self.protocol).name, "UnknownEvent", parts)
            }
        };
        self.build(interface, member, &parts)
    }

    fn build(&self, interface: &str, member: &str, parts: &[Part<'_>]) -> Option<Message> {
        let body = Body::new(parts).map_err(|misfit| misfit.to_string());
        let built = body.and_then(|body| {
            let signal = Message::signal(self.path.as_str(), interface, member);
            signal.build(&body).map_err(|error| error.to_string())
        });
        built.map_err(|error| warn!(member, error, "signal cannot be built")).ok()
    }

    fn announce(&self, changed: Properties) {
        let name = Json::Str(interface(self.protocol).name.into());
        let changed = changed.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let parts = [
            Part { name: "interface_name", shape: Shape::Str, value: name },
            Part {
                name: "changed_properties",
                shape: properties::SHAPE,
                value: Json::Object(changed),
            },
            Part {
                name: "invalidated_properties",
                shape: Shape::List(&Shape::Str),
                value: Json::List(Vec::new()),
            },
        ];
        let properties = "org.freedesktop.DBus.Properties";
        if let Some(message) = self.build(properties, "PropertiesChanged", &parts) {
            self.outbox.send(message);
        }
    }
}

impl Observer for Publisher {
    fn event(&self, event: &Event<'_>) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let data = match event.data {
            [] => Json::Object(Vec::new()),
            text => match Json::parse(text) {
                Ok(data) => data,
                Err(error) => return warn!(event = event.name, %error, "event not understood"),
            },
        };
        let seen = Seen { name: event.name, data: &data, timestamp: event.timestamp, sequence };
        self.waiters.event(&seen);
        if let Some(message) = self.signal(&seen) {
            self.pacer.send(event.name, message);
        }
    }

    fn changed(&self, status: &Status) {
        let old = self.properties();
        let before = std::mem::replace(&mut *self.status(), status.clone()).state;
        if before != status.state {
            let socket = self.socket.display();
            info!(%socket, state = ?status.state, version = status.version, "endpoint");
        }
        if before == State::Ready && status.state != State::Ready {
            self.waiters.disconnected();
        }
        let changed = properties::changed(old, self.properties());
        if !changed.is_empty() {
            self.announce(changed);
        }
    }
}
