//! What the service manager is told: state, status, and that the bridge is alive (sd_notify(3)).

use std::{convert::Infallible, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;
use zbus::Connection;

/// Between two tries to reach the bus. One fails at once only where the connection is at its end.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells the service manager; without one, nobody.
pub(super) fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!(%error, "service manager not told");
    }
}

/// Tells that the configuration is read again, as the unit's type `notify-reload` wants it.
pub(super) fn reloading() {
    let states = NotifyState::monotonic_usec_now().map(|now| [NotifyState::Reloading, now]);
    if let Err(error) = states.and_then(|states| sd_notify::notify(&states)) {
        warn!(%error, "service manager not told");
    }
}

/// Tells the watchdog, as often as it wants, that the bridge is alive: that the bus answers
/// through the same connection and queue as everything else, and that tasks get their turn.
/// Machines do not count: one that hangs must not take the others' bridge along.
///
/// Never returns. Without a watchdog it does nothing.
///
/// # Cancel safety
///
/// Nothing is lost.
pub(super) async fn feed_watchdog(connection: Option<&Connection>) -> Infallible {
    match sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) {
        Some(limit) => feed_every(limit / 2, connection).await,
        None => std::future::pending().await,
    }
}

async fn feed_every(period: Duration, connection: Option<&Connection>) -> Infallible {
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        while !answers(connection).await {
            sleep(AGAIN).await;
        }
        tell(NotifyState::Watchdog);
    }
}

/// Whether the bus answers, if there is one. That it denies the answer is one, too.
async fn answers(connection: Option<&Connection>) -> bool {
    let Some(connection) = connection else { return true };
    const BUS: &str = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let reply = connection.call_method(Some(BUS), path, Some(BUS), "GetId", &()).await;
    matches!(reply, Ok(_) | Err(zbus::Error::MethodError(..)))
}
