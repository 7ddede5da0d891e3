//! Processors: which there are, what they did, how busy they are.

use std::{fs, path::Path};

use serde::Serialize;

use super::{
    error::Error,
    kernel::{self, number},
};

const PROCESSORS: &str = "/sys/devices/system/cpu";

/// A processor that the kernel knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Processor {
    logical_id: i64,
    online: bool,
    can_offline: bool,
}

/// What a processor did since the machine started, in milliseconds.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Stats {
    #[serde(rename = "type")]
    kind: &'static str,
    cpu: i64,
    user: u64,
    nice: u64,
    system: u64,
    idle: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iowait: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    irq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    softirq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steal: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guestnice: Option<u64>,
}

/// Processes that ran or waited for the disk, on average.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Load {
    load1m: f64,
    load5m: f64,
    load15m: f64,
}

/// The processors, lowest number first.
pub(super) fn processors() -> Result<Vec<Processor>, Error> {
    let list = fs::read_dir(PROCESSORS).map_err(Error::system(format!("list {PROCESSORS}")))?;
    let names = list.flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<i64> =
        names.filter_map(|name| name.to_str()?.strip_prefix("cpu")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(processor).collect()
}

/// A processor without a switch cannot be taken offline, so it is online.
fn processor(logical_id: i64) -> Result<Processor, Error> {
    let switch = Path::new(PROCESSORS).join(format!("cpu{logical_id}/online"));
    let can_offline = switch.exists();
    let online = !can_offline || kernel::value::<u8>(&switch)? == 1;
    Ok(Processor { logical_id, online, can_offline })
}

/// What the processors that are online did.
pub(super) fn stats() -> Result<Vec<Stats>, Error> {
    let tick = 1000 / rustix::param::clock_ticks_per_second().max(1);
    let text = kernel::read("/proc/stat")?;
    Ok(text.lines().filter_map(|line| parse_stats(line, tick)).collect())
}

/// Reads `cpuN` and its times, each of them `tick` milliseconds; other lines are not for us.
fn parse_stats(line: &str, tick: u64) -> Option<Stats> {
    let (cpu, times) = line.strip_prefix("cpu")?.split_once(' ')?;
    let cpu = cpu.parse().ok()?;
    let mut words = times.split_ascii_whitespace();
    let mut time = || number::<u64>(&mut words).map(|ticks| ticks * tick);
    Some(Stats {
        kind: "linux",
        cpu,
        user: time()?,
        nice: time()?,
        system: time()?,
        idle: time()?,
        iowait: time(),
        irq: time(),
        softirq: time(),
        steal: time(),
        guest: time(),
        guestnice: time(),
    })
}

/// The load average.
pub(super) fn load() -> Result<Load, Error> {
    let text = kernel::read("/proc/loadavg")?;
    parse_load(&text).ok_or_else(|| Error::Unreadable("/proc/loadavg has no three numbers".into()))
}

fn parse_load(text: &str) -> Option<Load> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || number(&mut words);
    Some(Load { load1m: next()?, load5m: next()?, load15m: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_and_old_kernels_tell_fewer() {
        let stats = parse_stats("cpu1 2 0 3 400 5", 10).unwrap();
        assert_eq!((stats.cpu, stats.user, stats.idle, stats.iowait), (1, 20, 4000, Some(50)));
        assert_eq!(stats.irq, None);
    }

    #[test]
    fn only_lines_of_single_processors_count() {
        for line in ["cpu  1 2 3 4 5", "cpu0 1 2 3", "intr 1 2", ""] {
            assert_eq!(parse_stats(line, 10), None, "{line}");
        }
    }

    #[test]
    fn load_is_three_numbers() {
        let load = Load { load1m: 0.5, load5m: 1.0, load15m: 2.25 };
        assert_eq!(parse_load("0.50 1.00 2.25 1/99 1234\n"), Some(load));
        assert_eq!(parse_load("0.50 1.00"), None);
    }
}
