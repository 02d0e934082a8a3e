//! What is installed, and what README says about installing it. Nothing is built here: `.ci/package tree` lays out the files of
//! the program that the tests have anyway.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::bench::Bench;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `.ci/package`; gives what it prints.
fn package(arguments: &[&str]) -> String {
    let output = Command::new(root().join(".ci/package"))
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1735689600")
        .output()
        .expect("the script runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), ".ci/package {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// All files below a folder, from there.
fn files(folder: &Path) -> BTreeSet<String> {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("readable"))
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| entry.path().strip_prefix(folder).expect("below it").display().to_string())
        .collect()
}

#[test]
fn the_packages_hold_what_is_listed_and_all_that_is_read_at_run_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let usr = folder.path().join("usr");
    package(&["tree", env!("CARGO_BIN_EXE_crashcart"), usr.to_str().expect("UTF-8")]);
    let mut found = files(&usr);

    // Labs and texts are those of the repository, all of them.
    let data = files(&usr.join("share/crashcart"));
    found.retain(|path| !path.starts_with("share/crashcart/"));
    let mut wanted = BTreeSet::new();
    for part in ["labs", "graders", "containers", "site"] {
        wanted.extend(files(&root().join(part)).into_iter().map(|path| format!("{part}/{path}")));
    }
    wanted.extend(["LICENSE", "README.md", "src/README.md"].map(str::to_owned));
    assert_eq!(data, wanted);

    // A page for each command.
    let pages: BTreeSet<String> =
        found.iter().filter(|path| path.starts_with("share/man/")).cloned().collect();
    found.retain(|path| !path.starts_with("share/man/"));
    fn names(command: &clap::Command, name: &str, all: &mut BTreeSet<String>) {
        all.insert(format!("share/man/man1/{name}.1.gz"));
        command
            .get_subcommands()
            .for_each(|inner| names(inner, &format!("{name}-{}", inner.get_name()), all));
    }
    let mut commands = BTreeSet::new();
    names(&crashcart::cli::command(), "crashcart", &mut commands);
    assert_eq!(pages, commands);

    let wanted = [
        "bin/crashcart",
        "share/bash-completion/completions/crashcart",
        "share/doc/crashcart/changelog.gz",
        "share/doc/crashcart/copyright",
        "share/doc/crashcart/third-party",
        "share/fish/vendor_completions.d/crashcart.fish",
        "share/zsh/vendor-completions/_crashcart",
    ];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    let licences = fs::read_to_string(usr.join("share/doc/crashcart/third-party")).expect("text");
    assert!(licences.lines().count() > 100 && licences.contains("tokio v"), "{licences}");
    assert!(!licences.contains(root().to_str().expect("UTF-8")), "{licences}");

    // The program finds the labs that lie beside it, wherever that is.
    let bench = Bench::new();
    let mut command = Command::new(usr.join("bin/crashcart"));
    let plain = bench.command("");
    command.args(["list", "--json"]).env_clear().current_dir(folder.path());
    command
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env_remove("CRASHCART_ROOT");
    let list = command.output().expect("it runs");
    let listed: serde_json::Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let labs = fs::read_dir(root().join("labs")).expect("labs").count();
    assert_eq!(listed.as_array().map(Vec::len), Some(labs));
    // They came with it: nobody writes there.
    let mut command = Command::new(usr.join("bin/crashcart"));
    command.args(["lab", "new", "nfs-exports-gone"]).env_clear().current_dir(folder.path());
    command
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env_remove("CRASHCART_ROOT");
    let refused = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("crashcart lab copy"), "{said}");
}

#[test]
fn readme_names_the_packages_and_the_commands_that_there_are() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README");
    let (_, install) = readme.split_once("## Installing").expect("a section about it");
    let install = install.split("\n## ").next().unwrap_or_default();
    let names = package(&["names"]);
    assert_eq!(names.lines().count(), 2, "{names}");
    for name in names.lines() {
        // The section speaks of the machine that most people have.
        let (stem, end) = name.split_once("_amd64").or(name.split_once("-x86_64")).unwrap_or((name, ""));
        assert!(install.contains(stem) && install.contains(end), "README does not name {name}");
    }
    // Every command line of a fence is one that can be typed.
    let fences: Vec<&str> = install.split("```").skip(1).step_by(2).collect();
    let lines: Vec<&str> = fences.iter().flat_map(|fence| fence.lines().skip(1)).collect();
    let known = Regex::new(
        r"^(cargo install --locked --(path \.|git URL)|\.ci/package|sudo apt install \./target/package/\S+\.deb|tar --extract --file target/package/\S+\.tar\.xz|crashcart-\S+/bin/crashcart [a-z]+)( +#.*)?$",
    )
    .expect("a pattern");
    let odd: Vec<&&str> = lines.iter().filter(|line| !known.is_match(line)).collect();
    assert!(!lines.is_empty() && odd.is_empty(), "{odd:?}");
    let commands = crashcart::cli::command();
    for line in lines.iter().filter_map(|line| line.split_once("/bin/crashcart ")) {
        let word = line.1.split_whitespace().next().unwrap_or_default();
        assert!(commands.find_subcommand(word).is_some(), "there is no `crashcart {word}`");
    }
}

#[test]
fn manual_pages_are_what_man_can_show() {
    let bench = Bench::new();
    let page = bench.run("manual").succeeds().stdout;
    for part in [".TH CRASHCART 1", ".SH NAME", ".SH SYNOPSIS", "crashcart\\-lab(1)"] {
        assert!(page.contains(part), "no `{part}` in {page}");
    }
    let inner = bench.run("manual lab prove").succeeds().stdout;
    assert!(inner.contains(".TH CRASHCART-LAB-PROVE 1") && inner.contains("junit"), "{inner}");
    let folder = bench.root().join("pages");
    bench.run(&format!("manual --out {} --quiet", folder.display())).succeeds();
    // Where there is a `man`, it has nothing to say against any page.
    let man = |path: &Path| {
        Command::new("man").args(["--warnings", "-l", "-E", "UTF-8", "-Tutf8", "-Z"]).arg(path).output()
    };
    for page in files(&folder) {
        if let Ok(output) = man(&folder.join(&page)) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.trim().is_empty(), "{page}: {said}");
        }
    }
}
