//! The one way out to the bus: every message is judged here before a byte of it leaves.
//!
//! A bus drops the whole connection for one malformed or oversized message, and a guest can
//! provoke both (a NUL in a string, a 40 MB reply). So each message is checked for size and
//! validated, and a bad reply leaves as an error instead. The queue is bounded in bytes, and
//! the task that writes it is never cancelled: half a message on the wire would wedge the
//! connection for good.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use event_listener::Event;
use tokio::time::Instant;
use tracing::{error, warn};
use zbus::{Message, message::Type};

use crate::endpoint::{Budget, Charge, Pace};

use super::{
    bulk::Room,
    direct::Hub,
    errors,
    queue::{MUCH, Queue, TOGETHER, size},
    reply,
    stream::Stream,
    turns::Turns,
};

/// Bytes of one message to the bus; the system bus takes 32 MiB.
pub const MAX_MESSAGE: usize = 24 << 20;

/// Bytes of signals that wait for their turn or for a slow bus, of all endpoints.
const SIGNALS: usize = 16 << 20;

/// The same for one who is connected beside the bus.
const SIGNALS_BESIDE: usize = 1 << 20;

/// Bytes that wait for a slow bus before no more calls are taken from it.
const ROOM: usize = 1 << 20;

/// Messages on their way to the bus.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<Queue>,
    /// The bus takes no more for now, or the outbox is closed.
    blocked: Event,
    /// There is less that waits, or the outbox is closed.
    drained: Event,
    stream: Option<Arc<Stream>>,
    budget: Arc<Budget>,
    signals: Arc<Budget>,
    transfers: Arc<Room>,
    turns: Arc<Turns>,
    /// Those who are connected beside the bus.
    hub: Option<Hub>,
    /// Something happened that may be told of.
    activity: Arc<Event>,
    log: Pace,
}

impl Outbox {
    /// One whose messages take at most so many bytes of memory.
    pub(super) fn new(stream: Arc<Stream>, memory: usize) -> Arc<Self> {
        Arc::new(Self::to_bus(Some(stream), memory, Some(Hub::default())))
    }

    /// An outbox that only collects, for tests and benches.
    pub(super) fn detached() -> Arc<Self> {
        Arc::new(Self::to_bus(None, Budget::DEFAULT, None))
    }

    /// One of a bridge without a bus: what would go there is dropped.
    pub fn nowhere(memory: usize) -> Arc<Self> {
        let outbox = Arc::new(Self::to_bus(None, memory, Some(Hub::default())));
        outbox.close();
        outbox
    }

    /// One to somebody who is connected beside the bus, within a budget.
    pub(super) fn beside(bus: &Self, stream: Arc<Stream>, budget: Arc<Budget>) -> Arc<Self> {
        let signals = budget.part(SIGNALS_BESIDE);
        let transfers = Arc::clone(&bus.transfers);
        let activity = Arc::clone(&bus.activity);
        let outbox = Self::with(Some(stream), budget, signals, transfers, None);
        Arc::new(Self { activity, ..outbox })
    }

    /// Takes the messages collected so far.
    pub(super) fn take(&self) -> Vec<Message> {
        self.lock().messages.drain(..).map(|(message, _)| message).collect()
    }

    fn to_bus(stream: Option<Arc<Stream>>, memory: usize, hub: Option<Hub>) -> Self {
        let budget = Budget::with_limit(memory);
        let signals = budget.part(SIGNALS.min(memory / 3));
        let transfers = Arc::new(Room::new(&budget));
        Self::with(stream, budget, signals, transfers, hub)
    }

    fn with(
        stream: Option<Arc<Stream>>,
        budget: Arc<Budget>,
        signals: Arc<Budget>,
        transfers: Arc<Room>,
        hub: Option<Hub>,
    ) -> Self {
        let (blocked, drained) = (Event::new(), Event::new());
        let (queue, log) = (Mutex::default(), Pace::default());
        let (turns, activity) = (Arc::default(), Arc::default());
        Self {
            queue,
            blocked,
            drained,
            stream,
            budget,
            signals,
            transfers,
            turns,
            hub,
            activity,
            log,
        }
    }

    /// Bounds the bytes in flight, on the bus and in all endpoints.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The part of the budget that signals may use.
    pub(super) fn signals(&self) -> &Arc<Budget> {
        &self.signals
    }

    /// What transfers may take of it.
    pub(super) fn transfers(&self) -> &Arc<Room> {
        &self.transfers
    }

    /// When it is whose turn to ask for what is large.
    pub(super) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Told when a call comes, or a peer comes, goes or changes.
    pub fn activity(&self) -> &Event {
        &self.activity
    }

    /// Those who are connected beside the bus.
    pub(super) fn hub(&self) -> Option<&Hub> {
        self.hub.as_ref()
    }

    /// Sends a message, or a short error in the place of a reply that cannot be sent.
    ///
    /// Returns whether it was the message itself: a signal that cannot be sent is dropped.
    pub fn send(&self, message: Message) -> bool {
        if self.hub.as_ref().is_some_and(|hub| hub.pass(&message)) {
            return true;
        }
        match self.judge(&message) {
            Ok(charge) => {
                self.push(message, charge);
                true
            }
            Err(refused) => {
                if self.log.is_due() {
                    let kind = message.message_type();
                    warn!(%refused, ?kind, "message withheld from the bus");
                }
                if let Some(substitute) = reply::substitute(&message, &refused)
                    && let Ok(charge) = self.budget.charge(size(&substitute))
                {
                    self.push(substitute, charge);
                }
                false
            }
        }
    }

    /// Keeps messages back, so many as leave at once, until what this gives is dropped.
    pub(super) fn cork(&self) -> Cork<'_> {
        self.lock().corks += 1;
        Cork(self)
    }

    /// Writes what is queued, for ever.
    ///
    /// # Errors
    ///
    /// The connection to the bus failed; nothing can be sent any more.
    ///
    /// # Cancel safety
    ///
    /// Only [`Self::pump`] writes, and it remembers how far it came.
    pub async fn run(&self) -> io::Result<()> {
        let mut writable = None;
        loop {
            let blocked = self.blocked.listen();
            let idle = {
                let queue = self.lock();
                if queue.closed {
                    return Ok(());
                }
                queue.messages.is_empty()
            };
            match &self.stream {
                Some(stream) if !idle => {
                    let watched = writable.take().map_or_else(|| stream.watch_writing(), Ok)?;
                    tokio::select! {
                        ready = writable.insert(watched).again() => ready?,
                        // Who reads nothing for ever does not keep it open.
                        () = blocked => continue,
                    }
                    self.pump()?;
                }
                _ => {
                    writable = None;
                    blocked.await;
                }
            }
        }
    }

    /// Waits until so little waits for the bus that more may be added: callers whom the bus does
    /// not bring their replies are not to add to them.
    pub async fn room(&self) {
        self.until(|queue| queue.bytes <= ROOM).await;
    }

    /// Waits until everything is written or the outbox is closed.
    pub async fn flushed(&self) {
        self.until(|queue| queue.messages.is_empty()).await;
    }

    async fn until(&self, reached: impl Fn(&Queue) -> bool) {
        let reached = || {
            let queue = self.lock();
            queue.closed || reached(&queue)
        };
        while !reached() {
            let drained = self.drained.listen();
            // It may have been so a moment before that.
            if reached() {
                return;
            }
            drained.await;
        }
    }

    /// Waits until something waits that the other side does not take.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn blocks(&self) {
        while self.blocked().is_none() {
            let blocked = self.blocked.listen();
            // It may have been so a moment before that.
            if self.blocked().is_none() {
                blocked.await;
            }
        }
    }

    /// For how long the bus has taken nothing of what waits; `None` while nothing waits.
    pub fn blocked(&self) -> Option<Duration> {
        self.lock().blocked.map(|since| since.elapsed())
    }

    /// Drops what is queued and everything that comes.
    pub fn close(&self) {
        let mut queue = self.lock();
        queue.close();
        drop(queue);
        self.blocked.notify(usize::MAX);
        self.drained.notify(usize::MAX);
    }

    fn judge(&self, message: &Message) -> Result<Charge, errors::Refused> {
        let bytes = message.data().len();
        if bytes > MAX_MESSAGE {
            return Err(errors::Refused::too_large(bytes));
        }
        let budget = match message.message_type() {
            Type::Signal => &self.signals,
            Type::MethodReturn | Type::Error | Type::MethodCall => &self.budget,
        };
        let charge = budget.charge(size(message)).map_err(errors::Refused::spent)?;
        message.body().validate().map_err(errors::Refused::invalid)?;
        Ok(charge)
    }

    fn push(&self, message: Message, charge: Charge) {
        let mut queue = self.lock();
        if queue.closed {
            return;
        }
        queue.bytes += size(&message);
        queue.messages.push_back((message, charge));
        let is_full = queue.messages.len() >= TOGETHER || queue.bytes >= MUCH;
        // What the bus does not take is left to the writer.
        let now = queue.blocked.is_none() && (queue.corks == 0 || is_full);
        drop(queue);
        if now {
            self.leave();
        }
    }

    /// Most messages leave here, without a wake-up of the writer.
    fn leave(&self) {
        match self.pump() {
            Ok(true) => {}
            Ok(false) => _ = self.blocked.notify(usize::MAX),
            Err(error) => error!(%error, "the bus connection failed"),
        }
    }

    /// Writes as much as the socket takes now; returns whether that was all.
    fn pump(&self) -> io::Result<bool> {
        let Some(stream) = &self.stream else { return Ok(true) };
        let mut queue = self.lock();
        let mut moved = false;
        while !queue.messages.is_empty() {
            match queue.send(stream) {
                Ok(sent) => queue.finish(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if moved || queue.blocked.is_none() {
                        queue.blocked = Some(Instant::now());
                    }
                    drop(queue);
                    if moved {
                        self.drained.notify(usize::MAX);
                    }
                    return Ok(false);
                }
                Err(error) => {
                    drop(queue);
                    self.close();
                    return Err(error);
                }
            }
            moved = true;
        }
        queue.blocked = None;
        drop(queue);
        self.drained.notify(usize::MAX);
        Ok(true)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing between lock and unlock leaves the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps messages back until it is dropped.
pub(super) struct Cork<'a>(&'a Outbox);

impl Drop for Cork<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.corks -= 1;
        let now = queue.blocked.is_none() && !queue.messages.is_empty();
        drop(queue);
        if now {
            self.0.leave();
        }
    }
}

#[cfg(test)]
mod tests;
