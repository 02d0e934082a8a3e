//! What of the hardware outlives a power cycle, on the node's own disk and
//! under a seal that only PID 1 can make.
//!
//! The file is root's, so root of the node can remove, change or exchange it;
//! what has no good seal counts as not there. The key comes from outside and
//! never enters the node but in PID 1. An older file of the same node passes
//! for a newer one: it holds nothing that the hardware had not been through.

use std::fs::File;
use std::io::{self, Write};

use crashcart_facts::HOST_WORD;
use hmac::{Hmac, KeyInit, Mac};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use sha2::Sha256;

/// The directory, made by PID 1.
pub const DIRECTORY: &str = "/var/lib/crashcart-hardware";
const NAME: &str = "state";
const NEW: &str = "state.new";
/// Largest file that is read.
const LIMIT: usize = 256 * 1024;

/// Key of the seal.
pub struct Key([u8; 32]);

impl Key {
    /// From 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (n, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    /// One that nobody knows.
    pub fn random() -> Self {
        let mut key = [0; 32];
        let _ = rustix::rand::getrandom(&mut key[..], rustix::rand::GetRandomFlags::empty());
        Self(key)
    }

    /// Whether this is what the host proves itself with: a seal over the word `host`, in hex.
    pub fn is_hosts(&self, token: &str) -> bool {
        same(token.as_bytes(), hex(&self.seal(HOST_WORD.as_bytes())).as_bytes())
    }

    /// HMAC-SHA-256, as the host makes its token.
    fn seal(&self, text: &[u8]) -> [u8; 32] {
        let mut seal = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        seal.update(text);
        seal.finalize().into_bytes().into()
    }

    /// The text under its seal.
    fn close(&self, text: &str) -> String {
        format!("{}\n{text}", hex(&self.seal(text.as_bytes())))
    }

    /// The text of a file whose seal is good.
    fn open<'a>(&self, file: &'a str) -> Option<&'a str> {
        let (seal, text) = file.split_once('\n')?;
        same(seal.as_bytes(), hex(&self.seal(text.as_bytes())).as_bytes()).then_some(text)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares without telling by its time where the difference lies.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// What the disk says of the hardware's past.
#[derive(Debug, PartialEq, Eq)]
pub enum Past {
    Kept(String),
    /// Nothing was ever kept here, or it was removed.
    None,
    /// There is something that PID 1 of this node has not written.
    Forged,
}

/// Reads what was kept.
pub fn load(key: &Key) -> Past {
    match read() {
        Some(file) => key.open(&file).map_or(Past::Forged, |text| Past::Kept(text.to_owned())),
        None if rustix::fs::lstat(format!("{DIRECTORY}/{NAME}")).is_ok() => Past::Forged,
        None => Past::None,
    }
}

fn read() -> Option<String> {
    let dir = rustix::fs::open(DIRECTORY, dir_flags(), Mode::empty()).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, NAME, flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&fd).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(File::from(fd), LIMIT as u64), &mut text).ok()?;
    Some(text)
}

/// Puts it in the place of what was kept before, whole or not at all.
pub fn save(key: &Key, text: &str) -> io::Result<()> {
    match rustix::fs::mkdir(DIRECTORY, Mode::from_raw_mode(0o700)) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let dir = rustix::fs::open(DIRECTORY, dir_flags(), Mode::empty())?;
    // Left by somebody, or by a write that was cut off.
    let _ = rustix::fs::unlinkat(&dir, NEW, AtFlags::empty());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(&dir, NEW, flags, Mode::from_raw_mode(0o600))?;
    File::from(fd).write_all(key.close(text).as_bytes())?;
    Ok(rustix::fs::renameat(&dir, NEW, &dir, NAME)?)
}

fn dir_flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digit: &str) -> Key {
        Key::parse(&digit.repeat(64)).expect("a key")
    }

    #[test]
    fn the_seal_is_the_standards() {
        // RFC 4231, test case 2, whose key is shorter than a block.
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            hex(&Key(bytes).seal(b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn what_was_altered_or_sealed_by_another_counts_for_nothing() {
        let file = key("a").close("{\"gpus\":8}\n");
        assert_eq!(key("a").open(&file), Some("{\"gpus\":8}\n"));
        assert_eq!(key("b").open(&file), None);
        assert_eq!(key("a").open(&file.replace('8', "7")), None);
        assert_eq!(key("a").open(&file[1..]), None);
        assert_eq!(key("a").open(""), None);
    }

    #[test]
    fn the_host_is_known_by_its_token_alone() {
        let token = hex(&key("a").seal(HOST_WORD.as_bytes()));
        assert!(key("a").is_hosts(&token));
        assert!(!key("b").is_hosts(&token) && !key("a").is_hosts("") && !key("a").is_hosts(&token[1..]));
        assert!(Key::parse("abc").is_none() && Key::parse(&"g".repeat(64)).is_none());
        assert!(Key::parse(&"é".repeat(32)).is_none());
    }
}
