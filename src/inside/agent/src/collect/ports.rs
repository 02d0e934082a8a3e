//! Listening ports, from /proc/net, and who holds them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crashcart_facts::{PortFact, Transport};

use crate::processes;

/// One socket of /proc/net/{tcp,udp}{,6}.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Socket {
    address: IpAddr,
    port: u16,
    state: u8,
    inode: u64,
}

/// TCP_LISTEN, and the state in which unconnected UDP sockets are shown.
const LISTEN: u8 = 0x0a;
const UNCONNECTED: u8 = 0x07;

pub fn port(port: u16, transport: Transport) -> io::Result<PortFact> {
    let mut sockets = table(transport)?;
    sockets.retain(|socket| socket.port == port);
    let mut addresses: Vec<String> = sockets.iter().map(|socket| socket.address.to_string()).collect();
    addresses.sort();
    addresses.dedup();
    let inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode).filter(|inode| *inode != 0).collect();
    let holder = if inodes.is_empty() {
        None
    } else {
        processes::all()
            .into_iter()
            .find(|pid| *pid != 1 && processes::sockets(*pid).iter().any(|inode| inodes.contains(inode)))
    };
    Ok(PortFact {
        listening: !sockets.is_empty(),
        addresses,
        exe: holder.and_then(processes::executable),
        pid: holder.and_then(|pid| u32::try_from(pid).ok()),
    })
}

/// Sockets of a transport that wait for somebody.
fn table(transport: Transport) -> io::Result<Vec<Socket>> {
    let (files, state) = match transport {
        Transport::Tcp => (["/proc/net/tcp", "/proc/net/tcp6"], LISTEN),
        Transport::Udp => (["/proc/net/udp", "/proc/net/udp6"], UNCONNECTED),
    };
    let mut sockets = Vec::new();
    for file in files {
        match std::fs::read_to_string(file) {
            Ok(text) => sockets.extend(text.lines().skip(1).filter_map(parse)),
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    sockets.retain(|socket| socket.state == state);
    Ok(sockets)
}

/// A socket on which somebody listens.
pub struct Listening {
    /// `tcp` or `udp`.
    pub transport: &'static str,
    pub address: IpAddr,
    pub port: u16,
    /// Executable of a process that holds it, where one was found.
    pub exe: Option<String>,
}

/// All of them.
pub fn listening() -> io::Result<Vec<Listening>> {
    let mut found = Vec::new();
    for (transport, word) in [(Transport::Tcp, "tcp"), (Transport::Udp, "udp")] {
        found.extend(table(transport)?.into_iter().map(|socket| (word, socket)));
    }
    let mut holders: BTreeMap<u64, i32> = BTreeMap::new();
    if !found.is_empty() {
        for pid in processes::all().into_iter().filter(|pid| *pid != 1) {
            for inode in processes::sockets(pid) {
                holders.entry(inode).or_insert(pid);
            }
        }
    }
    let described = found.into_iter().map(|(transport, socket)| Listening {
        transport,
        address: socket.address,
        port: socket.port,
        exe: holders.get(&socket.inode).and_then(|pid| processes::executable(*pid)),
    });
    Ok(described.collect())
}

fn parse(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, port) = fields.get(1)?.split_once(':')?;
    Some(Socket {
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        state: u8::from_str_radix(fields.get(3)?, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Addresses are printed as 32-bit words in the byte order of the machine.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let sixteen = <[u8; 16]>::try_from(bytes.as_slice()).ok()?;
    Some(IpAddr::V6(Ipv6Addr::from(sixteen)))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn tables_of_both_families_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123456 1 0000000000000000 100 0 0 10 0";
        let socket = parse(line).expect("a socket");
        assert_eq!(
            (socket.address.to_string().as_str(), socket.port, socket.state, socket.inode),
            ("127.0.0.1", 8080, LISTEN, 123_456)
        );
        let line = "   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 99 1 0 100 0 0 10 0";
        let socket = parse(line).expect("a socket");
        assert_eq!((socket.address.to_string().as_str(), socket.port), ("::1", 22));
        let line = "  77: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 0";
        assert_eq!(parse(line).expect("a socket").state, UNCONNECTED);
        assert_eq!(parse("  sl  local_address rem_address"), None);
    }

    #[test]
    fn a_port_that_this_test_opens_is_found_with_its_holder() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let number = listener.local_addr().expect("bound").port();
        let fact = port(number, Transport::Tcp).expect("a fact");
        assert!(fact.listening);
        assert_eq!(fact.addresses, ["127.0.0.1"]);
        assert_eq!(fact.pid, Some(std::process::id()));
        drop(listener);
        // A process that another test forks holds a copy until it becomes its program.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
        while port(number, Transport::Tcp).expect("a fact").listening {
            assert!(std::time::Instant::now() < deadline, "nobody listens any more");
        }
    }
}
