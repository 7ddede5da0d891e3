//! Who is connected to the bridge itself, and which signals go there.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use zbus::{
    MatchRule, Message, Structure,
    message::Type,
    names::{BusName, OwnedUniqueName},
};

use crate::bus::guard::Outbox;

/// The name of the bridge on its own connections.
pub(super) const BRIDGE: &str = ":direct.0";
/// What begins the names of those who are connected. No bus gives such names, so that nobody is
/// mistaken for a client of the bus.
const PREFIX: &str = ":direct.";

/// Rules of one connection.
const MOST_RULES: usize = 256;
/// Bytes of a rule.
const LONGEST_RULE: usize = 1024;

/// Those who are connected.
#[derive(Debug, Default)]
pub(in crate::bus) struct Hub {
    last: AtomicU64,
    peers: Mutex<Vec<Arc<Peer>>>,
}

/// One who is connected.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: OwnedUniqueName,
    pub(super) uid: u32,
    pub(super) pid: u32,
    pub(super) outbox: Arc<Outbox>,
    wants: Mutex<Wants>,
}

/// The signals that somebody wants: all, until it says that it takes this for a bus.
#[derive(Debug, Default)]
struct Wants {
    greeted: bool,
    rules: Vec<MatchRule<'static>>,
}

/// Why a rule is not added or not removed: the end of the error's name, and the text.
pub(super) type Refusal = (&'static str, String);

impl Hub {
    /// Adds somebody, under a new name.
    pub(super) fn add(&self, uid: u32, pid: u32, outbox: Arc<Outbox>) -> zbus::Result<Arc<Peer>> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = OwnedUniqueName::try_from(format!("{PREFIX}{number}"))?;
        let peer = Arc::new(Peer { name, uid, pid, outbox, wants: Mutex::default() });
        self.lock().push(Arc::clone(&peer));
        Ok(peer)
    }

    pub(super) fn remove(&self, peer: &Arc<Peer>) {
        self.lock().retain(|it| !Arc::ptr_eq(it, peer));
    }

    /// Everybody.
    pub(super) fn peers(&self) -> Vec<Arc<Peer>> {
        self.lock().clone()
    }

    /// Passes a message on to those whom it concerns here; whether it concerns nobody else.
    pub(in crate::bus) fn pass(&self, message: &Message) -> bool {
        let nobody_ever = self.last.load(Ordering::Relaxed) == 0;
        if nobody_ever || message.message_type() != Type::Signal {
            return false;
        }
        let to = match message.header().destination() {
            Some(BusName::Unique(name)) if name.starts_with(PREFIX) => Some(name.to_string()),
            Some(_) => return false,
            None => None,
        };
        let mut peers = self.peers();
        peers.retain(|peer| to.as_ref().is_none_or(|to| peer.name == to.as_str()));
        if !peers.is_empty()
            && let Ok(signed) = signed(message)
        {
            peers.iter().filter(|peer| to.is_some() || peer.wants(&signed)).for_each(|peer| {
                // Somebody who misses signals without a word has a wrong picture for good; one whose
                // connection ended begins anew.
                if !peer.outbox.send(signed.clone()) {
                    peer.outbox.close();
                }
            });
        }
        to.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Peer {
    /// It takes this for a bus, and asks for the signals that it wants; whether it said so before.
    pub(super) fn greet(&self) -> bool {
        std::mem::replace(&mut self.lock().greeted, true)
    }

    /// Adds a rule.
    pub(super) fn add_rule(&self, text: &str) -> Result<(), Refusal> {
        let rule = rule(text)?;
        let rules = &mut self.lock().rules;
        if rules.len() >= MOST_RULES {
            let text = format!("you have {MOST_RULES} rules; remove some by RemoveMatch");
            return Err(("LimitsExceeded", text));
        }
        rules.push(rule);
        Ok(())
    }

    /// Removes a rule.
    pub(super) fn remove_rule(&self, text: &str) -> Result<(), Refusal> {
        let rule = rule(text)?;
        let rules = &mut self.lock().rules;
        let at = rules.iter().position(|it| *it == rule);
        let at = at.ok_or(("MatchRuleNotFound", "you have no such rule".to_owned()))?;
        rules.remove(at);
        Ok(())
    }

    fn wants(&self, message: &Message) -> bool {
        let wants = self.lock();
        !wants.greeted || wants.rules.iter().any(|rule| rule.matches(message).unwrap_or(false))
    }

    fn lock(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn rule(text: &str) -> Result<MatchRule<'static>, Refusal> {
    if text.len() > LONGEST_RULE {
        return Err(("LimitsExceeded", format!("a rule has up to {LONGEST_RULE} bytes")));
    }
    match MatchRule::try_from(text) {
        Ok(rule) => Ok(rule.into_owned()),
        Err(error) => Err(("MatchRuleInvalid", format!("`{text}`: {error}"))),
    }
}

/// A signal of the bridge with its sender, which on a bus is the bus's to name.
fn signed(message: &Message) -> zbus::Result<Message> {
    let header = message.header();
    let missing = || zbus::Error::MissingField;
    let (path, member) = (header.path(), header.member());
    let (path, member) = (path.ok_or_else(missing)?, member.ok_or_else(missing)?);
    let interface = header.interface().ok_or_else(missing)?;
    let signal = Message::signal(path, interface, member).sender(BRIDGE);
    let signal = match header.destination() {
        Some(to) => signal.destination(to.to_owned()),
        None => signal,
    };
    let body = message.body();
    if body.is_empty() {
        signal.build(&())
    } else {
        signal.build(&body.deserialize::<Structure<'_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(hub: &Hub) -> Arc<Peer> {
        hub.add(0, 1, Outbox::detached()).unwrap()
    }

    fn members(peer: &Peer) -> Vec<String> {
        let sent = peer.outbox.take();
        sent.iter().map(|it| it.header().member().unwrap().to_string()).collect()
    }

    #[test]
    fn signals_go_where_they_are_wanted() {
        let hub = Hub::default();
        let [plain, greeted, asking] = [peer(&hub), peer(&hub), peer(&hub)];
        assert!(!greeted.greet() && greeted.greet());
        asking.greet();
        asking.add_rule("type='signal',sender='org.qemu.qmp',member='Stop'").unwrap();
        asking.add_rule("type='signal',sender=':direct.0',arg0='x'").unwrap();
        let signal = |member: &'static str| Message::signal("/x", "x.y", member);
        assert!(!hub.pass(&signal("Stop").build(&()).unwrap()));
        assert!(!hub.pass(&signal("Cont").build(&()).unwrap()));
        assert!(!hub.pass(&signal("Named").build(&("x", 7_u32)).unwrap()));
        assert_eq!(members(&plain), ["Stop", "Cont", "Named"]);
        assert_eq!(members(&greeted), [""; 0]);
        assert_eq!(members(&asking), ["Stop", "Named"]);
        let to = |name: &'static str| signal("Own").destination(name).build(&()).unwrap();
        assert!(!hub.pass(&to(":1.2")));
        assert!(hub.pass(&to(":direct.2")) && hub.pass(&to(":direct.9")));
        assert_eq!(members(&greeted), ["Own"]);
        assert_eq!(members(&plain), [""; 0]);
    }

    #[test]
    fn rules_are_checked_removed_and_bounded() {
        let hub = Hub::default();
        let peer = peer(&hub);
        assert_eq!(peer.add_rule("nonsense").unwrap_err().0, "MatchRuleInvalid");
        let long = format!("arg0='{}'", "x".repeat(LONGEST_RULE));
        assert_eq!(peer.add_rule(&long).unwrap_err().0, "LimitsExceeded");
        (0..MOST_RULES).for_each(|_| peer.add_rule("type='signal'").unwrap());
        assert_eq!(peer.add_rule("type='signal'").unwrap_err().0, "LimitsExceeded");
        peer.remove_rule("type='signal'").unwrap();
        assert_eq!(peer.remove_rule("member='X'").unwrap_err().0, "MatchRuleNotFound");
    }

    #[test]
    fn a_signed_signal_is_the_same_with_a_sender() {
        let signal = Message::signal("/x", "x.y", "Z").build(&("x", vec![1_u8], (7_u64, true)));
        let signal = signal.unwrap();
        let signed = signed(&signal).unwrap();
        assert_eq!(signed.header().sender().unwrap(), BRIDGE);
        assert_eq!(signed.body().signature(), signal.body().signature());
        assert_eq!(signed.body().data().bytes(), signal.body().data().bytes());
    }
}
