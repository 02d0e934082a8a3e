//! The Debian base of all images: pulled from a registry, or made on this machine.
//!
//! Both ways end in the same finishing build, which gives the base the machine's own
//! mirror and our labels. Which way was gone is written in the label [`LABEL_BASE`].
//! The base is made once per recipe, not once per month: images must not change under
//! a learner's feet; security in a node without a way out is no matter of days.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::apt::{Mirror, SUITE};
use super::context::Context;
use super::lock::Lock;
use super::{Cost, ImageError, Making, labels};
use crate::engine::{Build, Engine, EngineError, Labels, Progress, Said};
use crate::units::Bytes;

/// Label that says how a base was made.
pub const LABEL_BASE: &str = "crashcart.base";
/// Version of what is done here. A change of it makes a new base, and with it new images.
const RECIPE: &str = "r1";
/// What is pulled.
const REFERENCE: &str = "debian:trixie-slim";
/// How long a registry may take to show that it is there.
const REGISTRY_WITHIN: Duration = Duration::from_secs(8);
/// How long a registry that has answered may say nothing.
const REGISTRY_SILENCE: Duration = Duration::from_secs(120);
/// Lines kept of what mmdebstrap says.
const LOG_LINES: usize = 20;
/// How often to look for what mmdebstrap has said.
const LISTEN_EVERY: Duration = Duration::from_millis(100);
/// What [`Progress::job`] calls its making.
const JOB: &str = "the Debian base";
/// Messages that mmdebstrap begins with `I: ` in one run, about.
const MMDEBSTRAP_STEPS: u32 = 14;
/// Seconds from each of them to the next: a twelfth of what was measured on a machine with twelve times too much to do.
const MMDEBSTRAP_S: [f32; 14] = [0.0, 0.0, 1.0, 1.0, 18.0, 5.0, 4.0, 15.0, 12.0, 0.0, 1.0, 0.0, 1.0, 0.0];

/// What Debian leaves out of its own slim images.
const SLIM: &[u8] =
    b"# Documentation, manual pages and translations take most of the room and are not used here.
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/man/*
";

/// How to get the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Pull it where a registry answers, else make it.
    Either,
    /// Pull this reference; a company may have it in a registry of its own.
    Pull {
        reference: String,
    },
    Make,
}

impl Way {
    /// What the environment variable `CRASHCART_BASE` asks for: `pull`, `pull:REFERENCE` or `mmdebstrap`.
    pub fn from_env() -> Result<Self, ImageError> {
        Self::parse(&std::env::var("CRASHCART_BASE").unwrap_or_default())
    }

    fn parse(value: &str) -> Result<Self, ImageError> {
        match (value, value.strip_prefix("pull:")) {
            ("", _) => Ok(Self::Either),
            ("pull", _) => Ok(Self::Pull { reference: REFERENCE.into() }),
            ("mmdebstrap", _) => Ok(Self::Make),
            (_, Some(reference)) if !reference.is_empty() => Ok(Self::Pull { reference: reference.into() }),
            _ => Err(ImageError::UnknownBase { value: value.to_owned() }),
        }
    }
}

/// Tag of the base.
pub fn tag() -> String {
    format!("crashcart/debian-base:{SUITE}-{RECIPE}")
}

/// Tag of a base before its finish. The ways keep apart, so that a forced one is what it says.
fn raw_tag(made: &str) -> String {
    format!("crashcart/debian-raw:{SUITE}-{RECIPE}-{made}")
}

/// Its making, by mmdebstrap: a pulled one takes less. What the finish takes is not worth a word.
pub(super) fn making() -> Making {
    let cost = Cost { disk: Bytes(80 << 20), scratch: Bytes(0), steps_s: MMDEBSTRAP_S.to_vec() };
    Making { name: JOB.to_owned(), cost: Some(cost) }
}

/// Makes sure that the base is present, and gives its tag.
pub async fn ensure(
    engine: &dyn Engine,
    state: &Path,
    progress: &dyn Progress,
) -> Result<String, ImageError> {
    ensure_by(Way::from_env()?, engine, state, progress).await
}

/// The same by a way of choice. A base that is present is taken, however it was made.
pub async fn ensure_by(
    way: Way,
    engine: &dyn Engine,
    state: &Path,
    progress: &dyn Progress,
) -> Result<String, ImageError> {
    let tag = tag();
    if engine.image(&tag).await?.is_some() {
        return Ok(tag);
    }
    let wait = || progress.note("waiting for another crashcart that makes the Debian base");
    let _lock = Lock::exclusive(state, "debian-base", &wait).await?;
    if engine.image(&tag).await?.is_none() {
        make(way, engine, state, &tag, progress).await?;
    }
    Ok(tag)
}

/// Makes the base anew and tags it `tag`. The caller holds the lock.
async fn make(
    way: Way,
    engine: &dyn Engine,
    state: &Path,
    tag: &str,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    progress.job(JOB);
    let mirror = Mirror::of_this_machine();
    let made = match way {
        Way::Pull { reference } => pull(engine, &reference, progress).await?,
        Way::Make => bootstrap(engine, state, &mirror, None, progress).await?,
        Way::Either => match pull(engine, REFERENCE, progress).await {
            Ok(made) => made,
            Err(error) => {
                progress.note(&format!("no registry answers; making the base here from {}", mirror.main));
                bootstrap(engine, state, &mirror, Some(error), progress).await?
            }
        },
    };
    finish(engine, &made, tag, &mirror, progress).await
}

/// A base before its finish.
struct Raw {
    tag: String,
    /// `pulled` or `mmdebstrap`.
    made: &'static str,
    /// Names that we gave, and that go when the base is done.
    working_names: Vec<String>,
}

async fn pull(engine: &dyn Engine, reference: &str, progress: &dyn Progress) -> Result<Raw, EngineError> {
    // Somebody has it already, perhaps carried here on a disk: no registry is asked.
    if engine.image(reference).await?.is_some() {
        return Ok(Raw { tag: reference.to_owned(), made: "pulled", working_names: Vec::new() });
    }
    let tag = raw_tag("pulled");
    progress.step(1, 2, &format!("pull {reference}"));
    let watch = Watch { progress, heard: AtomicBool::new(false) };
    let pulling = engine.pull_image(reference, &tag, &watch);
    tokio::pin!(pulling);
    let mut patience = REGISTRY_WITHIN;
    loop {
        match tokio::time::timeout(patience, &mut pulling).await {
            Ok(pulled) => {
                pulled?;
                let working_names = vec![tag.clone(), reference.to_owned()];
                return Ok(Raw { tag: tag.clone(), made: "pulled", working_names });
            }
            Err(_) if watch.heard.swap(false, Ordering::Relaxed) => patience = REGISTRY_SILENCE,
            Err(_) => {
                let silence = Said(format!("nothing was heard of a registry for {} s", patience.as_secs()));
                return Err(EngineError::PullFailed {
                    reference: REFERENCE.into(),
                    source: Box::new(silence),
                });
            }
        }
    }
}

/// Passes progress on and notes that there was some.
struct Watch<'a> {
    progress: &'a dyn Progress,
    heard: AtomicBool,
}

impl Progress for Watch<'_> {
    fn step(&self, done: u32, of: u32, what: &str) {
        self.heard.store(true, Ordering::Relaxed);
        self.progress.step(done, of, what);
    }
    fn line(&self, line: &str) {
        self.heard.store(true, Ordering::Relaxed);
        self.progress.line(line);
    }
}

/// Makes a root file system with mmdebstrap and imports it.
async fn bootstrap(
    engine: &dyn Engine,
    state: &Path,
    mirror: &Mirror,
    pull: Option<EngineError>,
    progress: &dyn Progress,
) -> Result<Raw, ImageError> {
    let tag = raw_tag("mmdebstrap");
    let raw = Raw { tag: tag.clone(), made: "mmdebstrap", working_names: vec![tag.clone()] };
    if engine.image(&tag).await?.is_some() {
        return Ok(raw);
    }
    // Both files are unlinked from the start: however this ends, nothing stays behind.
    let (tar, tar_path) = scratch(state)?;
    let (said, said_path) = scratch(state)?;

    let mut command = tokio::process::Command::new("mmdebstrap");
    command.args(["--variant=minbase", "--mode=auto", "--format=tar"]);
    for line in
        std::str::from_utf8(SLIM).expect("it is text").lines().filter(|line| line.starts_with("path-"))
    {
        command.arg(format!("--dpkgopt={}", line.replacen(' ', "=", 1)));
    }
    if mirror.is_https() {
        command.arg("--include=ca-certificates");
    }
    if let Some(proxy) = &mirror.proxy {
        command.arg(format!("--aptopt=Acquire::http::Proxy \"{proxy}\""));
    }
    command.arg(SUITE).arg("-").args(mirror.lines());
    // Nothing of it is a pipe to us, and it does not end with us: left alone it comes to its end and
    // removes its working folder. Killed, or cut off from a pipe, it would leave that behind, mounts
    // and all.
    command.process_group(0).stdin(Stdio::null());
    command.stdout(handle(&tar, &tar_path)?).stderr(handle(&said, &said_path)?);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ImageError::NoTool { program: "mmdebstrap", pull });
        }
        Err(source) => return Err(ImageError::Unreadable { path: "mmdebstrap".into(), source }),
    };
    let mut hearing = Hearing { reader: open_again(&said_path)?, partial: Vec::new() };
    let mut log = VecDeque::with_capacity(LOG_LINES);
    let mut steps = 0;
    let mut hear = |lines: Vec<String>| {
        for line in lines {
            match line.strip_prefix("I: ") {
                Some(what) => {
                    steps += 1;
                    progress.step(steps.min(MMDEBSTRAP_STEPS), MMDEBSTRAP_STEPS, what);
                }
                None => progress.line(&line),
            }
            if log.len() == LOG_LINES {
                log.pop_front();
            }
            log.push_back(line);
        }
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = tokio::time::sleep(LISTEN_EVERY) => hear(hearing.lines()),
        }
    };
    hear(hearing.lines());
    let status = status.map_err(|source| ImageError::Unreadable { path: "mmdebstrap".into(), source })?;
    if !status.success() {
        let why = log.iter().rev().find(|line| line.starts_with("E: ")).map(|line| line[3..].to_owned());
        let source = Said(why.unwrap_or_else(|| format!("mmdebstrap ended with {status}")));
        return Err(ImageError::BaseFailed { mirror: mirror.main.clone(), log: log.into(), source });
    }
    engine.import_image(tar_path, &tag, &raw_labels(), progress).await?;
    Ok(raw)
}

/// A file in the state directory that has no name, and a path that opens it as long as it is held.
fn scratch(state: &Path) -> Result<(File, PathBuf), ImageError> {
    let work = state.join("work");
    let unwritable = |source| ImageError::Unwritable { path: work.clone(), source };
    std::fs::create_dir_all(&work).map_err(unwritable)?;
    let file = tempfile::tempfile_in(&work).map_err(unwritable)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok((file, path))
}

fn handle(file: &File, path: &Path) -> Result<File, ImageError> {
    file.try_clone().map_err(|source| ImageError::Unwritable { path: path.to_owned(), source })
}

/// Opens a file once more, at its beginning and with a position of its own.
fn open_again(path: &Path) -> Result<File, ImageError> {
    File::open(path).map_err(|source| ImageError::Unreadable { path: path.to_owned(), source })
}

/// Reads what another process writes to a file, line by line.
struct Hearing {
    reader: File,
    /// The beginning of a line that is not yet whole.
    partial: Vec<u8>,
}

impl Hearing {
    /// The lines written since the last call.
    fn lines(&mut self) -> Vec<String> {
        // What cannot be read is not heard; the program's end tells all the same.
        let _ = self.reader.read_to_end(&mut self.partial);
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        let text = String::from_utf8_lossy(&whole);
        // A bar redraws itself after \r; the last drawing counts.
        let last = |line: &str| line.trim_end().rsplit('\r').next().unwrap_or_default().to_owned();
        text.lines().map(last).filter(|line| !line.is_empty()).collect()
    }
}

fn raw_labels() -> Labels {
    labels("debian-raw", RECIPE)
}

/// Gives a raw base its mirror and its labels, and takes its working names away.
async fn finish(
    engine: &dyn Engine,
    raw: &Raw,
    tag: &str,
    mirror: &Mirror,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let sources = mirror.stanzas();
    let proxy = mirror.proxy.as_ref().map(|proxy| format!("Acquire::http::Proxy \"{proxy}\";\n"));
    let certificates =
        mirror.is_https().then(|| std::fs::read("/etc/ssl/certs/ca-certificates.crt").ok()).flatten();
    let mut files: Vec<(&str, &[u8])> = vec![
        ("Containerfile", b"ARG BASE\nFROM ${BASE}\nCOPY files/ /\nCMD [\"/bin/bash\"]\n"),
        ("files/etc/apt/sources.list", b"# See /etc/apt/sources.list.d/debian.sources\n"),
        ("files/etc/apt/sources.list.d/debian.sources", sources.as_bytes()),
        ("files/etc/dpkg/dpkg.cfg.d/docker", SLIM),
    ];
    if let Some(proxy) = &proxy {
        files.push(("files/etc/apt/apt.conf.d/01proxy", proxy.as_bytes()));
    }
    if let Some(certificates) = &certificates {
        // Whoever signs this machine's mirror is believed in the image as well.
        files.push(("files/etc/ssl/certs/ca-certificates.crt", certificates));
    }
    let mut labels = labels("debian-base", RECIPE);
    labels.insert(LABEL_BASE.into(), raw.made.into());
    let build = Build {
        tag: tag.to_owned(),
        labels,
        context: Context::of(&files).tar(),
        arguments: BTreeMap::from([("BASE".to_owned(), raw.tag.clone())]),
    };
    engine.build_image(build, progress).await?;
    // The layers stay, as the base's own.
    for name in &raw.working_names {
        engine.remove_image(name).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_writes_is_heard_in_whole_lines() {
        use std::io::Write;
        let state = tempfile::tempdir().expect("a temporary folder");
        let (mut file, path) = scratch(state.path()).expect("a file");
        let mut hearing = Hearing { reader: open_again(&path).expect("the file again"), partial: Vec::new() };
        let mut case = |written: &str, wanted: &[&str]| {
            file.write_all(written.as_bytes()).expect("a write");
            assert_eq!(hearing.lines(), wanted, "{written:?}");
        };
        case("I: one\nI: t", &["I: one"]);
        case("", &[]);
        case("wo\n\n 10%\r 20%\n", &["I: two", " 20%"]);
        assert_eq!(
            std::fs::read_dir(state.path().join("work")).expect("the folder").count(),
            0,
            "it has a name"
        );
    }

    #[test]
    fn the_way_is_one_of_three() {
        let case = |value: &str, wanted: Option<Way>| assert_eq!(Way::parse(value).ok(), wanted, "{value}");
        case("", Some(Way::Either));
        case("pull", Some(Way::Pull { reference: "debian:trixie-slim".into() }));
        case(
            "pull:registry.example:5000/debian:13",
            Some(Way::Pull { reference: "registry.example:5000/debian:13".into() }),
        );
        case("mmdebstrap", Some(Way::Make));
        case("pull:", None);
        case("debootstrap", None);
    }
}
