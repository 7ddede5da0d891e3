//! What a client asks a bus: `org.freedesktop.DBus`, as far as there is something to say where the
//! only other one is the bridge.

use std::collections::HashMap;

use serde::Serialize;
use zbus::{Message, Variant, wire::DynamicType};

use crate::bus::{errors::Failure, reply::Reply};

use super::hub::{BRIDGE, Peer, Refusal};

/// The name of the bus itself.
pub(super) const BUS: &str = "org.freedesktop.DBus";

/// What a bus says of a service that needs no start.
const ALREADY_RUNNING: u32 = 2;

/// The one whom a client takes for a bus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Driver<'a> {
    pub(super) peer: &'a Peer,
    /// Those of the bridge.
    pub(super) names: &'a [String],
    pub(super) guid: &'a str,
}

impl Driver<'_> {
    /// Answers a call.
    pub(super) fn answer(self, call: &Message, reply: Reply) {
        let header = call.header();
        let body = call.body();
        let name = || {
            let bad = |error| refusal("InvalidArgs", format!("give one string ('s'): {error}"));
            body.deserialize::<&str>().map_err(bad)
        };
        match header.member().map_or("", |member| member.as_str()) {
            "Hello" => give(reply, self.hello()),
            "Ping" => reply.send(&()),
            "GetId" => reply.send(&self.guid),
            "ListNames" => reply.send(&self.all().collect::<Vec<_>>()),
            "ListActivatableNames" => reply.send(&vec![BUS]),
            "AddMatch" => give(reply, name().and_then(|rule| self.peer.add_rule(rule))),
            "RemoveMatch" => give(reply, name().and_then(|rule| self.peer.remove_rule(rule))),
            "GetNameOwner" => give(reply, name().and_then(|name| self.owner(name))),
            "NameHasOwner" => give(reply, name().map(|name| self.owner(name).is_ok())),
            "ListQueuedOwners" => {
                give(reply, name().and_then(|name| Ok(vec![self.owner(name)?])));
            }
            "StartServiceByName" => {
                let bad = |error| refusal("InvalidArgs", format!("give 'su': {error}"));
                let name = body.deserialize::<(&str, u32)>().map_err(bad);
                let owner = name.and_then(|(name, _)| self.owner(name));
                give(reply, owner.map(|_| ALREADY_RUNNING));
            }
            "GetConnectionUnixUser" => {
                give(reply, name().and_then(|name| Ok(self.credentials(name)?.0)));
            }
            "GetConnectionUnixProcessID" => {
                give(reply, name().and_then(|name| Ok(self.credentials(name)?.1)));
            }
            "GetConnectionCredentials" => {
                let told = name().and_then(|name| self.credentials(name));
                give(
                    reply,
                    told.map(|(uid, pid)| {
                        let told = [("UnixUserID", uid), ("ProcessID", pid)];
                        HashMap::from(told.map(|(key, number)| (key, Variant::from(number))))
                    }),
                );
            }
            "BecomeMonitor" => self.monitor(body.deserialize::<(Vec<&str>, u32)>().ok(), reply),
            "RequestName" | "ReleaseName" => {
                let text = "this is a connection to the bridge alone: nobody owns a name here";
                give::<()>(reply, Err(refusal("AccessDenied", text.to_owned())));
            }
            member => {
                let text = format!("`{member}` means nothing without a bus");
                give::<()>(reply, Err(refusal("UnknownMethod", text)));
            }
        }
    }

    fn hello(self) -> Result<String, Refusal> {
        match self.peer.greet() {
            false => Ok(self.peer.name.to_string()),
            true => Err(refusal("Failed", "you said Hello before".to_owned())),
        }
    }

    /// Who monitors hears the signals of the bridge, and nothing of what others say.
    fn monitor(self, rules: Option<(Vec<&str>, u32)>, reply: Reply) {
        let Some((mut rules, _)) = rules else {
            let text = "give a list of rules and flags ('asu')".to_owned();
            return give::<()>(reply, Err(refusal("InvalidArgs", text)));
        };
        if rules.is_empty() {
            rules.push("");
        }
        // What is for one name is no signal to everybody.
        rules.retain(|rule| !rule.contains("destination="));
        if let Err(refusal) = rules.iter().try_for_each(|rule| self.peer.add_rule(rule)) {
            return give::<()>(reply, Err(refusal));
        }
        reply.send(&());
        // As a bus takes the name away from one who monitors, which waits for it.
        let name = self.peer.name.as_str();
        let lost = Message::signal("/org/freedesktop/DBus", BUS, "NameLost").sender(BUS);
        if let Ok(lost) = lost.destination(name).build(&name) {
            self.peer.outbox.send(lost);
        }
    }

    fn all(self) -> impl Iterator<Item = String> {
        let own = [BUS, BRIDGE, self.peer.name.as_str()].map(str::to_owned);
        own.into_iter().chain(self.names.iter().cloned())
    }

    fn owner(self, name: &str) -> Result<String, Refusal> {
        match self.all().find(|known| known == name) {
            None => {
                let text = format!("nobody is called `{name}` here");
                Err(refusal("NameHasNoOwner", text))
            }
            Some(known) if self.names.contains(&known) => Ok(BRIDGE.to_owned()),
            Some(known) => Ok(known),
        }
    }

    /// User and process of somebody.
    fn credentials(self, name: &str) -> Result<(u32, u32), Refusal> {
        if self.owner(name)? == self.peer.name.as_str() {
            return Ok((self.peer.uid, self.peer.pid));
        }
        Ok((rustix::process::getuid().as_raw(), std::process::id()))
    }
}

fn refusal(name: &'static str, text: String) -> Refusal {
    (name, text)
}

fn give<T: Serialize + DynamicType>(reply: Reply, value: Result<T, Refusal>) {
    match value {
        Ok(value) => reply.send(&value),
        Err((name, text)) => reply.fail(&Failure::new(format!("{BUS}.Error.{name}"), &text)),
    }
}
