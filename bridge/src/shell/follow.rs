//! What monitors tell from now on: by subscriptions of this connection alone, so that it is told
//! where events are not for everybody, too.

use std::collections::HashMap;

use zbus::{Message, message::Type};

use super::{
    Members,
    bus::{Bus, Heard, Method},
    event::{Told, told},
    fault::Fault,
    machine::{self, Machine, dictionary, first},
};
use crate::endpoint::Protocol;

const DBUS: &str = "org.freedesktop.DBus";

/// Subscriptions to monitors of one bridge.
#[derive(Debug)]
pub(super) struct Follower {
    heard: Heard,
    bus: Bus,
    service: String,
    /// Who owns the name of the bridge: whom to believe.
    owner: String,
    /// Name and state of each machine by the path of its object.
    machines: HashMap<String, (String, String)>,
}

/// What was heard.
#[derive(Debug)]
pub(super) enum News {
    /// Of a machine, by its name.
    Told(String, Told),
    /// There are other machines than before.
    Machines,
    /// The bridge is gone.
    Gone,
    /// There is another bridge.
    Back,
}

impl Follower {
    /// Starts to listen, and subscribes to events of these names, or to all, of each machine.
    pub(super) async fn new(machines: &[Machine], events: &[String]) -> Result<Self, Fault> {
        let monitors = machines.iter().filter_map(|it| it.endpoint(Protocol::Qmp).ok());
        let Some(monitor) = monitors.clone().next() else {
            return Err(Fault::unreachable("no monitor is served here, and agents tell no events"));
        };
        let (bus, service) = (monitor.bus().clone(), monitor.service.clone());
        let heard = bus.hear();
        let rules = [
            format!("type='signal',sender='{service}',member='PropertiesChanged'"),
            format!("type='signal',sender='{service}',member='EventsDropped'"),
            format!("type='signal',sender='{service}',path='/org/qemu'"),
            format!("type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{service}'"),
        ];
        for rule in rules {
            bus_call(&bus, "AddMatch", &rule).await?;
        }
        let owner = first(&bus_call(&bus, "GetNameOwner", &service).await?);
        let owner = owner.as_str().unwrap_or_default().to_owned();
        let mut follower = Self { heard, bus, service, owner, machines: HashMap::new() };
        for machine in machines {
            follower.add(machine, events).await?;
        }
        Ok(follower)
    }

    /// Subscribes to machines that are not followed yet: to the one of this name, or to all.
    pub(super) async fn refresh(
        &mut self,
        name: Option<&str>,
        events: &[String],
    ) -> Result<(), Fault> {
        for machine in machine::all(&self.bus, Some(&self.service)).await? {
            if name.is_none_or(|name| name == machine.name) {
                self.add(&machine, events).await?;
            }
        }
        Ok(())
    }

    async fn add(&mut self, machine: &Machine, events: &[String]) -> Result<(), Fault> {
        let Ok(monitor) = machine.endpoint(Protocol::Qmp) else { return Ok(()) };
        if monitor.service == self.service && !self.machines.contains_key(&monitor.path) {
            let filter = dictionary(&Members::new())?;
            let state = (machine.name.clone(), monitor.property("State").to_owned());
            self.machines.insert(monitor.path.clone(), state);
            monitor.own("Subscribe", &(events, filter)).await?;
        }
        Ok(())
    }

    /// Whatever comes next.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub(super) async fn next(&mut self) -> Result<News, Fault> {
        loop {
            let message = self.heard.next().await?;
            if message.header().message_type() != Type::Signal {
                continue;
            }
            if let Some(news) = self.understood(&message) {
                return Ok(news);
            }
        }
    }

    fn understood(&mut self, signal: &Message) -> Option<News> {
        let header = signal.header();
        let sender = header.sender()?.as_str();
        let path = header.path()?.as_str();
        if sender == DBUS && header.member()?.as_str() == "NameOwnerChanged" {
            let (name, _, new): (String, String, String) = signal.body().deserialize().ok()?;
            if name != self.service {
                return None;
            }
            self.machines.clear();
            self.owner = new;
            return Some(if self.owner.is_empty() { News::Gone } else { News::Back });
        }
        // Anybody may send anything to anybody.
        if sender != self.owner {
            return None;
        }
        match header.member()?.as_str() {
            "InterfacesAdded" => Some(News::Machines),
            "InterfacesRemoved" => {
                let (path, _): (zbus::OwnedObjectPath, Vec<String>) =
                    signal.body().deserialize().ok()?;
                self.machines.remove(path.as_str());
                Some(News::Machines)
            }
            _ => {
                let (name, state) = self.machines.get_mut(path)?;
                match told(signal)? {
                    // Every subscriber is told it, too.
                    Told::State(same) if same == *state => return None,
                    Told::State(new) => state.clone_from(&new),
                    _ => {}
                }
                Some(News::Told(name.clone(), told(signal)?))
            }
        }
    }
}

async fn bus_call(bus: &Bus, member: &str, argument: &str) -> Result<Message, Fault> {
    let path = "/org/freedesktop/DBus";
    bus.call(Method { service: DBUS, path, interface: DBUS, member }, &argument).await
}
