//! The builder that tests of the command line share: a root folder with labs of its own, a state
//! directory, and an engine on paper, all in one temporary folder.
//!
//! ```ignore
//! let bench = Bench::new().lab("key-exposed");
//! bench.run("start key-exposed").succeeds();
//! bench.mend();
//! let output = bench.run("check").succeeds();
//! ```
//!
//! A command sees nothing of the environment of whoever runs the tests. What differs from run to run
//! is masked by name: `[ATTEMPT]` is the first attempt of a bench, `[ATTEMPT-2]` the second; paths are
//! `[ROOT]`, `[STATE]`, `[ENGINE]`; times are `[TIME]`, dates `[DATE]` or `[DAY]`, days `[DUE]` and
//! `[AGE]`, digests `[DIGEST]`.
//!
//! Knows the command line, the store and the scripted engine's files; judges nothing by itself.

pub mod fetched;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crashcart::cli::exit::Exit;
use crashcart::image::{ImageCatalog, LABEL_DIGEST, LABEL_IMAGE, base};
use crashcart::store::{AttemptRow, Record, Store};
use regex::Regex;
use serde_json::{Value, json};

/// No command on the engine on paper takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that one test needs.
pub struct Bench {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
    patience: Duration,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// A root folder with one image and one role, an engine that has the image, and no lab yet.
    pub fn new() -> Self {
        // In memory where that can be had: a state file waits for the disk at every step.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let make = |place: &Path| tempfile::Builder::new().prefix("crashcart-bench-").tempdir_in(place);
        let folder = make(&place).or_else(|_| make(&std::env::temp_dir())).expect("a temporary folder");
        let bench = Self { folder, env: BTreeMap::new(), patience: PATIENCE };
        for folder in ["labs", "graders/roles", "containers/box"] {
            fs::create_dir_all(bench.root().join(folder)).expect("a folder");
        }
        for folder in [bench.state(), bench.engine(), bench.folder.path().join("home")] {
            fs::create_dir_all(folder).expect("a folder");
        }
        bench.write("containers/box/image.toml", "format = 1\nbase = \"debian\"\nsummary = \"For tests.\"\n");
        bench.write("containers/box/Containerfile", "ARG BASE\nFROM ${BASE}\n");
        bench.write("graders/roles/site-keeper.toml", include_str!("lab/role.toml"));
        let catalog = ImageCatalog::load(&bench.root().join("containers")).expect("a catalogue");
        let mut images =
            vec![json!({ "id": "base", "tags": [base::tag()], "labels": { "crashcart.kind": "image" } })];
        for image in catalog.iter() {
            let labels =
                json!({ "crashcart.kind": "image", LABEL_IMAGE: image.name, LABEL_DIGEST: image.digest });
            images.push(json!({ "id": image.name, "tags": [image.tag()], "labels": labels }));
        }
        bench.write_engine("engine.json", &json!({ "images": images }));
        bench.write_engine(
            "replies.json",
            &serde_json::from_str(include_str!("lab/replies.json")).expect("JSON"),
        );
        bench
    }

    /// The repository's own labs on the engine of this machine. Its commands find that as their caller does.
    pub fn real() -> Self {
        let mut bench = Self::new();
        bench.set_env("CRASHCART_ENGINE", "");
        bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"));
        // The machine's own way to a base, and to its engine.
        for name in [
            "PATH",
            "HOME",
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CONFIG",
            "XDG_RUNTIME_DIR",
            "CRASHCART_BASE",
        ] {
            bench.set_env(name, &std::env::var(name).unwrap_or_default());
        }
        bench.patience = Duration::from_secs(900);
        bench
    }

    /// Adds a lab of two nodes whose every check fails until [`Self::mend`]. Built in, so that its story
    /// can be told in a snapshot: `tests/bench/lab`.
    pub fn lab(self, name: &str) -> Self {
        self.add_lab(name);
        self
    }

    /// As [`Self::lab`].
    pub fn add_lab(&self, name: &str) {
        let files = [
            ("lab.toml", include_str!("lab/lab.toml")),
            ("brief.md", include_str!("lab/brief.md")),
            ("hints.md", include_str!("lab/hints.md")),
            ("debrief.md", include_str!("lab/debrief.md")),
            ("break/loosen.sh", include_str!("lab/break/loosen.sh")),
            ("solve/tighten.sh", include_str!("lab/solve/tighten.sh")),
            ("wrong/nothing.sh", include_str!("lab/wrong/nothing.sh")),
        ];
        for (file, text) in files {
            self.write(&format!("labs/{name}/{file}"), text);
        }
        self.write(&format!("graders/{name}.toml"), &include_str!("lab/grader.toml").replace("NAME", name));
    }

    /// Waits longer for commands that have much to read.
    pub fn be_patient(&mut self) {
        self.patience = Duration::from_secs(900);
    }

    /// Sets a variable of the environment for all commands.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.insert(name.to_owned(), value.to_owned());
    }

    /// Leaves an engine without any image: they must be built first.
    pub fn clear_engine(&self) {
        self.write_engine("engine.json", &json!({}));
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    pub fn state(&self) -> PathBuf {
        self.env.get("CRASHCART_STATE_DIR").map_or_else(|| self.folder.path().join("state"), PathBuf::from)
    }

    pub fn database(&self) -> PathBuf {
        self.state().join("crashcart.db")
    }

    fn engine(&self) -> PathBuf {
        self.folder.path().join("engine")
    }

    /// Writes a file below the root folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// Changes a file below the root folder.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root().join(path)).expect("a file");
        assert!(text.contains(from), "{path} has no `{from}`");
        self.write(path, &text.replace(from, to));
    }

    fn write_engine(&self, file: &str, value: &Value) {
        fs::write(self.engine().join(file), value.to_string()).expect("a file");
    }

    /// Which operation of the engine fails, hangs or kills the command; `{}` for none.
    pub fn faults(&self, faults: Value) {
        self.write_engine("faults.json", &faults);
    }

    /// What there is in the engine.
    pub fn engine_state(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.engine().join("engine.json")).expect("a file"))
            .expect("JSON")
    }

    /// Changes what there is in the engine, behind crashcart's back.
    pub fn behind_our_back(&self, change: impl FnOnce(&mut Value)) {
        let mut state = self.engine_state();
        change(&mut state);
        self.write_engine("engine.json", &state);
    }

    /// Names of all operations of the engine so far, in their order.
    pub fn log(&self) -> Vec<String> {
        let state = self.engine_state();
        let log = state["log"].as_array().cloned().unwrap_or_default();
        let name =
            |entry: &Value| entry.as_str().and_then(|entry| entry.split(' ').next()).map(str::to_owned);
        log.iter().filter_map(name).collect()
    }

    /// Operations of the engine so far: of one name, or `any`.
    pub fn operations(&self, name: &str) -> u64 {
        self.engine_state()["counts"][name].as_u64().unwrap_or(0)
    }

    /// Mends every node, as a learner in its shell would.
    pub fn mend(&self) {
        self.mark("mended");
    }

    /// Gives every node a mark, by which its replies may differ.
    pub fn mark(&self, mark: &str) {
        self.behind_our_back(|state| {
            for container in state["containers"].as_array_mut().expect("a list") {
                container["marks"].as_array_mut().expect("a list").push(json!(mark));
            }
        });
    }

    /// Every container and network in the engine. Volumes hold the agent and may stay.
    pub fn objects(&self) -> Vec<String> {
        let state = self.engine_state();
        let names = |kind: &str| {
            let list = state[kind].as_array().cloned().unwrap_or_default();
            list.into_iter().map(|thing| thing["name"].as_str().expect("a name").to_owned())
        };
        names("containers").chain(names("networks")).collect()
    }

    /// Changes the state file, behind crashcart's back.
    pub fn sql(&self, statement: &str) {
        let connection = rusqlite::Connection::open(self.database()).expect("the state file");
        connection.execute_batch(statement).expect("a statement");
    }

    pub fn store(&self) -> Store {
        Store::open(&self.state()).expect("the store opens")
    }

    /// All attempts, the oldest first.
    pub fn attempts(&self) -> Vec<AttemptRow> {
        if !self.database().is_file() {
            return Vec::new();
        }
        let mut rows = Store::open(&self.state()).and_then(|store| store.attempts()).unwrap_or_default();
        rows.reverse();
        rows
    }

    /// All records of all attempts; their chains are seen to hold.
    pub fn records(&self) -> Vec<Record> {
        let store = self.store();
        let rows = self.attempts();
        for row in &rows {
            let broken = store.verify_chain(&row.id).expect("records");
            assert!(broken.is_none(), "the chain of {} is broken: {broken:?}", row.id);
        }
        rows.iter().flat_map(|row| store.records(&row.id).expect("records")).collect()
    }

    /// A command, its words separated by spaces, not yet started.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crashcart"));
        command
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path().join("home"))
            .env("TZ", "UTC")
            .env("COLUMNS", "80")
            .env("CRASHCART_ROOT", self.root())
            .env("CRASHCART_STATE_DIR", self.folder.path().join("state"))
            .env("CRASHCART_ENGINE", format!("scripted:{}", self.engine().display()))
            .env("CRASHCART_BASE", "pull")
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end, whatever that is.
    pub fn run(&self, words: &str) -> Ran<'_> {
        self.run_command(words, self.command(words))
    }

    /// Runs a command that a test has changed.
    pub fn run_command(&self, words: &str, mut command: Command) -> Ran<'_> {
        let child = command.spawn().expect("crashcart runs");
        Running { bench: self, words: words.to_owned(), child, said: Vec::new() }.ends()
    }

    /// Runs a command beside the test.
    pub fn begin(&self, words: &str) -> Running<'_> {
        let child = self.command(words).spawn().expect("crashcart runs");
        Running { bench: self, words: words.to_owned(), child, said: Vec::new() }
    }

    /// Keeps state and engine as they are, for [`Self::restore`].
    pub fn keep(&self) -> Kept {
        let kept = tempfile::tempdir().expect("a temporary folder");
        for folder in ["state", "engine"] {
            copy(&self.folder.path().join(folder), &kept.path().join(folder));
        }
        Kept(kept)
    }

    /// Puts state and engine back as they were.
    pub fn restore(&self, kept: &Kept) {
        for folder in ["state", "engine"] {
            let here = self.folder.path().join(folder);
            fs::remove_dir_all(&here).expect("removed");
            copy(&kept.0.path().join(folder), &here);
        }
    }

    /// Puts the ids of attempts where a text has their masks.
    pub fn unmask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (n, row) in self.attempts().iter().enumerate() {
            let name = if n == 0 { "[ATTEMPT]".to_owned() } else { format!("[ATTEMPT-{}]", n + 1) };
            text = text.replace(&name, row.id.as_str());
        }
        text
    }

    /// Masks what differs from run to run.
    pub fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let folder = self.folder.path().display().to_string();
        for (place, name) in
            [("root", "[ROOT]"), ("state", "[STATE]"), ("engine", "[ENGINE]"), ("home", "[HOME]")]
        {
            text = text.replace(&format!("{folder}/{place}"), name);
        }
        text = text.replace(&folder, "[BENCH]");
        for (n, row) in self.attempts().iter().enumerate() {
            let name = if n == 0 { "[ATTEMPT]".to_owned() } else { format!("[ATTEMPT-{}]", n + 1) };
            text = text.replace(row.id.as_str(), &name);
        }
        let replace = |text: String, pattern: &str, with: &str| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, with).into_owned()
        };
        text = replace(text, r"\d{4}-\d\d-\d\d \d\d:\d\d", "[DATE]");
        text = replace(text, r"\b\d{4}-\d\d-\d\d\b", "[DAY]");
        // Midnight may come between two commands.
        let due = "(?:due today|due tomorrow|due in \\d+ days|\\d+ days? overdue)";
        text = replace(text, &format!("(?m){due} *$"), "[DUE]");
        text = replace(text, &format!("{due} *"), "[DUE]  ");
        text = replace(text, r"(?m)(?:today|yesterday|\d+ days ago)$", "[AGE]");
        text = replace(text, r"\b\d+\.\d s\b", "[TIME]");
        text = replace(text, r"\b\d+ s\b", "[TIME]");
        text = replace(text, r"\b\d+ ms\b", "[TIME]");
        // Columns are as wide as the longest of them.
        text = replace(text, r"\[TIME\] {2,}", "[TIME]  ");
        replace(text, r"\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f]{12})\b", "[DIGEST]")
    }
}

/// State and engine of a bench at one moment.
pub struct Kept(tempfile::TempDir);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("a copy")),
        }
    }
}

/// A command that is still running.
pub struct Running<'a> {
    bench: &'a Bench,
    words: String,
    child: Child,
    /// What was read of its standard error so far.
    said: Vec<u8>,
}

impl<'a> Running<'a> {
    /// Waits until it has said this on standard error.
    pub fn until_it_says(&mut self, wanted: &str) {
        let stderr = self.child.stderr.as_mut().expect("standard error is a pipe");
        let mut byte = [0];
        while !String::from_utf8_lossy(&self.said).contains(wanted) {
            let read = std::io::Read::read(stderr, &mut byte).expect("readable");
            assert!(read > 0, "`crashcart {}` never says `{wanted}`: {}", self.words, text(&self.said));
            self.said.extend(byte);
        }
    }

    /// Waits for its end.
    pub fn ends(self) -> Ran<'a> {
        let Self { bench, words, mut child, mut said } = self;
        let read = |from: Option<Box<dyn std::io::Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(mut from) = from {
                    let _ = from.read_to_end(&mut bytes);
                }
                bytes
            })
        };
        let stdout = read(child.stdout.take().map(|out| Box::new(out) as _));
        let stderr = read(child.stderr.take().map(|out| Box::new(out) as _));
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                break status;
            }
            if began.elapsed() > bench.patience {
                let _ = child.kill();
                let _ = child.wait();
                panic!("`crashcart {words}` does not end: {}", text(&stderr.join().expect("read")));
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let stdout = stdout.join().expect("read");
        said.extend(stderr.join().expect("read"));
        Ran { bench, words, output: Output { status, stdout, stderr: said } }
    }

    /// Waits until the engine has been asked this often: for one thing, or for `any`.
    pub fn until_operations(&self, name: &str, count: u64) {
        let began = Instant::now();
        while self.bench.operations(name) < count {
            assert!(began.elapsed() < PATIENCE, "`crashcart {}` never gets that far", self.words);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub fn told(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    /// Ends it as `kill -9` does.
    pub fn killed(mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }
}

/// Sends a process a signal.
pub fn send(signal: &str, pid: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), pid]).status().expect("kill runs");
    assert!(sent.success(), "{signal}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that has ended, however.
pub struct Ran<'a> {
    bench: &'a Bench,
    words: String,
    output: Output,
}

/// What a command printed, masked.
#[derive(Clone, Debug)]
pub struct Printed {
    pub stdout: String,
    pub stderr: String,
}

impl Ran<'_> {
    /// Expects this exit code.
    #[track_caller]
    pub fn ends_with(self, exit: Exit) -> Printed {
        let printed = self.printed();
        assert_eq!(
            self.code(),
            Some(exit as i32),
            "`crashcart {}` ended otherwise ({})\n--- stdout\n{}--- stderr\n{}",
            self.words,
            self.output.status,
            printed.stdout,
            printed.stderr
        );
        printed
    }

    #[track_caller]
    pub fn succeeds(self) -> Printed {
        self.ends_with(Exit::Done)
    }

    /// Expects an error: this exit code, an `error:` line and a `next:` line.
    #[track_caller]
    pub fn fails(self, exit: Exit) -> Printed {
        let printed = self.ends_with(exit);
        let told = |word: &str| printed.stderr.lines().any(|line| line.starts_with(word));
        assert!(told("error: ") && told("next:  "), "no error is told:\n{}", printed.stderr);
        printed
    }

    /// Standard output as the JSON document that it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        let stdout = text(&self.output.stdout);
        serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("`crashcart {}` printed no JSON: {error}\n{stdout}", self.words))
    }

    /// Exit code, none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.output.status.signal()
    }

    /// Whether SIGKILL ended it.
    pub fn was_killed(&self) -> bool {
        self.signal() == Some(9)
    }

    /// What it printed, masked.
    pub fn printed(&self) -> Printed {
        Printed {
            stdout: self.bench.mask(&text(&self.output.stdout)),
            stderr: self.bench.mask(&text(&self.output.stderr)),
        }
    }
}
