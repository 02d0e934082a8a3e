//! What sets one guest apart from others restored from the same snapshot:
//! made by the launcher, taken on by the agent in the guest
//! (`guest/adopt.rs`). Types only.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// All that a guest is told of itself in one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// Time since the epoch, in microseconds.
    pub now_us: u64,
    /// 64 bytes that nobody else has, in hex.
    pub entropy: String,
    pub hostname: String,
    /// 32 hex digits, as /etc/machine-id has them.
    pub machine_id: String,
    /// One for each interface, in the order of their PCI addresses.
    pub macs: Vec<String>,
    pub address: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
    /// Lines of /etc/hosts beside the loopback's.
    pub hosts: Vec<String>,
    /// Name and text of each file of sshd's host keys.
    pub ssh_keys: Vec<(String, String)>,
}
