//! The chains of nftables and how many rules they have, from the kernel itself: the program `nft` is the node's, and
//! need not be there. What iptables sets is among them where it is Debian's, which is nftables below.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, netlink};
use sha2::{Digest, Sha256};

use crashcart_facts::FilterEntry;

/// linux/netfilter/nfnetlink.h and nf_tables.h: the subsystem, its messages, and their attributes.
const SUBSYSTEM: u16 = 10 << 8;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const GET_CHAIN: u16 = SUBSYSTEM | 4;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const GET_RULE: u16 = SUBSYSTEM | 7;
const TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_POLICY: u16 = 5;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
/// linux/netlink.h
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST_DUMP: u16 = 0x301;
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// Most bytes of all answers, and longest wait for one.
const BYTES_LIMIT: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);
/// Expressions whose data is counted while packets pass.
const COUNTED: [&[u8]; 4] = [b"counter", b"last", b"quota", b"limit"];

/// All chains by `family table chain`; none where the node may not ask. Loads no module: a kernel without
/// nftables has no chains.
pub fn chains(in_guest: bool) -> io::Result<Option<BTreeMap<String, FilterEntry>>> {
    if !std::path::Path::new("/sys/module/nf_tables").exists() {
        return Ok(in_guest.then(BTreeMap::new));
    }
    let mut tables = Tables::default();
    for question in [GET_CHAIN, GET_RULE] {
        match dump(question, &mut tables) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            other => other?,
        }
    }
    Ok(Some(tables.finish()))
}

/// Has the kernel tell all of something.
fn dump(question: u16, tables: &mut Tables) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::NETFILTER))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    let mut bytes = Vec::new();
    bytes.extend(u32::try_from(HEADER + FAMILY_HEADER).unwrap_or(0).to_ne_bytes());
    bytes.extend(question.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    // Number, sender, and of the family's header: any family, version 0, nothing.
    bytes.extend([0; 8 + FAMILY_HEADER]);
    rustix::net::send(&socket, &bytes, SendFlags::empty())?;
    let mut answer = vec![0; 256 * 1024];
    let (mut total, until) = (0, Instant::now() + PATIENCE);
    loop {
        let (length, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
        total += length;
        if tables.take(answer.get(..length).unwrap_or_default())? {
            return Ok(());
        }
        if total > BYTES_LIMIT || Instant::now() > until {
            return Err(io::Error::other("there are too many rules"));
        }
    }
}

/// What has been told so far.
#[derive(Default)]
struct Tables {
    chains: BTreeMap<String, (FilterEntry, Sha256)>,
}

impl Tables {
    /// Takes in messages; whether that was all.
    fn take(&mut self, mut bytes: &[u8]) -> io::Result<bool> {
        while let Some((header, length)) = header(bytes) {
            let body = bytes.get(HEADER..length).unwrap_or_default();
            match header {
                DONE => return Ok(true),
                ERROR => {
                    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                    return if code == 0 { Ok(true) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
                NEW_CHAIN => self.chain(body),
                NEW_RULE => self.rule(body),
                _ => {}
            }
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }

    fn entry(&mut self, body: &[u8], table: &[u8], chain: &[u8]) -> &mut (FilterEntry, Sha256) {
        let family = match body.first() {
            Some(1) => "inet",
            Some(2) => "ip",
            Some(3) => "arp",
            Some(5) => "netdev",
            Some(7) => "bridge",
            Some(10) => "ip6",
            _ => "other",
        };
        self.chains.entry(format!("{family} {} {}", text(table), text(chain))).or_default()
    }

    fn chain(&mut self, body: &[u8]) {
        let attributes = attributes(body.get(FAMILY_HEADER..).unwrap_or_default());
        let (Some(table), Some(name)) = (attributes.get(&TABLE), attributes.get(&CHAIN_NAME)) else { return };
        let policy = attributes.get(&CHAIN_POLICY).and_then(|value| value.first_chunk());
        let policy = match policy.map(|value| u32::from_be_bytes(*value)) {
            Some(0) => "drop",
            Some(_) => "accept",
            None => "",
        };
        self.entry(body, table, name).0.policy = policy.to_owned();
    }

    fn rule(&mut self, body: &[u8]) {
        let attributes = attributes(body.get(FAMILY_HEADER..).unwrap_or_default());
        let (Some(table), Some(chain)) = (attributes.get(&TABLE), attributes.get(&RULE_CHAIN)) else {
            return;
        };
        let expressions = attributes.get(&RULE_EXPRESSIONS).copied().unwrap_or_default();
        let (entry, digest) = self.entry(body, table, chain);
        entry.rules += 1;
        digest.update([0]);
        for expression in list(expressions) {
            let parts = self::attributes(expression);
            let name = parts.get(&EXPRESSION_NAME).copied().unwrap_or_default();
            digest.update(name);
            if !COUNTED.contains(&name.strip_suffix(b"\0").unwrap_or(name)) {
                digest.update(parts.get(&EXPRESSION_DATA).copied().unwrap_or_default());
            }
        }
    }

    fn finish(self) -> BTreeMap<String, FilterEntry> {
        let finish = |(mut entry, digest): (FilterEntry, Sha256)| {
            entry.digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            entry
        };
        self.chains.into_iter().map(|(name, chain)| (name, finish(chain))).collect()
    }
}

/// Type and length of the first message.
fn header(bytes: &[u8]) -> Option<(u16, usize)> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let length = usize::try_from(length).ok().filter(|length| (HEADER..=bytes.len()).contains(length))?;
    Some((kind, length))
}

/// The attributes of a message, in order: type, flags taken off, and value.
fn each(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?) & 0x3fff;
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn attributes(bytes: &[u8]) -> BTreeMap<u16, &[u8]> {
    each(bytes).collect()
}

/// The elements of a list.
fn list(bytes: &[u8]) -> Vec<&[u8]> {
    each(bytes).map(|(_, value)| value).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).expect("short");
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).expect("short");
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat()
    }

    fn rule(counted: u8, verdict: u8) -> Vec<u8> {
        let expression = |name: &[u8], data: &[u8]| {
            attribute(
                1,
                &[attribute(EXPRESSION_NAME, name), attribute(EXPRESSION_DATA | 0x8000, data)].concat(),
            )
        };
        let expressions =
            [expression(b"counter\0", &[counted]), expression(b"immediate\0", &[verdict])].concat();
        let body = [
            vec![1, 0, 0, 0],
            attribute(TABLE, b"filter\0"),
            attribute(RULE_CHAIN, b"input\0"),
            attribute(RULE_EXPRESSIONS | 0x8000, &expressions),
        ];
        message(NEW_RULE, &body.concat())
    }

    fn told(rules: &[Vec<u8>]) -> BTreeMap<String, FilterEntry> {
        let chain = [
            vec![1, 0, 0, 0],
            attribute(TABLE, b"filter\0"),
            attribute(CHAIN_NAME, b"input\0"),
            attribute(CHAIN_POLICY, &0u32.to_be_bytes()),
        ];
        let mut tables = Tables::default();
        assert!(!tables.take(&message(NEW_CHAIN, &chain.concat())).expect("a message"));
        let all = [rules.concat(), message(DONE, &[0; 4])].concat();
        assert!(tables.take(&all).expect("messages"));
        tables.finish()
    }

    #[test]
    fn chains_have_a_policy_and_rules_whose_counters_do_not_matter() {
        let once = told(&[rule(1, 1), rule(9, 0)]);
        let chain = &once["inet filter input"];
        assert_eq!((chain.policy.as_str(), chain.rules), ("drop", 2));
        assert_eq!(once, told(&[rule(200, 1), rule(7, 0)]));
        assert_ne!(once, told(&[rule(1, 0), rule(9, 0)]));
        assert_eq!(told(&[])["inet filter input"].rules, 0);
    }

    #[test]
    fn a_refusal_is_an_error_and_garbage_is_nothing() {
        let mut tables = Tables::default();
        let refused = message(ERROR, &(-1i32).to_ne_bytes());
        assert_eq!(tables.take(&refused).expect_err("EPERM").kind(), io::ErrorKind::PermissionDenied);
        for garbage in
            [&[0xff; 64][..], &[0; 64], &[], &[3], &message(NEW_RULE, &[1, 0, 0, 0, 0xff, 0xff, 1, 0])]
        {
            assert!(!tables.take(garbage).expect("nothing in it"));
        }
        assert!(tables.finish().is_empty());
    }
}
