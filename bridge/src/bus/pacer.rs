//! How fast events may leave: a guest that makes events in a loop must not fill the bus.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::warn;
use zbus::Message;

use crate::endpoint::{Account, Budget, Charge, Count};

use super::{guard::Outbox, limits::Limits, queue};

/// Bytes of the signals that wait: the peer decides how large an event is.
const BYTES: usize = 4 << 20;

/// How long those that wait do at least: ten events by default, and no longer than one notices.
const PAUSE: Duration = Duration::from_millis(50);

/// Passes on the events of one endpoint in order, not faster than a rate; what does not fit the
/// queue is dropped and told by `EventsDropped`.
pub(super) struct Pacer {
    outbox: Arc<Outbox>,
    account: Arc<Account>,
    tell: Tell,
    state: Mutex<Waiting>,
}

/// The signals that tell how many events were dropped.
type Tell = Box<dyn Fn(u64) -> Vec<Message> + Send + Sync>;

#[derive(Debug)]
struct Waiting {
    tokens: f64,
    limits: Arc<Limits>,
    refilled: Instant,
    queue: VecDeque<Queued>,
    bytes: usize,
    dropped: u64,
    /// There is a task that passes on what waits.
    draining: bool,
    /// Of all signals, and the part for those that wait here, once some did.
    signals: Arc<Budget>,
    budget: Option<Arc<Budget>>,
}

/// The signals of one event.
#[derive(Debug)]
struct Queued {
    event: Box<str>,
    messages: Vec<Message>,
    size: usize,
    _charge: Charge,
}

impl Pacer {
    pub(super) fn new(
        outbox: Arc<Outbox>,
        account: Arc<Account>,
        limits: &Arc<Limits>,
        tell: impl Fn(u64) -> Vec<Message> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let state = Waiting {
            tokens: limits.events_burst as f64,
            limits: Arc::clone(limits),
            refilled: Instant::now(),
            queue: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            draining: false,
            signals: Arc::clone(outbox.signals()),
            budget: None,
        };
        Arc::new(Self { outbox, account, tell: Box::new(tell), state: Mutex::new(state) })
    }

    /// Passes the signals of an event on, now or when its turn comes.
    pub(super) fn send(self: &Arc<Self>, event: &str, messages: Vec<Message>) {
        let mut state = self.lock();
        if state.queue.is_empty() && state.take_tokens(cost(&messages)) {
            self.pass(&mut state, messages);
        } else {
            state.push(event, messages);
        }
        self.start(&mut state);
    }

    /// There was an event that cannot be passed on.
    pub(super) fn lost(self: &Arc<Self>) {
        let mut state = self.lock();
        state.dropped += 1;
        self.start(&mut state);
    }

    /// Drops what waits.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.queue.clear();
        (state.bytes, state.dropped) = (0, 0);
    }

    fn start(self: &Arc<Self>, state: &mut Waiting) {
        if state.waits() && !state.draining {
            state.draining = true;
            tokio::spawn(Arc::clone(self).drain());
        }
    }

    /// Passes on what waits, until nothing does.
    async fn drain(self: Arc<Self>) {
        loop {
            // Also before the first time: losses are counted together.
            tokio::time::sleep(PAUSE).await;
            let mut state = self.lock();
            self.tell_dropped(&mut state);
            while let Some(messages) = state.next() {
                self.pass(&mut state, messages);
            }
            if !state.waits() {
                state.queue = VecDeque::new();
                state.draining = false;
                return;
            }
        }
    }

    fn pass(&self, state: &mut Waiting, messages: Vec<Message>) {
        if !self.send_all(messages) {
            state.dropped += 1;
        }
    }

    /// Sends each, and returns whether none was withheld.
    fn send_all(&self, messages: Vec<Message>) -> bool {
        let mut sent = true;
        for message in messages {
            sent &= self.outbox.send(message);
        }
        sent
    }

    fn tell_dropped(&self, state: &mut Waiting) {
        if state.dropped == 0 {
            return;
        }
        if self.send_all((self.tell)(state.dropped)) {
            self.account.add(Count::EventsDropped, state.dropped);
            if self.account.may_tell() {
                warn!(count = state.dropped, "events dropped");
            }
            state.dropped = 0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Waiting {
    /// Whether there is something to tell.
    fn waits(&self) -> bool {
        !self.queue.is_empty() || self.dropped > 0
    }

    /// Takes so many tokens once there are some: what is missing is owed.
    fn take_tokens(&mut self, cost: f64) -> bool {
        let now = Instant::now();
        let gained = (now - self.refilled).as_secs_f64() * self.limits.events_rate as f64;
        self.tokens = (self.tokens + gained).min(self.limits.events_burst as f64);
        self.refilled = now;
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= cost;
        }
        some
    }

    /// The signals whose turn it is.
    fn next(&mut self) -> Option<Vec<Message>> {
        let cost = cost(&self.queue.front()?.messages);
        if self.take_tokens(cost) { self.remove(0) } else { None }
    }

    /// Queues an event; in a full queue the oldest of its kind makes room, else the oldest that
    /// may be dropped at all. One that would fill the queue by itself makes none for itself.
    fn push(&mut self, event: &str, messages: Vec<Message>) {
        let size = size(&messages);
        let budget = Arc::clone(self.budget.get_or_insert_with(|| self.signals.share()));
        let charge = loop {
            let fits = self.queue.len() < self.limits.events_queued && self.bytes + size <= BYTES;
            if fits && let Ok(charge) = budget.charge(size) {
                break charge;
            }
            self.dropped += 1;
            match self.victim(event) {
                Some(at) if size <= BYTES => self.remove(at),
                _ => return,
            };
        };
        self.bytes += size;
        self.queue.push_back(Queued { event: event.into(), messages, size, _charge: charge });
    }

    /// Whose place an event may take.
    fn victim(&self, event: &str) -> Option<usize> {
        let queue = &self.queue;
        let same = queue.iter().position(|it| *it.event == *event && !is_kept(event));
        let any = || queue.iter().position(|it| !is_kept(&it.event));
        // A peer that floods with the kinds to keep is worth no more than the others.
        let kept = || (is_kept(event) && !queue.is_empty()).then_some(0);
        same.or_else(any).or_else(kept)
    }

    fn remove(&mut self, at: usize) -> Option<Vec<Message>> {
        let queued = self.queue.remove(at)?;
        self.bytes -= queued.size;
        Some(queued.messages)
    }
}

fn size(messages: &[Message]) -> usize {
    messages.iter().map(queue::size).sum()
}

/// Tokens for the signals of one event. Large ones cost more: a bus stops to listen to the bridge
/// while 127 MiB of its signals lie unread with somebody who froze.
fn cost(messages: &[Message]) -> f64 {
    (1 + size(messages) / 4096) as f64
}

/// Events whose loss would leave a client with a wrong picture for good.
fn is_kept(event: &str) -> bool {
    matches!(event, "SHUTDOWN" | "STOP" | "RESUME" | "RESET" | "JOB_STATUS_CHANGE")
        || event.starts_with("BLOCK_JOB_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: usize = 1024;

    fn signal(number: u64) -> Message {
        Message::signal("/x", "x.y", "Z").build(&number).unwrap()
    }

    fn pacer(outbox: &Arc<Outbox>) -> Arc<Pacer> {
        Pacer::new(outbox.clone(), Arc::default(), &Arc::default(), |count| {
            vec![Message::signal("/x", "x.y", "EventsDropped").build(&count).unwrap()]
        })
    }

    fn numbers(outbox: &Outbox) -> Vec<u64> {
        let messages = outbox.take();
        let numbers = messages.iter().filter(|it| it.header().member().unwrap() == "Z");
        numbers.map(|it| it.body().deserialize().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn burst_leaves_at_once_and_the_rest_in_order() {
        let outbox = Outbox::detached();
        let pacer = pacer(&outbox);
        (0..1500).for_each(|number| pacer.send("A", vec![signal(number)]));
        assert_eq!(numbers(&outbox), (0..1000).collect::<Vec<_>>());
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(numbers(&outbox), (1000..1500).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn flood_is_bounded_and_told_and_spares_what_matters() {
        let outbox = Outbox::detached();
        let pacer = pacer(&outbox);
        (0..1000).for_each(|number| pacer.send("A", vec![signal(number)]));
        pacer.send("STOP", vec![signal(7777)]);
        (0..5000).for_each(|number| pacer.send("A", vec![signal(number)]));
        outbox.take();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let messages = outbox.take();
        assert_eq!(messages[0].header().member().unwrap(), "EventsDropped");
        let dropped: u64 = messages[0].body().deserialize().unwrap();
        assert_eq!(dropped, 5001 - QUEUE as u64);
        assert_eq!(messages.len(), 1 + QUEUE);
        assert_eq!(messages[1].body().deserialize::<u64>().unwrap(), 7777);
    }

    #[tokio::test(start_paused = true)]
    async fn large_events_are_bounded_in_bytes() {
        let outbox = Outbox::detached();
        let pacer = pacer(&outbox);
        (0..1000).for_each(|number| pacer.send("A", vec![signal(number)]));
        let large = |size: usize| Message::signal("/x", "x.y", "L").build(&"x".repeat(size));
        pacer.send("A", vec![signal(7777)]);
        (0..20).for_each(|_| pacer.send("L", vec![large(1 << 20).unwrap()]));
        pacer.send("L", vec![large(BYTES).unwrap()]);
        assert!(pacer.lock().bytes <= BYTES);
        assert_eq!(pacer.lock().dropped, 18, "three of 1 MiB fit, beside what was there");
        outbox.take();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(numbers(&outbox), [7777]);
        assert!(pacer.lock().bytes >= 2 << 20, "large events take more of the rate");
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(pacer.lock().bytes, 0);
    }
}
