//! `qapi-dbus wait`: until an event comes, or came since the command was started.

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;

use super::{
    call::seconds,
    event::{self, Event, Filter, Told},
    fault::{Fault, LATE},
    follow::{Follower, News},
    machine::{Endpoint, Machine},
    moment, say,
    target::Target,
};
use crate::endpoint::Protocol;

pub(super) const HELP: &str = "Examples:
  qapi-dbus wait DEVICE_DELETED device=disk1 --timeout 30
  qapi-dbus wait SHUTDOWN,RESET
  qapi-dbus wait --already JOB_STATUS_CHANGE id=backup status=concluded

An event counts from the start of the command on; through --host, from when it listens.

Exit codes: 0 it came; 2 wrong usage; 3 not allowed; 4 not reached; 5 the monitor or the bridge went
away meanwhile; 124 the time is over.";

/// Events whose last one is told to every new subscriber.
const STATES: [&str; 3] = ["JOB_STATUS_CHANGE", "DEVICE_TRAY_MOVED", "BALLOON_CHANGE"];

/// Wait for an event.
#[derive(Args, Debug)]
pub struct Wait {
    #[command(flatten)]
    pub(super) target: Target,
    /// Seconds until it fails; else it waits for as long as it takes
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// End at once if it is so already: of jobs, trays and the balloon
    #[arg(long)]
    already: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Its name; of several, separated by commas, any
    event: String,
    /// Members that it must have; NAME.NAME reaches into members
    #[arg(value_name = "NAME=VALUE")]
    filter: Vec<String>,
}

impl Wait {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let start = moment::started();
        let Some(limit) = self.timeout else { return self.wait(start).await };
        timeout(limit, self.wait(start)).await.unwrap_or_else(|_| {
            let text = format!("no {} within {} s", self.event, limit.as_secs_f64());
            Err(Fault::failed(text).with_code(LATE))
        })
    }

    async fn wait(&self, start: u64) -> Result<(), Fault> {
        let machine = self.target.machine().await?;
        let names = event::names(&self.event, std::slice::from_ref(&machine)).await?;
        let filter = Filter::read(&self.filter)?;
        filter.check(&names, std::slice::from_ref(&machine)).await?;
        let monitor = machine.endpoint(Protocol::Qmp)?;
        let mut follower = Follower::new(std::slice::from_ref(&machine), &names).await?;
        let wanted = |event: &Event| names.contains(&event.name) && filter.admits(event);
        let past = event::since(monitor, 0).await?;
        // Another host has another clock.
        let recent = |event: &&Event| !self.target.place.is_remote() && event.timestamp >= start;
        if let Some(event) = past.iter().filter(recent).find(|event| wanted(event)) {
            return self.tell(event);
        }
        let last = past.last().map_or(0, |event| event.sequence);
        loop {
            let event = next(&mut follower, &machine).await?;
            if wanted(&event)
                && (self.already || event.sequence > last && is_new(monitor, &event).await?)
            {
                return self.tell(&event);
            }
        }
    }

    fn tell(&self, event: &Event) -> Result<(), Fault> {
        say(&event.line(self.target.vm.as_deref(), self.json))
    }
}

async fn next(follower: &mut Follower, machine: &Machine) -> Result<Event, Fault> {
    loop {
        match follower.next().await? {
            News::Told(_, Told::Event(event)) => return Ok(event),
            News::Told(_, Told::State(state)) if state == "disconnected" => {
                return Err(Fault::odd(format!("the monitor of {machine} went away")));
            }
            News::Gone | News::Back => return Err(Fault::odd("the bridge went away")),
            News::Told(..) | News::Machines => {}
        }
    }
}

/// Whether it happened, and does not tell what is so for the subscriber's sake.
async fn is_new(monitor: &Endpoint, event: &Event) -> Result<bool, Fault> {
    if !STATES.contains(&event.name.as_str()) {
        return Ok(true);
    }
    let kept = event::since(monitor, event.sequence - 1).await?;
    let same = kept.first().filter(|it| it.sequence == event.sequence);
    Ok(same.is_some_and(|it| it.name == event.name && it.data == event.data))
}
