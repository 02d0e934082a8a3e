//! The guest's network interfaces, set by netlink: the program `ip` would take a third of the time after which a guest
//! has to answer.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::net::{RecvFlags, SendFlags, SocketType};

use crate::vm::identity::Identity;

/// Gives the interfaces their hardware addresses, and the first one the node's address. What is so already stays.
/// Gives that interface's name.
pub fn set_up(identity: &Identity) -> io::Result<String> {
    let interfaces = interfaces();
    let kernel = Kernel::connect()?;
    for ((name, index), mac) in interfaces.iter().zip(&identity.macs) {
        // Restored guests have the addresses of the snapshot's interfaces.
        kernel.tell(link(*index, bytes_of(mac)?), 0).map_err(|error| on(name, error))?;
    }
    let Some((name, index)) = interfaces.into_iter().next() else {
        return Err(io::Error::other("there is no network interface"));
    };
    let own = address(index, identity.address, identity.prefix);
    kernel.tell(own, NLM_F_CREATE | NLM_F_REPLACE).map_err(|error| on(&name, error))?;
    if let Some(gateway) = identity.gateway {
        kernel
            .tell(default_route(gateway), NLM_F_CREATE | NLM_F_REPLACE)
            .map_err(|error| on(&name, error))?;
    }
    Ok(name)
}

fn on(interface: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{interface}: {error}"))
}

/// Name and number of the interfaces that hang on a device, in the order of where they hang.
fn interfaces() -> Vec<(String, u32)> {
    let mut found: Vec<(PathBuf, String, u32)> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let device = fs::canonicalize(entry.path().join("device")).ok()?;
            let index = fs::read_to_string(entry.path().join("ifindex")).ok()?.trim().parse().ok()?;
            Some((device, entry.file_name().into_string().ok()?, index))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name, index)| (name, index)).collect()
}

/// `52:54:00:12:34:56` as bytes.
fn bytes_of(mac: &str) -> io::Result<Vec<u8>> {
    let bytes: Result<Vec<u8>, _> = mac.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
    bytes.map_err(|_| io::Error::other(format!("`{mac}` is no hardware address")))
}

/// `ip link set dev … address … up`
fn link(index: u32, mac: Vec<u8>) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message.attributes.push(LinkAttribute::Address(mac));
    RouteNetlinkMessage::SetLink(message)
}

/// `ip address replace …/… dev …`
fn address(index: u32, address: Ipv4Addr, prefix: u8) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(IpAddr::V4(address)));
    message.attributes.push(AddressAttribute::Address(IpAddr::V4(address)));
    RouteNetlinkMessage::NewAddress(message)
}

/// `ip route replace default via …`
fn default_route(gateway: Ipv4Addr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Boot;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
    RouteNetlinkMessage::NewRoute(message)
}

/// A socket to the kernel's routing.
struct Kernel(OwnedFd);

impl Kernel {
    fn connect() -> io::Result<Self> {
        // The protocol of the family that has no number of its own is NETLINK_ROUTE.
        Ok(Self(rustix::net::socket(rustix::net::AddressFamily::NETLINK, SocketType::RAW, None)?))
    }

    /// Has the kernel do something, and waits until it has.
    fn tell(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        rustix::net::send(&self.0, &bytes, SendFlags::empty())?;
        let mut answer = vec![0; 8192];
        let (length, _) = rustix::net::recv(&self.0, &mut answer[..], RecvFlags::empty())?;
        match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..length]) {
            Ok(NetlinkMessage { payload: NetlinkPayload::Error(said), .. }) => match said.code {
                None => Ok(()),
                Some(_) => Err(said.to_io()),
            },
            Ok(other) => Err(io::Error::other(format!("netlink answers {:?}", other.payload))),
            Err(error) => Err(io::Error::other(format!("netlink's answer: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_are_six_bytes() {
        assert_eq!(bytes_of("52:54:00:0a:ff:01").expect("good"), [0x52, 0x54, 0, 10, 255, 1]);
        assert!(bytes_of("52:54:zz").is_err());
    }

    #[test]
    fn the_kernel_says_what_it_does_not_do() {
        let kernel = Kernel::connect().expect("a socket");
        let error = kernel.tell(link(1 << 30, vec![0; 6]), 0).expect_err("there is no such interface");
        assert!(matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EPERM)), "{error}");
    }
}
