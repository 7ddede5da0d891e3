//! Network interfaces, their addresses and counters.

mod netlink;

use std::{fs, path::Path};

use qapi_dbus_types::qga::{
    GuestIpAddress, GuestIpAddressType, GuestNetworkInterface, GuestNetworkInterfaceStat,
};

use self::netlink::Address;
use super::{error::Error, kernel};

const INTERFACES: &str = "/sys/class/net";

/// The interfaces, in the order in which the kernel made them.
pub(super) fn interfaces() -> Result<Vec<GuestNetworkInterface>, Error> {
    let addresses = netlink::addresses().map_err(Error::system("list network addresses"))?;
    let list = fs::read_dir(INTERFACES).map_err(Error::system(format!("list {INTERFACES}")))?;
    // An interface that vanishes while it is read is no error.
    let found = list.flatten().filter_map(|entry| interface(&entry.path(), &addresses));
    let mut interfaces: Vec<(u32, _)> = found.collect();
    interfaces.sort_unstable_by_key(|(index, _)| *index);
    Ok(interfaces.into_iter().map(|(_, interface)| interface).collect())
}

/// An interface and its number.
fn interface(directory: &Path, addresses: &[Address]) -> Option<(u32, GuestNetworkInterface)> {
    let index = kernel::value(directory.join("ifindex")).ok()?;
    let own = addresses.iter().filter(|address| address.interface == index).map(ip_address);
    let mut interface = GuestNetworkInterface::new(directory.file_name()?.to_str()?);
    interface.hardware_address = hardware_address(directory);
    interface.ip_addresses = Some(own.collect()).filter(|own: &Vec<_>| !own.is_empty());
    interface.statistics = statistics(&directory.join("statistics")).ok();
    Some((index, interface))
}

/// Tunnels have none, or one that is not of Ethernet's length.
fn hardware_address(directory: &Path) -> Option<String> {
    let address: String = kernel::value(directory.join("address")).ok()?;
    (address.len() == "00:00:00:00:00:00".len()).then_some(address)
}

fn statistics(directory: &Path) -> Result<GuestNetworkInterfaceStat, Error> {
    let counter = |name| kernel::value(directory.join(name));
    Ok(GuestNetworkInterfaceStat::new(
        counter("rx_bytes")?,
        counter("rx_packets")?,
        counter("rx_errors")?,
        counter("rx_dropped")?,
        counter("tx_bytes")?,
        counter("tx_packets")?,
        counter("tx_errors")?,
        counter("tx_dropped")?,
    ))
}

fn ip_address(address: &Address) -> GuestIpAddress {
    let is_v4 = address.ip.is_ipv4();
    let family = if is_v4 { GuestIpAddressType::Ipv4 } else { GuestIpAddressType::Ipv6 };
    GuestIpAddress::new(address.ip.to_string(), family, address.prefix.into())
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
