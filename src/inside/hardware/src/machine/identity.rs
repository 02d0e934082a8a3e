//! Names and small differences of single boards, drawn from the node's identity.
//!
//! The same identity gives the same boards; there is no random source.

/// What tells one board from another.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// `GPU-` and 36 characters.
    pub uuid: String,
    /// 13 digits.
    pub serial: String,
    pub irq: u32,
    /// Kelvins warmer than the model's usual board, -3 to 3.
    pub warmer: f64,
    /// Factor on the power drawn, 0.98 to 1.02.
    pub thirst: f64,
    /// From which all else of this board is drawn.
    seed: u64,
}

impl Identity {
    pub fn draw(who: &str, index: usize, board: u32) -> Self {
        let seed = hash(&[who.as_bytes(), &(index as u64).to_le_bytes(), &board.to_le_bytes()]);
        let unit = |salt: &str| hash(&[&seed.to_le_bytes(), salt.as_bytes()]) as f64 / u64::MAX as f64;
        Self {
            uuid: format!("GPU-{}", uuid(&[&seed.to_le_bytes(), b"uuid"])),
            serial: format!("165{:010}", hash(&[&seed.to_le_bytes(), b"serial"]) % 10_000_000_000),
            irq: 120 + index as u32 * 24 + (seed % 24) as u32,
            warmer: unit("warmer") * 6.0 - 3.0,
            thirst: 0.98 + unit("thirst") * 0.04,
            seed,
        }
    }

    /// UUID of a MIG device: that of its place on this board.
    pub fn mig_uuid(&self, gpu_part: u32, compute_part: u32) -> String {
        let place = [gpu_part.to_le_bytes(), compute_part.to_le_bytes()].concat();
        format!("MIG-{}", uuid(&[&self.seed.to_le_bytes(), b"mig", &place]))
    }

    /// A number of this board, for the addresses and the like that messages have.
    pub fn number(&self, salt: &str, nth: u64) -> u64 {
        hash(&[&self.seed.to_le_bytes(), salt.as_bytes(), &nth.to_le_bytes()])
    }
}

/// A UUID of version 5's form, as drivers make them.
fn uuid(parts: &[&[u8]]) -> String {
    let high = hash(&[&[0], parts.concat().as_slice()]);
    let low = hash(&[&[1], parts.concat().as_slice()]);
    format!(
        "{:08x}-{:04x}-5{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff,
    )
}

/// FNV-1a over all parts, then mixed (splitmix64's end), so that near inputs give far outputs.
fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.iter().chain([&0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_identity_gives_the_same_board_and_another_gives_another() {
        let one = Identity::draw("alice", 0, 0);
        assert_eq!(one.uuid, Identity::draw("alice", 0, 0).uuid);
        for other in [("bob", 0, 0), ("alice", 1, 0), ("alice", 0, 1)] {
            let other = Identity::draw(other.0, other.1, other.2);
            assert_ne!(one.uuid, other.uuid);
            assert_ne!(one.serial, other.serial);
        }
        assert_eq!(one.uuid.len(), 40);
        assert_eq!(one.serial.len(), 13);
        assert!(one.uuid[4..].bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()));
        assert_ne!(one.mig_uuid(1, 0), one.mig_uuid(2, 0));
    }
}
