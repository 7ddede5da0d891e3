//! What the tests run the bridge against: private buses, scripted peers, real QEMU and qemu-ga.
//!
//! Everything here belongs to one test: it lives in a directory of its own and ends when dropped,
//! so that tests run side by side and leave nothing behind. What goes wrong in the rig itself
//! fails the test by a panic; a program that is missing does so too, nothing is skipped.

#![allow(clippy::unwrap_used, reason = "a rig that fails has to fail its test")]

pub mod agent;
pub mod bridge;
pub mod broker;
pub mod bus;
pub mod busctl;
pub mod client;
pub mod cpio;
pub mod deaf;
pub mod guest;
pub mod hose;
pub mod json;
pub mod ledger;
pub mod manager;
pub mod monitor;
pub mod peer;
pub mod polkit;
pub mod process;
pub mod prompter;
pub mod python;
pub mod qemu;
pub mod random;
pub mod release;
pub mod scratch;
pub mod stage;
pub mod storage;
pub mod system;
pub mod terminal;

use std::{future::Future, path::PathBuf, time::Duration};

/// How long anything that is bound to happen may take: far more than it needs, since the machine
/// may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What `future` gives.
///
/// # Panics
/// After [`PATIENCE`], naming what did not happen.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Tries `attempt` until it gives something.
///
/// # Panics
/// After [`PATIENCE`], naming what did not happen.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let tries = async {
        loop {
            if let Some(value) = attempt().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(what, tries).await
}

/// The directory into which cargo builds.
pub fn target_dir() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// Runs each named behaviour, `async fn(Bus)`, on a private dbus-daemon and on a private
/// dbus-broker.
#[macro_export]
macro_rules! on_each_bus {
    ($($behaviour:ident),+ $(,)?) => {$(
        mod $behaviour {
            use $crate::bus::Bus;

            #[tokio::test]
            async fn dbus_daemon() {
                super::$behaviour(Bus::daemon().await).await
            }

            #[tokio::test]
            async fn dbus_broker() {
                super::$behaviour(Bus::broker().await).await
            }
        }
    )+};
}
