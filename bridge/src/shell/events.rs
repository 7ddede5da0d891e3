//! `qapi-dbus events`: what happened, and what happens.

use clap::Args;

use super::{
    event::{self, Event, Filter, Told},
    fault::Fault,
    follow::{Follower, News},
    machine::Machine,
    say,
    target::Target,
};
use crate::endpoint::Protocol;

pub(super) const HELP: &str = "Examples:
  qapi-dbus events                                    the last ones that the bridge keeps
  qapi-dbus events --follow                           of all machines, until Ctrl-C
  qapi-dbus events --follow --filter device=disk1 BLOCK_IO_ERROR,DEVICE_DELETED
  qapi-dbus events --follow --json | jq .data";

/// Tell events.
#[derive(Args, Debug)]
pub struct Events {
    #[command(flatten)]
    pub(super) target: Target,
    /// Tell what happens from now on, in the place of what happened
    #[arg(long, short)]
    follow: bool,
    /// Only events with this member; NAME.NAME reaches into members; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// Only events of these names, separated by commas
    #[arg(value_name = "EVENT")]
    names: Option<String>,
}

/// What is told.
struct Choice {
    names: Vec<String>,
    filter: Filter,
    json: bool,
    /// Whether the machine has to be told, too.
    many: bool,
}

impl Events {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let machines = self.machines().await?;
        let names = match &self.names {
            Some(names) => event::names(names, &machines).await?,
            None => Vec::new(),
        };
        let filter = Filter::read(&self.filter)?;
        filter.check(&names, &machines).await?;
        let many = self.json || self.target.vm.is_none();
        let choice = Choice { names, filter, json: self.json, many };
        match self.follow {
            true => self.follow(machines, &choice).await,
            false => past(&machines, &choice).await,
        }
    }

    /// The one that is named, or all.
    async fn machines(&self) -> Result<Vec<Machine>, Fault> {
        match self.target.vm {
            Some(_) => Ok(vec![self.target.machine().await?]),
            None => self.target.place.machines().await,
        }
    }

    async fn follow(&self, machines: Vec<Machine>, choice: &Choice) -> Result<(), Fault> {
        let mut follower = Follower::new(&machines, &choice.names).await?;
        loop {
            match follower.next().await? {
                News::Told(machine, Told::Event(event)) => choice.tell(&machine, &event)?,
                News::Told(machine, Told::Dropped(count)) => {
                    complain(&format!("{machine}: {count} events were dropped"));
                }
                News::Told(machine, Told::State(state)) => {
                    complain(&format!("{machine}: the monitor is {state}"));
                }
                News::Gone => complain("the bridge is gone; waiting for another"),
                News::Machines | News::Back => {
                    // One may go again before it is asked; whoever comes next is told then.
                    _ = follower.refresh(self.target.vm.as_deref(), &choice.names).await;
                }
            }
        }
    }
}

impl Choice {
    fn admits(&self, event: &Event) -> bool {
        (self.names.is_empty() || self.names.contains(&event.name)) && self.filter.admits(event)
    }

    fn tell(&self, machine: &str, event: &Event) -> Result<(), Fault> {
        if !self.admits(event) {
            return Ok(());
        }
        say(&event.line(self.many.then_some(machine), self.json))
    }
}

async fn past(machines: &[Machine], choice: &Choice) -> Result<(), Fault> {
    let mut all = Vec::new();
    for machine in machines {
        let Ok(monitor) = machine.endpoint(Protocol::Qmp) else { continue };
        let events = event::since(monitor, 0).await?.into_iter();
        all.extend(events.map(|event| (machine.name.clone(), event)));
    }
    all.sort_by_key(|(_, event)| event.timestamp);
    all.iter().try_for_each(|(machine, event)| choice.tell(machine, event))
}

fn complain(text: &str) {
    crate::log::complain(&super::text::printable(text));
}
