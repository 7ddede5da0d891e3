//! `qapi-dbus list`: machines; commands and events of one.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{
    fault::Fault,
    machine::{Endpoint, Machine, kind},
    offer::{Depth, Known},
    say,
    target::Target,
    tell,
    text::{columns, printable},
};
use crate::endpoint::Protocol;

/// List machines or what one offers.
#[derive(Args, Debug)]
pub struct List {
    #[command(flatten)]
    pub(super) target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// What to list; commands if a machine is named, else machines
    #[arg(value_enum)]
    what: Option<What>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// The machines that are served
    Machines,
    /// The commands that the machine's QEMU and agent really offer
    Commands,
    /// The events that its QEMU has
    Events,
}

impl List {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let default = if self.target.vm.is_some() { What::Commands } else { What::Machines };
        match self.what.unwrap_or(default) {
            What::Machines => self.machines().await,
            What::Commands => {
                let machine = self.target.machine().await?;
                let mut rows = Vec::new();
                for endpoint in &machine.endpoints {
                    rows.extend(commands(endpoint).await?);
                }
                if rows.is_empty() {
                    return Err(Fault::unreachable(format!("nothing answers in {machine}"))
                        .advise("`qapi-dbus list` says in which state it is"));
                }
                self.tell(&["COMMAND", "CLASS", "SUMMARY"], rows)
            }
            What::Events => {
                let machine = self.target.machine().await?;
                let known = Known::of_machine(&machine, Depth::Names).await;
                let rows = known.events().into_iter().map(|it| vec![it.word, it.about]);
                let rows = rows.collect();
                self.tell(&["EVENT", "SUMMARY"], rows)
            }
        }
    }

    async fn machines(self) -> Result<(), Fault> {
        let mut machines = self.target.place.machines().await?;
        machines.retain(|it| self.target.vm.as_ref().is_none_or(|name| *name == it.name));
        let rows = machines.iter().map(machine).collect();
        self.tell(&["MACHINE", "MONITOR", "RUNS", "QEMU", "AGENT", "VERSION"], rows)
    }

    fn tell(&self, heads: &[&str], rows: Vec<Vec<String>>) -> Result<(), Fault> {
        if self.json {
            let row = |row: &Vec<String>| -> Value {
                heads
                    .iter()
                    .zip(row)
                    .map(|(head, cell)| (head.to_lowercase(), json!(cell)))
                    .collect()
            };
            return tell(&rows.iter().map(row).collect(), true);
        }
        let shown = |row: Vec<String>| row.iter().map(|it| blank(&printable(it))).collect();
        let heads = heads.iter().map(|head| (*head).to_owned()).collect();
        let all: Vec<_> = std::iter::once(heads).chain(rows.into_iter().map(shown)).collect();
        say(&columns(&all, 0))
    }
}

fn blank(word: &str) -> String {
    if word.is_empty() { "-".into() } else { word.into() }
}

fn machine(machine: &Machine) -> Vec<String> {
    let tells = |protocol, property: &str| {
        let endpoint = machine.endpoint(protocol);
        endpoint.map(|it| it.property(property).to_owned()).unwrap_or_default()
    };
    vec![
        machine.name.clone(),
        tells(Protocol::Qmp, "State"),
        tells(Protocol::Qmp, "RunState"),
        tells(Protocol::Qmp, "Version"),
        tells(Protocol::Qga, "State"),
        tells(Protocol::Qga, "Version"),
    ]
}

async fn commands(endpoint: &Endpoint) -> Result<Vec<Vec<String>>, Fault> {
    let schema = endpoint.schema();
    let row = |command: String| {
        let known = schema.interface.command(&command);
        let class = known.map_or("", |method| method.class.name());
        let summary = schema.arguments(&command).map(|it| summary(it.description()));
        let unknown =
            || format!("not known to the interface; {} offers it", kind(endpoint.protocol));
        vec![command, class.to_owned(), summary.unwrap_or_else(unknown)]
    };
    Ok(endpoint.commands().await?.into_iter().map(row).collect())
}

/// The first line of a description.
pub(super) fn summary(description: &str) -> String {
    description.lines().next().unwrap_or_default().to_owned()
}
