//! Processors: which there are, what they did, how busy they are.

use std::{fs, path::Path};

use qapi_dbus_types::qga::{
    GuestCpuStats, GuestCpuStatsBranch, GuestLinuxCpuStats, GuestLoadAverage, GuestLogicalProcessor,
};

use super::{
    error::Error,
    kernel::{self, number},
};

const PROCESSORS: &str = "/sys/devices/system/cpu";

/// The processors, lowest number first.
pub(super) fn processors() -> Result<Vec<GuestLogicalProcessor>, Error> {
    let list = fs::read_dir(PROCESSORS).map_err(Error::system(format!("list {PROCESSORS}")))?;
    let names = list.flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<i64> =
        names.filter_map(|name| name.to_str()?.strip_prefix("cpu")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(processor).collect()
}

/// A processor without a switch cannot be taken offline, so it is online.
fn processor(logical_id: i64) -> Result<GuestLogicalProcessor, Error> {
    let switch = Path::new(PROCESSORS).join(format!("cpu{logical_id}/online"));
    let can_offline = switch.exists();
    let online = !can_offline || kernel::value::<u8>(&switch)? == 1;
    Ok(GuestLogicalProcessor::new(logical_id, online).can_offline(can_offline))
}

/// What the processors that are online did since the machine started, in milliseconds.
pub(super) fn stats() -> Result<Vec<GuestCpuStats>, Error> {
    let tick = 1000 / rustix::param::clock_ticks_per_second().max(1);
    let text = kernel::read("/proc/stat")?;
    let stats = text.lines().filter_map(|line| parse_stats(line, tick));
    Ok(stats.map(|stats| GuestCpuStats::new(GuestCpuStatsBranch::Linux(stats))).collect())
}

/// Reads `cpuN` and its times, each of them `tick` milliseconds; other lines are not for us.
fn parse_stats(line: &str, tick: u64) -> Option<GuestLinuxCpuStats> {
    let (cpu, times) = line.strip_prefix("cpu")?.split_once(' ')?;
    let cpu = cpu.parse().ok()?;
    let mut words = times.split_ascii_whitespace();
    let mut time = || number::<u64>(&mut words).map(|ticks| ticks * tick);
    let mut stats = GuestLinuxCpuStats::new(cpu, time()?, time()?, time()?, time()?);
    stats.iowait = time();
    stats.irq = time();
    stats.softirq = time();
    stats.steal = time();
    stats.guest = time();
    stats.guestnice = time();
    Some(stats)
}

/// Processes that ran or waited for the disk, on average.
pub(super) fn load() -> Result<GuestLoadAverage, Error> {
    let text = kernel::read("/proc/loadavg")?;
    parse_load(&text).ok_or_else(|| Error::Unreadable("/proc/loadavg has no three numbers".into()))
}

fn parse_load(text: &str) -> Option<GuestLoadAverage> {
    let mut words = text.split_ascii_whitespace();
    let mut next = || number(&mut words);
    Some(GuestLoadAverage::new(next()?, next()?, next()?))
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
        let load = GuestLoadAverage::new(0.5, 1.0, 2.25);
        assert_eq!(parse_load("0.50 1.00 2.25 1/99 1234\n"), Some(load));
        assert_eq!(parse_load("0.50 1.00"), None);
    }
}
