//! Making a pack: what goes in and how large it is, then the file.
//!
//! Nothing is held in memory whole: what the engine hands out is compressed as it comes. The file grows under
//! another name, and has its own once it is whole.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::pipe::{Meter, ended, out_of_engine};
use super::walk::{Fault, Kind, walk};
use super::{
    FORMAT, IMAGES, LABS, MANIFEST, Manifest, PackError, PackedImage, PackedLab, PackedSnapshot, Part, labs,
    see_room, snapshot_part,
};
use crate::engine::Progress;
use crate::image::template::{self, Place};
use crate::image::{Image, ImageCatalog};
use crate::lab::{Catalog, Lab};
use crate::units::hex;

/// How hard zstd tries. Higher levels take many times as long for a few per cent.
const LEVEL: i32 = 6;
/// A tar's unit.
const BLOCK: u64 = 512;
/// Room in the manifest for what is not known before a part is written.
const PART_ROOM: usize = 256;

/// What goes into a pack.
pub struct Plan<'a> {
    labs: Vec<&'a Lab>,
    sources: Vec<labs::Source>,
    pub images: Vec<PackedImage>,
    pub snapshots: Vec<PackedSnapshot>,
    built: Vec<&'a Image>,
}

impl Plan<'_> {
    /// Bytes of its images in the engine.
    pub fn image_bytes(&self) -> u64 {
        self.images.iter().map(|image| image.size_bytes).sum()
    }

    /// Bytes of memory of its guests.
    pub fn guest_bytes(&self) -> u64 {
        self.snapshots.iter().map(|snapshot| snapshot.shape.memory_mib << 20).sum()
    }

    /// About the most that the file will have: images come to a third, but one with the disk of a guest in it, which is
    /// compressed already, hardly to less; of a guest's memory most is empty.
    fn file_bytes(&self) -> u64 {
        self.image_bytes() / 4 * 3 + self.guest_bytes() / 4
    }
}

/// Looks at what these labs need. All images are present, and all snapshots made.
pub async fn plan<'a>(
    place: &Place<'_>,
    catalog: &Catalog,
    images: &'a ImageCatalog,
    labs: &[&'a Lab],
    with_snapshots: bool,
) -> Result<Plan<'a>, PackError> {
    let sources = labs::gather(catalog, images, labs)?;
    let mut plan = Plan { labs: labs.to_vec(), sources, images: vec![], snapshots: vec![], built: vec![] };
    for node in labs.iter().flat_map(|lab| &lab.nodes) {
        let image = images.get(&node.image)?;
        if !plan.images.iter().any(|known| known.name == image.name) {
            let present = place.engine.image(&image.tag()).await?;
            plan.images.push(PackedImage {
                name: image.name.clone(),
                tag: image.tag(),
                digest: image.digest.clone(),
                size_bytes: present.map_or(0, |present| present.size_bytes),
            });
            plan.built.push(image);
        }
        if let Some(shape) = node.vm.as_ref().filter(|_| with_snapshots) {
            let volume = template::volume(image, shape);
            if !plan.snapshots.iter().any(|known| known.volume == volume) {
                let (image, shape) = (image.name.clone(), shape.clone());
                plan.snapshots.push(PackedSnapshot { volume, image, shape });
            }
        }
    }
    Ok(plan)
}

/// A pack that was made.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Packed {
    pub file: PathBuf,
    pub bytes: u64,
    /// SHA-256 of its manifest, which holds that of everything else.
    pub id: String,
}

/// Writes the pack to `path`. A pack that stands there is replaced once the new one is whole.
pub async fn write(
    place: &Place<'_>,
    plan: &Plan<'_>,
    path: &Path,
    progress: &dyn Progress,
) -> Result<Packed, PackError> {
    if path.exists() && !is_pack(path) {
        return Err(PackError::InTheWay { path: path.to_owned() });
    }
    see_room(path, plan.file_bytes())?;
    let mut manifest = Manifest {
        format: FORMAT,
        crashcart: env!("CARGO_PKG_VERSION").into(),
        labs: plan
            .labs
            .iter()
            .map(|lab| PackedLab { name: lab.name.to_string(), digest: lab.digest.clone() })
            .collect(),
        images: plan.images.clone(),
        snapshots: plan.snapshots.clone(),
        parts: Vec::new(),
    };
    let unwritable = |source| PackError::Unwritable { path: path.to_owned(), source };
    let draft = Draft::open(path)?;
    let mut writer =
        Writer::begin(draft.file.try_clone().map_err(unwritable)?, &manifest).map_err(unwritable)?;

    writer.part(LABS, |to| labs::write(&plan.sources, to)).map_err(unwritable)??;

    progress.job("images");
    let tags: Vec<String> = plan.images.iter().map(|image| image.tag.clone()).collect();
    let meter = Meter::default();
    let counted = meter.clone();
    let (to, reading) = out_of_engine(move |from| {
        let written = writer.part(IMAGES, |to| {
            let copied = io::copy(&mut counted.reader(from), to).map(drop);
            // The engine may not write to a pipe that nobody reads.
            copied.map_err(Fault::from)
        });
        (writer, written)
    });
    let saved =
        meter.tell(progress, "of images", plan.image_bytes(), place.engine.save_images(&tags, to)).await;
    let (back, written) = ended(reading).await;
    written.map_err(unwritable)?.map_err(|fault| told(fault, path))?;
    saved?;
    writer = back;

    for snapshot in &plan.snapshots {
        progress.job(&format!("snapshot of a guest with {} MiB", snapshot.shape.memory_mib));
        let image = plan.built.iter().find(|image| image.name == snapshot.image).expect("it was planned");
        let meter = Meter::default();
        let counted = meter.clone();
        let current = current_files(place, image, &snapshot.shape).await?;
        let name = snapshot_part(&snapshot.volume);
        let (to, reading) = out_of_engine(move |from| {
            let written = writer.part(&name, |to| only_these(&mut counted.reader(from), &current, to));
            (writer, written)
        });
        let saving = place.save(image, &snapshot.shape, "", to);
        let saved = meter.tell(progress, "of a guest", snapshot.shape.memory_mib << 20, saving).await;
        let (back, written) = ended(reading).await;
        let written = written.map_err(unwritable)?;
        // What the engine says explains why there was too little to read.
        saved?;
        written.map_err(|fault| told(fault, path))?;
        writer = back;
    }

    manifest.parts = std::mem::take(&mut writer.parts);
    let id = writer.finish(&manifest).map_err(unwritable)?;
    let bytes = draft.file.metadata().map_err(unwritable)?.len();
    draft.persist()?;
    Ok(Packed { file: path.to_owned(), bytes, id })
}

fn told(fault: Fault, path: &Path) -> PackError {
    match fault {
        Fault::Io(source) => PackError::Unwritable { path: path.to_owned(), source },
        Fault::Bad(what) => PackError::Damaged { path: path.to_owned(), what },
    }
}

/// Names of the files that the snapshot of a volume consists of; disks of older ones may lie beside them.
async fn current_files(
    place: &Place<'_>,
    image: &Image,
    shape: &crashcart_facts::VmShape,
) -> Result<Vec<String>, PackError> {
    let (to, reading) = out_of_engine(|from| {
        let mut text = Vec::new();
        walk(from, |member, bytes| {
            if member.path == template::SHEET {
                text = super::walk::read_whole(member, bytes, 1 << 20)?;
            }
            Ok(())
        })
        .map(|()| text)
    });
    let saved = place.save(image, shape, template::SHEET, to).await;
    let text = ended(reading).await;
    saved?;
    let damaged =
        || PackError::Damaged { path: template::volume(image, shape).into(), what: template::SHEET.into() };
    let sheet: serde_json::Value =
        serde_json::from_slice(&text.map_err(|_| damaged())?).map_err(|_| damaged())?;
    let files = sheet["files"].as_array().ok_or_else(damaged)?;
    let names =
        files.iter().filter_map(|file| file["name"].as_str()).filter(|name| template::is_file_of(name));
    // It says that all others are there, and comes last.
    Ok(names.chain([template::SHEET]).map(str::to_owned).collect())
}

/// Writes these files of a tar, whose names begin with a folder, as one without; the last of them last.
fn only_these(from: &mut dyn Read, names: &[String], to: &mut dyn Write) -> Result<(), Fault> {
    let mut tar = tar::Builder::new(to);
    let (mut sheet, mut found) = (Vec::new(), 0);
    let add = |tar: &mut tar::Builder<&mut dyn Write>, name: &str, size: u64, bytes: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(size);
        tar.append_data(&mut header, name, bytes)
    };
    walk(from, |member, bytes| {
        let name = member.path.rsplit('/').next().unwrap_or_default();
        if member.kind != Kind::File || !names.iter().any(|known| known == name) {
            return Ok(());
        }
        found += 1;
        match name == template::SHEET {
            true => sheet = super::walk::read_whole(member, bytes, 1 << 20)?,
            false => add(&mut tar, name, member.size, bytes)?,
        }
        Ok(())
    })?;
    if found != names.len() {
        return Err(Fault::bad("a file of the snapshot is missing"));
    }
    add(&mut tar, template::SHEET, sheet.len() as u64, &mut sheet.as_slice())?;
    Ok(tar.finish()?)
}

/// Whether a file begins as packs do.
fn is_pack(path: &Path) -> bool {
    let mut head = [0; MANIFEST.len() + 1];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok()
        && head.strip_suffix(b"\0") == Some(MANIFEST.as_bytes())
}

/// The file while it grows: beside its place, and its writer's alone.
struct Draft {
    file: File,
    path: PathBuf,
    place: PathBuf,
    whole: bool,
}

impl Draft {
    fn open(place: &Path) -> Result<Self, PackError> {
        let mut name = place.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let unwritable = |source| PackError::Unwritable { path: path.clone(), source };
        // What a killed run left there is written over.
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(unwritable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(PackError::Busy { path: place.to_owned() }),
            Err(errno) => return Err(unwritable(errno.into())),
        }
        file.set_len(0).map_err(unwritable)?;
        Ok(Self { file, path, place: place.to_owned(), whole: false })
    }

    fn persist(mut self) -> Result<(), PackError> {
        let unwritable = |source| PackError::Unwritable { path: self.place.clone(), source };
        self.file.sync_all().map_err(unwritable)?;
        std::fs::rename(&self.path, &self.place).map_err(unwritable)?;
        self.whole = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.whole {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes the members of a pack one after the other. What is not known before a member is written is put into its
/// header afterwards, and into the manifest, for which room is left at the beginning.
struct Writer {
    file: File,
    parts: Vec<Part>,
    /// Bytes of the manifest, blanks at its end included.
    room: u64,
}

impl Writer {
    fn begin(mut file: File, manifest: &Manifest) -> io::Result<Self> {
        let known = serde_json::to_vec_pretty(manifest)?.len();
        let parts = 2 + manifest.snapshots.len();
        let room = ((known + parts * PART_ROOM) as u64).next_multiple_of(BLOCK);
        file.write_all(header(MANIFEST, room)?.as_bytes())?;
        file.seek(SeekFrom::Current(room as i64))?;
        Ok(Self { file, parts: Vec::new(), room })
    }

    /// Writes one part. The outer error is the file's, the inner one that of `fill`.
    fn part<E>(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> io::Result<Result<(), E>> {
        let at = self.file.stream_position()?;
        self.file.write_all(&[0; BLOCK as usize])?;
        let (bytes, unpacked_bytes, sha256) = match compress(&mut self.file, fill)? {
            Ok(written) => written,
            Err(error) => return Ok(Err(error)),
        };
        let end = bytes.next_multiple_of(BLOCK) - bytes;
        self.file.write_all(&[0; BLOCK as usize][..end as usize])?;
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(header(name, bytes)?.as_bytes())?;
        self.file.seek(SeekFrom::End(0))?;
        self.parts.push(Part { name: name.into(), bytes, unpacked_bytes, sha256 });
        Ok(Ok(()))
    }

    /// Writes the end and the manifest; gives the manifest's digest.
    fn finish(mut self, manifest: &Manifest) -> io::Result<String> {
        self.file.write_all(&[0; 2 * BLOCK as usize])?;
        let mut text = serde_json::to_vec_pretty(manifest)?;
        if text.len() as u64 > self.room {
            return Err(io::Error::other("its list of contents is longer than was thought"));
        }
        text.resize(self.room as usize, b' ');
        self.file.seek(SeekFrom::Start(BLOCK))?;
        self.file.write_all(&text)?;
        Ok(hex(&Sha256::digest(&text)))
    }
}

/// Compresses what `fill` writes; gives its size in the file, its size before that, and the SHA-256 of the former.
fn compress<E>(
    file: &mut File,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> io::Result<Result<(u64, u64, String), E>> {
    let below = Below { file, sum: Sha256::new(), bytes: 0 };
    let mut encoder = zstd::Encoder::new(io::BufWriter::with_capacity(1 << 20, below), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.multithread(std::thread::available_parallelism().map_or(1, |n| n.get().min(8)) as u32)?;
    let mut counted = Counted { inner: encoder, bytes: 0 };
    if let Err(error) = fill(&mut counted) {
        return Ok(Err(error));
    }
    let unpacked_bytes = counted.bytes;
    let below = counted.inner.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(Ok((below.bytes, unpacked_bytes, hex(&below.sum.finalize()))))
}

fn header(name: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_gnu();
    header.set_path(name)?;
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

/// Counts and sums up what reaches the file.
struct Below<'a> {
    file: &'a mut File,
    sum: Sha256,
    bytes: u64,
}

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A pack of these parts, for tests of its reader: `(name, tar)`.
#[cfg(test)]
pub(super) fn pack_of(path: &Path, mut manifest: Manifest, parts: &[(&str, &[u8])]) {
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path).expect("a file");
    let mut writer = Writer::begin(file, &manifest).expect("room");
    for (name, tar) in parts {
        writer.part(name, |to| to.write_all(tar)).expect("room").expect("room");
    }
    manifest.parts = std::mem::take(&mut writer.parts);
    writer.finish(&manifest).expect("room");
}
