//! What an endpoint tells without being asked: events as signals, changes of its properties.

use std::{
    path::{Display, Path},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tracing::warn;

use crate::{
    endpoint::{Account, Budget, Event, Observer, Pool, Protocol, Status},
    skew::Difference,
    transcode::Json,
};

use super::{
    endpoint::Settings,
    guard::Outbox,
    history::History,
    pacer::Pacer,
    properties::{self, Properties},
    seen::Seen,
    signals::Signals,
    subscriptions::{Subscriptions, Target},
    waiters::Waiters,
};

/// Publishes the events and properties of one endpoint.
#[derive(Debug)]
pub(super) struct Publisher {
    protocol: Protocol,
    socket: Arc<Path>,
    account: Arc<Account>,
    /// Events go to nobody but subscribers.
    unicast: bool,
    status: Mutex<Status>,
    /// Of the peer that is connected, once it was compared.
    difference: Mutex<Option<Arc<Difference>>>,
    sequence: AtomicU64,
    /// Once somebody waited.
    waiters: OnceLock<Waiters>,
    budget: Arc<Budget>,
    history: History,
    signals: Arc<Signals>,
    subscriptions: Arc<Subscriptions>,
    pacer: Arc<Pacer>,
    outbox: Arc<Outbox>,
}

impl Publisher {
    pub(super) fn new(
        settings: &Settings,
        account: Arc<Account>,
        outbox: Arc<Outbox>,
        budget: &Arc<Budget>,
    ) -> Self {
        let signals =
            Signals::new(settings.protocol, Arc::clone(&settings.path), Arc::clone(&account));
        let signals = Arc::new(signals);
        let subscriptions =
            Arc::new(Subscriptions::new(Arc::clone(outbox.signals()), &settings.limits));
        let unicast = settings.unicast;
        let (tellers, told) = (Arc::clone(&signals), Arc::clone(&subscriptions));
        let (limits, counted) = (&settings.limits, Arc::clone(&account));
        let pacer = Pacer::new(Arc::clone(&outbox), counted, limits, move |count| {
            let everybody = if unicast { told.everybody() } else { Vec::new() };
            tellers.dropped(count, &everybody, unicast)
        });
        Self {
            protocol: settings.protocol,
            socket: Arc::clone(&settings.socket),
            account,
            unicast,
            status: Mutex::default(),
            difference: Mutex::default(),
            sequence: AtomicU64::new(0),
            waiters: OnceLock::new(),
            budget: Arc::clone(budget),
            history: History::new(settings.limits.events_kept),
            signals,
            subscriptions,
            pacer,
            outbox,
        }
    }

    pub(super) fn waiters(&self) -> &Waiters {
        self.waiters.get_or_init(|| Waiters::new(Arc::clone(&self.budget)))
    }

    /// Ends what a caller who left waits for, or is told.
    pub(super) fn forget(&self, caller: &str) {
        self.subscriptions.forget(caller);
        if let Some(waiters) = self.waiters.get() {
            waiters.forget(caller);
        }
    }

    pub(super) fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn properties(&self) -> Properties {
        let difference = self.difference().clone().unwrap_or_default();
        properties::all(self.protocol, &self.socket, &self.status(), &difference)
    }

    /// Those that do not take kilobytes.
    pub(super) fn brief(&self) -> Properties {
        properties::brief(self.protocol, &self.socket, &self.status())
    }

    /// Path of the socket, for the log.
    pub(super) fn socket(&self) -> Display<'_> {
        self.socket.display()
    }

    /// What the endpoint counts.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    /// Whether this is not the difference that was published last.
    pub(super) fn differs(&self, difference: &Difference) -> bool {
        self.difference().as_deref() != Some(difference)
    }

    /// Publishes how the peer differs from what the bridge was built for.
    pub(super) fn compared(&self, difference: Difference) {
        static DIFFERENCES: Pool<Difference> = Pool::new();
        let difference = DIFFERENCES.share(difference);
        self.change(|| *self.difference() = Some(difference));
    }

    /// Tells one subscriber the properties that change with events.
    pub(super) fn tell_properties(&self, handle: u64) {
        let state = |(name, _): &(&str, Json<'_>)| matches!(*name, "State" | "RunState");
        let current: Properties = self.properties().into_iter().filter(state).collect();
        for target in self.subscriptions.everybody() {
            if target.handle == handle
                && let Some(message) = self.signals.changed(current.clone(), Some(&target))
            {
                self.outbox.send(message);
            }
        }
    }

    /// Tells one caller how far its transfer is.
    pub(super) fn tell_progress(&self, to: &Target, bytes: u64) {
        if let Some(message) = self.signals.progress(to, bytes) {
            self.outbox.send(message);
        }
    }

    /// Tells one subscriber what is so now, as an event that would have made it so.
    pub(super) fn tell_current(&self, handle: u64, event: &str, data: &Json<'_>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let timestamp = now.map_or(0, |now: Duration| now.as_micros() as u64);
        let sequence = self.sequence.load(Ordering::Relaxed);
        let seen = Seen { name: event, data, timestamp, sequence };
        if let Some(target) = self.subscriptions.target(handle, &seen)
            && let Some(message) = self.signals.event(&seen, Some(&target))
        {
            self.outbox.send(message);
        }
    }

    /// The subscriber knows the current state: events may follow.
    pub(super) fn release(&self, handle: u64) {
        for message in self.subscriptions.release(handle) {
            self.outbox.send(message);
        }
    }

    /// Tells nothing from now on, not even what waits: a later object of the same path would seem
    /// to have told it.
    pub(super) fn retire(&self) {
        self.signals.retire();
        self.subscriptions.clear();
        self.pacer.clear();
    }

    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn difference(&self) -> MutexGuard<'_, Option<Arc<Difference>>> {
        self.difference.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what the properties tell, and announces those that differ then.
    fn change(&self, change: impl FnOnce()) {
        let old = self.properties();
        change();
        let changed = properties::changed(old, self.properties());
        if !changed.is_empty() {
            self.announce(&changed);
        }
    }

    fn publish(&self, seen: &Seen<'_>) {
        let mut messages = Vec::new();
        let targets = self.subscriptions.targets(seen);
        let receivers = targets.iter().map(Some).chain((!self.unicast).then_some(None));
        for receiver in receivers {
            match (self.signals.event(seen, receiver), receiver) {
                (Some(message), Some(target)) => {
                    messages.extend(self.subscriptions.hold(target.handle, message));
                }
                (Some(message), None) => messages.push(message),
                // The others cannot be built either.
                (None, _) => return self.pacer.lost(),
            }
        }
        if !messages.is_empty() {
            self.pacer.send(seen.name, messages);
        }
    }

    fn announce(&self, changed: &Properties) {
        let targets = if self.unicast { self.subscriptions.everybody() } else { Vec::new() };
        let receivers = targets.iter().map(Some).chain((!self.unicast).then_some(None));
        for receiver in receivers {
            if let Some(message) = self.signals.changed(changed.clone(), receiver) {
                self.outbox.send(message);
            }
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
                Err(error) => {
                    self.pacer.lost();
                    if self.account.may_tell() {
                        let socket = self.socket();
                        warn!(%socket, event = event.name, %error, "event not understood");
                    }
                    return;
                }
            },
        };
        let seen = Seen { name: event.name, data: &data, timestamp: event.timestamp, sequence };
        if let Some(waiters) = self.waiters.get() {
            waiters.event(&seen);
        }
        self.history.keep(event, sequence);
        self.publish(&seen);
    }

    fn event_lost(&self) {
        self.sequence.fetch_add(1, Ordering::Relaxed);
        self.pacer.lost();
    }

    fn together(&self, take: &mut dyn FnMut()) {
        let _corked = self.outbox.cork();
        take();
    }

    fn changed(&self, status: &Status) {
        self.outbox.activity().notify(1);
        let before = self.status().state;
        if before.answers()
            && !status.state.answers()
            && let Some(waiters) = self.waiters.get()
        {
            waiters.disconnected();
        }
        self.change(|| {
            *self.status() = status.clone();
            if !status.state.answers() {
                *self.difference() = None;
            }
        });
    }
}
