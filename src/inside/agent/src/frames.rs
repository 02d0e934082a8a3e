//! How a vm node's launcher and the agent in its guest share one virtio-serial
//! port: frames of many channels, each a request or a terminal. The shells of
//! the host speak it to the launcher, too.
//!
//! A frame is a kind (1 byte), a channel (4), a length (4) and so many bytes;
//! numbers are little-endian. Whoever sends [`Kind::Data`] keeps at most
//! [`WINDOW`] bytes of a channel on their way, until [`Kind::Ack`] says that
//! some have been taken: a terminal that nobody reads holds up itself alone.
//! After a start, a reset or a restore neither end knows where in a frame the
//! other is; both then look for [`Kind::Sync`], which no other frame resembles.
//! Pure: knows neither sockets nor what the bytes mean.

use serde::{Deserialize, Serialize};

use crate::vm::identity::Identity;

/// Most bytes of one channel that are on their way in one direction.
pub const WINDOW: usize = 256 * 1024;
/// Most bytes of one [`Kind::Data`] frame.
pub const CHUNK: usize = 16 * 1024;
/// Longest frame that is believed.
const LONGEST: usize = 1024 * 1024;
const HEADER: usize = 9;
/// Channel number in every [`Kind::Sync`].
const SYNC_CHANNEL: u32 = 0x4e59_5343;
/// What a [`Kind::Sync`] carries: whoever asked knows its answer by it.
pub const NONCE: usize = 16;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Opens a channel: an [`Opening`] as JSON.
    Open = 1,
    Data = 2,
    /// So many bytes (u32) have been taken.
    Ack = 3,
    /// A terminal's columns and rows (u16 each).
    Resize = 4,
    /// No more data from this end.
    End = 5,
    /// The channel is over: an exit status (i32).
    Exit = 6,
    /// All channels are forgotten. From the launcher a question, from the guest its answer.
    Sync = 7,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Open,
            2 => Self::Data,
            3 => Self::Ack,
            4 => Self::Resize,
            5 => Self::End,
            6 => Self::Exit,
            7 => Self::Sync,
            _ => return None,
        })
    }
}

/// What a channel is for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// One request of the host, as the agent of a container node takes it.
    Call,
    /// A login shell on a terminal of its own.
    Shell(Terminal),
    /// The guest's serial console; answered by the launcher.
    Console,
    /// Become this machine. Refused with a reason, or done.
    Adopt(Box<Identity>),
}

/// A terminal, as its user has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Terminal {
    /// TERM, COLORTERM, NO_COLOR where they are set.
    pub variables: Vec<(String, String)>,
    pub columns: u16,
    pub rows: u16,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub channel: u32,
    pub bytes: Vec<u8>,
}

impl Frame {
    pub fn new(kind: Kind, channel: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self { kind, channel, bytes: bytes.into() }
    }

    pub fn open(channel: u32, opening: &Opening) -> Self {
        Self::new(Kind::Open, channel, serde_json::to_vec(opening).unwrap_or_default())
    }

    pub fn ack(channel: u32, taken: usize) -> Self {
        Self::new(Kind::Ack, channel, u32::try_from(taken).unwrap_or(u32::MAX).to_le_bytes())
    }

    pub fn resize(channel: u32, columns: u16, rows: u16) -> Self {
        Self::new(Kind::Resize, channel, [columns.to_le_bytes(), rows.to_le_bytes()].concat())
    }

    pub fn exit(channel: u32, status: i32) -> Self {
        Self::new(Kind::Exit, channel, status.to_le_bytes())
    }

    pub fn sync(nonce: [u8; NONCE]) -> Self {
        Self::new(Kind::Sync, SYNC_CHANNEL, nonce)
    }

    /// As it travels.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.bytes.len());
        out.push(self.kind as u8);
        out.extend(self.channel.to_le_bytes());
        out.extend(u32::try_from(self.bytes.len()).unwrap_or(0).to_le_bytes());
        out.extend(&self.bytes);
        out
    }

    /// The number that an [`Kind::Ack`] or [`Kind::Exit`] carries.
    pub fn number(&self) -> i32 {
        self.bytes.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes))
    }

    /// Columns and rows of a [`Kind::Resize`].
    pub fn size(&self) -> Option<(u16, u16)> {
        let [a, b, c, d] = *self.bytes.first_chunk()?;
        Some((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
    }
}

/// Takes frames out of a stream of bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Where the next frame begins is known.
    in_step: bool,
}

impl Decoder {
    /// For a stream that has been whole from its beginning.
    pub fn in_step() -> Self {
        Self { buffer: Vec::new(), in_step: true }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame. What cannot be one puts the decoder out of step until the next
    /// [`Kind::Sync`].
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if !self.in_step && !self.seek() {
                return None;
            }
            let header: [u8; HEADER] = *self.buffer.first_chunk()?;
            let channel = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
            let length = u32::from_le_bytes([header[5], header[6], header[7], header[8]]) as usize;
            let Some(kind) = Kind::of(header[0]).filter(|_| length <= LONGEST) else {
                self.in_step = false;
                self.buffer.remove(0);
                continue;
            };
            if self.buffer.len() < HEADER + length {
                return None;
            }
            let rest = self.buffer.split_off(HEADER + length);
            let bytes = std::mem::replace(&mut self.buffer, rest).split_off(HEADER);
            return Some(Frame { kind, channel, bytes });
        }
    }

    /// Drops all before the next beginning of a [`Kind::Sync`]; false when there is none yet.
    fn seek(&mut self) -> bool {
        let wanted = Frame::sync([0; NONCE]).encode();
        let wanted = &wanted[..HEADER];
        match self.buffer.windows(HEADER).position(|window| window == wanted) {
            Some(at) => {
                self.buffer.drain(..at);
                self.in_step = true;
                true
            }
            None => {
                // Its beginning may have arrived already.
                let keep = self.buffer.len().saturating_sub(HEADER - 1);
                self.buffer.drain(..keep);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(decoder: &mut Decoder) -> Vec<Frame> {
        std::iter::from_fn(|| decoder.next()).collect()
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let frames = [
            Frame::new(Kind::Data, 7, b"hello".to_vec()),
            Frame::exit(7, -3),
            Frame::resize(9, 100, 40),
            Frame::new(Kind::End, 1, Vec::new()),
        ];
        let stream: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        for cut in 1..stream.len() {
            let mut decoder = Decoder::in_step();
            let mut out = Vec::new();
            for part in stream.chunks(cut) {
                decoder.push(part);
                out.extend(all(&mut decoder));
            }
            assert_eq!(out, frames, "cut every {cut} bytes");
        }
        assert_eq!(frames[1].number(), -3);
        assert_eq!(frames[2].size(), Some((100, 40)));
    }

    #[test]
    fn after_rubbish_the_next_sync_is_found() {
        let mut decoder = Decoder::default();
        decoder.push(b"the end of something old");
        assert_eq!(all(&mut decoder), []);
        let stream = [Frame::sync([3; NONCE]).encode(), Frame::exit(1, 0).encode()].concat();
        for byte in &stream {
            decoder.push(&[*byte]);
        }
        assert_eq!(all(&mut decoder), [Frame::sync([3; NONCE]), Frame::exit(1, 0)]);
    }

    #[test]
    fn what_is_no_frame_puts_out_of_step_until_the_next_sync() {
        let mut decoder = Decoder::in_step();
        decoder.push(&[200; 40]);
        decoder.push(&Frame::exit(1, 0).encode());
        assert_eq!(all(&mut decoder), [], "a frame that may have been data of an older one");
        decoder.push(&Frame::sync([1; NONCE]).encode());
        assert_eq!(all(&mut decoder), [Frame::sync([1; NONCE])]);
        let mut long = Frame::exit(1, 0).encode();
        long[5..9].copy_from_slice(&u32::MAX.to_le_bytes());
        decoder.push(&long);
        assert_eq!(all(&mut decoder), []);
        assert!(decoder.buffer.len() < HEADER);
    }
}
