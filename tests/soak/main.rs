//! A soak: eight machines, fifty callers at full load, one fault a second. Prints what it came to;
//! fails if a call was lost, answered twice or by another's answer, or if the bridge grew.
//!
//! ```console
//! $ QAPI_DBUS_PROGRAM=target/release/qapi-dbus \
//!     cargo run --release -p qapi-dbus-tests --example soak -- --minutes 10 --seed 1 --bus daemon
//! ```

#![allow(clippy::unwrap_used, reason = "this is a test")]

#[path = "mod.rs"]
mod soak;

use anyhow::{Context, Result, bail};
use qapi_dbus_tests::bus::Bus;
use soak::{Pace, Plan};
use std::{process::ExitCode, time::Duration};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let Options { minutes, seed, broker } = Options::parse(std::env::args().skip(1))?;
    println!("seed {seed}, {minutes} minutes");
    let bus = if broker { Bus::broker().await } else { Bus::daemon().await };
    let time = Duration::from_secs_f64(minutes * 60.0);
    let report = soak::run(&bus, Plan { time, seed, pace: FULL }).await;
    print!("{report}");
    let failures = report.failures(minutes >= 2.0);
    failures.iter().for_each(|failure| println!("FAILED: {failure}"));
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As much as there is time for, within what the bridge grants to one caller and to all.
const FULL: Pace = Pace { window: 8, pause: Duration::ZERO };

struct Options {
    minutes: f64,
    seed: u64,
    broker: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self { minutes: 10.0, seed: 1, broker: false };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
            match (&*name, &*value) {
                ("--minutes", _) => options.minutes = value.parse().context(name)?,
                ("--seed", _) => options.seed = value.parse().context(name)?,
                ("--bus", "daemon") => options.broker = false,
                ("--bus", "broker") => options.broker = true,
                _ => bail!("{name} {value}: --minutes N, --seed N, --bus daemon or broker"),
            }
        }
        Ok(options)
    }
}
