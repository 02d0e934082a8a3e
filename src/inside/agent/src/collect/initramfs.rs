//! What is in a kernel's first file system: archives of the kind `newc` of cpio(5), one after the other, any of
//! them compressed, as the kernel's own documentation has it (driver-api/early-userspace/buffer-format).

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read};
use std::time::Instant;

use crashcart_facts::{InitramfsFact, TEXT_LIMIT};

use super::compressed::{Compression, Limited, is_limit};
use super::module_files::name_of_file;
use crate::rooted::{Link, Root};

/// Most bytes of all archives, unpacked.
const UNPACKED_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
/// Most members, and longest path of one (the kernel's PATH_MAX).
const MEMBERS: u32 = 200_000;
const PATH_LIMIT: usize = 4096;
/// Length of a member's header.
const HEADER: usize = 110;

pub fn initramfs(
    root: &Root,
    release: &str,
    member: Option<&str>,
    deadline: Instant,
) -> io::Result<InitramfsFact> {
    if release.is_empty() || release.contains('/') {
        return Err(io::Error::other("this is no kernel release"));
    }
    let path = format!("/boot/initrd.img-{release}");
    let Some(place) = root.place(&path, Link::Follow)? else { return Ok(InitramfsFact::default()) };
    let Some(file) = place.open()? else { return Ok(InitramfsFact::default()) };
    let stat = &place.stat;
    let modified_ms =
        stat.st_mtime.saturating_mul(1000).saturating_add(stat.st_mtime_nsec as i64 / 1_000_000);
    let mut found = Found { wanted: member.map(normal), ..Found::default() };
    let whole = match found.read_all(file, deadline) {
        Ok(()) => true,
        Err(error) if is_limit(&error) => return Err(error),
        // A decoder may have wrapped the error in one of its own.
        Err(_) if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
        Err(_) => false,
    };
    Ok(InitramfsFact {
        exists: true,
        path,
        modified_ms: u64::try_from(modified_ms).unwrap_or(0),
        whole,
        compression: found.compression.word().to_owned(),
        members: found.members,
        modules: found.modules.into_iter().collect(),
        has_member: member.map(|_| found.has_member),
        truncated: found.text.as_ref().is_some_and(|bytes| bytes.len() > TEXT_LIMIT),
        text: found.text.map(|mut bytes| {
            bytes.truncate(TEXT_LIMIT);
            String::from_utf8_lossy(&bytes).into_owned()
        }),
    })
}

/// A path as it is compared: without the dot or slash that it may begin with, and without the `usr` that Debian's
/// links from `/bin`, `/lib` and `/sbin` lead into.
fn normal(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./").or_else(|| path.strip_prefix('/')) {
        path = rest;
    }
    let shorter = path
        .strip_prefix("usr/")
        .filter(|rest| ["bin/", "lib/", "lib64/", "sbin/"].iter().any(|top| rest.starts_with(top)));
    shorter.unwrap_or(path).to_owned()
}

struct Found {
    wanted: Option<String>,
    compression: Compression,
    members: u32,
    modules: BTreeSet<String>,
    has_member: bool,
    text: Option<Vec<u8>>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            wanted: None,
            compression: Compression::None,
            members: 0,
            modules: BTreeSet::new(),
            has_member: false,
            text: None,
        }
    }
}

impl Found {
    fn read_all(&mut self, file: impl Read, deadline: Instant) -> io::Result<()> {
        let file = BufReader::with_capacity(256 * 1024, Limited::new(file, UNPACKED_LIMIT, deadline));
        let Some((packed, compression)) = self.archives(file)? else { return Ok(()) };
        self.compression = compression;
        let unpacked = Limited::new(compression.unpack(packed)?, UNPACKED_LIMIT, deadline);
        match self.archives(BufReader::with_capacity(256 * 1024, unpacked))? {
            None => Ok(()),
            Some(_) => Err(io::Error::other("what was unpacked is packed again")),
        }
    }

    /// Reads archives that are not compressed, up to the end or to one that is.
    fn archives<R: BufRead>(&mut self, mut file: R) -> io::Result<Option<(R, Compression)>> {
        loop {
            // Zeros fill up the room between archives.
            let ahead = loop {
                let ahead = file.fill_buf()?;
                if ahead.is_empty() {
                    return Ok(None);
                }
                match ahead.iter().position(|byte| *byte != 0) {
                    Some(0) => break ahead,
                    Some(zeros) => file.consume(zeros),
                    None => {
                        let zeros = ahead.len();
                        file.consume(zeros);
                    }
                }
            };
            match Compression::of(ahead) {
                // The kernel, too, knows an archive by its first byte.
                Compression::None if ahead[0] == b'0' => self.archive(&mut file)?,
                Compression::None => return Err(io::Error::other("this is no archive that is known here")),
                compression => return Ok(Some((file, compression))),
            }
        }
    }

    /// One archive, up to its trailer.
    fn archive(&mut self, file: &mut impl BufRead) -> io::Result<()> {
        loop {
            let mut header = [0; HEADER];
            file.read_exact(&mut header)?;
            if !header.starts_with(b"070701") && !header.starts_with(b"070702") {
                return Err(io::Error::other("a member's header is damaged"));
            }
            let field = |number: usize| {
                let digits = std::str::from_utf8(&header[6 + 8 * number..14 + 8 * number]).ok();
                let value = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                value
                    .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| io::Error::other("a member's header is damaged"))
            };
            let (mode, size, name_size) = (field(1)?, field(6)?, field(11)? as usize);
            if name_size == 0 || name_size > PATH_LIMIT {
                return Err(io::Error::other("a member's name is too long"));
            }
            let mut name = vec![0; name_size];
            file.read_exact(&mut name)?;
            skip(file, padding(HEADER + name_size))?;
            name.pop();
            let name = String::from_utf8_lossy(&name).into_owned();
            if name == "TRAILER!!!" {
                return skip(file, u64::from(size));
            }
            self.members += 1;
            if self.members > MEMBERS {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has too many members"));
            }
            let is_regular = mode & 0o170_000 == 0o100_000;
            if is_regular {
                self.modules.extend(name_of_file(&name));
            }
            let is_wanted = self.wanted.as_ref().is_some_and(|wanted| *wanted == normal(&name));
            if is_wanted {
                self.has_member = true;
                // The last of several is the one that is there in the end.
                self.text = None;
            }
            let mut left = u64::from(size);
            if is_wanted && is_regular {
                // One byte more than is kept tells that there is more.
                let kept = left.min(TEXT_LIMIT as u64 + 1);
                let mut bytes = Vec::new();
                Read::take(&mut *file, kept).read_to_end(&mut bytes)?;
                left -= bytes.len() as u64;
                self.text = Some(bytes);
            }
            skip(file, left + padding(size as usize))?;
        }
    }
}

/// Bytes up to the next multiple of four.
fn padding(length: usize) -> u64 {
    (length.next_multiple_of(4) - length) as u64
}

fn skip(file: &mut impl BufRead, length: u64) -> io::Result<()> {
    let skipped = io::copy(&mut file.take(length), &mut io::sink())?;
    if skipped < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::compressed::samples;
    use super::super::trees::tree;
    use super::*;

    const RELEASE: &str = "6.12.48+deb13-amd64";

    fn archive(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, mode, content) in members.iter().chain([&("TRAILER!!!", 0, &b""[..])]) {
            let fields = [1, *mode, 0, 0, 1, 0, content.len() as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0]
                .map(|n| format!("{n:08X}"));
            bytes.extend(format!("070701{}", fields.concat()).into_bytes());
            bytes.extend(name.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(*content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn early() -> Vec<u8> {
        let mut bytes = archive(&[
            ("kernel", 0o040_755, b""),
            ("kernel/x86/microcode/AuthenticAMD.bin", 0o100_644, b"code"),
        ]);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn main() -> Vec<u8> {
        archive(&[
            ("usr/lib/modules/x/kernel/virtio-net.ko.xz", 0o100_644, b"elf"),
            ("usr/lib/modules/x/kernel/ext4.ko", 0o100_644, b"elf"),
            ("etc/modprobe.d/gpu.conf", 0o100_644, b"blacklist nouveau\n"),
            ("lib", 0o120_777, b"usr/lib"),
        ])
    }

    fn read(image: &[u8], member: Option<&str>) -> InitramfsFact {
        let (_keep, root) = tree(&[(format!("boot/initrd.img-{RELEASE}"), image)]);
        let mut fact =
            initramfs(&root, RELEASE, member, Instant::now() + Duration::from_secs(20)).expect("readable");
        assert!(fact.modified_ms > 1_600_000_000_000);
        fact.modified_ms = 0;
        fact
    }

    #[test]
    fn archives_one_after_the_other_make_one_file_system() {
        let fact = read(&[early(), main()].concat(), Some("/etc/modprobe.d/gpu.conf"));
        let expected = InitramfsFact {
            exists: true,
            path: format!("/boot/initrd.img-{RELEASE}"),
            modified_ms: 0,
            whole: true,
            compression: "none".into(),
            members: 6,
            modules: vec!["ext4".into(), "virtio_net".into()],
            has_member: Some(true),
            text: Some("blacklist nouveau\n".into()),
            truncated: false,
        };
        assert_eq!(fact, expected);
        let other = read(&main(), Some("etc/modprobe.d/other.conf"));
        assert_eq!((other.has_member, other.text), (Some(false), None));
        assert_eq!(read(&main(), None).has_member, None);
        assert_eq!(read(&main(), Some("lib/modules/x/kernel/ext4.ko")).text.as_deref(), Some("elf"));
        assert_eq!(read(&main(), Some("lib")).text, None);
    }

    #[test]
    fn the_last_of_several_members_of_one_name_counts() {
        let later = archive(&[("./etc/modprobe.d/gpu.conf", 0o100_644, b"")]);
        let fact = read(&[main(), later].concat(), Some("etc/modprobe.d/gpu.conf"));
        assert_eq!(fact.text.as_deref(), Some(""));
    }

    #[test]
    fn an_archive_that_gzip_xz_or_zstd_packed_is_unpacked() {
        for (packed, word) in [(PACKED_GZIP, "gzip"), (PACKED_XZ, "xz"), (PACKED_ZSTD, "zstd")] {
            let fact = read(&[early(), packed.to_vec()].concat(), Some("etc/own.conf"));
            assert_eq!((fact.whole, fact.compression.as_str(), fact.members), (true, word, 4));
            assert_eq!((fact.modules, fact.text), (vec!["own".to_owned()], Some("yes\n".into())));
        }
    }

    #[test]
    fn what_is_damaged_is_told_as_far_as_it_goes() {
        let image = main();
        let fact = read(&image[..image.len() - 200], Some("etc/modprobe.d/gpu.conf"));
        assert!(!fact.whole && fact.modules.contains(&"ext4".to_owned()));
        let fact = read(&[early(), PACKED_XZ[..PACKED_XZ.len() / 2].to_vec()].concat(), None);
        assert_eq!((fact.whole, fact.members), (false, 2));
        // Packed well, and no archive.
        assert!(!read(&[early(), samples::ZSTD.to_vec()].concat(), None).whole);
        assert!(!read(b"not an image", None).whole);
        assert!(read(b"", None).whole);
        for at in 0..image.len() {
            let mut damaged = image.clone();
            damaged[at] ^= 0x55;
            read(&damaged, Some("etc/modprobe.d/gpu.conf"));
        }
    }

    #[test]
    fn a_text_is_cut_and_time_that_runs_out_is_no_damage() {
        let long = vec![b'x'; TEXT_LIMIT + 5];
        let fact = read(&archive(&[("long", 0o100_644, &long)]), Some("long"));
        assert_eq!(
            (fact.whole, fact.truncated, fact.text.map(|text| text.len())),
            (true, true, Some(TEXT_LIMIT))
        );
        let (_keep, root) = tree(&[(format!("boot/initrd.img-{RELEASE}"), main())]);
        assert!(initramfs(&root, RELEASE, None, Instant::now()).is_err());
        assert!(initramfs(&root, "../x", None, Instant::now()).is_err());
        let none = initramfs(&root, "6.1.0-1", None, Instant::now()).expect("readable");
        assert_eq!(none, InitramfsFact::default());
    }

    // `own.ko` and `etc/own.conf` in an archive, as gzip, xz and zstd pack it.
    const PACKED_GZIP: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x33, 0x30, 0x37, 0x30, 0x37, 0x30, 0x34,
        0x80, 0x00, 0x30, 0x6d, 0x61, 0xe8, 0x68, 0x62, 0x80, 0x1d, 0x18, 0xa2, 0xf1, 0x8d, 0x0d, 0x88, 0x03,
        0xe6, 0x30, 0x46, 0x7e, 0x79, 0x9e, 0x5e, 0x76, 0x3e, 0x03, 0x10, 0xa4, 0xe6, 0xa4, 0x31, 0x18, 0x50,
        0x62, 0xb7, 0x09, 0x91, 0x76, 0xbb, 0xc0, 0x18, 0xa9, 0x25, 0xc9, 0xfa, 0x20, 0xfb, 0x93, 0xf3, 0xf3,
        0xd2, 0x18, 0x18, 0x2a, 0x53, 0x8b, 0xb9, 0x30, 0xed, 0xc7, 0x03, 0x0c, 0x0d, 0xc8, 0x03, 0x4e, 0x30,
        0x46, 0x48, 0x90, 0xa3, 0xa7, 0x8f, 0x6b, 0x90, 0xa2, 0xa2, 0x22, 0xc8, 0xff, 0x00, 0x8d, 0x6a, 0xa2,
        0xb0, 0x78, 0x01, 0x00, 0x00,
    ];
    const PACKED_XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x10,
        0x00, 0x00, 0x00, 0xa8, 0x70, 0x8e, 0x86, 0xe0, 0x01, 0x77, 0x00, 0x52, 0x5d, 0x00, 0x18, 0x0d, 0xdd,
        0x04, 0x63, 0x9c, 0x72, 0x1b, 0x76, 0xa1, 0xba, 0xc0, 0x1d, 0x75, 0x2e, 0xab, 0xee, 0xc0, 0x18, 0x46,
        0x76, 0xce, 0x39, 0xe4, 0xb1, 0x21, 0x31, 0x09, 0xdf, 0xb1, 0xb9, 0x2b, 0x90, 0xd3, 0x20, 0xf4, 0xe2,
        0x9d, 0x7e, 0x7f, 0xd9, 0x1e, 0x02, 0x66, 0x6c, 0x2a, 0xcd, 0x77, 0x68, 0x46, 0x24, 0x0a, 0xbb, 0xbf,
        0x33, 0xf3, 0xa0, 0xb3, 0x4e, 0xd5, 0x47, 0x0d, 0x2b, 0xfc, 0xce, 0x19, 0x4a, 0xe8, 0x8e, 0x29, 0x13,
        0x06, 0xcc, 0x92, 0x00, 0x44, 0x6b, 0x5b, 0x4f, 0xee, 0xe2, 0x00, 0x00, 0x00, 0x00, 0x8d, 0x6a, 0xa2,
        0xb0, 0x00, 0x01, 0x6a, 0xf8, 0x02, 0x00, 0x00, 0x00, 0xf6, 0x2b, 0x77, 0xb8, 0x3e, 0x30, 0x0d, 0x8b,
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
    ];
    const PACKED_ZSTD: &[u8] = &[
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x60, 0x35, 0x03, 0x00, 0x14, 0x04, 0x30, 0x37, 0x30, 0x37, 0x30, 0x31,
        0x30, 0x38, 0x31, 0x41, 0x34, 0x30, 0x31, 0x33, 0x30, 0x37, 0x6f, 0x77, 0x6e, 0x2e, 0x6b, 0x6f, 0x00,
        0x00, 0x00, 0x00, 0x65, 0x6c, 0x66, 0x00, 0x34, 0x44, 0x65, 0x74, 0x63, 0x2f, 0x6f, 0x77, 0x6e, 0x2e,
        0x63, 0x6f, 0x6e, 0x66, 0x00, 0x00, 0x79, 0x65, 0x73, 0x0a, 0x42, 0x54, 0x52, 0x41, 0x49, 0x4c, 0x45,
        0x52, 0x21, 0x21, 0x21, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x20, 0x10, 0x03, 0xb3, 0xc5, 0x06, 0x48, 0x04,
        0x10, 0x09, 0x68, 0x80, 0x1a, 0x18, 0xf4, 0x01, 0x21, 0xaa, 0xbc, 0xf4, 0x23, 0x95, 0x27, 0x6e, 0xe0,
        0xc1, 0x71, 0xc7, 0xa0, 0xfe, 0x5e, 0x3b, 0x04, 0x23, 0xef, 0x6a, 0x4e, 0xa6,
    ];
}
