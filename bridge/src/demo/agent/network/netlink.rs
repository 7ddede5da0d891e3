//! Addresses of network interfaces, as the kernel lists them on a netlink socket, rtnetlink(7).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, recv,
    sendto, socket_with,
};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Bytes of a message's header, and of the part that is the same for all addresses.
const HEADER: usize = 16;
const IFADDRMSG: usize = 8;

/// An address of an interface.
#[derive(Debug, PartialEq)]
pub(super) struct Address {
    /// Index of the interface.
    pub(super) interface: u32,
    /// The interface's own end.
    pub(super) ip: IpAddr,
    /// Bits of the network's part.
    pub(super) prefix: u8,
}

/// All addresses of this network namespace.
pub(super) fn addresses() -> io::Result<Vec<Address>> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    sendto(&socket, &request(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut addresses = Vec::new();
    // The kernel's own bound on one part of a list.
    let mut buffer = vec![0; 32 << 10];
    loop {
        let (count, _) = recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if read_part(&buffer[..count], &mut addresses)? {
            return Ok(addresses);
        }
    }
}

/// A header and an `ifaddrmsg` that asks for every family.
fn request() -> Vec<u8> {
    let length = (HEADER + IFADDRMSG) as u32;
    let mut request = length.to_ne_bytes().to_vec();
    request.extend(RTM_GETADDR.to_ne_bytes());
    request.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request.resize(HEADER + IFADDRMSG, 0);
    request
}

/// Adds the addresses of one datagram; whether the list has ended.
fn read_part(mut part: &[u8], addresses: &mut Vec<Address>) -> io::Result<bool> {
    while !part.is_empty() {
        let length = u32_at(part, 0).ok_or_else(cut_off)? as usize;
        let message = part.get(..length).filter(|_| length >= HEADER).ok_or_else(cut_off)?;
        match u16_at(message, 4) {
            Some(NLMSG_DONE) => return Ok(true),
            Some(NLMSG_ERROR) => return Err(refusal(message)),
            Some(RTM_NEWADDR) => addresses.extend(address(&message[HEADER..])),
            _ => {}
        }
        part = part.get(align(length)..).unwrap_or_default();
    }
    Ok(false)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a netlink message is cut off")
}

fn refusal(message: &[u8]) -> io::Error {
    let errno = u32_at(message, HEADER).map_or(0, u32::cast_signed);
    io::Error::from_raw_os_error(errno.wrapping_neg())
}

fn address(body: &[u8]) -> Option<Address> {
    let attributes = body.get(IFADDRMSG..)?;
    // On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL the own one.
    let bytes = attribute(attributes, IFA_LOCAL).or_else(|| attribute(attributes, IFA_ADDRESS))?;
    let ip = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
        _ => return None,
    };
    Some(Address { interface: u32_at(body, 4)?, ip, prefix: *body.get(1)? })
}

fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == kind {
            return Some(value);
        }
        attributes = attributes.get(align(length)..)?;
    }
}

fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEADER, 0);
        message.extend(body);
        message.resize(align(message.len()), 0);
        message
    }

    fn body(prefix: u8, interface: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0, prefix, 0, 0];
        body.extend(interface.to_ne_bytes());
        for (kind, value) in attributes {
            body.extend((value.len() as u16 + 4).to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(align(body.len()), 0);
        }
        body
    }

    #[test]
    fn addresses_are_read_until_the_list_ends() {
        let v4 = body(
            24,
            2,
            &[(IFA_ADDRESS, &[10, 0, 0, 9]), (3, b"eth0\0"), (IFA_LOCAL, &[10, 0, 0, 1])],
        );
        let v6 = body(128, 1, &[(IFA_ADDRESS, &Ipv6Addr::LOCALHOST.octets())]);
        let mut part = message(RTM_NEWADDR, &v4);
        part.extend(message(RTM_NEWADDR, &v6));
        let mut addresses = Vec::new();
        assert!(!read_part(&part, &mut addresses).unwrap());
        assert!(read_part(&message(NLMSG_DONE, &[0; 4]), &mut addresses).unwrap());
        let expected = [(2, "10.0.0.1", 24), (1, "::1", 128)]
            .map(|(interface, ip, prefix)| Address { interface, ip: ip.parse().unwrap(), prefix });
        assert_eq!(addresses, expected);
    }

    #[test]
    fn refusals_carry_the_kernels_reason() {
        let error = read_part(&message(NLMSG_ERROR, &(-1i32).to_ne_bytes()), &mut Vec::new());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn no_message_is_read_beyond_its_end() {
        let whole = message(RTM_NEWADDR, &body(8, 1, &[(IFA_LOCAL, &[127, 0, 0, 1])]));
        for length in 1..whole.len() {
            assert!(read_part(&whole[..length], &mut Vec::new()).is_err(), "{length}");
        }
        let mut lying = whole;
        lying[..4].copy_from_slice(&3u32.to_ne_bytes());
        assert!(read_part(&lying, &mut Vec::new()).is_err());
    }
}
