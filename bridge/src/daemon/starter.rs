//! Starts the tasks of endpoints, not faster than the bus takes what they tell. Thousands found at
//! once would have more to say of themselves than there is memory for: some would be lost, and the
//! rest would lie between what stays.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::task::yield_now;

use crate::{bus::guard::Outbox, endpoint::Task};

/// Endpoints after which those that were started before have their turn.
const TURN: usize = 16;

/// Endpoints that are yet to open their sockets.
#[derive(Debug)]
pub(super) struct Starter {
    outbox: Arc<Outbox>,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Task>,
    /// Sockets may be opened.
    open: bool,
    /// There is a task that starts what waits.
    starting: bool,
}

impl Starter {
    pub(super) fn new(outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self { outbox, line: Mutex::default() })
    }

    /// Starts these once sockets may be opened.
    pub(super) fn add(self: &Arc<Self>, tasks: Vec<Task>) {
        let mut line = self.line();
        line.waiting.extend(tasks);
        self.start(&mut line);
    }

    /// Has sockets opened, now and later.
    pub(super) fn open(self: &Arc<Self>) {
        let mut line = self.line();
        line.open = true;
        self.start(&mut line);
    }

    pub(super) fn is_open(&self) -> bool {
        self.line().open
    }

    /// Starts nothing more. Those who wait for what was not started are told that it ended.
    pub(super) fn close(&self) {
        let mut line = self.line();
        line.open = false;
        let waiting = std::mem::take(&mut line.waiting);
        drop(line);
        drop(waiting);
    }

    fn start(self: &Arc<Self>, line: &mut Line) {
        if line.open && !line.starting && !line.waiting.is_empty() {
            line.starting = true;
            tokio::spawn(Arc::clone(self).run());
        }
    }

    async fn run(self: Arc<Self>) {
        loop {
            self.outbox.room().await;
            for _ in 0..TURN {
                let Some(task) = self.next() else { return };
                tokio::spawn(task.run());
            }
            yield_now().await;
        }
    }

    /// The next in line; without one there is none that starts it.
    fn next(&self) -> Option<Task> {
        let mut line = self.line();
        let next = line.waiting.pop_front();
        if next.is_none() {
            line.starting = false;
            // A start may have made it long.
            line.waiting = VecDeque::new();
        }
        next
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use tokio::time::timeout;

    use super::*;
    use crate::{
        bus::{Endpoint, Settings},
        endpoint::{Protocol, Trust},
    };

    fn endpoint(outbox: &Arc<Outbox>) -> (Arc<Endpoint>, Task) {
        let settings = Settings {
            protocol: Protocol::Qmp,
            socket: Path::new("/nowhere").into(),
            path: "/x".into(),
            timeout: None,
            unicast: false,
            limits: Arc::default(),
            trust: Arc::<Trust>::default(),
        };
        Endpoint::new(settings, Arc::clone(outbox))
    }

    #[tokio::test]
    async fn all_are_started_and_those_that_are_not_end() {
        let outbox = Outbox::nowhere(1 << 20);
        let starter = Starter::new(Arc::clone(&outbox));
        let (endpoints, tasks): (Vec<_>, _) = (0..3 * TURN).map(|_| endpoint(&outbox)).unzip();
        starter.open();
        starter.add(tasks);
        let started = async {
            while starter.line().starting {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), started).await.unwrap();
        let (late, task) = endpoint(&outbox);
        starter.line().open = false;
        starter.add(vec![task]);
        assert_eq!(starter.line().waiting.len(), 1);
        starter.close();
        for endpoint in endpoints.iter().chain([&late]) {
            let end = endpoint.stop(Duration::ZERO);
            timeout(Duration::from_secs(10), end).await.unwrap();
        }
    }
}
