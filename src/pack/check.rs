//! Reading a pack that anybody may have made or damaged: all of it is looked at before any of it is used.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::pipe::Meter;
use super::walk::{Fault, Kind, Member, read_whole, walk};
use super::{FORMAT, IMAGES, LABS, MANIFEST, Manifest, PackError, Part, images, labs, snapshot_part};
use crate::image::template;
use crate::units::hex;

/// Longest manifest that is read.
const MANIFEST_BYTES: u64 = 1 << 20;
/// Largest window that a part may ask its decoder for, as a power of two.
const WINDOW_LOG: u32 = 27;

/// A pack whose every byte is as its manifest says, and all of whose names are harmless.
pub struct Checked {
    pub manifest: Manifest,
    /// SHA-256 of the manifest.
    pub id: String,
    path: PathBuf,
    file: File,
    /// Where each part begins in the file.
    starts: Vec<u64>,
}

impl Checked {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that its parts become.
    pub fn unpacked_bytes(&self) -> u64 {
        self.manifest.parts.iter().map(|part| part.unpacked_bytes).sum()
    }

    /// Bytes that one part becomes; none where there is none of that name.
    pub(super) fn part_bytes(&self, name: &str) -> Option<u64> {
        self.manifest.parts.iter().find(|part| part.name == name).map(|part| part.unpacked_bytes)
    }

    /// The tar that a part was made of.
    pub(super) fn open(&self, name: &str) -> Result<impl Read + Send + use<>, PackError> {
        let unreadable = |source| PackError::Unreadable { path: self.path.clone(), source };
        let n = self.manifest.parts.iter().position(|part| part.name == name).expect("it was checked");
        // A handle of its own, and with it a place of its own in the file.
        let mut file = File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&self.file)))
            .or_else(|_| File::open(&self.path))
            .map_err(unreadable)?;
        file.seek(SeekFrom::Start(self.starts[n])).map_err(unreadable)?;
        decoder(file.take(self.manifest.parts[n].bytes), self.manifest.parts[n].unpacked_bytes)
            .map_err(unreadable)
    }
}

fn decoder<R: Read>(stored: R, most: u64) -> io::Result<impl Read + use<R>> {
    let mut decoder = zstd::Decoder::new(stored)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder.take(most))
}

/// Reads the whole pack, and lays its labs out in `staging`, a folder that is empty and nobody else's. `meter` counts
/// the bytes of the file that were read.
pub(super) fn read(path: &Path, staging: &Path, meter: &Meter) -> Result<Checked, PackError> {
    let unreadable = |source| PackError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(PackError::NotAPack { path: path.to_owned() });
    }
    let reader = BufReader::with_capacity(1 << 20, meter.reader(file.try_clone().map_err(unreadable)?));
    let mut found: Option<(Manifest, String)> = None;
    let mut starts = Vec::new();
    let mut format = None;
    let walked = walk(reader, |member, bytes| {
        let Some((manifest, _)) = &found else {
            found = Some(manifest_of(member, bytes, &mut format)?);
            return Ok(());
        };
        let Some(part) = manifest.parts.get(starts.len()).filter(|part| part.name == member.path) else {
            return Err(Fault::Bad(format!("`{}` is not announced", member.path)));
        };
        if member.size != part.bytes || member.kind != Kind::File {
            return Err(Fault::Bad(format!("`{}` is not of the size that is announced", part.name)));
        }
        starts.push(member.at);
        look_at(manifest, part, bytes, staging)
    });
    match walked {
        _ if let Some(found) = format.filter(|found| *found != FORMAT) => {
            Err(PackError::OtherFormat { path: path.to_owned(), found })
        }
        // Not even its beginning is that of a pack.
        Err(_) if format.is_none() => Err(PackError::NotAPack { path: path.to_owned() }),
        Err(Fault::Io(error)) => Err(PackError::Damaged { path: path.to_owned(), what: error.to_string() }),
        Err(Fault::Bad(what)) => Err(PackError::Refused { path: path.to_owned(), what }),
        Ok(()) => {
            let Some((manifest, id)) = found else {
                return Err(PackError::NotAPack { path: path.to_owned() });
            };
            if let Some(missing) = manifest.parts.get(starts.len()) {
                let what = format!("`{}` is missing at its end", missing.name);
                return Err(PackError::Damaged { path: path.to_owned(), what });
            }
            Ok(Checked { manifest, id, path: path.to_owned(), file, starts })
        }
    }
}

/// The first member.
fn manifest_of(
    member: &Member,
    bytes: &mut dyn Read,
    format: &mut Option<u32>,
) -> Result<(Manifest, String), Fault> {
    /// What is read before anything else.
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    if member.path != MANIFEST {
        return Err(Fault::bad("it does not begin with its manifest"));
    }
    let bytes = read_whole(member, bytes, MANIFEST_BYTES)?;
    let wrong = |error: serde_json::Error| Fault::Bad(format!("its manifest is not right: {error}"));
    let head: Head = serde_json::from_slice(&bytes).map_err(wrong)?;
    *format = Some(head.format);
    if head.format != FORMAT {
        return Err(Fault::bad("it has another format"));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(wrong)?;
    let announced: Vec<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    let snapshots: Vec<String> = manifest.snapshots.iter().map(|it| snapshot_part(&it.volume)).collect();
    let wanted: Vec<&str> = [LABS, IMAGES].into_iter().chain(snapshots.iter().map(String::as_str)).collect();
    if announced != wanted {
        return Err(Fault::bad("its manifest announces other parts than it has use for"));
    }
    let ours = |tag: &str| {
        tag.strip_prefix("crashcart/").and_then(|rest| rest.split_once(':')).is_some_and(|(name, digest)| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && digest.len() == 16
                && digest.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    match manifest.images.iter().find(|image| !ours(&image.tag)) {
        Some(image) => Err(Fault::Bad(format!("`{}` is no image of crashcart's", image.tag.escape_debug()))),
        None => Ok((manifest, hex(&Sha256::digest(&bytes)))),
    }
}

/// Reads one part to its end, by what it is.
fn look_at(manifest: &Manifest, part: &Part, stored: &mut dyn Read, staging: &Path) -> Result<(), Fault> {
    let mut summed = Summed { inner: stored, sum: Sha256::new() };
    // One more than announced, so that more is noticed.
    let mut tar = Counted { inner: decoder(&mut summed, part.unpacked_bytes.saturating_add(1))?, bytes: 0 };
    let looked = match part.name.as_str() {
        LABS => labs::lay_out(&mut tar, staging),
        IMAGES => {
            let tags: Vec<&str> = manifest.images.iter().map(|image| image.tag.as_str()).collect();
            images::look_over(&mut tar, &tags, manifest.images.iter().map(|image| image.size_bytes).sum())
        }
        _ => snapshot(&mut tar),
    };
    let all = tar.bytes;
    let other_size = || Fault::Bad(format!("`{}` unpacks to another size than is announced", part.name));
    // What was cut off there for being more explains what else is wrong.
    let looked = match looked {
        _ if all > part.unpacked_bytes => Err(other_size()),
        Ok(()) if all < part.unpacked_bytes => Err(other_size()),
        looked => looked,
    };
    drop(tar);
    // Damage explains whatever else was found: it is told first.
    io::copy(&mut summed, &mut io::sink())?;
    match hex(&summed.sum.finalize()) == part.sha256 {
        true => looked,
        false => Err(Fault::Io(io::Error::other(format!("`{}` is not what was packed", part.name)))),
    }
}

/// A snapshot is a handful of files, and what says that all are there comes last.
fn snapshot(tar: impl Read) -> Result<(), Fault> {
    let mut last = String::new();
    walk(tar, |member, _| {
        if member.kind != Kind::File
            || !(template::is_file_of(&member.path) || member.path == template::SHEET)
        {
            return Err(Fault::Bad(format!("`{}` is no file of a snapshot", member.path)));
        }
        last.clone_from(&member.path);
        Ok(())
    })?;
    match last == template::SHEET {
        true => Ok(()),
        false => Err(Fault::bad("a snapshot does not end with what says that it is whole")),
    }
}

struct Summed<R> {
    inner: R,
    sum: Sha256,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(bytes)?;
        self.sum.update(&bytes[..got]);
        Ok(got)
    }
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(bytes)?;
        self.bytes += got as u64;
        Ok(got)
    }
}
