//! House rules that a program can see: headers, texts, prints, capabilities, words that give away
//! where this was written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crashcart::image::ImageCatalog;
use regex::Regex;

use crate::bench::Bench;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the repository, without what is built and what git keeps.
fn files(below: &str) -> Vec<PathBuf> {
    let kept = |name: &str| !matches!(name, "target" | ".git");
    let walk = walkdir::WalkDir::new(root().join(below)).sort_by_file_name().into_iter();
    walk.filter_entry(|entry| entry.file_name().to_str().is_some_and(kept))
        .map(|entry| entry.expect("a readable tree"))
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Rust sources below some folders, with their texts.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let paths = folders.iter().flat_map(|folder| files(folder));
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let found: Vec<_> =
        rust.map(|path| (shown(&path), fs::read_to_string(&path).expect("a source"))).collect();
    assert!(!found.is_empty(), "there are sources");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Lines of all sources that have this and should not.
fn offending(sources: &[(String, String)], wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = sources.iter().flat_map(|(path, text)| {
        text.lines().enumerate().map(move |(n, line)| (format!("{path}:{}: {}", n + 1, line.trim()), line))
    });
    lines.filter(|(_, line)| wrong(line)).map(|(told, _)| told).collect()
}

#[test]
fn every_module_says_what_it_does() {
    let headless = sources(&["src", "tests"]).into_iter().filter(|(_, text)| {
        let first = text.lines().next().unwrap_or_default();
        // The library's front page is src/README.md.
        !first.starts_with("//! ") && !first.starts_with("#![doc = include_str!(")
    });
    assert_eq!(headless.map(|(path, _)| path).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn every_lab_has_its_rubric_and_its_texts() {
    let folders =
        fs::read_dir(root().join("labs")).expect("labs").map(|entry| entry.expect("an entry").path());
    let labs: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    assert!(labs.len() >= 2, "the labs are there");
    for lab in &labs {
        let name = lab.file_name().and_then(|name| name.to_str()).expect("a name");
        let wanted = ["lab.toml", "brief.md", "hints.md", "debrief.md"].map(|file| lab.join(file));
        for file in wanted.into_iter().chain([root().join(format!("graders/{name}.toml"))]) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            assert!(text.trim().len() > 40, "{} is missing or says nothing", shown(&file));
        }
    }
    for grader in
        files("graders").iter().filter(|path| path.parent().is_some_and(|parent| parent.ends_with("graders")))
    {
        let name = grader.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(root().join("labs").join(name).is_dir(), "{} judges no lab", shown(grader));
    }
    let mut bench = Bench::new();
    bench.set_env("CRASHCART_ROOT", env!("CARGO_MANIFEST_DIR"));
    bench.run("lab lint").succeeds();
}

#[test]
fn a_test_that_is_left_out_says_why_and_where_that_is_followed_up() {
    let ignored = Regex::new(r"^\s*#\[ignore").expect("a pattern");
    let explained = Regex::new(r#"#\[ignore = ".+https?://\S+.*"\]"#).expect("a pattern");
    let wrong =
        offending(&sources(&["src", "tests"]), |line| ignored.is_match(line) && !explained.is_match(line));
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn only_the_command_lines_output_prints() {
    // What runs inside nodes has an output of its own, and a build script speaks to cargo.
    let speaks =
        |path: &str| path.starts_with("src/inside/") || path == "src/build.rs" || path == "src/cli/output.rs";
    let silent: Vec<_> = sources(&["src"]).into_iter().filter(|(path, _)| !speaks(path)).collect();
    let prints = Regex::new(r"\b(e?print(ln)?|dbg)!").expect("a pattern");
    let wrong = offending(&silent, |line| prints.is_match(line) && !line.trim_start().starts_with("//"));
    assert_eq!(wrong, [""; 0]);
}

/// Capabilities of the images, without `CAP_`. More in an image is a decision to be made here too:
/// say in its page of `site/` what for.
#[test]
fn each_image_has_the_capabilities_listed_here_and_no_more() {
    let wanted = BTreeMap::from([
        // Nothing runs in it but what labs start.
        ("base", ""),
        // PID 1 makes the device files of GPUs, which cannot be opened; the rest is what dpkg and services
        // that run as other users need.
        ("gpu", "CHOWN DAC_OVERRIDE FOWNER KILL MKNOD SETGID SETUID"),
        // As gpu; Prometheus and what is around it run as users of their own.
        ("monitoring", "CHOWN DAC_OVERRIDE FOWNER KILL MKNOD SETGID SETUID"),
        // As gpu; slurmd and sshd change users, munged's files belong to a user of its own, and sshd ends a login
        // with a terminal that it cannot tell the audit system of.
        ("slurm", "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER KILL MKNOD SETGID SETUID SYS_CHROOT"),
        // As slurm, with two more daemons that are users of their own.
        ("slurm-accounting", "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER KILL MKNOD SETGID SETUID SYS_CHROOT"),
        // The trainer runs as a user of its own.
        ("trainer", "CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID"),
        // Frames between the guest and the network. All else happens in the guest.
        ("vm", "NET_RAW"),
    ]);
    let catalog = ImageCatalog::load(&root().join("containers")).expect("the images");
    let found: BTreeMap<&str, String> =
        catalog.iter().map(|image| (image.name.as_str(), image.capabilities.join(" "))).collect();
    let found: BTreeMap<&str, &str> = found.iter().map(|(name, list)| (*name, list.as_str())).collect();
    assert_eq!(found, wanted);
    for forbidden in ["SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "SYS_RAWIO", "DAC_READ_SEARCH"] {
        assert!(!crashcart::image::ALLOWED_CAPABILITIES.contains(&forbidden), "{forbidden}");
    }
}

#[test]
fn nothing_in_the_tree_names_the_machine_it_was_written_on() {
    // In two pieces, or this file would be the first to name them.
    let words = [
        ("/wo", "rk/"),
        ("/tmp/c", "c/"),
        ("CARGO_REG", "ISTRY_TOKEN"),
        ("ghcr", ".io"),
        ("quay", ".io"),
        ("gcr", ".io"),
        ("registry-1.", "docker"),
        ("artifac", "tory"),
    ]
    .map(|(one, two)| format!("{one}{two}"));
    let mut wrong = Vec::new();
    for path in files("") {
        if path.ends_with("Cargo.lock") || !path.parent().is_some_and(|parent| parent.starts_with(root())) {
            continue;
        }
        // What is no text names nothing that anybody reads.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        // A working tree's own pointer to its repository is no part of it.
        if path == root().join(".git") {
            continue;
        }
        for (n, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {word}", shown(&path), n + 1));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
