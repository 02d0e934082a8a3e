//! The screens on a terminal that `script` of util-linux makes: what keys do there, and that the terminal is as it
//! was found, whatever ended the screen.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Bench, send};

/// Enters and leaves the alternate screen.
const TAKEN: &str = "\x1b[?1049h";
const GIVEN_BACK: &str = "\x1b[?1049l";
/// However busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shell script on a terminal of 80 columns and 24 rows.
struct OnTerminal {
    child: std::process::Child,
    /// All that the terminal showed.
    told: std::path::PathBuf,
}

impl OnTerminal {
    /// Runs `words` of crashcart there; what follows tells how it ended and whether the terminal is as it was.
    fn run(bench: &Bench, words: &str) -> Self {
        let told = bench.root().join("told");
        let crashcart = env!("CARGO_BIN_EXE_crashcart");
        let script = format!(
            "stty cols 80 rows 24; before=$(stty -g); sh -c 'echo $$ > {0}.pid; exec {crashcart} {words}'; \
             echo \"ended $?\"; [ \"$(stty -g)\" = \"$before\" ] && echo \"as found\"",
            told.display()
        );
        std::fs::write(&told, "").expect("a file");
        let plain = bench.command("");
        let mut command = Command::new("script");
        command.args(["-qefc", &script]).arg(&told);
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("`script` of util-linux runs"), told }
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.told).unwrap_or_default()).into_owned()
    }

    /// Waits until the terminal has shown this, so many times in all.
    fn shows(&self, text: &str, times: usize) -> &Self {
        let began = Instant::now();
        while self.told().matches(text).count() < times {
            assert!(began.elapsed() < PATIENCE, "{text:?} {times} times, in {:?}", self.told());
            std::thread::sleep(Duration::from_millis(50));
        }
        self
    }

    fn press(&mut self, keys: &str) -> &Self {
        let stdin = self.child.stdin.as_mut().expect("piped");
        stdin.write_all(keys.as_bytes()).and_then(|()| stdin.flush()).expect("somebody reads keys");
        self
    }

    /// Sends a signal to crashcart.
    fn signal(&self, name: &str) -> &Self {
        let pid = std::fs::read_to_string(format!("{}.pid", self.told.display())).expect("it runs");
        send(name, pid.trim());
        self
    }

    /// Waits for the end; gives what was told.
    fn over(mut self, status: i32) -> String {
        self.shows("as found", 1).shows(&format!("ended {status}"), 1);
        drop(self.child.stdin.take());
        self.child.wait().expect("a child of ours");
        self.told()
    }

    /// As [`Self::over`], for what takes the whole screen.
    fn ends(self, status: i32) -> String {
        let told = self.over(status);
        assert_eq!(told.matches(TAKEN).count(), told.matches(GIVEN_BACK).count(), "{told:?}");
        let last = told.rfind(GIVEN_BACK).expect("it was taken");
        assert!(told[last..].contains("\x1b[?25h"), "the cursor shows again: {told:?}");
        told
    }
}

#[test]
fn a_key_leaves_the_home_screen_and_the_terminal_is_as_it_was() {
    let bench = Bench::new().lab("key-exposed");
    let mut terminal = OnTerminal::run(&bench, "");
    terminal.shows("key-exposed", 1);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_signal_ends_a_screen_as_it_ends_any_program_and_the_terminal_is_as_it_was() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2), ("QUIT", 3)] {
        let bench = Bench::new().lab("key-exposed");
        bench.run("start key-exposed").succeeds();
        for words in ["", "watch"] {
            let terminal = OnTerminal::run(&bench, words);
            terminal.shows("key-exposed", 1).signal(name);
            terminal.ends(128 + number);
        }
    }
}

#[test]
fn a_key_runs_the_ordinary_command_and_another_one_comes_back() {
    let bench = Bench::new().lab("key-exposed");
    let mut terminal = OnTerminal::run(&bench, "");
    terminal.shows("key-exposed", 1);
    terminal.press("s");
    terminal.shows("$ crashcart start key-exposed", 1).shows("is ready after", 1).shows("press a key", 1);
    terminal.press(" ");
    terminal.shows(TAKEN, 2).shows("running", 1);
    terminal.press("c");
    terminal.shows("wanted 0400", 1).shows("press a key", 2);
    terminal.press(" ");
    terminal.shows(TAKEN, 3);
    // Ending it wants a yes.
    terminal.press("x");
    terminal.shows("Go on?", 1);
    terminal.press("y");
    terminal.shows("has ended", 1).shows("press a key", 3);
    terminal.press(" ");
    terminal.shows(TAKEN, 4);
    terminal.press("q");
    terminal.ends(0);
    assert!(bench.attempts().iter().all(|attempt| attempt.ended_at_ms.is_some()));
}

#[test]
fn what_is_watched_is_shown_and_a_mended_node_is_noticed() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let mut terminal = OnTerminal::run(&bench, "watch --every 1");
    terminal.shows("NOT MET", 1).shows("0644", 1);
    bench.mend();
    terminal.shows("Everything that is asked now is met", 1);
    terminal.press("q");
    terminal.ends(0);
    // Looking left nothing behind in the story of the attempt.
    let attempts = bench.attempts();
    assert_eq!(attempts.len(), 1);
    let records = bench.records();
    assert!(records.iter().all(|record| record.kind != crashcart::store::RecordKind::Evidence));
}

#[test]
fn a_node_that_is_gone_is_said_to_be_and_reset_is_offered() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    bench.behind_our_back(|state| {
        let containers = state["containers"].as_array_mut().expect("a list");
        containers.retain(|container| container["node"] != "front");
    });
    let mut terminal = OnTerminal::run(&bench, "watch");
    terminal.shows("front is gone from the engine", 1);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn no_colour_is_sent_where_none_is_wanted_and_no_background_ever() {
    let mut bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let background =
        regex::Regex::new(r"\x1b\[(?:[0-9;]*;)?(?:4[0-7]|48;[0-9;]+|10[0-7])m").expect("a pattern");
    let colour = regex::Regex::new(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|38;[0-9;]+|9[0-7])m").expect("a pattern");
    for (no_colour, coloured) in [("", true), ("1", false)] {
        bench.set_env("NO_COLOR", no_colour);
        let mut terminal = OnTerminal::run(&bench, "watch");
        terminal.shows("NOT MET", 1);
        terminal.press("q");
        let told = terminal.ends(0);
        assert!(!background.is_match(&told), "{told:?}");
        assert_eq!(colour.is_match(&told), coloured, "{told:?}");
    }
}

/// The lines of a recording.
fn recorded(bench: &Bench, name: &str) -> Vec<serde_json::Value> {
    let id = bench.attempts()[0].id.to_string();
    let path = bench.state().join("recordings").join(id).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_shell_is_recorded_where_that_is_asked_for_and_says_so_before_and_after() {
    let mut bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let told = OnTerminal::run(&bench, "shell").over(0);
    assert!(!told.contains("recorded") && !bench.state().join("recordings").exists(), "{told:?}");

    let told = OnTerminal::run(&bench, "shell --record").over(0);
    let at = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text:?} in {told:?}"));
    assert!(at("this shell is recorded (what it shows) into ") < at("root@front"), "{told:?}");
    assert!(at("root@front") < at("play:  asciinema play "), "{told:?}");
    let lines = recorded(&bench, "front-1.cast");
    assert_eq!((&lines[0]["version"], &lines[0]["term"]["cols"]), (&3.into(), &80.into()));
    let shown: String = lines[1..]
        .iter()
        .filter(|event| event[1] == "o")
        .map(|event| event[2].as_str().expect("text"))
        .collect();
    assert_eq!(shown, "root@front:~# printf '\\u20ac'\r\n€\r\nroot@front:~# logout\r\n");
    assert_eq!(lines.last().map(|event| (&event[1], &event[2])), Some((&"x".into(), &"0".into())));

    // From the environment, and each in a file of its own.
    bench.set_env("CRASHCART_RECORD", "1");
    OnTerminal::run(&bench, "shell back").over(0);
    let told = OnTerminal::run(&bench, "shell --quiet").over(0);
    assert!(told.contains("this shell is recorded"), "that is said in any case: {told:?}");
    for name in ["back-1.cast", "front-2.cast"] {
        assert_eq!(recorded(&bench, name)[0]["version"], 3);
    }
    let notes: Vec<String> = bench.records().iter().map(|record| record.body.clone()).collect();
    assert_eq!(notes.iter().filter(|body| body.contains("\"recorded\"")).count(), 3, "{notes:?}");
    assert!(bench.run("history").succeeds().stdout.contains("3 recordings"));
}

#[test]
fn a_recording_overwrites_nothing_and_where_there_can_be_none_no_shell_opens() {
    let mut bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let mine = bench.root().join("mine.cast");
    std::fs::write(&mine, "mine").expect("a file");
    let told = OnTerminal::run(&bench, &format!("shell --record={}", mine.display())).over(2);
    assert!(told.contains("there is a file") && !told.contains("root@front"), "{told:?}");
    assert_eq!(std::fs::read_to_string(&mine).expect("there"), "mine");
    let told = OnTerminal::run(&bench, "shell --record=/proc/none/a.cast").over(3);
    assert!(told.contains("could not write the recording") && !told.contains("root@front"), "{told:?}");
    bench.set_env("CRASHCART_RECORD", "maybe");
    let told = OnTerminal::run(&bench, "shell").over(2);
    assert!(told.contains("`CRASHCART_RECORD` is neither"), "{told:?}");
}

#[test]
fn without_a_terminal_nothing_takes_it() {
    let bench = Bench::new().lab("key-exposed");
    for words in ["", "--json", "--quiet"] {
        let output = bench.run(words).succeeds();
        assert!(output.stdout.contains("crashcart demo") && !output.stdout.contains('\x1b'), "{words}");
    }
    assert!(Path::new("/usr/bin/script").exists() || Path::new("/bin/script").exists());
}
