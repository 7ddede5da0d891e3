//! The same for some seconds and with less load, for every test run.

use super::{Pace, Plan, run};
use qapi_dbus_tests::{bus::Bus, on_each_bus};
use std::time::Duration;

on_each_bus!(no_call_is_lost_under_faults);

async fn no_call_is_lost_under_faults(bus: Bus) {
    let pace = Pace { window: 4, pause: Duration::from_millis(50) };
    let report = run(&bus, Plan { time: Duration::from_secs(20), seed: 4, pace }).await;
    print!("{report}");
    assert!(report.failures(false).is_empty(), "{:#?}", report.failures(false));
}
