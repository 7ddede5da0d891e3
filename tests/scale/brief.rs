//! The same with fewer machines, for every test run.

use super::{IDLE, Plan, run};
use qapi_dbus_tests::{bus::Bus, on_each_bus};

on_each_bus!(two_hundred_machines_are_served);

async fn two_hundred_machines_are_served(bus: Bus) {
    let report = run(&bus, Plan { machines: 200, agents: 100, qemu: 5 }).await;
    print!("{report}");
    assert_eq!(report.listed, 206, "all, and the one that never greets");
    assert_eq!(report.lost, 0, "machines without an event");
    let wake_ups = report.wake_ups;
    assert!(wake_ups < IDLE.as_secs(), "{wake_ups} wake-ups of a bridge that has nothing to do");
}
