//! The recording of a shell that somebody asked for: begun before the shell opens, told of on the screen, fed while bytes
//! pass, and written down when the shell has ended.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::app::{App, Open};
use super::exit::Exit;
use super::message::{Failure, fails_with};
use crate::advice::chain;
use crate::engine::WindowSize;
use crate::recording::{About, Recorded, Recording, RecordingError, Stopped};
use crate::review::{Story, What};
use crate::store::{AttemptId, RecordKind, Store, StoreError};
use crate::units::{Bytes, spoken_duration};

/// Says in the environment that every shell is to be recorded.
const VARIABLE: &str = "CRASHCART_RECORD";
/// How often the attempt's records are looked at for what happened beside the shell.
const LOOK_AROUND: Duration = Duration::from_secs(2);

/// Whether the shell is recorded.
#[derive(Debug, clap::Args)]
pub struct Record {
    /// Record what the terminal shows, as an asciicast: into this file, or one of its own below the state directory
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    record: Option<Option<PathBuf>>,
    /// Record the keys as well, passwords among them
    #[arg(long, requires = "record")]
    record_keys: bool,
}

impl Record {
    /// What was asked for, on the command line or in the environment.
    pub fn wish(&self) -> Result<Option<Wish>, Failure> {
        match &self.record {
            Some(file) => Ok(Some(Wish { file: file.clone(), keys: self.record_keys })),
            None => Wish::of_environment(),
        }
    }
}

/// A recording that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// None: one of its own below the state directory.
    file: Option<PathBuf>,
    keys: bool,
}

impl Wish {
    /// What `CRASHCART_RECORD` asks for.
    pub fn of_environment() -> Result<Option<Self>, Failure> {
        let value = std::env::var_os(VARIABLE).unwrap_or_default();
        match value.to_str() {
            Some("" | "0" | "no") => Ok(None),
            Some("1" | "yes") => Ok(Some(Self { file: None, keys: false })),
            _ => Err(Failure::plain(
                Exit::Usage,
                format!("`{VARIABLE}` is neither `1` nor `0`"),
                format!("`{VARIABLE}=1` records every shell, `{VARIABLE}=0` none"),
            )),
        }
    }
}

/// A recording under way.
pub struct Tape<'a> {
    recording: Recording,
    began: Instant,
    store: &'a Store,
    attempt: AttemptId,
    node: String,
    /// What has happened in the attempt, up to this record.
    story: Story,
    seq: u32,
}

impl<'a> Tape<'a> {
    /// Begins a recording, and says so.
    pub fn begin(app: &App, store: &'a Store, open: &Open, node: &str, wish: &Wish) -> Result<Self, Failure> {
        let about = About {
            title: format!("{} on {node}, attempt {}", open.lab.name, open.row.id),
            window: super::shell::window(),
            terminal: super::shell::terminal_type(),
            began_ms: app.clock.now_ms(),
            keys: wish.keys,
        };
        // What happened before the shell is no part of it.
        let (mut story, mut seq) = (Story::default(), 0);
        news(store, &open.row.id, &mut story, &mut seq)?;
        let recording = match &wish.file {
            Some(file) => Recording::begin_in(file, &about)?,
            None => Recording::begin(store.directory(), &open.row.id, node, &about)?,
        };
        let what = if wish.keys { "what it shows and every key, passwords too" } else { "what it shows" };
        app.output.insist(format!("this shell is recorded ({what}) into {}", recording.path().display()));
        let (attempt, node) = (open.row.id.clone(), node.to_owned());
        Ok(Self { recording, began: Instant::now(), store, attempt, node, story, seq })
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    pub fn shown(&mut self, bytes: &[u8]) {
        self.recording.shown(self.now_ms(), bytes);
    }

    pub fn typed(&mut self, keys: &[u8]) {
        self.recording.typed(self.now_ms(), keys);
    }

    pub fn resized(&mut self, window: WindowSize) {
        self.recording.resized(self.now_ms(), window);
    }

    /// Marks what other crashcarts did in the attempt: checks, hints.
    pub fn look_around(&mut self) {
        let news = news(self.store, &self.attempt, &mut self.story, &mut self.seq);
        // What cannot be read now is read the next time, and is no reason to disturb the shell.
        for what in news.unwrap_or_default() {
            self.recording.mark(self.now_ms(), &what.words());
        }
    }

    /// Ends the recording; the shell's exit status, where it is known.
    pub fn end(mut self, status: Option<i64>) -> Ended {
        self.look_around();
        let now_ms = self.now_ms();
        Ended { attempt: self.attempt, node: self.node, recorded: self.recording.end(now_ms, status) }
    }
}

/// What has happened in an attempt after record `seq`, which becomes the last one.
fn news(
    store: &Store,
    attempt: &AttemptId,
    story: &mut Story,
    seq: &mut u32,
) -> Result<Vec<What>, StoreError> {
    let mut news = Vec::new();
    store.story(attempt, *seq, |record| {
        *seq = record.seq;
        news.extend(story.add(record));
    })?;
    Ok(news)
}

/// Tells when to look around; it catches up with nothing.
pub fn rounds() -> Interval {
    let mut rounds = interval(LOOK_AROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}

/// A recording that is over and not yet written down.
pub struct Ended {
    attempt: AttemptId,
    node: String,
    recorded: Recorded,
}

impl Ended {
    /// Says where it is, and writes it down among the attempt's records. That this cannot be done is told, and is no
    /// reason to fail a shell that has ended well.
    pub fn tell(&self, app: &App, store: &mut Store) {
        let Recorded { path, bytes, took_ms, sha256, stopped } = &self.recorded;
        let shown = path.display();
        app.output.talk(format!("recorded {}, {}: {shown}", spoken_duration(*took_ms), Bytes(*bytes)));
        match stopped {
            None => {}
            Some(Stopped::Limit) => {
                app.output.talk("the recording ended before the shell: it is as long as one may be");
            }
            Some(Stopped::Unwritable { why }) => {
                app.output.talk(format!("the recording ended before the shell: {why}"));
            }
        }
        let file = path.strip_prefix(store.directory()).unwrap_or(path).display().to_string();
        let note = json!({ "recorded": {
            "node": self.node, "file": file, "bytes": bytes, "took-ms": took_ms, "sha256": sha256, "stopped": stopped,
        } });
        if let Err(error) = store.append(&self.attempt, RecordKind::Note, &note, app.clock.now_ms()) {
            app.output.talk(format!("the recording is not among the attempt's records: {}", chain(&error)));
        }
        app.output.talk(format!("play:  asciinema play {shown}"));
    }
}

fails_with! {
    RecordingError => |error: &RecordingError| match error {
        RecordingError::Exists { .. } => Exit::Usage,
        _ => Exit::Machine,
    },
}
