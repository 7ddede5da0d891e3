//! A thread that works until its owner drops it.

use std::{io, thread};

use tokio::sync::oneshot;

/// A running thread. Dropping it tells the thread to stop and waits until it did.
#[derive(Debug)]
pub(super) struct Worker {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Worker {
    /// Runs `work` on a thread called `name`; its argument completes when it is time to stop.
    ///
    /// # Errors
    ///
    /// Where the system refuses another thread.
    pub(super) fn start(
        name: &str,
        work: impl FnOnce(oneshot::Receiver<()>) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(stopped))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a thread of the demonstration panicked");
        }
    }
}
