//! Carries frames between a guest's interface and the container's: the guest
//! is a machine of its own in the attempt's network, with an address and a MAC
//! of its own, beside the container's that nobody uses.
//!
//! Containers of one machine leave checksums and segmentation to whoever sends
//! a packet out at last, which within one machine is nobody. The virtio-net
//! header of the packet socket says what was left undone; checksums are
//! completed here, and long segments given to the guest as they are: its kernel
//! takes them as the result of receive offload.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Bytes of `struct virtio_net_hdr` (linux/virtio_net.h): flags, gso_type, hdr_len, gso_size, csum_start,
/// csum_offset.
const HEADER: usize = 10;
/// The checksum at `csum_start + csum_offset` still lacks the sum from `csum_start` on.
const NEEDS_CHECKSUM: u8 = 1;
/// A frame with segments still joined is this long at most, its Ethernet header included.
const LONGEST: usize = 65_536 + 64;

/// Carries frames both ways, in two threads, until the process ends.
pub fn carry(wire: OwnedFd, guest: OwnedFd, mac: &str) -> io::Result<()> {
    let (wire, guest) = (Arc::new(wire), Arc::new(guest));
    let mac = parse_mac(mac).ok_or_else(|| io::Error::other("this is no MAC"))?;
    let (inward_wire, inward_guest) = (wire.clone(), guest.clone());
    std::thread::Builder::new().name("frames-in".into()).spawn(move || {
        let mut buffer = vec![0; HEADER + LONGEST];
        loop {
            let Ok(got) = rustix::io::read(inward_wire.as_fd(), &mut buffer) else {
                std::thread::sleep(std::time::Duration::from_millis(10));
                continue;
            };
            if let Some(frame) = inward(&mut buffer[..got], mac) {
                // A guest that takes none, because it is booting, loses it, as a machine would.
                let _ = rustix::net::send(inward_guest.as_fd(), frame, rustix::net::SendFlags::DONTWAIT);
            }
        }
    })?;
    std::thread::Builder::new().name("frames-out".into()).spawn(move || {
        let mut buffer = vec![0; HEADER + LONGEST];
        loop {
            match rustix::io::read(guest.as_fd(), &mut buffer[HEADER..]) {
                // A datagram socket has no end; nothing came.
                Ok(0) => std::thread::sleep(std::time::Duration::from_millis(1)),
                Ok(got) => {
                    // Guests of this QEMU leave nothing undone: the header stays zero.
                    let _ = rustix::io::write(wire.as_fd(), &buffer[..HEADER + got]);
                }
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        }
    })?;
    Ok(())
}

/// The frame as the guest shall have it, if it is for it.
fn inward(packet: &mut [u8], mac: [u8; 6]) -> Option<&[u8]> {
    let (header, frame) = packet.split_at_mut_checked(HEADER)?;
    let to: [u8; 6] = *frame.first_chunk()?;
    // The lowest bit of the first byte marks what is for several.
    if to != mac && to[0] & 1 == 0 {
        return None;
    }
    if header[0] & NEEDS_CHECKSUM != 0 {
        let word = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        complete(frame, word(6), word(8))?;
    }
    Some(frame)
}

/// Adds up what stands from `start` on, and puts the checksum at `offset` from there (RFC 1071).
fn complete(frame: &mut [u8], start: usize, offset: usize) -> Option<()> {
    let part = frame.get_mut(start..)?;
    if offset + 2 > part.len() {
        return None;
    }
    let mut sum: u64 = 0;
    for pair in part.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = match !(sum as u16) {
        // For UDP zero says that there is none; both stand for the same number.
        0 => 0xffff,
        other => other,
    };
    part[offset..offset + 2].copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let bytes: Vec<u8> = text.split(':').map_while(|part| u8::from_str_radix(part, 16).ok()).collect();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 1, 2, 3];

    fn packet(flags: u8, start: u16, offset: u16, frame: &[u8]) -> Vec<u8> {
        let mut packet = vec![flags, 0, 0, 0, 0, 0];
        packet.extend(start.to_le_bytes());
        packet.extend(offset.to_le_bytes());
        packet.extend(frame);
        packet
    }

    #[test]
    fn frames_for_others_are_left_alone() {
        let case = |to: [u8; 6], wanted: bool| {
            let frame = [&to[..], &[0; 60]].concat();
            assert_eq!(inward(&mut packet(0, 0, 0, &frame), MAC).is_some(), wanted, "{to:?}");
        };
        case(MAC, true);
        case([0xff; 6], true);
        case([0x33, 0x33, 0, 0, 0, 1], true);
        case([0x52, 0x54, 0, 1, 2, 4], false);
        assert_eq!(parse_mac("52:54:00:01:02:03"), Some(MAC));
        assert_eq!(parse_mac("52:54:00:01:02"), None);
    }

    #[test]
    fn a_checksum_that_was_left_undone_is_completed() {
        // From RFC 1071, section 3: the words 0001 f203 f4f5 f6f7 add up to ddf2.
        let mut frame = MAC.to_vec();
        frame.extend([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x00, 0x00]);
        let mut packet = packet(NEEDS_CHECKSUM, 6, 8, &frame);
        let frame = inward(&mut packet, MAC).expect("it is for us");
        assert_eq!(frame[14..16], (!0xddf2u16).to_be_bytes());
    }

    #[test]
    fn a_header_that_points_outside_of_its_frame_is_no_frame() {
        let frame = [&MAC[..], &[0; 20]].concat();
        for (start, offset) in [(200, 0), (25, 4), (u16::MAX, u16::MAX)] {
            assert_eq!(inward(&mut packet(NEEDS_CHECKSUM, start, offset, &frame), MAC), None);
        }
        assert_eq!(inward(&mut [0; 5], MAC), None);
    }
}
