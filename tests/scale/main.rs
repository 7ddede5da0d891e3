//! What many machines cost: start, memory, listing, events of all at once, plugging one more in.
//! Prints a table.
//!
//! ```console
//! $ cargo build --release
//! $ QAPI_DBUS_PROGRAM=target/release/qapi-dbus \
//!     cargo run --release -p qapi-dbus-tests --example scale -- --machines 1000 --agents 1000
//! ```

#![allow(clippy::unwrap_used, reason = "this is a test")]

#[path = "mod.rs"]
mod scale;

use anyhow::{Context, Result, bail};
use qapi_dbus_tests::bus::Bus;
use scale::{Plan, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut plan = Plan { machines: 1000, agents: 0, qemu: 0 };
    let mut broker = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
        match (&*name, &*value) {
            ("--machines", _) => plan.machines = value.parse().context(name)?,
            ("--agents", _) => plan.agents = value.parse().context(name)?,
            ("--qemu", _) => plan.qemu = value.parse().context(name)?,
            ("--bus", "daemon") => broker = false,
            ("--bus", "broker") => broker = true,
            _ => {
                bail!("{name} {value}: --machines N, --agents N, --qemu N, --bus daemon or broker")
            }
        }
    }
    if plan.agents > plan.machines || plan.machines + plan.qemu == 0 {
        bail!("there are agents without a machine, or no machines");
    }
    let bus = if broker { Bus::broker().await } else { Bus::daemon().await };
    print!("{}", run(&bus, plan).await);
    Ok(())
}
