//! Waiting for what Ctrl-C must end.

use std::thread;

use tokio::{signal::ctrl_c, sync::oneshot};

use super::fault::{Fault, INTERRUPTED};

/// The work, or that Ctrl-C ended it. From the first call on, Ctrl-C does nothing else.
pub(super) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    tokio::select! {
        biased;
        _ = ctrl_c() => Err(Fault::failed("interrupted").with_code(INTERRUPTED)),
        done = work => done,
    }
}

/// Reads or writes what may keep a thread waiting, a terminal or another program, in a thread that
/// does not keep this program from its end.
///
/// # Cancel safety
///
/// Not cancel safe: dropped, it leaves the work to the thread.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || tell.send(work()).ok());
    told.await.unwrap_or_else(|_| Err(Fault::failed("an internal error")))
}
