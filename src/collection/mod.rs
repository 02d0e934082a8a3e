//! Collections: labs that come from elsewhere, as a folder or as a repository that git fetches.
//!
//! A collection has `labs/` and `graders/`, and may have `containers/`, in the form of our own. What is in it was
//! written by somebody whom crashcart does not know: here it is fetched (`git`), looked over before anything of it
//! runs (`look`, `containerfile`), and what it asks for is put into words (`asks`). Whether its user agrees is asked
//! by the command line and kept by the store; what labs are is the business of `lab`.

mod asks;
mod containerfile;
mod git;
mod look;

use std::path::{Path, PathBuf};

use crate::advice::NextStep;
use crate::lab::is_kebab;
use crate::units::hex;

pub use asks::Asks;

/// Folder below the state directory in which fetched collections lie.
const FETCHED: &str = "collections";

/// Where a collection is, as its user says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Folder(PathBuf),
    Repository(Repository),
}

/// A repository, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub url: String,
    /// A branch, a tag or a whole commit; the repository's own choice unless said.
    pub revision: Option<String>,
}

/// Protocols that labs are fetched by: encrypted ones, and files of this machine.
const PROTOCOLS: [&str; 3] = ["https", "ssh", "file"];

impl Source {
    /// `FOLDER`, `URL`, `URL#REVISION`, or a URL as ssh has it (`git@example.org:labs.git`).
    pub fn parse(text: &str) -> Result<Self, CollectionError> {
        let (url, revision) = match text.split_once('#') {
            Some((url, revision)) => (url, Some(revision.to_owned())),
            None => (text, None),
        };
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        // `user@host:path`, and no folder of that name.
        let of_ssh = scheme.is_none()
            && !Path::new(text).exists()
            && url.split_once(':').is_some_and(|(host, path)| {
                !path.is_empty()
                    && !host.contains('/')
                    && host.split_once('@').is_some_and(|(user, host)| {
                        !user.is_empty() && !host.is_empty() && !host.starts_with('-')
                    })
            });
        let refused = |why: &'static str| CollectionError::Address { address: text.to_owned(), why };
        match scheme {
            None if !of_ssh => return Ok(Self::Folder(PathBuf::from(text))),
            Some(scheme) if !PROTOCOLS.contains(&scheme) => {
                return Err(refused("its protocol is none of them"));
            }
            _ => {}
        }
        // Of what follows `://`; ssh would take it for an option.
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        if host.split('/').next().unwrap_or_default().contains("@-")
            || url.starts_with('-')
            || url.split_once("://").is_some_and(|(_, rest)| rest.starts_with(['-', '@']))
        {
            return Err(refused("it begins like an option"));
        }
        if url.len() > 2000 || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refused("it is no address"));
        }
        match &revision {
            Some(revision) if !is_revision(revision) => {
                Err(refused("what follows `#` is no branch, tag or commit"))
            }
            _ => Ok(Self::Repository(Repository { url: url.to_owned(), revision })),
        }
    }
}

fn is_revision(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 200
        && !text.starts_with(['-', '/', '.'])
        && !text.contains("..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/'))
}

/// Whether this is a whole commit id.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
}

/// A collection that is on this machine, and whose files are harmless to read.
#[derive(Clone, Debug)]
pub struct Collection {
    /// What an attempt remembers, and what finds it again: its folder's whole path, or `URL#COMMIT`.
    pub source: String,
    pub folder: PathBuf,
    /// The commit of a repository.
    pub commit: Option<String>,
    /// It has just come here.
    pub fetched: bool,
}

/// What to do where a repository was fetched before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Take what is here; no network is needed.
    Kept,
    /// Ask again what a branch or a tag stands for.
    Anew,
}

impl Collection {
    /// Finds a collection; fetches it where it is a repository that is not here yet.
    pub fn open(source: &Source, state: &Path, freshness: Freshness) -> Result<Self, CollectionError> {
        let collection = match source {
            Source::Folder(folder) => {
                let unreadable = |source| CollectionError::Unreadable { path: folder.clone(), source };
                let folder = folder.canonicalize().map_err(unreadable)?;
                let source = folder.to_str().ok_or_else(|| CollectionError::Address {
                    address: folder.display().to_string(),
                    why: "its name is no text",
                })?;
                Self { source: source.to_owned(), commit: None, fetched: false, folder }
            }
            Source::Repository(repository) => git::open(repository, state, freshness)?,
        };
        look::over(&collection.folder)?;
        Ok(collection)
    }

    /// What was fetched of a repository before, if something was. Fetches nothing.
    pub fn kept(source: &Source, state: &Path) -> Option<Self> {
        match source {
            Source::Repository(repository) => git::kept(repository, state),
            Source::Folder(_) => None,
        }
    }

    /// Finds the collection that an attempt remembers. Fetches nothing.
    pub fn remembered(source: &str, state: &Path) -> Result<Self, CollectionError> {
        let gone = || CollectionError::Gone { place: source.to_owned() };
        let collection = match Source::parse(source)? {
            Source::Repository(repository) => git::kept(&repository, state).ok_or_else(gone)?,
            Source::Folder(folder) if folder.join("labs").is_dir() => {
                Self { source: source.to_owned(), folder, commit: None, fetched: false }
            }
            Source::Folder(_) => return Err(gone()),
        };
        look::over(&collection.folder)?;
        Ok(collection)
    }
}

/// Where the commits of a repository are kept.
fn place(state: &Path, url: &str) -> PathBuf {
    use sha2::Digest;
    // A name for people, and a digest against all others.
    let name =
        url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next().unwrap_or_default();
    let name = name.to_lowercase();
    let name = if is_kebab(&name) { name.as_str() } else { "labs" };
    state.join(FETCHED).join(format!("{name}-{}", hex(&sha2::Sha256::digest(url)[..8])))
}

/// Why a collection could not be had.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    #[error("labs cannot be had from `{address}`: {why}")]
    Address { address: String, why: &'static str },
    #[error("could not read `{}`", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("could not write `{}`", path.display())]
    Unwritable { path: PathBuf, source: std::io::Error },
    #[error("`{}` has no `labs` and `graders`", folder.display())]
    NoLabs { folder: PathBuf },
    #[error("`{path}` has no place in a collection of labs: {why}")]
    Refused { path: String, why: String },
    #[error(
        "the image `{image}` of the collection is built of something else than ours and its own: line {line}, {what}"
    )]
    Foreign { image: String, line: usize, what: String },
    #[error("git, which fetches labs, could not be run")]
    NoGit { source: std::io::Error },
    #[error("git could not fetch `{url}`")]
    NotFetched {
        url: String,
        /// Last lines of what it said.
        said: Vec<String>,
    },
    #[error("`{url}` {why}")]
    TooMuch { url: String, why: String },
    #[error("the labs of this attempt are gone: `{place}`")]
    Gone {
        /// Its folder, or `URL#COMMIT`.
        place: String,
    },
}

impl NextStep for CollectionError {
    fn next_step(&self) -> String {
        match self {
            Self::Address { .. } => {
                "name a folder, or a repository by https://, ssh:// or file://, with `#` and a branch, tag or whole commit behind it where you want one".into()
            }
            Self::Unreadable { path, .. } => format!("see that `{}` is there and may be read", path.display()),
            Self::Unwritable { path, .. } => format!("see that there is room, and that you may write to `{}`", path.display()),
            Self::NoLabs { folder } => format!(
                "begin a collection there with `crashcart --labs {} lab new NAME`", folder.display()
            ),
            Self::Refused { .. } => "a collection holds plain files, of at most 4 MiB and 64 MiB together; tell its author".into(),
            Self::Foreign { .. } => "begin with `ARG BASE` and `FROM ${BASE}`; tell its author".into(),
            Self::NoGit { .. } => "install git, or copy the labs here and name their folder".into(),
            Self::NotFetched { .. } => "see whether address and revision are right and reachable; a repository that wants a password is fetched by ssh:// with a key".into(),
            Self::TooMuch { .. } => "clone it yourself and name the folder".into(),
            Self::Gone { place } if place.contains('#') => {
                format!("fetch them again with `crashcart --labs {place} list`, or end the attempt with `crashcart stop`")
            }
            Self::Gone { .. } => "put the folder back, or end the attempt with `crashcart stop`".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_folders() {
        let repository = |url: &str, revision: Option<&str>| {
            Source::Repository(Repository { url: url.into(), revision: revision.map(str::to_owned) })
        };
        let case = |text: &str, wanted: Source| assert_eq!(Source::parse(text).expect(text), wanted);
        case("labs", Source::Folder("labs".into()));
        case("/srv/labs", Source::Folder("/srv/labs".into()));
        case("../a:b", Source::Folder("../a:b".into()));
        case("https://example.org/labs.git", repository("https://example.org/labs.git", None));
        case("https://example.org/labs#v1.2", repository("https://example.org/labs", Some("v1.2")));
        case("file:///srv/labs#topic/one", repository("file:///srv/labs", Some("topic/one")));
        case("git@example.org:labs.git#main", repository("git@example.org:labs.git", Some("main")));
    }

    #[test]
    fn addresses_that_do_more_than_fetch_are_refused() {
        let case = |text: &str| {
            let error = Source::parse(text).expect_err(text);
            assert!(matches!(error, CollectionError::Address { .. }), "{error}");
        };
        case("ext::sh -c id://");
        case("ext://x");
        case("http://example.org/labs");
        case("git://example.org/labs");
        case("ssh://-oProxyCommand=id/x");
        case("ssh://git@-oProxyCommand=id/x");
        case("--upload-pack=id://x");
        case("https://example.org/a b");
        case("https://example.org/labs#--upload-pack=id");
        case("https://example.org/labs#a..b");
        case("https://example.org/labs#");
    }

    #[test]
    fn a_place_is_named_after_the_repository_and_is_its_own() {
        let place = |url| place(Path::new("/s"), url).display().to_string();
        assert!(place("https://example.org/gpu-labs.git").starts_with("/s/collections/gpu-labs-"));
        assert!(place("https://example.org/../..").starts_with("/s/collections/labs-"));
        assert_ne!(place("https://example.org/labs"), place("https://example.com/labs"));
    }
}
