//! A connection without its socket: what is read and written, and when something is due. Time is
//! an argument, so that tests can make it pass.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Budget, Config, Count, Protocol, Unknown,
    codec::{Decoder, Frame},
    fault::Fault,
    inbox::Inbox,
    machine::Machine,
    meter::Meter,
    qga::Qga,
    qmp::Qmp,
    wire::{Dialect, Wire},
};

/// What lasts over the connections of an endpoint, and the state of the current one.
pub(super) struct Session {
    pub(super) protocol: Protocol,
    pub(super) wire: Wire,
    pub(super) inbox: Arc<Inbox>,
    decoder: Decoder,
    budget: Arc<Budget>,
    dialect: Box<dyn Dialect>,
    /// Bounds what the guest can make the bridge read; a monitor is always read, because QEMU
    /// keeps without bound what is not.
    meter: Option<Box<Meter>>,
}

impl Session {
    pub(super) fn new(config: &Config, inbox: Arc<Inbox>) -> Self {
        let protocol = config.protocol;
        Self {
            protocol,
            wire: Wire::new(config, Machine::new(Arc::clone(&inbox.ward))),
            inbox,
            decoder: Decoder::new(&config.limits, &config.budget),
            budget: config.budget.clone(),
            dialect: dialect(protocol),
            meter: None,
        }
    }

    /// Begins a connection: nothing of the one before is left.
    pub(super) fn begin(&mut self, now: Instant) -> Result<(), Fault> {
        self.decoder = Decoder::new(&self.wire.limits, &self.budget);
        self.dialect = dialect(self.protocol);
        let guest = self.protocol == Protocol::Qga;
        self.meter = guest.then(|| Box::new(Meter::new(self.wire.limits.message, now)));
        if let Some(news) = self.inbox.news() {
            self.wire.guest.hear(news);
        }
        self.wire.connected();
        self.dialect.open(&mut self.wire, now)
    }

    /// Takes what the peer sent.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        let (observer, mut taken) = (Arc::clone(&self.wire.observer), None);
        observer.together(&mut || taken = Some(self.take(bytes, now)));
        taken.unwrap_or_else(|| Err(Fault::not_connected("what was read was not taken")))
    }

    fn take(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Fault> {
        self.charge(bytes.len(), now);
        loop {
            self.decoder.bound(self.dialect.longest(&self.wire));
            let Some(frame) = self.decoder.next(&mut bytes) else { break };
            let size = if let Frame::Message(text) = frame { text.len() } else { 0 };
            let before = self.wire.pending.answered();
            self.dialect.receive(&mut self.wire, frame, now)?;
            if self.wire.pending.answered() > before {
                self.refund(size);
            } else {
                self.charge(Meter::MESSAGE, now);
            }
        }
        let refused = self.decoder.exceeds() && self.dialect.refuses_excess();
        if refused { Err(Fault::excess()) } else { Ok(()) }
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, now: Instant) -> Result<(), Fault> {
        if let Some(until) = self.pause(now) {
            self.wire.offend(until);
        }
        self.wire.judge(now);
        self.attend(now)?;
        self.dialect.expire(&mut self.wire, now)?;
        // What nobody waits for any more is not kept, even if no more of it comes.
        self.decoder.bound(self.dialect.longest(&self.wire));
        if let Some((kind, text)) = self.wire.refusal() {
            self.inbox.refuse_all(kind, &format!("{}: {text}", self.wire.socket()));
        }
        self.inbox.expire(now, self.wire.obstacle());
        Ok(())
    }

    /// Hears what the monitor of the machine tells.
    fn attend(&mut self, now: Instant) -> Result<(), Fault> {
        let Some(news) = self.inbox.news() else { return Ok(()) };
        let hindered = self.wire.guest.hindrance().is_some();
        let lost = self.wire.guest.hear(news);
        let hindrance = self.wire.guest.hindrance();
        if lost {
            // What the peer did not read is taken back with the connection: the next agent must
            // not find it.
            return Err(Fault::gone(hindrance));
        }
        if hindered && hindrance.is_none() {
            self.dialect.resume(&mut self.wire, now);
        }
        self.wire.reconsider();
        Ok(())
    }

    /// Puts the next message on the wire if it is empty; returns whether there is one.
    pub(super) fn feed(&mut self, now: Instant) -> Result<bool, Fault> {
        if self.wire.output.is_empty() {
            self.dialect.feed(&mut self.wire, &self.inbox, now)?;
        }
        Ok(!self.wire.output.is_empty())
    }

    /// Ends the connection, and tells those on the wire; who waits is told by the caller.
    pub(super) fn end(&mut self, kind: Unknown, fault: &Fault) {
        self.wire.end(kind, fault);
    }

    /// Ends a connection that a panic broke off.
    pub(super) fn broken(&mut self) -> Fault {
        let fault = Fault::not_connected("an internal error ended the connection");
        self.wire.count(Count::InternalErrors);
        self.end(Unknown::ConnectionLost, &fault);
        fault
    }

    /// Whether the endpoint stops and nobody waits for this connection any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let callers = self.wire.pending.has_callers() || self.inbox.is_leased();
        self.inbox.stopping().is_some_and(|drained| !callers || drained <= now)
    }

    /// Until when the peer is not read, because it sent too much that nobody asked for.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
        self.meter.as_ref().and_then(|meter| meter.pause(now))
    }

    /// The nearest time at which something is due.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let deadlines = [
            self.wire.pending.deadline(),
            self.dialect.deadline(),
            self.inbox.deadline(),
            self.inbox.stopping(),
            self.pause(now),
            self.wire.judgement(now),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn charge(&mut self, bytes: usize, now: Instant) {
        if let Some(meter) = &mut self.meter {
            meter.charge(bytes, now);
        }
    }

    fn refund(&mut self, bytes: usize) {
        if let Some(meter) = &mut self.meter {
            meter.refund(bytes);
        }
    }
}

fn dialect(protocol: Protocol) -> Box<dyn Dialect> {
    match protocol {
        Protocol::Qmp => Box::new(Qmp::new()),
        Protocol::Qga => Box::new(Qga::new()),
    }
}

#[cfg(test)]
mod tests;
