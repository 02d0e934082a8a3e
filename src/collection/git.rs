//! Fetching a collection with git, which gets nothing to run and nothing to ask: no configuration of the user's or the
//! machine's, no hooks, no submodules, no filters, no passwords. What it fetched is never checked out: `git archive`
//! hands it over as a tar, of which plain files of labs are taken.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::look::{ALL_BYTES, FILE_BYTES, FILES, PARTS};
use super::{Collection, CollectionError, Freshness, Repository, is_commit, place};
use crate::pack::walk::{Bounds, Fault, Kind, LayOut, walk};

/// How long fetching may take.
const WITHIN: Duration = Duration::from_secs(300);
/// Most bytes that git may lay down while it fetches.
const FETCHED_BYTES: u64 = 512 << 20;
/// How often to look after it.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines kept of what it says, and bytes of each.
const LINES: usize = 8;
const LINE_BYTES: usize = 300;
/// File with what branches and tags stood for when they were fetched.
const KNOWN: &str = "known.json";

/// Variables of its user's that git sees.
const PASSED_ON: [&str; 15] = [
    "PATH",
    "HOME",
    "USER",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Commits by what was asked for; empty for the repository's own choice.
type Known = BTreeMap<String, String>;

/// Finds the commit that is asked for; fetches it where it is not here, or where it is to be asked for anew.
pub(super) fn open(
    repository: &Repository,
    state: &Path,
    freshness: Freshness,
) -> Result<Collection, CollectionError> {
    let unwritable = |path: &Path, source| CollectionError::Unwritable { path: path.to_owned(), source };
    let place = place(state, &repository.url);
    fs::create_dir_all(&place).map_err(|error| unwritable(&place, error))?;
    let lock = place.join("lock");
    let file = fs::File::create(&lock).map_err(|error| unwritable(&lock, error))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|errno| unwritable(&lock, errno.into()))?;
    if freshness == Freshness::Kept
        && let Some(kept) = kept(repository, state)
    {
        return Ok(kept);
    }
    let commit = fetch(repository, &place)?;
    let mut known = read_known(&place);
    known.insert(repository.revision.clone().unwrap_or_default(), commit.clone());
    let path = place.join(KNOWN);
    let text = serde_json::to_string_pretty(&known).expect("names serialise");
    let draft = place.join("known.new");
    fs::write(&draft, text)
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|error| unwritable(&path, error))?;
    Ok(collection(repository, &place, &commit, true))
}

/// The commit that is asked for, where it was fetched before.
pub(super) fn kept(repository: &Repository, state: &Path) -> Option<Collection> {
    let place = place(state, &repository.url);
    let asked = repository.revision.clone().unwrap_or_default();
    let commit = if is_commit(&asked) { asked } else { read_known(&place).remove(&asked)? };
    let kept = is_commit(&commit) && place.join(&commit).join("labs").is_dir();
    kept.then(|| collection(repository, &place, &commit, false))
}

fn collection(repository: &Repository, place: &Path, commit: &str, fetched: bool) -> Collection {
    Collection {
        source: format!("{}#{commit}", repository.url),
        folder: place.join(commit),
        commit: Some(commit.to_owned()),
        fetched,
    }
}

fn read_known(place: &Path) -> Known {
    let text = fs::read_to_string(place.join(KNOWN)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Fetches one commit and lays its labs out; gives its id. The caller holds the repository's lock.
fn fetch(repository: &Repository, place: &Path) -> Result<String, CollectionError> {
    let work = place.join("fetching");
    let unwritable = |source| CollectionError::Unwritable { path: work.clone(), source };
    // What a killed run left.
    if work.exists() {
        fs::remove_dir_all(&work).map_err(unwritable)?;
    }
    fs::create_dir_all(&work).map_err(unwritable)?;
    let fetched = fetch_into(repository, place, &work);
    let _ = fs::remove_dir_all(&work);
    fetched
}

fn fetch_into(repository: &Repository, place: &Path, work: &Path) -> Result<String, CollectionError> {
    let git = Git { url: &repository.url, work, until: Instant::now() + WITHIN };
    let revision = repository.revision.as_deref().unwrap_or("HEAD");
    git.run(&["init", "--quiet", "--bare", "--template=", "."])?;
    git.run(&[
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--",
        &repository.url,
        revision,
    ])?;
    let said = git.run(&["rev-parse", "--verify", "--quiet", "FETCH_HEAD^{commit}"])?;
    let commit = String::from_utf8_lossy(&said).trim().to_owned();
    if !is_commit(&commit) {
        return Err(git.too_much("is not understood: git named no commit".into()));
    }
    let whole = place.join(&commit);
    if !whole.exists() {
        let draft = work.join("labs-of-it");
        // The tree, for a commit's tar begins with a header that is no file.
        git.archive("FETCH_HEAD^{tree}", &draft)?;
        fs::rename(&draft, &whole)
            .map_err(|source| CollectionError::Unwritable { path: whole.clone(), source })?;
    }
    Ok(commit)
}

/// Runs of git in one working folder.
struct Git<'a> {
    url: &'a str,
    work: &'a Path,
    until: Instant,
}

impl Git<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(self.work).env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_DIR", self.work)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS", "/bin/false")
            .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
            .env("GIT_ALLOW_PROTOCOL", "https:ssh:file")
            .env("GIT_LFS_SKIP_SMUDGE", "1");
        for setting in [
            "core.hooksPath=/dev/null",
            "core.symlinks=false",
            "core.fsmonitor=false",
            "protocol.ext.allow=never",
            "credential.helper=",
            "fetch.fsckObjects=true",
            "submodule.recurse=false",
            "gc.auto=0",
            "maintenance.auto=false",
        ] {
            command.args(["-c", setting]);
        }
        // A group of its own: its helpers end with it.
        command
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Watched, CollectionError> {
        let child = self.command(arguments).spawn().map_err(|source| CollectionError::NoGit { source })?;
        Ok(Watched { child })
    }

    /// Runs git to its end; gives what it printed, which is never much.
    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, CollectionError> {
        let mut watched = self.spawn(arguments)?;
        let (stdout, stderr) = (reading(watched.child.stdout.take()), reading(watched.child.stderr.take()));
        let status = loop {
            match watched.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(source) => return Err(CollectionError::NoGit { source }),
            }
            if Instant::now() >= self.until {
                return Err(self.too_much(format!("was not fetched within {} s", WITHIN.as_secs())));
            }
            if size_of(self.work) > FETCHED_BYTES {
                return Err(self.too_much(format!("is larger than {} MiB", FETCHED_BYTES >> 20)));
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let (stdout, stderr) = (joined(stdout), joined(stderr));
        match status.success() {
            true => Ok(stdout),
            false => Err(self.failed(&stderr)),
        }
    }

    /// Lays the labs of a tree out in `folder`.
    fn archive(&self, tree: &str, folder: &Path) -> Result<(), CollectionError> {
        let mut watched = self.spawn(&["archive", "--format=tar", tree])?;
        let stderr = reading(watched.child.stderr.take());
        let stdout = watched.child.stdout.take().expect("it is a pipe");
        lay_out(stdout, folder).map_err(|fault| match fault {
            Fault::Io(source) => CollectionError::Unwritable { path: folder.to_owned(), source },
            Fault::Bad(why) => CollectionError::Refused { path: self.url.to_owned(), why },
        })?;
        let status = watched.child.wait().map_err(|source| CollectionError::NoGit { source })?;
        match status.success() {
            true => Ok(()),
            false => Err(self.failed(&joined(stderr))),
        }
    }

    fn too_much(&self, why: String) -> CollectionError {
        CollectionError::TooMuch { url: self.url.to_owned(), why }
    }

    fn failed(&self, stderr: &[u8]) -> CollectionError {
        // The other end may have written it.
        let text = String::from_utf8_lossy(stderr);
        let plain =
            |line: &str| line.chars().filter(|c| !c.is_control()).take(LINE_BYTES).collect::<String>();
        let lines: Vec<String> = text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
        let said = lines[lines.len().saturating_sub(LINES)..].to_vec();
        CollectionError::NotFetched { url: self.url.to_owned(), said }
    }
}

/// A git that ends, with its helpers, when nobody waits for it any more.
struct Watched {
    child: Child,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Some(group) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}

/// Reads a pipe to its end on a thread; keeps no more than is of use.
fn reading(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(64 * 1024).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
        bytes
    })
}

fn joined(reading: std::thread::JoinHandle<Vec<u8>>) -> Vec<u8> {
    reading.join().unwrap_or_default()
}

/// Bytes of all files below a folder, which others may change meanwhile.
fn size_of(folder: &Path) -> u64 {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|it| it.len())
        .sum()
}

/// Lays the files of labs out below a folder that is not there yet.
fn lay_out(tar: impl Read, folder: &Path) -> Result<(), Fault> {
    fs::create_dir_all(folder)?;
    let bounds = Bounds { file_bytes: FILE_BYTES, all_bytes: ALL_BYTES, files: FILES };
    let mut out = LayOut::below(folder, bounds);
    walk(tar, |member, from| {
        let top = member.path.split('/').next().unwrap_or_default();
        if !PARTS.contains(&top) {
            return Ok(());
        }
        match &member.kind {
            Kind::Link(_) => Err(Fault::Bad(format!("`{}` is a link", member.path))),
            Kind::Folder => Ok(fs::create_dir_all(folder.join(&member.path))?),
            Kind::File => out.lay(member, from),
        }
    })
}
