//! What the bridge costs: against the raw socket, the bus alone, and a bridge in C that checks
//! nothing. Cells run in turn, in rounds; the result is a ratio of medians. Nothing here fails
//! because something is slow.
//!
//! ```console
//! $ tests/bench/run            # some minutes on each bus; --short for a first look
//! ```

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod cell;
mod counted;
mod fleet;
mod programs;
mod rig;
mod rounds;
mod rows;
mod table;

use anyhow::{Context, Result, bail};
use programs::Programs;
use qapi_dbus_tests::bus::Bus;
use rig::Rig;
use table::Results;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Options { effort, buses } = Options::parse(std::env::args().skip(1))?;
    let programs = Programs::build();
    for &name in buses {
        let bus = if name == "dbus-daemon" { Bus::daemon().await } else { Bus::broker().await };
        let mut rig = Rig::start(&bus, &programs).await;
        let rest = counted::rest(&rig, effort).await;
        let samples = rounds::run(&mut rig, effort).await;
        let counted = counted::run(&mut rig, effort).await;
        rig.place(false);
        let bursts = fleet::bursts(&bus, &rig, &programs, effort.rounds).await;
        drop(rig);
        let machine = fleet::bytes_a_machine(&bus, &programs, effort.machines).await;
        let results = Results { bus: name, samples, rest, counted, bursts, machine };
        println!("{}", results.markdown());
    }
    Ok(())
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often each cell runs.
    pub(crate) rounds: usize,
    /// In the place of a cell's calls: one of so many.
    pub(crate) part: usize,
    /// Machines whose memory is measured.
    pub(crate) machines: usize,
}

const FULL: Effort = Effort { rounds: 7, part: 1, machines: 5000 };
const SHORT: Effort = Effort { rounds: 1, part: 10, machines: 500 };

struct Options {
    effort: Effort,
    buses: &'static [&'static str],
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { effort: FULL, buses: &["dbus-daemon", "dbus-broker"] };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("{name} wants a value"));
            match &*name {
                "--short" => options.effort = SHORT,
                "--rounds" => options.effort.rounds = value()?.parse().context("--rounds")?,
                "--bus" => {
                    options.buses = match &*value()? {
                        "daemon" => &options.buses[..1],
                        "broker" => &options.buses[1..],
                        other => bail!("--bus {other}: daemon or broker"),
                    }
                }
                _ => bail!("{name}: --short, --rounds N, --bus daemon or broker"),
            }
        }
        Ok(options)
    }
}
