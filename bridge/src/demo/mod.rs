//! `qapi-dbus demo`: everything at once, on a machine where nothing was set up.
//!
//! An embedded bus, the guest agent and the monitor that this machine has to offer, the bridge
//! between them, and a client that calls it. All files are in one temporary directory.

pub mod agent;
mod answer;
mod bus;
mod busctl;
mod peer;
mod scene;
mod tour;
mod worker;

use std::{future::Future, io, pin::pin};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::{scene::Scene, tour::Tour};
use crate::daemon::{self, Bus};

/// What the demonstration is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bus in the place of an embedded one.
    pub bus: Option<Bus>,
    /// End after the calls.
    pub once: bool,
}

/// Shows the bridge at work, then stays until SIGINT, SIGTERM or SIGHUP, unless told to end.
///
/// # Errors
///
/// What the bridge cannot start with, and the first call that fails.
///
/// # Cancel safety
///
/// Cancelled, it leaves nothing behind either, but calls in flight go unanswered.
pub async fn run(options: Options) -> anyhow::Result<()> {
    // Before anything is started, so that a signal never leaves something behind.
    let mut ended = pin!(ended()?);
    tokio::select! {
        () = &mut ended => Ok(()),
        scene = Scene::set(options.bus) => show(&scene?, options.once, ended.as_mut()).await,
    }
}

/// Serves the scene while it is visited.
async fn show(scene: &Scene, once: bool, ended: impl Future<Output = ()>) -> anyhow::Result<()> {
    scene.announce()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (ready, is_ready) = oneshot::channel();
    let wait_for_stop = async { stopped.await.unwrap_or_default() };
    let tell_ready = |_: &str| ready.send(()).unwrap_or_default();
    let mut service = pin!(daemon::serve(scene.settings(), wait_for_stop, tell_ready));
    let visited = tokio::select! {
        served = &mut service => return Ok(served?),
        visited = visit(scene, once, is_ready, ended) => visited,
    };
    drop(stop);
    service.await?;
    visited
}

async fn visit(
    scene: &Scene,
    once: bool,
    is_ready: oneshot::Receiver<()>,
    ended: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut ended = pin!(ended);
    // It is dropped unsent only where the bridge ends, and then its own error is the one to tell.
    is_ready.await?;
    tokio::select! {
        () = &mut ended => return Ok(()),
        toured = tour(scene, once) => toured?,
    }
    if !once {
        ended.await;
    }
    Ok(())
}

async fn tour(scene: &Scene, once: bool) -> anyhow::Result<()> {
    let tour = Tour::start(scene.bus()).await?;
    tour.agent().await?;
    if scene.has_monitor() {
        tour.monitor().await?;
    }
    if !once {
        tour.more(scene.has_monitor())?;
    }
    Ok(())
}

/// Completes on the first signal that asks for the end. A terminal that is closed is one: the
/// programs that were started must not outlive it.
fn ended() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
