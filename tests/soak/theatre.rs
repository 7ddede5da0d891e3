//! A thread for the scripted peers: how soon they answer must not depend on the callers' work.

use std::thread;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Theatre {
    handle: Handle,
    _open: oneshot::Sender<()>,
}

impl Theatre {
    /// Starts the thread.
    pub(crate) fn open() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (open, closed) = oneshot::channel();
        // It ends when the sender is dropped, which is no message.
        thread::spawn(move || runtime.block_on(closed).is_ok());
        Self { handle, _open: open }
    }

    /// What `start` spawns lives on the thread.
    pub(crate) fn host<T>(&self, start: impl FnOnce() -> T) -> T {
        let _entered = self.handle.enter();
        start()
    }
}
