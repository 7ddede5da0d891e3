//! Network interfaces, their addresses and counters.

mod netlink;

use std::{fs, path::Path};

use serde::Serialize;

use self::netlink::Address;
use super::{error::Error, kernel};

const INTERFACES: &str = "/sys/class/net";

/// A network interface.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Interface {
    #[serde(skip)]
    index: u32,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_address: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ip_addresses: Vec<IpAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct IpAddress {
    ip_address: String,
    ip_address_type: &'static str,
    prefix: u8,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Statistics {
    rx_bytes: u64,
    rx_packets: u64,
    rx_errs: u64,
    rx_dropped: u64,
    tx_bytes: u64,
    tx_packets: u64,
    tx_errs: u64,
    tx_dropped: u64,
}

/// The interfaces, in the order in which the kernel made them.
pub(super) fn interfaces() -> Result<Vec<Interface>, Error> {
    let addresses = netlink::addresses().map_err(Error::system("list network addresses"))?;
    let list = fs::read_dir(INTERFACES).map_err(Error::system(format!("list {INTERFACES}")))?;
    // An interface that vanishes while it is read is no error.
    let found = list.flatten().filter_map(|entry| interface(&entry.path(), &addresses));
    let mut interfaces: Vec<Interface> = found.collect();
    interfaces.sort_unstable_by_key(|interface| interface.index);
    Ok(interfaces)
}

fn interface(directory: &Path, addresses: &[Address]) -> Option<Interface> {
    let index = kernel::value(directory.join("ifindex")).ok()?;
    let own = addresses.iter().filter(|address| address.interface == index);
    Some(Interface {
        index,
        name: directory.file_name()?.to_str()?.to_owned(),
        hardware_address: hardware_address(directory),
        ip_addresses: own.map(IpAddress::new).collect(),
        statistics: statistics(&directory.join("statistics")).ok(),
    })
}

/// Tunnels have none, or one that is not of Ethernet's length.
fn hardware_address(directory: &Path) -> Option<String> {
    let address: String = kernel::value(directory.join("address")).ok()?;
    (address.len() == "00:00:00:00:00:00".len()).then_some(address)
}

fn statistics(directory: &Path) -> Result<Statistics, Error> {
    let counter = |name| kernel::value(directory.join(name));
    Ok(Statistics {
        rx_bytes: counter("rx_bytes")?,
        rx_packets: counter("rx_packets")?,
        rx_errs: counter("rx_errors")?,
        rx_dropped: counter("rx_dropped")?,
        tx_bytes: counter("tx_bytes")?,
        tx_packets: counter("tx_packets")?,
        tx_errs: counter("tx_errors")?,
        tx_dropped: counter("tx_dropped")?,
    })
}

impl IpAddress {
    fn new(address: &Address) -> Self {
        Self {
            ip_address: address.ip.to_string(),
            ip_address_type: if address.ip.is_ipv4() { "ipv4" } else { "ipv6" },
            prefix: address.prefix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found() {
        let interfaces = interfaces().unwrap();
        let loopback = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert_eq!(loopback.hardware_address.as_deref(), Some("00:00:00:00:00:00"));
        assert!(loopback.statistics.is_some());
    }
}
