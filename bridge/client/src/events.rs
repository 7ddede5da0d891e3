//! Streams of events.

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use qapi_dbus_types::{Events as Schema, Members, Mismatch};
use tokio::sync::mpsc;

/// Events that wait to be read. Whoever reads slower than the peer tells loses some, and is told how
/// many: calls on the same way must not wait for it.
const WAITING: usize = 1024;

/// An event as a way brings it.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) name: String,
    pub(crate) data: Members,
    pub(crate) timestamp: u64,
    pub(crate) sequence: Option<u64>,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Received<E> {
    /// What happened.
    pub event: E,
    /// Microseconds since the epoch, by the peer's clock; 0 if it has none.
    pub timestamp: u64,
    /// The bridge's number of it; none on a socket.
    pub sequence: Option<u64>,
}

/// Events that do not reach their reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// So many came faster than they were read or may be passed on.
    Dropped(u64),
    /// One whose data do not fit its type.
    Unfit(String, Mismatch),
}

/// The events of one peer. Dropped, it ends.
#[must_use = "a stream of events does nothing unless it is read"]
pub struct Events<E> {
    source: Source,
    schema: PhantomData<fn() -> E>,
}

/// Where events come from.
pub struct Source {
    waiting: mpsc::Receiver<Raw>,
    dropped: Arc<AtomicU64>,
    /// Ends what feeds it.
    _feeder: Box<dyn Send + Sync>,
}

/// Feeds a source.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    waiting: mpsc::Sender<Raw>,
    dropped: Arc<AtomicU64>,
}

impl Source {
    /// A source and what feeds it. `start` gives what is to be dropped with the source.
    pub(crate) fn new<F: Send + Sync + 'static>(start: impl FnOnce(Feed) -> F) -> Self {
        let (sender, waiting) = mpsc::channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let feed = Feed { waiting: sender, dropped: Arc::clone(&dropped) };
        Self { waiting, dropped, _feeder: Box::new(start(feed)) }
    }
}

impl Feed {
    /// Passes an event on, if there is room for it.
    pub(crate) fn tell(&self, event: Raw) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.waiting.try_send(event) {
            self.lose(1);
        }
    }

    /// Tells that events were lost on their way here.
    pub(crate) fn lose(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether nobody reads any more.
    #[cfg(feature = "socket")]
    pub(crate) fn is_closed(&self) -> bool {
        self.waiting.is_closed()
    }
}

impl<E: Schema> Events<E> {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, schema: PhantomData }
    }

    /// The next event; none when the way is closed or the service is gone: look how things are then,
    /// and begin anew.
    ///
    /// # Errors
    ///
    /// Events were lost; more may follow.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Result<Received<E>, Lost>> {
        std::future::poll_fn(|context| self.poll_event(context)).await
    }

    /// The next event of one kind; none as for [`Events::next`]. Others are passed over, lost ones too.
    ///
    /// # Cancel safety
    ///
    /// What was passed over is gone.
    pub async fn next_of<D: TryFrom<E>>(&mut self) -> Option<D> {
        loop {
            if let Ok(received) = self.next().await?
                && let Ok(data) = D::try_from(received.event)
            {
                return Some(data);
            }
        }
    }

    /// [`Events::next`] for streams.
    pub fn poll_event(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Received<E>, Lost>>> {
        match self.source.dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => return Poll::Ready(Some(Err(Lost::Dropped(count)))),
        }
        let raw = ready!(self.source.waiting.poll_recv(context));
        Poll::Ready(raw.map(|Raw { name, data, timestamp, sequence }| match E::read(&name, data) {
            Ok(event) => Ok(Received { event, timestamp, sequence }),
            Err(mismatch) => Err(Lost::Unfit(name, mismatch)),
        }))
    }
}

impl<E: Schema> futures_core::Stream for Events<E> {
    type Item = Result<Received<E>, Lost>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(context)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped(count) => write!(f, "{count} events were dropped"),
            Self::Unfit(name, mismatch) => write!(f, "event {name}: {mismatch}"),
        }
    }
}

impl std::error::Error for Lost {}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
