//! Watches whether the bus still takes what the bridge sends.

use std::{fmt, time::Duration};

use sd_notify::NotifyState;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::bus::{Dispatcher, Objects, guard::Outbox};

use super::notify;

/// How often it looks while there is something to see: often enough for a status that people read.
const PERIOD: Duration = Duration::from_secs(1);

/// How long the bus may take nothing before that is told: longer than any reader of a bus with
/// much to do is kept from it.
const STALLED: Duration = Duration::from_secs(10);

/// How long until the connection is given up. The bus drops who does not read for long, or is
/// restarted; a new connection is all that helps where neither happens.
const LOST: Duration = Duration::from_secs(60);

/// Whether the bus takes what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Moving,
    Stalled,
    Lost,
}

impl Flow {
    /// How it is when the bus has taken nothing for so long of what waits, if anything does.
    fn of(blocked: Option<Duration>) -> Self {
        match blocked {
            Some(blocked) if blocked >= LOST => Self::Lost,
            Some(blocked) if blocked >= STALLED => Self::Stalled,
            _ => Self::Moving,
        }
    }
}

/// What the service manager shows of the bridge.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    ready: usize,
    peers: usize,
    calls: usize,
    flow: Flow,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ready, peers, calls, flow } = self;
        write!(f, "{ready} of {peers} peers ready, calls in flight: {calls}")?;
        match flow {
            Flow::Moving => Ok(()),
            Flow::Stalled | Flow::Lost => f.write_str("; the bus takes no messages"),
        }
    }
}

/// Tells the log and the service manager how the bridge is, and returns once the bus has taken
/// nothing for a minute.
///
/// # Cancel safety
///
/// Nothing is lost.
pub(super) async fn stalled(objects: &Objects, dispatcher: &Dispatcher, outbox: &Outbox) {
    let mut told = None;
    loop {
        // From here on nothing happens unseen.
        let stirred = outbox.activity().listen();
        let (ready, peers) = objects.tally();
        let (calls, blocked) = (dispatcher.calls(), outbox.blocked());
        let status = Status { ready, peers, calls, flow: Flow::of(blocked) };
        let before = told.as_ref().map_or(Flow::Moving, |told: &Status| told.flow);
        match (before, status.flow) {
            (_, Flow::Lost) => return,
            (Flow::Moving, Flow::Stalled) => warn!("the bus takes no messages"),
            (Flow::Stalled, Flow::Moving) => info!("the bus takes messages again"),
            _ => {}
        }
        if told.as_ref() != Some(&status) {
            notify::tell(NotifyState::Status(&status.to_string()));
            told = Some(status);
        }
        // A bridge at rest costs no wake-up: only what goes on is looked at again by itself.
        if calls == 0 && blocked.is_none() {
            tokio::select! {
                () = stirred => {}
                () = outbox.blocks() => {}
            }
        }
        sleep(PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_takes_nothing_is_told_after_ten_seconds_and_left_after_a_minute() {
        let flow = |seconds| Flow::of(Some(Duration::from_secs_f64(seconds)));
        assert_eq!(Flow::of(None), Flow::Moving);
        assert_eq!((flow(9.9), flow(10.0)), (Flow::Moving, Flow::Stalled));
        assert_eq!((flow(59.9), flow(60.0)), (Flow::Stalled, Flow::Lost));
    }

    #[test]
    fn status_tells_peers_calls_and_a_stalled_bus() {
        let status = Status { ready: 2, peers: 3, calls: 7, flow: Flow::Moving };
        assert_eq!(status.to_string(), "2 of 3 peers ready, calls in flight: 7");
        let status = Status { flow: Flow::Stalled, ..status };
        assert!(status.to_string().ends_with("; the bus takes no messages"));
    }
}
