//! A learner's shell as a file that plays again: [asciicast v3](https://docs.asciinema.org/manual/asciicast/v3/), written
//! on the host while the terminal's bytes pass, one whole line for each thing that happened. A crashcart that is killed
//! leaves a file that plays up to there.
//!
//! Written only where somebody asked for it. Keys are not in it unless that was asked for, too: what is typed at a
//! prompt for a password is shown nowhere, and so recorded nowhere. A recording never ends the shell: where the disk is
//! full it stops, and says so when the shell has ended.
//!
//! Knows no engine, no terminal and no clock: whoever calls says how much time has passed.

mod text;

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::advice::NextStep;
use crate::engine::WindowSize;
use crate::store::AttemptId;
use crate::units::{Bytes, hex};
use text::Text;

/// Most bytes of one recording: some days of work in a shell, or two seconds of `cat /dev/urandom`.
const MOST_BYTES: Bytes = Bytes(32 << 20);
/// Kept free for the lines that say why a recording ends.
const LAST_WORDS: u64 = 1024;
/// Most recordings of one node in one attempt.
const MOST_FILES: u32 = 999;
/// Players wait no longer than this, in seconds, where nothing happened.
const IDLE_S: u32 = 5;

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("there is a file `{}` already", path.display())]
    Exists { path: PathBuf },
    #[error("could not write the recording `{}`", path.display())]
    System { path: PathBuf, source: io::Error },
    #[error("there are {MOST_FILES} recordings in `{}` already", folder.display())]
    TooMany { folder: PathBuf },
}

impl NextStep for RecordingError {
    fn next_step(&self) -> String {
        match self {
            Self::Exists { .. } => "name another one: a recording is never overwritten".into(),
            Self::System { .. } => "name a file that can be written: `crashcart shell --record=FILE`".into(),
            Self::TooMany { .. } => "remove some that nobody needs".into(),
        }
    }
}

/// What is told of a recording in its first line.
#[derive(Clone, Debug)]
pub struct About {
    pub title: String,
    pub window: WindowSize,
    /// What `TERM` says.
    pub terminal: String,
    /// When it begins, in milliseconds since the epoch.
    pub began_ms: u64,
    /// Keys are recorded, too.
    pub keys: bool,
}

/// A recording under way. Times are in milliseconds since it began, and never run backwards.
#[derive(Debug)]
pub struct Recording {
    file: File,
    path: PathBuf,
    limit: u64,
    shown: Text,
    /// None where keys are not recorded.
    typed: Option<Text>,
    last_ms: u64,
    bytes: u64,
    digest: Sha256,
    stopped: Option<Stopped>,
}

/// Why a recording ended before its shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// It is as long as recordings may be.
    Limit,
    /// It could not be written any further.
    Unwritable { why: String },
}

/// A recording that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Recorded {
    pub path: PathBuf,
    pub bytes: u64,
    pub took_ms: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Where the recordings of an attempt are, below the state directory.
pub fn folder(state: &Path, attempt: &AttemptId) -> PathBuf {
    state.join("recordings").join(attempt.as_str())
}

/// The recordings of an attempt that lie where they are put unless somebody names another place; by name, and not more
/// than there can be of a few nodes.
pub fn all(state: &Path, attempt: &AttemptId) -> Vec<PathBuf> {
    const MOST_LISTED: usize = 4096;
    let Ok(entries) = std::fs::read_dir(folder(state, attempt)) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "cast")).take(MOST_LISTED).collect();
    // `front-2` before `front-10`.
    paths.sort_by_key(|path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (node, number) = name.rsplit_once('-').unwrap_or((&name, ""));
        (node.to_owned(), number.parse::<u32>().unwrap_or(u32::MAX), path.clone())
    });
    paths
}

impl Recording {
    /// Begins a recording in a file of its own below the state directory: `front-1.cast`, `front-2.cast` and so on.
    pub fn begin(
        state: &Path,
        attempt: &AttemptId,
        node: &str,
        about: &About,
    ) -> Result<Self, RecordingError> {
        let folder = folder(state, attempt);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| RecordingError::System { path: folder.clone(), source })?;
        for number in 1..=MOST_FILES {
            match Self::begin_in(&folder.join(format!("{node}-{number}.cast")), about) {
                Err(RecordingError::Exists { .. }) => {}
                other => return other,
            }
        }
        Err(RecordingError::TooMany { folder })
    }

    /// Begins a recording in this file, which must not be there yet.
    pub fn begin_in(path: &Path, about: &About) -> Result<Self, RecordingError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => RecordingError::Exists { path: path.to_owned() },
            _ => RecordingError::System { path: path.to_owned(), source },
        };
        let file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let mut recording = Self::into_file(file, path, MOST_BYTES.0);
        recording.typed = about.keys.then(Text::default);
        recording.put(&header(about));
        match recording.stopped.take() {
            Some(Stopped::Unwritable { why }) => {
                // Nothing is in it, and nothing will be.
                let _ = std::fs::remove_file(path);
                Err(failed(io::Error::other(why)))
            }
            _ => Ok(recording),
        }
    }

    fn into_file(file: File, path: &Path, limit: u64) -> Self {
        Self {
            file,
            path: path.to_owned(),
            limit,
            shown: Text::default(),
            typed: None,
            last_ms: 0,
            bytes: 0,
            digest: Sha256::new(),
            stopped: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The terminal was sent these bytes.
    pub fn shown(&mut self, at_ms: u64, bytes: &[u8]) {
        let text = self.shown.take(bytes);
        self.event(at_ms, 'o', &text);
    }

    /// Somebody typed this.
    pub fn typed(&mut self, at_ms: u64, bytes: &[u8]) {
        if let Some(typed) = &mut self.typed {
            let text = typed.take(bytes);
            self.event(at_ms, 'i', &text);
        }
    }

    /// The window has another size.
    pub fn resized(&mut self, at_ms: u64, window: WindowSize) {
        self.event(at_ms, 'r', &format!("{}x{}", window.columns, window.rows));
    }

    /// Something that a viewer may want to jump to.
    pub fn mark(&mut self, at_ms: u64, label: &str) {
        self.event(at_ms, 'm', label);
    }

    /// The shell has ended; its exit status, where it is known.
    pub fn end(mut self, at_ms: u64, status: Option<i64>) -> Recorded {
        let rest = self.shown.rest();
        self.event(at_ms, 'o', &rest);
        if let Some(status) = status {
            self.event(at_ms, 'x', &status.to_string());
        }
        Recorded {
            path: self.path,
            bytes: self.bytes,
            took_ms: self.last_ms,
            sha256: hex(&self.digest.finalize()),
            stopped: self.stopped,
        }
    }

    fn event(&mut self, at_ms: u64, code: char, text: &str) {
        if text.is_empty() || self.stopped.is_some() {
            return;
        }
        let line = self.line(at_ms, code, text);
        if self.bytes + line.len() as u64 + LAST_WORDS <= self.limit {
            self.last_ms = self.last_ms.max(at_ms);
            self.put(&line);
            return;
        }
        let words =
            format!("the recording ends here: it is {} long, and the shell went on", Bytes(self.limit));
        let shown = self.line(at_ms, 'o', &format!("\r\n\u{1b}[0m[crashcart: {words}]\r\n"));
        self.last_ms = self.last_ms.max(at_ms);
        let marked = self.line(at_ms, 'm', &words);
        self.put(&shown);
        self.put(&marked);
        self.stopped.get_or_insert(Stopped::Limit);
    }

    /// `[0.250,"o","text"]`: seconds since the last one, what it is, and what it was.
    fn line(&self, at_ms: u64, code: char, text: &str) -> String {
        let since_ms = at_ms.saturating_sub(self.last_ms);
        let text = Value::from(text);
        format!("[{}.{:03},\"{code}\",{text}]\n", since_ms / 1000, since_ms % 1000)
    }

    /// Writes a line at once: there is nothing to be lost when this process is killed.
    fn put(&mut self, line: &str) {
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => {
                self.bytes += line.len() as u64;
                self.digest.update(line);
            }
            Err(error) => {
                // Half a line would spoil the file for a player.
                let _ = self.file.set_len(self.bytes);
                self.stopped = Some(Stopped::Unwritable { why: error.to_string() });
            }
        }
    }
}

fn header(about: &About) -> String {
    let WindowSize { columns, rows } = about.window;
    let header = json!({
        "version": 3,
        "term": { "cols": columns, "rows": rows, "type": about.terminal },
        "timestamp": about.began_ms / 1000,
        "idle_time_limit": IDLE_S,
        "title": about.title,
    });
    format!("{header}\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn about() -> About {
        About {
            title: "some-lab \"quoted\"".into(),
            window: WindowSize { columns: 80, rows: 24 },
            terminal: "xterm".into(),
            began_ms: 1_700_000_000_999,
            keys: false,
        }
    }

    /// All lines of a file, each of which must be JSON.
    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).expect("text");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    #[test]
    fn what_was_shown_is_there_after_every_event_and_nothing_that_was_typed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a.cast");
        let mut recording = Recording::begin_in(&path, &about()).expect("begun");
        recording.shown(250, b"\x1b[1m$ \xe2\x82");
        recording.typed(300, b"secret\r");
        recording.shown(1_250, b"\xac\r\n");
        recording.mark(1_250, "check: 1 of 2 met");
        recording.resized(2_000, WindowSize { columns: 132, rows: 50 });
        let so_far = lines(&path);
        assert_eq!(
            so_far[0],
            json!({
                "version": 3, "term": { "cols": 80, "rows": 24, "type": "xterm" }, "timestamp": 1_700_000_000,
                "idle_time_limit": 5, "title": "some-lab \"quoted\"",
            })
        );
        let events = [
            json!([0.25, "o", "\u{1b}[1m$ "]),
            json!([1.0, "o", "€\r\n"]),
            json!([0.0, "m", "check: 1 of 2 met"]),
            json!([0.75, "r", "132x50"]),
        ];
        assert_eq!(so_far[1..], events);
        // The clock of whoever calls was set back, and the output ended in the middle of a character.
        recording.shown(1_000, b"x\xf0\x9f");
        let recorded = recording.end(2_500, Some(130));
        let rest = [json!([0.0, "o", "x"]), json!([0.5, "o", "\u{fffd}"]), json!([0.0, "x", "130"])];
        assert_eq!(lines(&path)[5..], rest);
        let file = std::fs::read(&path).expect("the file");
        assert_eq!((recorded.bytes, recorded.took_ms), (file.len() as u64, 2_500));
        assert_eq!(recorded.sha256, hex(&Sha256::digest(&file)));
        assert_eq!(recorded.stopped, None);
    }

    #[test]
    fn keys_are_recorded_where_that_was_asked_for() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a.cast");
        let mut recording = Recording::begin_in(&path, &About { keys: true, ..about() }).expect("begun");
        recording.typed(40, b"ls\r");
        recording.end(50, Some(0));
        assert_eq!(lines(&path)[1..], [json!([0.04, "i", "ls\r"]), json!([0.01, "x", "0"])]);
    }

    #[test]
    fn each_shell_has_a_file_of_its_own_that_only_its_owner_reads() {
        let state = tempfile::tempdir().expect("a temporary directory");
        let id = AttemptId::random();
        assert!(all(state.path(), &id).is_empty());
        let begin = || Recording::begin(state.path(), &id, "front", &about()).expect("begun");
        let at_once: Vec<Recording> = (0..11).map(|_| begin()).collect();
        let names: Vec<String> = all(state.path(), &id)
            .iter()
            .map(|path| path.file_name().expect("a name").to_string_lossy().into())
            .collect();
        let wanted: Vec<String> = (1..=11).map(|number| format!("front-{number}.cast")).collect();
        assert_eq!(names, wanted);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(at_once[0].path()), mode(&folder(state.path(), &id))), (0o600, 0o700));
        let again = Recording::begin_in(at_once[3].path(), &about()).expect_err("it is taken");
        assert!(matches!(again, RecordingError::Exists { .. }), "{again}");
    }

    #[test]
    fn a_recording_that_is_long_enough_says_that_it_ends() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a.cast");
        let file = File::create(&path).expect("a file");
        let mut recording = Recording::into_file(file, &path, 4096);
        for second in 0..1_000 {
            recording.shown(second * 1_000, b"a line of some words that the terminal shows\r\n");
        }
        let recorded = recording.end(1_000_000, Some(0));
        let lines = lines(&path);
        assert_eq!(recorded.stopped, Some(Stopped::Limit));
        assert!(recorded.bytes <= 4096 && std::fs::metadata(&path).expect("there").len() == recorded.bytes);
        let [.., shown, marked] = &lines[..] else { panic!("{lines:?}") };
        assert!(
            shown[2].as_str().is_some_and(|text| text.contains("the recording ends here: it is 4 KiB long"))
        );
        assert_eq!((&marked[0], &marked[1]), (&json!(0.0), &json!("m")));
    }

    #[test]
    fn a_full_disk_ends_a_recording_and_nothing_else() {
        let full = || File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut recording = Recording::into_file(full(), Path::new("/dev/full"), 4096);
        recording.shown(1, b"$ ");
        recording.shown(2, b"ls");
        let recorded = recording.end(3, Some(0));
        assert!(matches!(recorded.stopped, Some(Stopped::Unwritable { .. })), "{recorded:?}");
        assert_eq!(recorded.bytes, 0);
    }
}
