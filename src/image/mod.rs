//! Node images: what goes in, their digest, building them and their base.
//!
//! An image is a folder below `containers/`: `image.toml`, a `Containerfile` and the files
//! that it copies. Its tag is made of the digest of all that goes in, its base's included,
//! so nothing is rebuilt without a cause and nothing stale is used. This module knows no
//! labs; which images a lab wants is said by its caller.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::advice::NextStep;
use crate::engine::{
    Build, Engine, EngineError, Found, FoundKind, ImageInfo, LABEL_KIND, Labels, Progress, Said,
};
use crate::units::{Bytes, hex};

pub mod agent;
mod apt;
mod artifact;
pub mod base;
mod context;
pub(crate) mod lock;
pub mod pace;
pub mod progress;
pub mod template;

pub use apt::Mirror;
use artifact::ARTIFACTS;
use context::Context;
use lock::Lock;

/// Label with the name of an image's folder.
pub const LABEL_IMAGE: &str = "crashcart.image";
/// Label with the digest of what went into an image.
pub const LABEL_DIGEST: &str = "crashcart.digest";
/// Value of [`LABEL_KIND`] on images.
pub const KIND_IMAGE: &str = "image";

/// Goes into every digest: a change in how images are built makes all of them new.
const BUILDER: &str = "crashcart-builder-1";

/// Capabilities that an image may ask for, without `CAP_`: what Docker gives every container.
/// More would reach beyond the node.
pub const ALLOWED_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// `image.toml`, as written.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Sheet {
    format: u32,
    base: String,
    #[serde(default)]
    capabilities: BTreeSet<String>,
    /// What of ours goes in.
    #[serde(default)]
    artifacts: BTreeSet<String>,
    /// Whether it runs a guest, with a kernel of its own.
    #[serde(default)]
    vm: bool,
    #[serde(default)]
    cost: Option<Cost>,
    summary: String,
}

/// What building an image took where crashcart is made. Says nothing of what is in it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cost {
    /// Disk that it takes, without the image that it is built on.
    pub disk: Bytes,
    /// Disk that stages take beside it, which stay until `image prune`.
    #[serde(default = "nothing")]
    pub scratch: Bytes,
    /// Seconds of its steps, in their order.
    pub steps_s: pace::Steps,
}

fn nothing() -> Bytes {
    Bytes(0)
}

/// What an image is built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The Debian base itself, written `base = "debian"`.
    Debian,
    /// Another image of the catalogue.
    Image(String),
}

/// One image of the catalogue.
#[derive(Clone, Debug)]
pub struct Image {
    /// Name of its folder.
    pub name: String,
    pub folder: PathBuf,
    pub summary: String,
    pub ground: Ground,
    /// Without the `CAP_` prefix, sorted.
    pub capabilities: Vec<String>,
    /// Whether it is for vm nodes: it runs a guest, with a kernel of its own.
    pub vm: bool,
    /// What building it takes, where somebody has measured it.
    pub cost: Option<Cost>,
    /// SHA-256 over all that goes in, in hexadecimal.
    pub digest: String,
    context: Context,
}

impl Image {
    /// What [`Progress::job`] calls its build.
    fn job(&self) -> String {
        format!("image {}", self.name)
    }

    /// `crashcart/<name>:<first 16 digits of the digest>`.
    pub fn tag(&self) -> String {
        format!("crashcart/{}:{}", self.name, &self.digest[..16])
    }
}

/// All images below one folder.
#[derive(Debug)]
pub struct ImageCatalog {
    images: BTreeMap<String, Image>,
}

/// What must be done so that some images are present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Every image needed, each after the one that it is built on.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether nothing must be built.
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|step| step.present)
    }
}

/// A job that must be done before an image is there.
#[derive(Clone, Debug)]
pub struct Making {
    /// As [`Progress::job`] says it.
    pub name: String,
    pub cost: Option<Cost>,
}

impl Making {
    /// The job with what it took elsewhere.
    pub fn ahead(&self) -> pace::Ahead {
        let reference = self.cost.as_ref().map(|cost| cost.steps_s.clone());
        pace::Ahead { name: self.name.clone(), reference }
    }
}

/// One image of a plan.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    pub image: String,
    pub tag: String,
    pub present: bool,
}

/// An image that was removed, or could not be.
#[derive(Debug)]
pub struct Pruned {
    /// Its tag, or its id where it has none.
    pub name: String,
    pub size_bytes: u64,
}

/// Why an image could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("could not read `{}`", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the image sheet `{}` is not right", path.display())]
    Malformed {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("the image sheet `{}` has format {found}, and this crashcart reads 1", path.display())]
    OtherFormat { path: PathBuf, found: u32 },
    #[error("there is no image `{asked}`")]
    NoSuchImage {
        asked: String,
        /// The image that asked for it as its base.
        by: Option<String>,
        nearest: Option<String>,
    },
    #[error("the image `{name}` of `{}` is called as that of `{}`", folder.display(), other.display())]
    NameTaken { name: String, folder: PathBuf, other: PathBuf },
    #[error("the image `{image}` is built on itself, by way of {}", way.join(", "))]
    Circle { image: String, way: Vec<String> },
    #[error("the image `{image}` asks for the capability `{capability}`, which no node gets")]
    Capability { image: String, capability: String },
    #[error("the image `{image}` asks for `{asked}`, which is nothing that is built for nodes")]
    NoSuchArtifact { image: String, asked: String },
    #[error("the link `{}` leads out of its image's folder", path.display())]
    LinkOut { path: PathBuf },
    #[error("`{}` is neither a file, a folder nor a link", path.display())]
    OddFile { path: PathBuf },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("`{program}`, which makes the Debian base where no registry answers, is not installed")]
    NoTool {
        program: &'static str,
        /// Why the base could not be pulled, where that was tried.
        #[source]
        pull: Option<EngineError>,
    },
    #[error("could not make the Debian base from `{mirror}`")]
    BaseFailed {
        mirror: String,
        /// Last lines of what mmdebstrap said.
        log: Vec<String>,
        #[source]
        source: Said,
    },
    #[error("`{value}` is no way to get the Debian base")]
    UnknownBase { value: String },
    #[error("no snapshot of the guest could be made: {why}")]
    NoSnapshot {
        why: String,
        /// Last lines of what its maker and the guest's console said.
        log: Vec<String>,
    },
    #[error("could not write `{}`", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl NextStep for ImageError {
    fn next_step(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!("see that `{}` is there and may be read", path.display())
            }
            Self::Malformed { path, .. } => format!("correct `{}`", path.display()),
            Self::OtherFormat { .. } => {
                "use the crashcart that belongs to these images, or write `format = 1`".into()
            }
            Self::NoSuchImage { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::NoSuchImage { nearest: None, .. } => "list them with `crashcart image list`".into(),
            Self::NameTaken { folder, .. } => format!("rename `{}`", folder.display()),
            Self::Circle { image, .. } => format!("change `base` in `containers/{image}/image.toml`"),
            Self::Capability { image, .. } => format!(
                "take it out of `containers/{image}/image.toml`; allowed are {}",
                ALLOWED_CAPABILITIES.join(", ")
            ),
            Self::NoSuchArtifact { image, .. } => {
                let mut known: Vec<&str> = ARTIFACTS.iter().map(|artifact| artifact.name).collect();
                known.dedup();
                format!(
                    "correct `artifacts` in `containers/{image}/image.toml`; there are {}",
                    known.join(", ")
                )
            }
            Self::LinkOut { path } => {
                format!("replace `{}` by a copy, or by `ln -s` in the Containerfile", path.display())
            }
            Self::OddFile { path } => format!("remove `{}`", path.display()),
            Self::Engine(error) => error.next_step(),
            Self::NoTool { program, .. } => {
                format!("install it with `crashcart doctor --fix`, or `sudo apt-get install {program}`")
            }
            Self::BaseFailed { .. } => {
                "see whether the mirror is right and reachable with `crashcart doctor`".into()
            }
            Self::UnknownBase { .. } => {
                "set `CRASHCART_BASE` to `pull`, `pull:REFERENCE` or `mmdebstrap`, or unset it".into()
            }
            Self::NoSnapshot { .. } => {
                "see that the engine has room with `crashcart doctor`; the next start tries again".into()
            }
            Self::Unwritable { path, .. } => {
                format!("see that there is room, and that you may write to `{}`", path.display())
            }
        }
    }
}

impl ImageCatalog {
    /// Reads all images below `containers`.
    pub fn load(containers: &Path) -> Result<Self, ImageError> {
        Self::load_all(&[containers.to_owned()])
    }

    /// Reads all images below several folders. Those of one may be built on those of another; a name is given once.
    pub fn load_all(places: &[PathBuf]) -> Result<Self, ImageError> {
        let mut drafts: BTreeMap<String, Image> = BTreeMap::new();
        for containers in places {
            let unreadable = |source| ImageError::Unreadable { path: containers.clone(), source };
            for entry in std::fs::read_dir(containers).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let folder = entry.path();
                // A folder without a sheet is no image; somebody's notes, or one that is being written.
                if !folder.join("image.toml").is_file() {
                    continue;
                }
                let Ok(name) = entry.file_name().into_string() else { continue };
                if let Some(other) = drafts.get(&name) {
                    return Err(ImageError::NameTaken { name, folder, other: other.folder.clone() });
                }
                drafts.insert(name.clone(), read(&folder, name)?);
            }
        }
        let mut images = BTreeMap::new();
        for name in drafts.keys() {
            settle(name, &drafts, &mut images, &mut Vec::new())?;
        }
        Ok(Self { images })
    }

    /// All images, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Image> {
        self.images.values()
    }

    /// One image.
    pub fn get(&self, name: &str) -> Result<&Image, ImageError> {
        self.images.get(name).ok_or_else(|| ImageError::NoSuchImage {
            asked: name.to_owned(),
            by: None,
            nearest: nearest(name, self.images.keys()),
        })
    }

    /// What must be built so that the images `wanted` are present. An image that is present
    /// needs nothing of what it was built on.
    pub async fn plan(&self, engine: &dyn Engine, wanted: &[&str]) -> Result<Plan, ImageError> {
        let mut plan = Plan { steps: Vec::new() };
        for name in wanted {
            let mut chain = Vec::new();
            let mut next = Some(self.get(name)?);
            while let Some(image) = next {
                if plan.steps.iter().any(|step| step.image == image.name) {
                    break;
                }
                let tag = image.tag();
                let present = engine.image(&tag).await?.is_some();
                chain.push(Step { image: image.name.clone(), tag, present });
                next = match &image.ground {
                    Ground::Image(below) if !present => Some(self.get(below)?),
                    _ => None,
                };
            }
            plan.steps.extend(chain.into_iter().rev());
        }
        Ok(plan)
    }

    /// What a plan has to make before its images are there, and what that costs.
    pub async fn ahead(&self, engine: &dyn Engine, plan: &Plan) -> Result<Vec<Making>, ImageError> {
        let mut making = Vec::new();
        let mut has_base = false;
        for step in plan.steps.iter().filter(|step| !step.present) {
            let image = self.get(&step.image)?;
            if image.ground == Ground::Debian && !std::mem::replace(&mut has_base, true) {
                making.extend(engine.image(&base::tag()).await?.is_none().then(base::making));
            }
            making.push(Making { name: image.job(), cost: image.cost.clone() });
        }
        Ok(making)
    }

    /// Builds what a plan says is missing. Locks and working files are kept in `state`, the
    /// state directory: of two crashcarts that want the same image one builds and one waits.
    pub async fn build(
        &self,
        engine: &dyn Engine,
        state: &Path,
        plan: &Plan,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        let missing: Vec<&Step> = plan.steps.iter().filter(|step| !step.present).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Shared: many may build; none may prune meanwhile.
        let _no_prune =
            Lock::shared(state, "images", &|| progress.note("waiting until another crashcart has pruned"))
                .await?;
        for (n, step) in missing.iter().enumerate() {
            let image = self.get(&step.image)?;
            let wait =
                || progress.note(&format!("waiting for another crashcart that builds `{}`", image.name));
            let _mine =
                Lock::exclusive(state, &format!("image-{}-{}", image.name, &image.digest[..16]), &wait)
                    .await?;
            if engine.image(&step.tag).await?.is_some() {
                continue;
            }
            let below = match &image.ground {
                Ground::Debian => base::ensure(engine, state, progress).await?,
                Ground::Image(below) => self.get(below)?.tag(),
            };
            progress.job(&format!("{} ({} of {})", image.job(), n + 1, missing.len()));
            let build = Build {
                tag: step.tag.clone(),
                labels: labels(&image.name, &image.digest),
                context: image.context.tar(),
                arguments: BTreeMap::from([("BASE".to_owned(), below)]),
            };
            engine.build_image(build, progress).await?;
        }
        Ok(())
    }

    /// Removes our images that no current digest needs, and agent volumes of other versions.
    /// What a container still uses stays.
    pub async fn prune(
        &self,
        engine: &dyn Engine,
        state: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<Pruned>, ImageError> {
        let wait = || progress.note("waiting for another crashcart that builds images");
        let _alone = Lock::exclusive(state, "images", &wait).await?;
        let current: BTreeSet<String> = self.images.values().map(Image::tag).chain([base::tag()]).collect();
        let mut removed = Vec::new();
        // Children go before the images that they are built on; each round frees another layer.
        loop {
            let before = removed.len();
            for image in engine.images().await? {
                if image.labels.get(LABEL_KIND).map(String::as_str) != Some(KIND_IMAGE) {
                    continue;
                }
                for name in stale_names(&image, &current) {
                    match engine.remove_image(&name).await {
                        Ok(()) => removed.push(Pruned { name, size_bytes: image.size_bytes }),
                        // In use by a container, or another image is built on it.
                        Err(EngineError::Refused { status: 409, .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            if removed.len() == before {
                break;
            }
        }
        agent::prune(engine).await?;
        let current: Vec<String> = current.into_iter().collect();
        template::prune(engine, &current).await?;
        Ok(removed)
    }
}

/// Removes all volumes of a kind but those to keep and those that a node of an older attempt runs from.
async fn prune_volumes(
    engine: &dyn Engine,
    kind: &str,
    keep: impl Fn(&Found) -> bool,
) -> Result<(), EngineError> {
    let kind = Labels::from([(LABEL_KIND.to_owned(), kind.to_owned())]);
    for thing in engine.list(&kind).await? {
        if thing.kind == FoundKind::Volume && !keep(&thing) {
            match engine.remove_volume(&thing.id).await {
                Ok(()) | Err(EngineError::Refused { status: 409, .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// The names by which an image should go: its stale tags, or its id where it has no tag at all.
fn stale_names(image: &ImageInfo, current: &BTreeSet<String>) -> Vec<String> {
    if image.tags.is_empty() {
        return vec![image.id.clone()];
    }
    // Podman puts a registry before names that have none.
    let is_current = |tag: &str| {
        let bare = tag.trim_start_matches("localhost/").trim_start_matches("docker.io/");
        current.contains(bare)
    };
    image.tags.iter().filter(|tag| !is_current(tag)).cloned().collect()
}

/// Labels of an image of ours.
fn labels(image: &str, digest: &str) -> Labels {
    Labels::from([
        (LABEL_KIND.to_owned(), KIND_IMAGE.to_owned()),
        (LABEL_IMAGE.to_owned(), image.to_owned()),
        (LABEL_DIGEST.to_owned(), digest.to_owned()),
    ])
}

/// Reads one folder; the digest still lacks what the image is built on.
fn read(folder: &Path, name: String) -> Result<Image, ImageError> {
    let path = folder.join("image.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ImageError::Unreadable { path: path.clone(), source })?;
    let sheet: Sheet = toml::from_str(&text)
        .map_err(|source| ImageError::Malformed { path: path.clone(), source: Box::new(source) })?;
    if sheet.format != 1 {
        return Err(ImageError::OtherFormat { path, found: sheet.format });
    }
    if let Some(capability) =
        sheet.capabilities.iter().find(|name| !ALLOWED_CAPABILITIES.contains(&name.as_str()))
    {
        return Err(ImageError::Capability { image: name, capability: capability.clone() });
    }
    let mut context = Context::read(folder)?;
    for asked in &sheet.artifacts {
        let mut found = ARTIFACTS.iter().filter(|artifact| artifact.name == asked).peekable();
        if found.peek().is_none() {
            return Err(ImageError::NoSuchArtifact { image: name, asked: asked.clone() });
        }
        found.for_each(|artifact| context.add(artifact.path, artifact.runs, artifact.bytes));
    }
    Ok(Image {
        ground: if sheet.base == "debian" { Ground::Debian } else { Ground::Image(sheet.base) },
        summary: sheet.summary,
        folder: folder.to_owned(),
        capabilities: sheet.capabilities.into_iter().collect(),
        vm: sheet.vm,
        cost: sheet.cost,
        digest: String::new(),
        name,
        context,
    })
}

/// Computes the digest of an image, after those that it is built on.
fn settle(
    name: &str,
    drafts: &BTreeMap<String, Image>,
    done: &mut BTreeMap<String, Image>,
    way: &mut Vec<String>,
) -> Result<String, ImageError> {
    if let Some(image) = done.get(name) {
        return Ok(image.digest.clone());
    }
    if way.iter().any(|above| above == name) {
        return Err(ImageError::Circle { image: name.to_owned(), way: way.clone() });
    }
    let draft = drafts.get(name).ok_or_else(|| ImageError::NoSuchImage {
        asked: name.to_owned(),
        by: way.last().cloned(),
        nearest: nearest(name, drafts.keys()),
    })?;
    way.push(name.to_owned());
    let below = match &draft.ground {
        Ground::Debian => base::tag(),
        Ground::Image(below) => settle(below, drafts, done, way)?,
    };
    way.pop();
    let mut sum = Sha256::new();
    for part in [BUILDER, &below] {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    draft.context.digest_into(&mut sum);
    let digest = hex(&sum.finalize());
    done.insert(name.to_owned(), Image { digest: digest.clone(), ..draft.clone() });
    Ok(digest)
}

/// The name most like the one asked for, where one is like it at all.
fn nearest<'a>(asked: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    names
        .map(|name| (strsim::damerau_levenshtein(asked, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A `containers/` of its own.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a temporary folder"))
        }
        fn file(self, path: &str, text: &str) -> Self {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folder");
            std::fs::write(path, text).expect("file");
            self
        }
        fn image(self, name: &str, base: &str) -> Self {
            self.file(
                &format!("{name}/image.toml"),
                &format!(
                    "format = 1\nbase = \"{base}\"\ncapabilities = [\"KILL\", \"CHOWN\"]\nsummary = \"S.\"\n"
                ),
            )
            .file(&format!("{name}/Containerfile"), "ARG BASE\nFROM ${BASE}\nCOPY files/ /\n")
            .file(&format!("{name}/files/etc/motd"), "hello\n")
        }
        fn load(&self) -> Result<ImageCatalog, ImageError> {
            ImageCatalog::load(self.0.path())
        }
        fn digest(&self, name: &str) -> String {
            self.load().expect("a catalogue").get(name).expect("an image").digest.clone()
        }
        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }
    }

    fn two() -> Folder {
        Folder::new().image("ground", "debian").image("upper", "ground")
    }

    #[test]
    fn the_same_files_have_the_same_digest_wherever_and_whenever_they_are_read() {
        let (here, there) = (two(), two());
        let old =
            std::fs::File::options().write(true).open(there.path("upper/files/etc/motd")).expect("file");
        old.set_modified(std::time::UNIX_EPOCH).expect("a time");
        // Group and other bits depend on the umask of whoever cloned the repository.
        std::fs::set_permissions(there.path("upper/Containerfile"), PermissionsExt::from_mode(0o600))
            .expect("mode");
        assert_eq!(here.digest("upper"), there.digest("upper"));
        let (a, b) = (here.load().expect("images"), there.load().expect("images"));
        assert_eq!(a.get("upper").expect("it").context.tar(), b.get("upper").expect("it").context.tar());
        assert!(a.get("upper").expect("it").tag().starts_with("crashcart/upper:"));
    }

    #[test]
    fn every_change_of_what_goes_in_changes_the_digest() {
        let before = two().digest("upper");
        let case = |what: &str, folder: Folder| assert_ne!(folder.digest("upper"), before, "{what}");
        case("the text of a file", two().file("upper/files/etc/motd", "bye\n"));
        case("another file", two().file("upper/files/etc/issue", ""));
        case("the Containerfile", two().file("upper/Containerfile", "ARG BASE\nFROM ${BASE}\n"));
        case("the image below", two().file("ground/files/etc/motd", "bye\n"));
        let moved = two();
        std::fs::rename(moved.path("upper/files/etc/motd"), moved.path("upper/files/etc/motD"))
            .expect("a move");
        case("the name of a file", moved);
        let program = two();
        std::fs::set_permissions(program.path("upper/files/etc/motd"), PermissionsExt::from_mode(0o755))
            .expect("mode");
        case("the right to run a file", program);
        let equipped = "format = 1\nbase = \"ground\"\nartifacts = [\"nvidia-smi\"]\nsummary = \"S.\"\n";
        case("an artifact", two().file("upper/image.toml", equipped));
        let link = two();
        std::os::unix::fs::symlink("motd", link.path("upper/files/etc/link")).expect("a link");
        case("a link", link);
    }

    #[test]
    fn the_sheet_itself_is_no_part_of_the_image() {
        let wordier =
            two().file("upper/image.toml", "format = 1\nbase = \"ground\"\nsummary = \"Said otherwise.\"\n");
        assert_eq!(wordier.digest("upper"), two().digest("upper"));
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_said() {
        let error = |folder: Folder| folder.load().expect_err("it is wrong");
        assert!(
            matches!(error(two().image("upper", "grund")), ImageError::NoSuchImage { nearest: Some(name), by: Some(by), .. } if name == "ground" && by == "upper")
        );
        assert!(matches!(error(two().image("ground", "upper")), ImageError::Circle { .. }));
        assert!(matches!(
            error(two().file("upper/image.toml", "format = 2\nbase = \"debian\"\nsummary = \"\"")),
            ImageError::OtherFormat { found: 2, .. }
        ));
        assert!(matches!(
            error(two().file("upper/image.toml", "format = 1\nbsae = \"debian\"")),
            ImageError::Malformed { .. }
        ));
        let greedy = "format = 1\nbase = \"debian\"\ncapabilities = [\"SYS_ADMIN\"]\nsummary = \"\"";
        assert!(
            matches!(error(two().file("upper/image.toml", greedy)), ImageError::Capability { capability, .. } if capability == "SYS_ADMIN")
        );
        let dreamy = "format = 1\nbase = \"debian\"\nartifacts = [\"nvidia-smo\"]\nsummary = \"\"";
        assert!(
            matches!(error(two().file("upper/image.toml", dreamy)), ImageError::NoSuchArtifact { asked, .. } if asked == "nvidia-smo")
        );
        for target in ["/etc/passwd", "../../../ground/files/etc/motd"] {
            let folder = two();
            std::os::unix::fs::symlink(target, folder.path("upper/files/etc/link")).expect("a link");
            assert!(matches!(error(folder), ImageError::LinkOut { .. }), "{target}");
        }
    }

    use crate::engine::scripted::{Faults, Replies, ScriptedEngine};
    use crate::engine::{NetworkSpec, Silent};

    fn tags(plan: &Plan) -> Vec<(&str, bool)> {
        plan.steps.iter().map(|step| (step.image.as_str(), step.present)).collect()
    }

    #[tokio::test]
    async fn a_plan_names_what_is_missing_from_the_ground_up() {
        let catalog = two().image("other", "ground").load().expect("images");
        let state = tempfile::tempdir().expect("a temporary folder");
        let base = base::tag();
        let engine = ScriptedEngine::in_memory(&[&base], Replies::default(), Faults::new());
        let plan = catalog.plan(&engine, &["upper", "other", "ground"]).await.expect("a plan");
        assert_eq!(tags(&plan), [("ground", false), ("upper", false), ("other", false)]);
        catalog.build(&engine, state.path(), &plan, &Silent).await.expect("a build");
        let plan = catalog.plan(&engine, &["upper", "other"]).await.expect("a plan");
        assert_eq!(tags(&plan), [("upper", true), ("other", true)]);
        assert!(plan.is_done());
        let unknown = catalog.plan(&engine, &["uper"]).await.expect_err("no such image");
        assert_eq!(unknown.next_step(), "did you mean `upper`?");
    }

    #[tokio::test]
    async fn pruning_takes_what_is_stale_and_unused() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let base = base::tag();
        let engine =
            ScriptedEngine::in_memory(&[&base, "somebody/else:1"], Replies::default(), Faults::new());
        let folder = two();
        for word in ["first\n", "second\n", "third\n"] {
            let motd = folder.path("upper/files/etc/motd");
            std::fs::write(motd, word).expect("a file");
            let catalog = folder.load().expect("images");
            let plan = catalog.plan(&engine, &["upper"]).await.expect("a plan");
            catalog.build(&engine, state.path(), &plan, &Silent).await.expect("a build");
            if word == "second\n" {
                let network =
                    NetworkSpec { name: "n".into(), labels: Labels::new(), outside: false, hosts: 1 };
                let network = engine.create_network(&network).await.expect("a network");
                let spec = crate::engine::ContainerSpec {
                    name: "c".into(),
                    hostname: "c".into(),
                    image: catalog.get("upper").expect("it").tag(),
                    labels: Labels::new(),
                    argv: vec![],
                    env: BTreeMap::new(),
                    network: network.name.clone(),
                    address: network.address(0),
                    hosts: BTreeMap::new(),
                    outside: false,
                    volumes: vec![],
                    tmpfs: BTreeMap::new(),
                    shm_bytes: 0,
                    limits: crate::engine::Limits { memory_bytes: 0, cpu_milli: 0, pids: 0, disk_bytes: 0 },
                    capabilities: vec![],
                    gpus: false,
                    devices: vec![],
                };
                engine.create(&spec).await.expect("a container");
            }
        }
        let catalog = folder.load().expect("images");
        let pruned = catalog.prune(&engine, state.path(), &Silent).await.expect("a pruning");
        assert_eq!(pruned.len(), 1, "the first; the second is in use, the third is current: {pruned:?}");
        assert!(engine.image(&catalog.get("upper").expect("it").tag()).await.expect("an answer").is_some());
        assert!(engine.image("somebody/else:1").await.expect("an answer").is_some());
        assert!(catalog.prune(&engine, state.path(), &Silent).await.expect("a pruning").is_empty());
    }

    #[test]
    fn only_what_no_digest_needs_is_stale() {
        let current = BTreeSet::from(["crashcart/base:1".to_owned()]);
        let image = |tags: &[&str]| ImageInfo {
            id: "sha256:1".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            size_bytes: 0,
            created_at_s: 0,
            labels: Labels::new(),
        };
        let case = |tags: &[&str], wanted: &[&str]| {
            assert_eq!(stale_names(&image(tags), &current), wanted, "{tags:?}")
        };
        case(&["crashcart/base:1"], &[]);
        case(&["localhost/crashcart/base:1"], &[]);
        case(&["crashcart/base:0", "crashcart/base:1"], &["crashcart/base:0"]);
        case(&[], &["sha256:1"]);
    }
}
