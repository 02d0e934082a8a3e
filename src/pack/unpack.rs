//! Taking a pack in: first all of it is checked, then images go to the engine, snapshots into volumes, and labs,
//! last, to where they are found. Cut off at any moment, it is done again and begins with what is missing.

use std::path::{Path, PathBuf};

use super::check::{self, Checked};
use super::pipe::{Meter, ended, into_engine};
use super::{IMAGES, Manifest, PackError, PackedSnapshot, UNPACKED, labs, see_room, snapshot_part};
use crate::engine::{Engine, Progress};
use crate::image::lock::Lock;
use crate::image::template::{self, Place};
use crate::image::{ImageCatalog, LABEL_DIGEST, agent};
use crate::lab::Catalog;

/// Folder below the state directory where labs lie until all else is there.
const STAGING: &str = "unpacking";

/// A pack that was checked, while nobody else unpacks into the same state directory.
pub struct Ready {
    pub checked: Checked,
    /// The images of its labs, as this crashcart knows them.
    images: ImageCatalog,
    staging: Staging,
    _lock: Lock,
}

/// A folder that goes when it is no longer needed.
struct Staging(PathBuf);

impl Staging {
    /// Whatever lies there was left by a run that is gone: the caller holds the lock.
    fn new(state: &Path) -> Result<Self, PackError> {
        let path = state.join(STAGING);
        let unwritable = |source| PackError::Unwritable { path: path.clone(), source };
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
        std::fs::create_dir_all(&path).map_err(unwritable)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads the whole pack and sees that it is what it says, and of use to this crashcart. Takes nothing in.
pub async fn check(path: &Path, state: &Path, progress: &dyn Progress) -> Result<Ready, PackError> {
    let wait = || progress.note("waiting for another crashcart that unpacks");
    let lock = Lock::exclusive(state, "unpack", &wait).await?;
    let staging = Staging::new(state)?;
    progress.job("checking the pack");
    let meter = Meter::default();
    let (path, folder, counted) = (path.to_owned(), staging.0.clone(), meter.clone());
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let reading = tokio::task::spawn_blocking(move || check::read(&path, &folder, &counted));
    let checked = meter.tell(progress, "read", bytes, ended(reading)).await?;
    let images = agree(&checked, &staging.0)?;
    Ok(Ready { checked, images, staging, _lock: lock })
}

/// Sees that labs and images are those that the manifest names, and that this crashcart would look for these images.
fn agree(checked: &Checked, folder: &Path) -> Result<ImageCatalog, PackError> {
    let manifest = &checked.manifest;
    let refused = |what: String| PackError::Refused { path: checked.path().to_owned(), what };
    let catalog = Catalog::find(Some(folder), None).map_err(|error| refused(error.to_string()))?;
    let images = ImageCatalog::load_all(&catalog.containers())?;
    let names = catalog.names().map_err(|error| refused(error.to_string()))?;
    if !names.iter().map(|name| name.as_str()).eq(manifest.labs.iter().map(|lab| lab.name.as_str())) {
        return Err(refused("other labs than are announced".into()));
    }
    let mut guests = Vec::new();
    for packed in &manifest.labs {
        let wrong = |why: String| refused(format!("the lab `{}` is not right: {why}", packed.name));
        let lab = catalog.lab(&packed.name).map_err(|error| wrong(error.to_string()))?;
        catalog.rubric(&lab).map_err(|error| wrong(error.to_string()))?;
        if lab.digest != packed.digest {
            return Err(wrong("it is another than is announced".into()));
        }
        let lacking = |image: &&str| !manifest.images.iter().any(|packed| packed.name == **image);
        if let Some(image) = lab.nodes.iter().map(|node| node.image.as_str()).find(lacking) {
            return Err(wrong(format!("the image `{image}` is not in it")));
        }
        guests.extend(lab.nodes.iter().filter_map(|node| Some((node.image.clone(), node.vm.clone()?))));
    }
    let unwanted =
        |it: &&PackedSnapshot| !guests.iter().any(|guest| (&guest.0, &guest.1) == (&it.image, &it.shape));
    if let Some(snapshot) = manifest.snapshots.iter().find(unwanted) {
        return Err(refused(format!("a snapshot of `{}` that no lab has", snapshot.image.escape_debug())));
    }
    let other: Vec<String> = manifest
        .images
        .iter()
        .filter(|packed| {
            !images.get(&packed.name).is_ok_and(|it| it.digest == packed.digest && it.tag() == packed.tag)
        })
        .map(|packed| packed.name.clone())
        .collect();
    match other.is_empty() {
        true => Ok(images),
        false => Err(PackError::OtherBuild { made_by: manifest.crashcart.clone(), images: other }),
    }
}

/// Something of a pack, and what became of it.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Taken {
    /// `image`, `snapshot` or `lab`.
    pub kind: &'static str,
    pub name: String,
    pub state: TakenState,
}

/// What became of a part of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TakenState {
    /// It is here now.
    Taken,
    /// It was here before.
    WasThere,
    /// Of no use to this build of crashcart, whose agent is another; the first start makes one.
    OtherBuild,
}

/// Takes in what was checked.
pub async fn unpack(
    ready: &Ready,
    engine: &dyn Engine,
    state: &Path,
    home: &str,
    progress: &dyn Progress,
) -> Result<Vec<Taken>, PackError> {
    let manifest = &ready.checked.manifest;
    let about = engine.about().await?;
    // Shared: many may build; none may prune meanwhile.
    let _no_prune =
        Lock::shared(state, "images", &|| progress.note("waiting until another crashcart has pruned"))
            .await?;
    let missing = missing_images(engine, manifest).await?;
    if about.endpoint.starts_with("unix://")
        && let Some(root) = &about.data_root
    {
        see_room(root, needed(&ready.checked, !missing.is_empty()))?;
    }

    let mut taken = Vec::new();
    if !missing.is_empty() {
        load_images(ready, engine, progress).await?;
    }
    for image in &manifest.images {
        let state = if missing.contains(&image.tag) { TakenState::Taken } else { TakenState::WasThere };
        taken.push(Taken { kind: "image", name: image.name.clone(), state });
    }
    if let Some(image) = manifest.images.first() {
        let volume = agent::ensure(engine, state, home, &about.endpoint, &image.tag, progress).await?;
        let place = Place { engine, state, home, endpoint: &about.endpoint, agent_volume: &volume };
        for snapshot in &manifest.snapshots {
            let state = bring(ready, &place, snapshot, progress).await?;
            let name = format!("of {} with {} MiB", snapshot.image, snapshot.shape.memory_mib);
            taken.push(Taken { kind: "snapshot", name, state });
        }
    }
    let place = state.join(UNPACKED);
    let known = Catalog::find(Some(&place), None).ok();
    for packed in &manifest.labs {
        let there = known.as_ref().and_then(|catalog| catalog.lab(&packed.name).ok());
        let same = there.is_some_and(|lab| lab.digest == packed.digest);
        let state = if same { TakenState::WasThere } else { TakenState::Taken };
        taken.push(Taken { kind: "lab", name: packed.name.clone(), state });
    }
    let replaced = labs::settle(&ready.staging.0, &place)
        .map_err(|source| PackError::Unwritable { path: place.clone(), source })?;
    for name in replaced {
        progress.note(&format!(
            "the image `{name}` is another than the one unpacked before; labs of that pack that use it must be \
             unpacked from a newer one"
        ));
    }
    Ok(taken)
}

/// Tags of images that the engine does not have as they were packed.
async fn missing_images(engine: &dyn Engine, manifest: &Manifest) -> Result<Vec<String>, PackError> {
    let mut missing = Vec::new();
    for image in &manifest.images {
        let found = engine.image(&image.tag).await?;
        if found.is_none_or(|found| found.labels.get(LABEL_DIGEST) != Some(&image.digest)) {
            missing.push(image.tag.clone());
        }
    }
    Ok(missing)
}

/// Bytes that the engine's disk must have: while it takes images in, an engine keeps their tar beside them.
fn needed(checked: &Checked, images: bool) -> u64 {
    let tar = checked.part_bytes(IMAGES).unwrap_or(0);
    let snapshots = checked.unpacked_bytes().saturating_sub(tar);
    snapshots + if images { tar.saturating_mul(2) } else { 0 }
}

async fn load_images(ready: &Ready, engine: &dyn Engine, progress: &dyn Progress) -> Result<(), PackError> {
    progress.job("images");
    let meter = Meter::default();
    let mut tar = meter.reader(ready.checked.open(IMAGES)?);
    let (from, writing) = into_engine(move |to| std::io::copy(&mut tar, to).map(drop));
    let total = ready.checked.part_bytes(IMAGES).unwrap_or(0);
    let loaded = meter.tell(progress, "of images", total, engine.load_images(from)).await;
    let written = ended(writing).await;
    loaded?;
    written.map_err(|source| PackError::Unreadable { path: ready.checked.path().to_owned(), source })?;
    match missing_images(engine, &ready.checked.manifest).await?.pop() {
        Some(tag) => Err(PackError::NotTaken { tag }),
        None => Ok(()),
    }
}

async fn bring(
    ready: &Ready,
    place: &Place<'_>,
    snapshot: &PackedSnapshot,
    progress: &dyn Progress,
) -> Result<TakenState, PackError> {
    let image = ready.images.get(&snapshot.image)?;
    if template::volume(image, &snapshot.shape) != snapshot.volume {
        return Ok(TakenState::OtherBuild);
    }
    if place.has(image, &snapshot.shape).await? {
        return Ok(TakenState::WasThere);
    }
    progress.job(&format!("snapshot of a guest with {} MiB", snapshot.shape.memory_mib));
    let name = snapshot_part(&snapshot.volume);
    let meter = Meter::default();
    let mut tar = meter.reader(ready.checked.open(&name)?);
    let (from, writing) = into_engine(move |to| std::io::copy(&mut tar, to).map(drop));
    let total = ready.checked.part_bytes(&name).unwrap_or(0);
    let bringing = place.bring(image, &snapshot.shape, from, progress);
    let brought = meter.tell(progress, "of a guest", total, bringing).await;
    let written = ended(writing).await;
    if brought? {
        written.map_err(|source| PackError::Unreadable { path: ready.checked.path().to_owned(), source })?;
    }
    // Sees whether it can be restored here, and makes it anew where not.
    place.ensure(image, &snapshot.shape, progress).await?;
    Ok(TakenState::Taken)
}

#[cfg(test)]
mod tests {
    use super::super::walk::tar_of as tar;
    // The way of a whole pack is told in `tests/cases/cli/packs.txt` and, on a real engine, in `tests/nodes/pack.rs`.
    use std::io::Write;

    use super::super::write::pack_of;
    use super::super::{FORMAT, LABS, MANIFEST, PackedImage};
    use super::*;
    use crate::engine::Silent;

    const TAG: &str = "crashcart/box:0123456789abcdef";

    fn manifest() -> Manifest {
        let image = PackedImage {
            name: "box".into(),
            tag: TAG.into(),
            digest: "0123456789abcdef".into(),
            size_bytes: 1 << 20,
        };
        Manifest {
            format: FORMAT,
            crashcart: "0.1.0".into(),
            labs: vec![],
            images: vec![image],
            snapshots: vec![],
            parts: vec![],
        }
    }

    /// A pack on disk, and a state directory.
    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        fn new(manifest: Manifest, parts: &[(&str, &[u8])]) -> Self {
            let folder = tempfile::tempdir().expect("a temporary folder");
            pack_of(&folder.path().join("p.pack"), manifest, parts);
            Self { folder }
        }
        fn good() -> Self {
            let images = tar(&[("manifest.json", &format!(r#"[{{"RepoTags": ["{TAG}"]}}]"#))]);
            let labs = tar(&[("labs/README", ""), ("graders/README", ""), ("containers/README", "")]);
            Self::new(manifest(), &[(LABS, &labs), (IMAGES, &images)])
        }
        fn path(&self) -> PathBuf {
            self.folder.path().join("p.pack")
        }
        fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
            let mut bytes = std::fs::read(self.path()).expect("a file");
            change(&mut bytes);
            std::fs::File::create(self.path()).and_then(|mut file| file.write_all(&bytes)).expect("a file");
        }
        async fn why(&self) -> PackError {
            let state = self.folder.path().join("state");
            let error = check(&self.path(), &state, &Silent).await.err().expect("it is refused");
            assert!(!state.join(STAGING).exists(), "nothing stays behind");
            assert!(!state.join(UNPACKED).exists(), "nothing is taken");
            error
        }
        async fn says(&self, wanted: &str) {
            let error = self.why().await;
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }

    #[tokio::test]
    async fn a_pack_that_is_whole_is_refused_for_its_images_alone() {
        // Its labs know no image `box`: as if another build had made it.
        assert!(
            matches!(Case::good().why().await, PackError::OtherBuild { images, .. } if images == ["box"])
        );
    }

    #[tokio::test]
    async fn whatever_byte_of_a_part_is_changed_is_noticed() {
        let bytes = std::fs::read(Case::good().path()).expect("a file");
        let first = bytes.windows(LABS.len()).rposition(|window| window == LABS.as_bytes()).expect("a part");
        for at in (first..bytes.len()).step_by(61) {
            // What fills a block up belongs to nobody.
            if bytes[at] == 0 {
                continue;
            }
            let case = Case::good();
            case.change(|bytes| bytes[at] ^= 0x15);
            let error = case.why().await;
            assert!(!matches!(error, PackError::OtherBuild { .. }), "byte {at}: {error}");
        }
    }

    #[tokio::test]
    async fn a_pack_that_is_cut_short_is_noticed_wherever_it_ends() {
        let length = std::fs::metadata(Case::good().path()).expect("a file").len() as usize;
        // The last two blocks are the end itself.
        for at in (0..length - 1024).step_by(256) {
            let case = Case::good();
            case.change(|bytes| bytes.truncate(at));
            let error = case.why().await;
            assert!(
                matches!(
                    error,
                    PackError::Damaged { .. } | PackError::NotAPack { .. } | PackError::Refused { .. }
                ),
                "{at}: {error}"
            );
        }
    }

    #[tokio::test]
    async fn a_pack_holds_what_its_manifest_says_and_nothing_else() {
        let images = tar(&[("manifest.json", &format!(r#"[{{"RepoTags": ["{TAG}"]}}]"#))]);
        let labs = tar(&[("labs/README", "")]);
        let case = async |manifest, parts: &[(&str, &[u8])], wanted: &str| {
            Case::new(manifest, parts).says(wanted).await;
        };
        case(manifest(), &[(LABS, &labs)], "other parts").await;
        case(manifest(), &[(IMAGES, &images), (LABS, &labs)], "other parts").await;
        case(manifest(), &[(LABS, &labs), (IMAGES, &images), ("more", b"")], "other parts").await;
        case(manifest(), &[(LABS, &tar(&[("etc/passwd", "")])), (IMAGES, &images)], "neither lab").await;
        let debian = tar(&[("manifest.json", r#"[{"RepoTags": ["debian:latest"]}]"#)]);
        case(manifest(), &[(LABS, &labs), (IMAGES, &debian)], "`debian:latest` is not announced").await;
        let mut named = manifest();
        named.images[0].tag = "debian:latest".into();
        case(named, &[(LABS, &labs), (IMAGES, &debian)], "no image of crashcart's").await;
        let newer = Manifest { format: FORMAT + 1, ..manifest() };
        case(newer, &[(LABS, &labs), (IMAGES, &images)], "has format 2").await;
    }

    #[tokio::test]
    async fn what_unpacks_to_more_than_it_says_is_not_unpacked() {
        let images = tar(&[
            ("manifest.json", &format!(r#"[{{"RepoTags": ["{TAG}"]}}]"#)),
            ("a", &"0".repeat(1 << 20)),
        ]);
        let labs = tar(&[("labs/README", ""), ("graders/README", ""), ("containers/README", "")]);
        let case = Case::new(manifest(), &[(LABS, &labs), (IMAGES, &images)]);
        let size = images.len().to_string();
        case.change(|bytes| {
            let text = String::from_utf8_lossy(&bytes[..2048]).into_owned();
            let at = text.find(&size).expect("it is announced");
            // As many digits, and a thousandth of the size.
            let less = format!("{:0width$}", 0, width = size.len()).replacen('0', "1", 1);
            bytes[at..at + size.len()].copy_from_slice(less.as_bytes());
        });
        case.says("unpacks to another size").await;
    }

    #[tokio::test]
    async fn other_files_are_no_packs() {
        let case = Case::good();
        case.change(|bytes| *bytes = b"hello".to_vec());
        assert!(matches!(case.why().await, PackError::NotAPack { .. }));
        case.change(|bytes| *bytes = tar(&[("x", "y")]));
        assert!(matches!(case.why().await, PackError::NotAPack { .. }));
        case.change(|bytes| *bytes = tar(&[(MANIFEST, "{}")]));
        assert!(matches!(case.why().await, PackError::NotAPack { .. }));
        std::fs::remove_file(case.path()).expect("it was there");
        assert!(matches!(case.why().await, PackError::Unreadable { .. }));
    }
}
