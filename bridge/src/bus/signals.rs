//! The signals of one object, built for everybody or for one subscriber.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tracing::warn;
use zbus::Message;

use crate::{
    endpoint::{Account, Protocol},
    transcode::{
        Body, Head, Json, Part, message,
        shape::{Shape, UNKNOWN},
        signal_parts,
    },
};

use super::{
    endpoint::{interface, qapi},
    properties::{self, Properties},
    seen::Seen,
    subscriptions::Target,
};

/// Builds the signals of one object.
#[derive(Debug)]
pub(super) struct Signals {
    protocol: Protocol,
    path: Arc<str>,
    account: Arc<Account>,
    /// There is nobody to tell anything.
    retired: AtomicBool,
}

impl Signals {
    pub(super) fn new(protocol: Protocol, path: Arc<str>, account: Arc<Account>) -> Self {
        Self { protocol, path, account, retired: AtomicBool::new(false) }
    }

    /// Builds nothing from now on.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// The signal of an event; a subscriber's names the subscription in `@subscription`.
    pub(super) fn event(&self, seen: &Seen<'_>, to: Option<&Target>) -> Option<Message> {
        let (interface, member, mut parts) = match qapi(self.protocol).signal(seen.name) {
            Some(signal) => {
                let parts = signal_parts(signal, seen.data.clone(), seen.timestamp, seen.sequence);
                (qapi(self.protocol).name, signal.name, parts)
            }
            None => {
                let name = Json::Str(seen.name.into());
                let data = seen.dictionary();
                let parts = vec![
                    Part { name: "name", shape: Shape::Str, value: name },
                    Part { name: "data", shape: Shape::Object(&UNKNOWN), value: data },
                ];
                (interface(self.protocol).name, "UnknownEvent", parts)
            }
        };
        if let (Some(to), Some(Part { value: Json::Object(members), .. })) = (to, parts.last_mut())
        {
            members.push(("@subscription".into(), Json::from(to.handle)));
        }
        self.build(interface, member, &parts, to)
    }

    /// `PropertiesChanged` of the endpoint's own interface.
    pub(super) fn changed(&self, changed: Properties, to: Option<&Target>) -> Option<Message> {
        let parts = [
            Part {
                name: "interface_name",
                shape: Shape::Str,
                value: Json::Str(interface(self.protocol).name.into()),
            },
            properties::part(changed),
            Part {
                name: "invalidated_properties",
                shape: Shape::List(&Shape::Str),
                value: Json::List(Vec::new()),
            },
        ];
        self.build("org.freedesktop.DBus.Properties", "PropertiesChanged", &parts, to)
    }

    /// `EventsDropped`, for these or for everybody.
    pub(super) fn dropped(&self, count: u64, to: &[Target], unicast: bool) -> Vec<Message> {
        let parts = [Part { name: "count", shape: Shape::Uint64, value: Json::from(count) }];
        let receivers = to.iter().map(Some).chain((!unicast).then_some(None));
        let interface = interface(self.protocol).name;
        receivers.filter_map(|to| self.build(interface, "EventsDropped", &parts, to)).collect()
    }

    /// `Progress` of a transfer, under the number that its caller chose.
    pub(super) fn progress(&self, to: &Target, bytes: u64) -> Option<Message> {
        let part = |name, value| Part { name, shape: Shape::Uint64, value: Json::from(value) };
        let parts = [part("progress", to.handle), part("bytes", bytes)];
        self.build(interface(self.protocol).name, "Progress", &parts, Some(to))
    }

    fn build(
        &self,
        interface: &str,
        member: &str,
        parts: &[Part<'_>],
        to: Option<&Target>,
    ) -> Option<Message> {
        if self.retired.load(Ordering::Relaxed) {
            return None;
        }
        let body = Body::new(parts).map_err(|misfit| misfit.to_string());
        let built = body.and_then(|body| {
            let head = Head::signal(&self.path, interface, member);
            message(head.to(to.map(|to| to.caller.as_str())), &body)
                .map_err(|error| error.to_string())
        });
        let tell = |error: &String| {
            if self.account.may_tell() {
                warn!(path = &*self.path, member, error, "signal cannot be built");
            }
        };
        built.inspect_err(tell).ok()
    }
}
