//! Questions whose answers are large, to few peers at a time. A bridge finds thousands at once when
//! it starts: so many answers would take all memory that there is for them, and the room that they
//! leave between what stays would be of no use to anybody.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::timeout;

use super::inquiry::Inquiry;

/// Peers that are asked at a time.
const MOST: usize = 8;

/// How long one that does not answer keeps others from their turn: most take a tenth of it.
const HOLD: Duration = Duration::from_millis(500);

/// Those who are to ask, and who does.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Weak<Inquiry>>,
    /// Tasks that let one after the other ask.
    tasks: usize,
}

impl Turns {
    /// Has one ask when it is its turn.
    pub(super) fn wait(self: &Arc<Self>, inquiry: Weak<Inquiry>) {
        let mut line = self.line();
        if line.waiting.len() == line.waiting.capacity() {
            // Peers that came and went do not make it longer.
            line.waiting.retain(|inquiry| inquiry.strong_count() > 0);
        }
        line.waiting.push_back(inquiry);
        if line.tasks < MOST {
            line.tasks += 1;
            tokio::spawn(Arc::clone(self).run());
        }
    }

    async fn run(self: Arc<Self>) {
        while let Some(inquiry) = self.next() {
            if let Some(inquiry) = inquiry.upgrade() {
                // One that answers later is heard all the same.
                _ = timeout(HOLD, inquiry.ask()).await;
            }
        }
    }

    /// The next in line; without one there is a task less.
    fn next(&self) -> Option<Weak<Inquiry>> {
        let mut line = self.line();
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.tasks -= 1;
            // A start may have made it long.
            line.waiting.shrink_to_fit();
        }
        next
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
