//! Packs: one file with labs, their images and snapshots of their guests, for machines without a network.
//!
//! A pack is a tar. Its first member, `manifest.json`, says what is inside; each further one is a tar of its own,
//! compressed with zstd, whose sizes and SHA-256 the manifest gives:
//!
//! ```text
//! manifest.json               what is inside
//! labs.tar.zst                labs/, graders/ and containers/ of these labs
//! images.tar.zst              the images, as `docker save` writes them
//! snapshots/VOLUME.tar.zst    the volume with the snapshot of a guest, one for each image and shape
//! ```
//!
//! `write` makes the file, `check` reads all of it and believes nothing, `unpack` takes in what was checked.
//! What a snapshot is, and whether it can be restored here, is the business of `image::template` and the agent;
//! how labs are found afterwards that of `lab::Catalog`.

mod check;
mod images;
mod labs;
mod pipe;
mod unpack;
pub(crate) mod walk;
mod write;

use std::path::PathBuf;

use crashcart_facts::VmShape;

use crate::advice::NextStep;
use crate::engine::EngineError;
use crate::image::ImageError;
use crate::units::Bytes;

pub use check::Checked;
pub use labs::UNPACKED;
pub use unpack::{Ready, Taken, TakenState, check, unpack};
pub use write::{Packed, Plan, plan, write};

/// Version of the format that is read and written.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const LABS: &str = "labs.tar.zst";
const IMAGES: &str = "images.tar.zst";

/// Name of the part with a snapshot.
fn snapshot_part(volume: &str) -> String {
    format!("snapshots/{volume}.tar.zst")
}

/// What is inside a pack.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// Version of the crashcart that made it.
    pub crashcart: String,
    pub labs: Vec<PackedLab>,
    pub images: Vec<PackedImage>,
    pub snapshots: Vec<PackedSnapshot>,
    /// In the order in which they stand in the file.
    parts: Vec<Part>,
}

/// A lab in a pack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackedLab {
    pub name: String,
    /// As [`crate::lab::Lab::digest`].
    pub digest: String,
}

/// An image in a pack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackedImage {
    pub name: String,
    pub tag: String,
    /// As [`crate::image::Image::digest`].
    pub digest: String,
    /// What it takes in the engine that it comes from; layers that several share are counted with each.
    pub size_bytes: u64,
}

/// A snapshot in a pack.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackedSnapshot {
    /// As [`crate::image::template::volume`]: image, agent and shape are in it.
    pub volume: String,
    pub image: String,
    pub shape: VmShape,
}

/// A member of the file beside the manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Part {
    name: String,
    /// As it stands in the file.
    bytes: u64,
    /// Once it is decompressed.
    unpacked_bytes: u64,
    /// Over the bytes in the file, in hexadecimal.
    sha256: String,
}

/// Why a pack could not be made or taken in.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("could not read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("could not write `{}`", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("`{}` is there already, and is no pack", path.display())]
    InTheWay { path: PathBuf },
    #[error("another crashcart is writing `{}`", path.display())]
    Busy { path: PathBuf },
    #[error("`{}` is no pack", path.display())]
    NotAPack { path: PathBuf },
    #[error("the pack `{}` has format {found}, and this crashcart reads {FORMAT}", path.display())]
    OtherFormat { path: PathBuf, found: u32 },
    #[error("the pack `{}` is damaged: {what}", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("the pack `{}` holds what no pack of ours holds: {what}", path.display())]
    Refused { path: PathBuf, what: String },
    #[error(
        "the pack was made by another build of crashcart ({made_by}): it has not the images that its labs need here: {}",
        images.join(", ")
    )]
    OtherBuild { made_by: String, images: Vec<String> },
    #[error("there is no room: about {needed} are needed at `{}`, and {free} are free", path.display())]
    NoRoom { path: PathBuf, needed: Bytes, free: Bytes },
    #[error("the lab `{lab}` cannot be packed: {what}")]
    Unpackable { lab: String, what: String },
    #[error("the engine took the images in and does not have `{tag}`")]
    NotTaken { tag: String },
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl NextStep for PackError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!("see that `{}` is there and may be read", path.display())
            }
            Self::Unwritable { .. } => {
                "see that there is room and that you may write there; name another file with `-o`".into()
            }
            Self::InTheWay { .. } => "name another file with `-o`".into(),
            Self::Busy { .. } => "wait for it, or name another file with `-o`".into(),
            Self::NotAPack { .. } => "name a file that `crashcart pack` wrote".into(),
            Self::OtherFormat { .. } => "use the crashcart that made it, or one of its age".into(),
            Self::Damaged { .. } => "copy it here again; nothing of it was taken".into(),
            Self::Refused { .. } => "have it made anew by somebody you trust; nothing of it was taken".into(),
            Self::OtherBuild { .. } => {
                "use the same build of crashcart on both machines, or pack anew with this one".into()
            }
            Self::NoRoom { .. } => "make room there; nothing was begun".into(),
            Self::Unpackable { .. } => "correct it, then pack again".into(),
            Self::NotTaken { .. } => "unpack again; `crashcart doctor` looks over the engine".into(),
            Self::Image(error) => error.next_step(),
            Self::Engine(error) => error.next_step(),
        }
    }
}

/// Bytes that are free to this user on the disk that holds `path`, or will; none where nobody can tell.
fn free(path: &std::path::Path) -> Option<u64> {
    let standing = path.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(standing).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Refuses what the disk that holds `path` has no room for.
fn see_room(path: &std::path::Path, needed: u64) -> Result<(), PackError> {
    match free(path) {
        Some(free) if free < needed => {
            let whole = |bytes: u64| Bytes(bytes >> 20 << 20);
            Err(PackError::NoRoom { path: path.to_owned(), needed: whole(needed), free: whole(free) })
        }
        _ => Ok(()),
    }
}
