//! What block devices did.

use qapi_dbus_types::qga::{GuestDiskStats, GuestDiskStatsInfo};

use super::{
    error::Error,
    kernel::{self, number},
};

/// The devices of `/proc/diskstats`, partitions too.
pub(super) fn stats() -> Result<Vec<GuestDiskStatsInfo>, Error> {
    Ok(kernel::read("/proc/diskstats")?.lines().filter_map(parse).collect())
}

/// Reads one line. The order of its numbers is the kernel's, in `admin-guide/iostats`.
fn parse(line: &str) -> Option<GuestDiskStatsInfo> {
    let mut words = line.split_ascii_whitespace();
    let major = number(&mut words)?;
    let minor = number(&mut words)?;
    let name = words.next()?.to_owned();
    let mut next = || number(&mut words);
    let mut stats = GuestDiskStats::new();
    stats.read_ios = Some(next()?);
    stats.read_merges = Some(next()?);
    stats.read_sectors = Some(next()?);
    stats.read_ticks = Some(next()?);
    stats.write_ios = Some(next()?);
    stats.write_merges = Some(next()?);
    stats.write_sectors = Some(next()?);
    stats.write_ticks = Some(next()?);
    stats.ios_pgr = Some(next()?);
    stats.total_ticks = Some(next()?);
    stats.weight_ticks = Some(next()?);
    stats.discard_ios = next();
    stats.discard_merges = next();
    stats.discard_sectors = next();
    stats.discard_ticks = next();
    stats.flush_ios = next();
    stats.flush_ticks = next();
    Some(GuestDiskStatsInfo::new(name, major, minor, stats))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_tell_fewer_counters() {
        let disk = parse(" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11").unwrap();
        assert_eq!((disk.name.as_str(), disk.major, disk.minor), ("vda", 254, 0));
        assert_eq!((disk.stats.read_sectors, disk.stats.write_ticks), (Some(3), Some(8)));
        assert_eq!((disk.stats.weight_ticks, disk.stats.discard_ios), (Some(11), None));
        let disk = parse("7 0 loop0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17").unwrap();
        assert_eq!((disk.stats.discard_ios, disk.stats.flush_ticks), (Some(12), Some(17)));
    }

    #[test]
    fn other_lines_are_left_out() {
        assert_eq!(parse("254 0 vda 1 2 3"), None);
        assert_eq!(parse(""), None);
    }
}
