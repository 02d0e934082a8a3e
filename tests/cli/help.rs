//! What `--help` says, all of it: the manual that everybody has at hand.
//! UPDATE_CASES=1 writes what it says now; review the difference.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crashcart::cli::exit::Exit;

use crate::bench::Bench;

/// Every command with its own help, the groups before their members.
fn commands(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        commands(inner, format!("{path} {}", inner.get_name()).trim(), found);
    }
}

fn all_commands() -> Vec<String> {
    let mut found = Vec::new();
    commands(&crashcart::cli::command(), "", &mut found);
    assert!(found.len() > 20, "the commands are there");
    found
}

#[test]
fn the_help_of_every_command_is_as_recorded_and_fits_80_columns() {
    let bench = Bench::new();
    let mut told = String::new();
    for command in all_commands() {
        let help = bench.run(&format!("{command} --help")).succeeds().stdout;
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "crashcart {command} --help: too wide: {line}");
            assert!(!line.contains('\x1b'), "crashcart {command} --help: colour without a terminal");
        }
        // What clap leaves at the ends of lines is nobody's business.
        let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        told.push_str(&format!("$ {} --help\n{help}\n", format!("crashcart {command}").trim()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/help.txt");
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(&path, &told).expect("the case can be written");
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    if recorded != told {
        let at = recorded.lines().zip(told.lines()).position(|(old, new)| old != new);
        let line = at.unwrap_or(0);
        panic!(
            "help.txt differs from line {}: recorded `{}`, now `{}`",
            line + 1,
            recorded.lines().nth(line).unwrap_or(""),
            told.lines().nth(line).unwrap_or("")
        );
    }
}

#[test]
fn every_command_and_option_says_what_it_is() {
    fn look(command: &clap::Command, path: &str) {
        assert!(command.get_about().is_some(), "`{path}` says nothing of itself");
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "`{path}` says nothing of `{name}`");
        }
        command.get_subcommands().for_each(|inner| look(inner, &format!("{path} {}", inner.get_name())));
    }
    look(&crashcart::cli::command(), "crashcart");
}

#[test]
fn a_reader_that_goes_away_is_no_error_of_ours() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    let long = [
        "--help",
        "list",
        "list --json",
        "status",
        "history",
        "check",
        "completions bash",
        "lab lint",
        "doctor",
        "image list",
        "no-such-command",
    ];
    for words in long {
        let mut command = bench.command(words);
        // Both readers go away at once.
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("crashcart runs");
        drop(child.stdout.take());
        drop(child.stderr.take());
        let status = child.wait().expect("a child of ours");
        assert!(matches!(status.code(), Some(0..=3)), "`crashcart {words} | true` ended otherwise: {status}");
        // And the commands are not silent in the first place.
        let mut child = bench.command(words).spawn().expect("crashcart runs");
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
        child.wait().expect("a child of ours");
        assert!(!out.is_empty() || !err.is_empty(), "`crashcart {words}` says nothing");
    }
}

#[test]
fn colour_appears_on_a_terminal_and_goes_when_it_is_not_wanted() {
    let bench = Bench::new().lab("key-exposed");
    assert!(on_terminal(&bench, "list", "ANY", "1").contains('\x1b'), "colour on a terminal");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = on_terminal(&bench, "list", name, value);
        assert!(plain.contains("key-exposed") && !plain.contains('\x1b'), "{name}={value}: {plain:?}");
    }
    assert!(!on_terminal(&bench, "list --json", "ANY", "1").contains('\x1b'), "JSON has no colour");
    assert!(!bench.run("list").succeeds().stdout.contains('\x1b'), "no colour in a pipe");
}

#[test]
fn a_list_fits_a_terminal_of_80_columns() {
    let mut bench = Bench::new();
    bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"));
    let shown = on_terminal(&bench, "list", "NO_COLOR", "1");
    assert!(shown.lines().count() > 3, "{shown}");
    for line in shown.lines() {
        assert!(line.trim_end().chars().count() <= 80, "too wide: {line}");
    }
}

/// Runs a command on a terminal of 80 columns that `script` of util-linux makes; gives what it shows.
fn on_terminal(bench: &Bench, words: &str, name: &str, value: &str) -> String {
    let crashcart = env!("CARGO_BIN_EXE_crashcart");
    let plain = bench.command("");
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("stty cols 80 rows 24; {crashcart} {words}"), "/dev/null"]);
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").env(name, value).stdin(Stdio::null());
    let output = command.output().expect("`script` of util-linux runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn version_and_completions_are_answers() {
    let bench = Bench::new();
    assert_eq!(
        bench.run("--version").succeeds().stdout,
        format!("crashcart {}\n", env!("CARGO_PKG_VERSION"))
    );
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(bench.run(&format!("completions {shell}")).succeeds().stdout.contains("crashcart"));
    }
    bench.run("completions tcsh").fails(Exit::Usage);
}

/// What a shell is offered for the last of these words, the empty one too.
fn offered(bench: &Bench, words: &[&str]) -> Vec<String> {
    let mut command = bench.command("");
    command.env("CRASHCART_COMPLETE", "bash").env("_CLAP_IFS", "\n");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.args(["--", "crashcart"]).args(words);
    let printed = bench.run_command("", command).succeeds();
    let words = bench.unmask(&printed.stdout);
    words.lines().filter(|word| !word.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn words_are_completed_by_what_is_there() {
    let bench = Bench::new().lab("key-exposed");
    assert_eq!(offered(&bench, &["start", "ke"]), ["key-exposed"]);
    assert_eq!(offered(&bench, &["lab", "prove", "key-exposed", ""]), ["key-exposed"]);
    assert!(offered(&bench, &["start", "other"]).is_empty());
    assert_eq!(offered(&bench, &["image", "build", ""]), ["box"]);
    assert!(offered(&bench, &["path", "mlops"]).iter().all(|role| role.starts_with("mlops")));
    for words in [["check", ""], ["shell", ""], ["report", ""]] {
        assert!(offered(&bench, &words).is_empty(), "nothing has been started: {words:?}");
    }
    assert!(!bench.database().exists(), "who only asks keeps nothing");

    bench.run("start key-exposed").succeeds();
    let attempt = bench.attempts()[0].id.to_string();
    assert_eq!(offered(&bench, &["shell", ""]), ["front", "back"]);
    for words in [&["check", ""][..], &["shell", "--attempt", ""], &["stop", ""], &["report", ""]] {
        assert_eq!(offered(&bench, words), ["key-exposed", &attempt], "{words:?}");
    }
    bench.run("stop").succeeds();
    assert!(offered(&bench, &["check", ""]).is_empty());
    assert_eq!(offered(&bench, &["history", &attempt[..3]]), [attempt]);
}
