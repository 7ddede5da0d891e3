//! Requests that wait to be sent, and news of the machine, between the handles and the task.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Budget, Charge, NotSent, Outcome, Request, guest::News, machine::Ward};

/// What those are told who come after the end, or wait for their turn then.
pub(super) const STOPPING: &str = "the machine was removed, or the bridge is about to end";

/// So that any time to drain makes a deadline: a year.
const LONGEST_DRAIN: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A request with the time at which it came.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    /// The caller's id, for a request to resynchronise.
    pub(super) sync: Option<i64>,
    pub(super) since: Instant,
    pub(super) deadline: Option<Instant>,
    /// For the bytes of the arguments.
    pub(super) charge: Option<Charge>,
    /// Of a [`super::Lease`], which bounds how many there are and what they hold.
    pub(super) leased: bool,
}

impl Job {
    pub(super) fn new(request: Request, sync: Option<i64>) -> Self {
        let since = Instant::now();
        let deadline = request.timeout.and_then(|timeout| since.checked_add(timeout));
        Self { request, sync, since, deadline, charge: None, leased: false }
    }

    /// Whether it only looks, as others may at the same time.
    pub(super) fn only_reads(&self) -> bool {
        self.sync.is_none() && self.request.reads && self.request.replies
    }

    pub(super) fn refuse(self, kind: NotSent, text: impl Into<String>) {
        self.request.completion.complete(Outcome::NotSent(kind, text.into()));
    }
}

/// The queue that handles fill and the task empties. The lock is never held while a completion
/// is told: whoever is told may submit at once.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    /// Tells the holders of leases that the endpoint stops, and those who stop it that it ended.
    stops: Notify,
    limit: usize,
    budget: Arc<Budget>,
    /// Of a monitor.
    pub(super) ward: Arc<Ward>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Boxed, for the queue keeps its room while none waits.
    jobs: VecDeque<Box<Job>>,
    /// Until when requests on the wire are waited for, once the endpoint stops.
    stopping: Option<Instant>,
    /// Nothing is sent any more.
    ended: bool,
    leases: usize,
    news: Option<News>,
    /// There is something new for the task.
    arrived: bool,
    /// It waits for that.
    task: Option<Waker>,
}

impl Inbox {
    pub(super) fn new(limit: usize, budget: Arc<Budget>) -> Self {
        let (queue, ward) = (Mutex::default(), Arc::default());
        Self { queue, stops: Notify::new(), limit, budget, ward }
    }

    /// Queues a job, or tells it at once that it will not be sent.
    pub(super) fn push(&self, job: Job) {
        let refused = {
            let mut queue = self.lock();
            match self.admit(&queue, &job) {
                Ok(charge) => {
                    queue.jobs.push_back(Box::new(Job { charge, ..job }));
                    None
                }
                Err((kind, text)) => Some((job, kind, text)),
            }
        };
        match refused {
            Some((job, kind, text)) => job.refuse(kind, text),
            None => self.wake(),
        }
    }

    fn admit(&self, queue: &Queue, job: &Job) -> Result<Option<Charge>, (NotSent, String)> {
        if queue.ended || queue.stopping.is_some() && !job.leased {
            return Err((NotSent::Stopping, STOPPING.to_owned()));
        }
        if job.leased {
            return Ok(None);
        }
        if queue.jobs.len() >= self.limit {
            let text = format!(
                "{} requests wait for this endpoint already; wait for some to return",
                self.limit
            );
            return Err((NotSent::QueueFull, text));
        }
        let charge = self.budget.charge(job.request.arguments.len());
        let refused = |spent| (NotSent::QueueFull, format!("the arguments: {spent}"));
        charge.map(Some).map_err(refused)
    }

    /// Refuses what waits and what comes; those on the wire, and those who hold a lease, are given
    /// `drain`.
    pub(super) fn stop(&self, drain: Duration) {
        let now = Instant::now();
        self.lock().stopping.get_or_insert(now + drain.min(LONGEST_DRAIN));
        while let Some(job) = self.take_first(|job| !job.leased) {
            job.refuse(NotSent::Stopping, STOPPING);
        }
        self.stops.notify_waiters();
        self.wake();
    }

    /// Refuses everything from now on: there is no task any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.stop(Duration::ZERO);
        self.refuse_all(NotSent::Stopping, STOPPING);
    }

    /// Notes that somebody holds a lease, or one less.
    pub(super) fn lease(&self) {
        self.lock().leases += 1;
    }

    pub(super) fn release(&self) {
        self.lock().leases -= 1;
        self.wake();
    }

    /// Whether somebody holds a lease.
    pub(super) fn is_leased(&self) -> bool {
        self.lock().leases > 0
    }

    /// Returns when the endpoint stops.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn stops(&self) {
        let stops = self.stops.notified();
        if self.stopping().is_none() {
            stops.await;
        }
    }

    /// Returns when there is no task any more.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn ended(&self) {
        loop {
            let ends = self.stops.notified();
            if self.lock().ended {
                return;
            }
            ends.await;
        }
    }

    /// When the wait for requests on the wire ends, once the endpoint stops.
    pub(super) fn stopping(&self) -> Option<Instant> {
        self.lock().stopping
    }

    /// Tells every job that it will not be sent.
    pub(super) fn refuse_all(&self, kind: NotSent, text: &str) {
        let jobs = std::mem::take(&mut self.lock().jobs);
        jobs.into_iter().for_each(|job| job.refuse(kind, text));
    }

    /// Takes the first job that `pick` chooses among all; jobs ahead of it stay.
    pub(super) fn take_first(&self, mut pick: impl FnMut(&Job) -> bool) -> Option<Job> {
        let mut queue = self.lock();
        let at = queue.jobs.iter().position(|job| pick(job))?;
        queue.jobs.remove(at).map(|job| *job)
    }

    /// Takes the job at the front if `ready` says so.
    pub(super) fn take_front(&self, ready: impl FnOnce(&Job) -> bool) -> Option<Job> {
        let mut queue = self.lock();
        let job = if ready(queue.jobs.front()?) { queue.jobs.pop_front() } else { None };
        job.map(|job| *job)
    }

    /// Whether no job waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().jobs.is_empty()
    }

    /// The nearest deadline of a job that waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().jobs.iter().filter_map(|job| job.deadline).min()
    }

    /// Tells jobs whose time is up; `why` says what they waited for.
    pub(super) fn expire(&self, now: Instant, why: &str) {
        let due = |job: &Job| job.deadline.is_some_and(|deadline| deadline <= now);
        while let Some(job) = self.take_first(due) {
            let text = format!("{} was not sent in time: {why}", job.request.command);
            job.refuse(NotSent::Busy, text);
        }
    }

    /// Tells the jobs of a caller that they will not be sent.
    pub(super) fn cancel(&self, caller: &str) {
        while let Some(job) = self.take_first(|job| job.request.completion.is_of(caller)) {
            job.refuse(NotSent::Busy, "the caller left before its turn");
        }
    }

    /// Tells the task what the monitor of its machine says.
    pub(super) fn tell(&self, news: News) {
        let mut queue = self.lock();
        queue.news = Some(news.after(queue.news.unwrap_or_default()));
        drop(queue);
        self.wake();
    }

    /// What was told since the last time.
    pub(super) fn news(&self) -> Option<News> {
        self.lock().news.take()
    }

    /// Has the task look again for what is to do.
    pub(super) fn wake(&self) {
        let mut queue = self.lock();
        queue.arrived = true;
        let task = queue.task.take();
        drop(queue);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Returns when a job, news or a stop may have come since the last return.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn arrived(&self) {
        poll_fn(|context| {
            let mut queue = self.lock();
            if std::mem::take(&mut queue.arrived) {
                return Poll::Ready(());
            }
            match &mut queue.task {
                Some(task) => task.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        })
        .await;
    }

    /// Returns when a job waits or the endpoint stops.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn wanted(&self) {
        while self.is_empty() && self.stopping().is_none() {
            self.arrived().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::endpoint::{Completion, Limits, Protocol};

    fn push(inbox: &Inbox) -> Receiver<String> {
        let (tell, told) = channel();
        let completion = Completion::new(move |outcome| {
            let _ = tell.send(format!("{outcome:?}"));
        });
        let request = Request {
            command: "c".into(),
            arguments: Vec::new(),
            fd: None,
            oob: false,
            replies: true,
            reads: false,
            timeout: None,
            completion,
        };
        inbox.push(Job::new(request, None));
        told
    }

    #[tokio::test]
    async fn as_many_may_wait_as_the_limit_says_and_no_more() {
        let limit = Limits::new(Protocol::Qmp).waiting;
        let inbox = Inbox::new(limit, Budget::new());
        let waiting: Vec<_> = (0..limit).map(|_| push(&inbox)).collect();
        assert!(push(&inbox).try_recv().unwrap().contains("QueueFull"));
        assert!(waiting.iter().all(|told| told.try_recv().is_err()));
        assert!(inbox.take_front(|_| true).is_some());
        assert!(push(&inbox).try_recv().is_err());
    }
}
