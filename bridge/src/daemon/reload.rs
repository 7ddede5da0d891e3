//! The settings read again while serving: all of them take effect, or none.

use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tracing::{error, info};

use crate::bus::Gate;

use super::{
    Again,
    fleet::Fleet,
    hotplug::Folders,
    machines::Machines,
    notify,
    plan::{Fixed, Plan},
};

/// Reads the settings again, and does what they say.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) again: Again,
    pub(super) fixed: Fixed,
    pub(super) fleet: Arc<Fleet>,
    pub(super) machines: Arc<Machines>,
    pub(super) folders: watch::Sender<Folders>,
    pub(super) gate: Gate,
}

impl Reload {
    /// Reads them now.
    ///
    /// # Errors
    ///
    /// Why not: everything is as it was. The log is told as well.
    pub(super) fn now(&self) -> Result<(), String> {
        notify::reloading();
        let done = self.attempt();
        match &done {
            Ok(()) => info!(machines = self.machines.count(), "configuration read again"),
            Err(text) => error!(text, "the configuration stays as it was"),
        }
        notify::tell(NotifyState::Ready);
        done
    }

    fn attempt(&self) -> Result<(), String> {
        let mut settings = self.again.read().map_err(|error| format!("{error:#}"))?;
        settings.again = Some(self.again.clone());
        let plan = Plan::new(&settings).map_err(|error| error.to_string())?;
        let changes = self.fixed.changes(&plan.fixed);
        if !changes.is_empty() {
            return Err(format!("{} cannot change without a restart", changes.join(", ")));
        }
        self.machines.settle(plan.fleet).map_err(|refused| refused.to_string())?;
        for (path, endpoints) in plan.single {
            self.fleet.serve(&path, endpoints);
        }
        self.folders.send_replace(plan.watch);
        self.gate.set_rules(settings.rules);
        Ok(())
    }

    /// Does so whenever somebody asks by a signal.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn whenever_asked(&self) -> std::convert::Infallible {
        loop {
            self.again.asked().await;
            // Whoever sent the signal hears of it by the log.
            _ = self.now();
        }
    }
}
