//! Each file of `tests/cases/cli` is a story: commands, and what they print.
//!
//! ```text
//! # Words for the reader.
//! % lab key-exposed
//! $ crashcart check
//! FAIL  key-private  front  found 0644, wanted 0400
//! ! next:  crashcart check --why key-private, or crashcart hint
//! [exit 1]
//! ```
//!
//! `| grep WORD` shows only the lines with that word, for commands that tell of the machine they run on.
//! Lines with `!` are standard error; an exit of 0 is not written. `%` does what no command does:
//! [`Story::act`] lists it. UPDATE_CASES=1 writes what is printed now; review the difference.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::bench::Bench;

struct Story {
    bench: Bench,
}

impl Story {
    /// Does what a line with `%` says.
    fn act(&mut self, words: &str) {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let mut parts = rest.split(" | ").map(str::trim);
        let mut part = || parts.next().unwrap_or_else(|| panic!("`% {words}` lacks something"));
        match verb {
            // A lab of the builder's.
            "lab" => self.bench.add_lab(part()),
            // The repository's own labs.
            "shipped" => self.bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR")),
            // An engine without images.
            "bare" => self.bench.clear_engine(),
            // Every node is mended by hand.
            "mend" => self.bench.mend(),
            // Every node bears a mark: `careless` is somebody's who did damage on the way.
            "mark" => self.bench.mark(part()),
            // `% edit FILE | FROM | TO`, below the root folder.
            // `\n` stands for the end of a line.
            "edit" => {
                let (file, from, to) = (part(), part().replace("\\n", "\n"), part().replace("\\n", "\n"));
                self.bench.edit(file, &from, &to);
            }
            // `% write FILE | TEXT`, with `\n` for the ends of lines.
            "write" => self.bench.write(part(), &part().replace("\\n", "\n")),
            "remove" => fs::remove_file(self.bench.root().join(part())).expect("a file"),
            "vanish" => fs::remove_dir_all(self.bench.root().join(part())).expect("a folder"),
            "env" => {
                let (name, value) = part().split_once('=').expect("NAME=VALUE");
                self.bench.set_env(name, value);
            }
            "faults" => self.bench.faults(serde_json::from_str(part()).expect("JSON")),
            // `% node front | exited`, or `| gone`: behind crashcart's back.
            "node" => {
                let (node, fate) = (part(), part());
                self.bench.behind_our_back(|state| {
                    let containers = state["containers"].as_array_mut().expect("a list");
                    match fate {
                        "gone" => containers.retain(|container| container["node"] != node),
                        condition => {
                            let found = containers.iter_mut().find(|container| container["node"] == node);
                            found.expect("a node")["condition"] = json!(condition);
                        }
                    }
                });
            }
            // `% machine JSON`: what the engine says of its machine.
            "machine" => {
                let machine: serde_json::Value = serde_json::from_str(part()).expect("JSON");
                self.bench.behind_our_back(|state| state["machine"] = machine);
            }
            // `% protocol 3`: agents of all nodes are those of another version.
            "protocol" => {
                let protocol = part();
                self.bench.behind_our_back(|state| {
                    for container in state["containers"].as_array_mut().expect("a list") {
                        container["labels"]["crashcart.protocol"] = json!(protocol);
                    }
                });
            }
            // `% sql STATEMENT` on the state file.
            "sql" => self.bench.sql(part()),
            other => panic!("there is no `% {other}`"),
        }
    }

    /// Runs a command line that begins with `crashcart`; gives what a reader sees of it.
    fn run(&self, line: &str) -> String {
        let (line, wanted) =
            line.split_once(" | grep ").map_or((line, None), |(line, word)| (line, Some(word)));
        let words = line.strip_prefix("crashcart").unwrap_or_else(|| panic!("`{line}` is no crashcart"));
        let ran = self.bench.run(&self.bench.unmask(words));
        let printed = ran.printed();
        let mut shown = printed.stdout;
        if let Some(wanted) = wanted {
            // What stands in other lines decides how wide columns are.
            let kept = shown.lines().filter(|line| line.contains(wanted));
            shown = kept.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect();
        }
        for line in printed.stderr.lines() {
            shown.push_str(format!("! {line}").trim_end());
            shown.push('\n');
        }
        match ran.code() {
            Some(0) => {}
            Some(code) => shown.push_str(&format!("[exit {code}]\n")),
            None => shown.push_str("[killed]\n"),
        }
        shown
    }

    /// The story with the output of its commands as it is now.
    fn told_anew(text: &str) -> String {
        let mut story = Self { bench: Bench::new() };
        let mut told = String::new();
        for line in text.lines() {
            let said = |told: &mut String| {
                // An empty line before what does not belong to the output above.
                if !told.is_empty() && !told.ends_with("\n\n") {
                    let last = told.lines().last().unwrap_or_default();
                    if !last.starts_with("# ") && !last.starts_with("% ") {
                        told.push('\n');
                    }
                }
                told.push_str(line);
                told.push('\n');
            };
            if let Some(words) = line.strip_prefix("% ") {
                said(&mut told);
                story.act(words);
            } else if let Some(words) = line.strip_prefix("$ ") {
                said(&mut told);
                told.push_str(&story.run(words));
            } else if line.starts_with("# ") {
                said(&mut told);
            }
        }
        told
    }
}

fn all() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cli");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the stories are there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_story_is_told_as_recorded() {
    let different: Vec<String> = std::thread::scope(|scope| {
        let told = all().into_iter().map(|path| {
            scope.spawn(move || {
                let recorded = fs::read_to_string(&path).expect("a story");
                let now = Story::told_anew(&recorded);
                if std::env::var_os("UPDATE_CASES").is_some() {
                    fs::write(&path, &now).expect("a story can be written");
                    return None;
                }
                (recorded != now).then(|| format!("--- {}\n{}", path.display(), difference(&recorded, &now)))
            })
        });
        let told: Vec<_> = told.collect();
        told.into_iter().filter_map(|story| story.join().expect("a story that can be told")).collect()
    });
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The first lines that differ, with the command above them.
fn difference(recorded: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (recorded.lines().collect(), now.lines().collect());
    let at = old.iter().zip(&new).position(|(old, new)| old != new).unwrap_or(old.len().min(new.len()));
    let command = new[..at].iter().rfind(|line| line.starts_with("$ ")).unwrap_or(&"");
    let some = |lines: &[&str], mark: &str| -> String {
        lines.iter().skip(at).take(12).map(|line| format!("{mark} {line}\n")).collect()
    };
    format!("line {}, {command}\n{}{}", at + 1, some(&old, "-"), some(&new, "+"))
}
