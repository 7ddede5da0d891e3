//! What a process takes while it does nothing.

use std::{fs, time::Duration};
use tokio::time::sleep;

/// Memory in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Memory {
    /// Resident.
    pub(super) rss: u64,
    /// The same, with what is shared divided among those who do.
    pub(super) pss: u64,
}

impl Memory {
    /// Of a process, once it no longer changes.
    pub(super) async fn at_rest(id: u32) -> Self {
        let mut last = Self::now(id);
        loop {
            sleep(Duration::from_secs(2)).await;
            let now = Self::now(id);
            if now == last {
                return now;
            }
            last = now;
        }
    }

    fn now(id: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
        Self { rss: number(&text, "Rss:"), pss: number(&text, "Pss:") }
    }
}

/// How often the process waits for something anew within this time.
pub(super) async fn wake_ups(id: u32, time: Duration) -> u64 {
    let before = waits(id);
    sleep(time).await;
    waits(id) - before
}

fn waits(id: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let status = threads.map(|it| fs::read_to_string(it.unwrap().path().join("status")).unwrap());
    status.map(|text| number(&text, "voluntary_ctxt_switches:")).sum()
}

fn number(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap().split_whitespace().next().unwrap().parse().unwrap()
}
