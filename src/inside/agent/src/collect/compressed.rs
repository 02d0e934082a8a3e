//! Files as Debian compresses kernels' modules and first file systems: xz, zstd, gzip. All in Rust, and none
//! of it takes more memory or time than it is given, whatever the file says of itself.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Instant;

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// Largest window into what came before, of any of them: `xz -9` and `zstd -19` stay below.
const WINDOW_LIMIT: usize = 64 * 1024 * 1024;
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// How something is compressed, by how it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// What comes out of `packed`; as it is where it is not compressed.
    pub fn unpack<'r>(self, mut packed: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Self::None => Box::new(packed),
            Self::Gzip => {
                skip_gzip_header(&mut packed)?;
                Box::new(Deflated { packed, state: InflateState::new_boxed(DataFormat::Raw), ended: false })
            }
            Self::Xz => {
                // In KiB, its own tables included, which are small beside the window.
                let limit = u32::try_from(2 * WINDOW_LIMIT / 1024).expect("it is a few MiB");
                Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, limit))
            }
            Self::Zstd => {
                let limit = WINDOW_LIMIT as u64;
                let unpacked = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(packed, limit);
                Box::new(unpacked.map_err(io::Error::other)?)
            }
        })
    }
}

/// RFC 1952: ten bytes, then what the flags say.
fn skip_gzip_header(packed: &mut impl BufRead) -> io::Result<()> {
    let mut header = [0; 10];
    packed.read_exact(&mut header)?;
    let flags = header[3];
    if header[2] != 8 {
        return Err(io::Error::other("gzip knows no method but deflate"));
    }
    let mut skip = |until_zero: bool, length: usize| -> io::Result<()> {
        let mut byte = [0];
        let mut left = length;
        while until_zero || left > 0 {
            packed.read_exact(&mut byte)?;
            left = left.saturating_sub(1);
            if until_zero && byte[0] == 0 {
                break;
            }
        }
        Ok(())
    };
    if flags & 0x04 != 0 {
        // Extra fields. No tool of Debian writes them here.
        return Err(io::Error::other("gzip with extra fields is not understood"));
    }
    // The file's name and a comment, each up to a zero; then a checksum of the header.
    for flag in [0x08, 0x10] {
        if flags & flag != 0 {
            skip(true, 0)?;
        }
    }
    if flags & 0x02 != 0 {
        skip(false, 2)?;
    }
    Ok(())
}

/// Bytes out of a raw deflate stream.
struct Deflated<R> {
    packed: R,
    state: Box<InflateState>,
    ended: bool,
}

impl<R: BufRead> Read for Deflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.packed.fill_buf()?;
            let is_last = input.is_empty();
            let result = inflate(&mut self.state, input, buffer, MZFlush::None);
            self.packed.consume(result.bytes_consumed);
            match result.status {
                Ok(MZStatus::StreamEnd) => self.ended = true,
                Ok(_) | Err(MZError::Buf) if result.bytes_written > 0 || !is_last => {}
                Ok(_) | Err(MZError::Buf) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) => return Err(io::Error::other(format!("deflate: {error:?}"))),
            }
            if result.bytes_written > 0 {
                return Ok(result.bytes_written);
            }
        }
        Ok(0)
    }
}

/// Reads until a limit of bytes or of time, and fails there: what lies behind is neither there nor missing.
pub struct Limited<R> {
    inner: R,
    left: u64,
    deadline: Instant,
}

impl<R: Read> Limited<R> {
    pub fn new(inner: R, limit: u64, deadline: Instant) -> Self {
        Self { inner, left: limit, deadline }
    }
}

/// Whether an error means that a limit was reached, and not that the file is damaged.
pub fn is_limit(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::FileTooLarge)
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the time ran out while unpacking"));
        }
        // At most so much at once, so that the time is looked at again.
        let most = buffer.len().min(1024 * 1024);
        let got = self.inner.read(&mut buffer[..most])?;
        self.left = self
            .left
            .checked_sub(got as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than is read"))?;
        Ok(got)
    }
}

/// A whole file, unpacked where it is compressed; at most `limit` bytes of it.
pub fn read_whole(file: impl Read, limit: u64, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut packed = BufReader::with_capacity(CHUNK, file);
    let compression = Compression::of(packed.fill_buf()?);
    let mut bytes = Vec::new();
    Limited::new(compression.unpack(packed)?, limit, deadline).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
pub mod samples {
    //! `crash cart\n` two hundred times, as gzip, xz and zstd pack it (xz 5.8, zstd 1.5, gzip 1.13).

    pub const PLAIN: &[u8] = b"crash cart\n";
    pub const TIMES: usize = 200;
    pub const GZIP: &[u8] = &[
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x2e, 0x4a, 0x2c, 0xce, 0x50, 0x48,
        0x4e, 0x2c, 0x2a, 0xe1, 0x4a, 0x1e, 0x65, 0x8e, 0x32, 0x47, 0x99, 0xa3, 0xcc, 0x51, 0xe6, 0x28, 0x73,
        0x94, 0x39, 0xca, 0x1c, 0x48, 0x26, 0x00, 0x01, 0xa3, 0x76, 0x38, 0x98, 0x08, 0x00, 0x00,
    ];
    pub const XZ: &[u8] = &[
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x10,
        0x00, 0x00, 0x00, 0xa8, 0x70, 0x8e, 0x86, 0xe0, 0x08, 0x97, 0x00, 0x1e, 0x5d, 0x00, 0x31, 0x9c, 0x88,
        0x46, 0xfd, 0x23, 0x48, 0xd4, 0x49, 0xe8, 0x85, 0xf9, 0x75, 0x66, 0x45, 0xf3, 0xc7, 0x73, 0x11, 0x82,
        0xd8, 0x6c, 0xb2, 0x33, 0x0e, 0xc0, 0x04, 0x68, 0x36, 0x00, 0x00, 0x00, 0x00, 0x01, 0xa3, 0x76, 0x38,
        0x00, 0x01, 0x36, 0x98, 0x11, 0x00, 0x00, 0x00, 0x46, 0x6c, 0xa5, 0x18, 0x3e, 0x30, 0x0d, 0x8b, 0x02,
        0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
    ];
    pub const ZSTD: &[u8] = &[
        0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x60, 0x95, 0x00, 0x00, 0x58, 0x63, 0x72, 0x61, 0x73, 0x68, 0x20, 0x63,
        0x61, 0x72, 0x74, 0x0a, 0x01, 0x00, 0x8a, 0xb0, 0x5f, 0xbc, 0x00, 0x0e, 0x80, 0x00,
    ];
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn what_the_real_tools_packed_comes_out_whole() {
        let plain = samples::PLAIN.repeat(samples::TIMES);
        for packed in [samples::GZIP, samples::XZ, samples::ZSTD, plain.as_slice()] {
            let packed = io::Cursor::new(packed.to_vec());
            assert_eq!(read_whole(packed, 1 << 20, soon()).expect("it unpacks"), plain);
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_an_error_and_no_panic() {
        for packed in [samples::GZIP, samples::XZ, samples::ZSTD] {
            for length in 6..packed.len() - 9 {
                assert!(read_whole(&packed[..length], 1 << 20, soon()).is_err(), "{length} of {packed:?}");
            }
            for at in 0..packed.len() {
                let mut damaged = packed.to_vec();
                damaged[at] ^= 0x5a;
                // It may still unpack, to something else; it must end.
                let _ = read_whole(io::Cursor::new(damaged), 1 << 20, soon());
            }
        }
    }

    #[test]
    fn limits_are_kept_and_told_apart_from_damage() {
        for packed in [samples::GZIP, samples::XZ, samples::ZSTD] {
            let error = read_whole(packed, 1000, soon()).expect_err("more comes out");
            assert!(is_limit(&error), "{error}");
            let error = read_whole(packed, 1 << 20, Instant::now()).expect_err("no time");
            assert!(is_limit(&error), "{error}");
            let error = read_whole(&packed[..packed.len() / 2], 1 << 20, soon()).expect_err("cut off");
            assert!(!is_limit(&error), "{error}");
        }
    }
}
