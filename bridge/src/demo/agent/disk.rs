//! What block devices did.

use serde::Serialize;

use super::{
    error::Error,
    kernel::{self, number},
};

/// A block device, partitions too.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Disk {
    name: String,
    major: u64,
    minor: u64,
    stats: Stats,
}

/// Counters since the device appeared: sectors of 512 bytes, ticks of a millisecond.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Stats {
    read_ios: u64,
    read_merges: u64,
    read_sectors: u64,
    read_ticks: u64,
    write_ios: u64,
    write_merges: u64,
    write_sectors: u64,
    write_ticks: u64,
    ios_pgr: u64,
    total_ticks: u64,
    weight_ticks: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard_ios: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard_merges: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard_sectors: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discard_ticks: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flush_ios: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flush_ticks: Option<u64>,
}

/// The devices of `/proc/diskstats`.
pub(super) fn stats() -> Result<Vec<Disk>, Error> {
    Ok(kernel::read("/proc/diskstats")?.lines().filter_map(parse).collect())
}

/// Reads one line. The order of its numbers is the kernel's, in `admin-guide/iostats`.
fn parse(line: &str) -> Option<Disk> {
    let mut words = line.split_ascii_whitespace();
    let major = number(&mut words)?;
    let minor = number(&mut words)?;
    let name = words.next()?.to_owned();
    let mut next = || number(&mut words);
    let stats = Stats {
        read_ios: next()?,
        read_merges: next()?,
        read_sectors: next()?,
        read_ticks: next()?,
        write_ios: next()?,
        write_merges: next()?,
        write_sectors: next()?,
        write_ticks: next()?,
        ios_pgr: next()?,
        total_ticks: next()?,
        weight_ticks: next()?,
        discard_ios: next(),
        discard_merges: next(),
        discard_sectors: next(),
        discard_ticks: next(),
        flush_ios: next(),
        flush_ticks: next(),
    };
    Some(Disk { name, major, minor, stats })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_tell_fewer_counters() {
        let disk = parse(" 254       0 vda 1 2 3 4 5 6 7 8 9 10 11").unwrap();
        assert_eq!((disk.name.as_str(), disk.major, disk.minor), ("vda", 254, 0));
        assert_eq!((disk.stats.read_sectors, disk.stats.write_ticks), (3, 8));
        assert_eq!((disk.stats.weight_ticks, disk.stats.discard_ios), (11, None));
        let disk = parse("7 0 loop0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17").unwrap();
        assert_eq!((disk.stats.discard_ios, disk.stats.flush_ticks), (Some(12), Some(17)));
    }

    #[test]
    fn other_lines_are_left_out() {
        assert_eq!(parse("254 0 vda 1 2 3"), None);
        assert_eq!(parse(""), None);
    }
}
