//! Labs of a repository: fetched by git, kept by commit, used without a network, and nothing in it runs on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crashcart::cli::exit::Exit;

use crate::bench::Bench;

/// A repository with one lab, in the folder of a bench.
struct Theirs {
    folder: PathBuf,
}

impl Theirs {
    fn new(bench: &Bench) -> Self {
        let folder = bench.root().parent().expect("a bench").join("theirs");
        bench.run(&format!("--labs {} lab new key-of-theirs", folder.display())).succeeds();
        let theirs = Self { folder };
        theirs.edit("labs/key-of-theirs/lab.toml", "image = \"base\"", "image = \"box\"");
        theirs.git(&["init", "--quiet", "--initial-branch=main"]);
        theirs.commit();
        theirs
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{file} has no `{from}`");
        fs::write(path, text.replace(from, to)).expect("a file");
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .args(["-c", "user.name=Theirs", "-c", "user.email=theirs@example.org"])
            .args(arguments)
            .output()
            .expect("git is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=labs"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Folders of the commits that were fetched.
fn kept(bench: &Bench) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect()
    };
    let repositories = list(&bench.state().join("collections"));
    repositories
        .iter()
        .flat_map(|repository| list(repository))
        .filter(|path| path.join("labs").is_dir())
        .collect()
}

#[test]
fn labs_of_a_repository_are_fetched_once_and_again_when_asked() {
    let bench = Bench::new();
    let theirs = Theirs::new(&bench);
    let (url, first) = (theirs.url(), theirs.git(&["rev-parse", "HEAD"]));
    let listed = bench.run(&format!("--labs {url} list")).succeeds();
    assert!(listed.stdout.contains("key-of-theirs"), "{}", listed.stdout);
    assert!(listed.stderr.contains(&format!("fetched commit {first} with 1 lab")), "{}", listed.stderr);

    // The repository moves on, then is out of reach.
    theirs.edit("labs/key-of-theirs/lab.toml", "level = 1", "level = 3");
    let second = theirs.commit();
    let away = theirs.folder.with_extension("away");
    fs::rename(&theirs.folder, &away).expect("a rename");
    let listed = bench.run(&format!("--labs {url} list --json")).succeeds();
    assert!(listed.stdout.contains("\"level\": 1"), "{}", listed.stdout);
    assert_eq!(listed.stderr, "");
    let failed = bench.run(&format!("--labs {url} lab refresh")).fails(Exit::Machine);
    assert!(failed.stderr.contains("git could not fetch"), "{}", failed.stderr);
    bench.run(&format!("--labs {url} list")).succeeds();
    bench.run(&format!("--labs {url}#topic list")).fails(Exit::Machine);

    fs::rename(&away, &theirs.folder).expect("a rename");
    let refreshed = bench.run(&format!("--labs {url} lab refresh")).succeeds();
    assert_eq!(refreshed.stdout, format!("{second} (it was {first})\n"));
    let listed = bench.run(&format!("--labs {url} list --json")).succeeds();
    assert!(listed.stdout.contains("\"level\": 3"), "{}", listed.stdout);
    // Both commits stay, each by its own name.
    let listed = bench.run(&format!("--labs {url}#{first} list --json")).succeeds();
    assert!(listed.stdout.contains("\"level\": 1"), "{}", listed.stdout);
    assert_eq!(kept(&bench).len(), 2);
}

#[test]
fn consent_is_asked_once_for_each_commit_and_an_attempt_keeps_to_its_own() {
    let bench = Bench::new();
    let theirs = Theirs::new(&bench);
    let url = theirs.url();
    let start = format!("--labs {url} start key-of-theirs --seed 7");
    let refused = bench.run(&start).fails(Exit::Usage);
    assert!(
        refused.stderr.contains("nobody has agreed") && refused.stderr.contains("--trust-labs"),
        "{}",
        refused.stderr
    );
    bench.run(&format!("--trust-labs {start}")).succeeds();
    let attempt = bench.attempts()[0].clone();
    assert_eq!(attempt.collection, Some(format!("{url}#{}", theirs.git(&["rev-parse", "HEAD"]))));

    theirs.edit("labs/key-of-theirs/brief.md", "\n", "\nAnother ticket.\n");
    theirs.commit();
    bench.run(&format!("--labs {url} lab refresh")).succeeds();
    assert!(!bench.run("brief").succeeds().stdout.contains("Another ticket"));
    bench.run("stop").succeeds();
    bench.run(&start).fails(Exit::Usage);
    bench.run(&format!("--trust-labs {start}")).succeeds();
    assert!(bench.run("brief").succeeds().stdout.contains("Another ticket"));

    // What was fetched is thrown away: it is said where to get it again.
    fs::remove_dir_all(bench.state().join("collections")).expect("a folder");
    let gone = bench.run("brief").fails(Exit::Usage);
    assert!(
        gone.stderr.contains("are gone") && gone.stderr.contains("crashcart --labs file://[BENCH]/theirs#"),
        "{}",
        gone.stderr
    );
}

#[test]
fn nothing_of_a_repository_runs_and_nothing_leads_out_of_it() {
    let bench = Bench::new();
    let theirs = Theirs::new(&bench);
    let url = theirs.url();
    let touched = bench.state().join("touched");
    // Hooks of the repository, filters that its attributes name, and a module of something else.
    let hook = format!("#!/bin/sh\ntouch {}\n", touched.display());
    for name in ["post-checkout", "pre-fetch", "reference-transaction", "post-index-change"] {
        let path = theirs.folder.join(".git/hooks").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, &hook).expect("a file");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a file");
    }
    fs::write(theirs.folder.join(".gitattributes"), "* filter=evil\n").expect("a file");
    fs::write(theirs.folder.join(".gitmodules"), "[submodule \"x\"]\n\tpath = labs/x\n\turl = /etc\n")
        .expect("a file");
    theirs.git(&["-c", "core.hooksPath=/dev/null", "add", "--all"]);
    theirs.git(&["-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--message=more"]);
    let _ = fs::remove_file(&touched);
    bench.run(&format!("--labs {url} list")).succeeds();
    assert!(!touched.exists(), "a hook ran");
    for file in &kept(&bench) {
        assert!(!file.join(".gitattributes").exists() && !file.join(".git").exists(), "{}", file.display());
    }

    std::os::unix::fs::symlink("/etc/passwd", theirs.folder.join("labs/key-of-theirs/extra.md"))
        .expect("a link");
    theirs.git(&["-c", "core.hooksPath=/dev/null", "add", "--all"]);
    theirs.git(&["-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--message=link"]);
    let refused = bench.run(&format!("--labs {url} lab refresh")).fails(Exit::Usage);
    assert!(refused.stderr.contains("`labs/key-of-theirs/extra.md` is a link"), "{}", refused.stderr);
    assert_eq!(kept(&bench).len(), 1, "nothing half is kept");
}
