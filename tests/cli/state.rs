//! The state directory when it is not as it should be: full, damaged, from another crashcart or another
//! program. The error is the clear one, and nothing in it is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crashcart::cli::exit::Exit;

use crate::bench::Bench;

/// Commands that read or write the state, and none that would need an attempt.
const COMMANDS: [&str; 11] = [
    "",
    "next",
    "path",
    "history --skills",
    "list",
    "status",
    "start key-exposed",
    "history",
    "stop --all",
    "check",
    "grade",
];

/// Every command refuses a state file, says this, and leaves it byte for byte as it was.
#[track_caller]
fn is_refused(bench: &Bench, error: &str, next: &str) {
    let before = fs::read(bench.database()).expect("the state file");
    for words in COMMANDS {
        let printed = bench.run(words).fails(Exit::Machine);
        assert!(printed.stderr.contains(error), "`crashcart {words}` says otherwise:\n{}", printed.stderr);
        assert!(printed.stderr.contains(next), "`crashcart {words}` advises otherwise:\n{}", printed.stderr);
    }
    let doctor = bench.run("doctor").ends_with(Exit::Machine);
    assert!(doctor.stdout.contains(error), "doctor says nothing of it:\n{}", doctor.stdout);
    bench.run("doctor --fix --yes").ends_with(Exit::Machine);
    assert!(fs::read(bench.database()).expect("the state file") == before, "the state file was changed");
}

#[test]
fn a_damaged_state_file_is_told_and_left_alone() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    bench.run("stop").succeeds();
    let good = fs::read(bench.database()).expect("the state file");
    let damaged = "is damaged";
    let next = "keep a copy and move it away";

    fs::write(
        bench.database(),
        b"this was never a database, but it is long enough to look like one, or is it",
    )
    .expect("written");
    is_refused(&bench, damaged, next);

    // The first page is lost: the header no longer is one.
    let mut torn = good.clone();
    torn[..100].fill(0xff);
    fs::write(bench.database(), &torn).expect("written");
    is_refused(&bench, damaged, next);

    // Moved away as advised, a new one is begun.
    fs::rename(bench.database(), bench.state().join("crashcart.db.damaged")).expect("moved");
    bench.run("start key-exposed").succeeds();
    assert_eq!(bench.attempts().len(), 1);
}

#[test]
fn pages_lost_in_the_middle_are_found_by_doctor() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    bench.run("stop").succeeds();
    let mut torn = fs::read(bench.database()).expect("the state file");
    let (from, to) = (4096, torn.len());
    torn[from..to].fill(0x5a);
    fs::write(bench.database(), &torn).expect("written");
    let printed = bench.run("history").fails(Exit::Machine);
    assert!(printed.stderr.contains("is damaged"), "{}", printed.stderr);
    let doctor = bench.run("doctor").ends_with(Exit::Machine);
    assert!(doctor.stdout.contains("is damaged"), "{}", doctor.stdout);
    assert!(fs::read(bench.database()).expect("the state file") == torn, "the state file was changed");
}

#[test]
fn a_state_file_of_a_newer_crashcart_is_told_and_left_alone() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("list").succeeds();
    bench.sql("PRAGMA user_version = 99");
    is_refused(&bench, "was written by a newer crashcart (format 99", "update crashcart");
}

/// The files of `tests/cases/state` are what each version of the tables held, as SQL: a lab begun, checked, helped with,
/// graded and ended, on the engine on paper. Whoever adds a version adds its file.
#[test]
fn a_state_file_of_every_version_is_taken_over_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/state");
    let fresh = Bench::new();
    fresh.run("list").succeeds();
    let connection = rusqlite::Connection::open(fresh.database()).expect("the state file");
    let newest: u32 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
    // The newest one is nobody's past yet.
    for version in 1..newest.max(2) {
        let text =
            fs::read_to_string(folder.join(format!("{version}.sql"))).expect("a file for each version");
        let bench = Bench::new().lab("key-exposed");
        bench.sql(&text);
        let before: usize = text.matches("INSERT INTO \"record\"").count();
        assert!(before > 5, "version {version} has records");
        assert_eq!(bench.records().len(), before, "version {version}");
        let doctor = bench.run("doctor").succeeds();
        assert!(!doctor.stdout.contains("WRONG"), "{}", doctor.stdout);
        let history = bench.run("history").succeeds().stdout;
        assert!(history.contains("key-exposed") && history.contains("passed"), "{history}");
        assert!(bench.run("list").succeeds().stdout.contains("100"), "the best score is kept");
        let id = bench.attempts()[0].id.to_string();
        bench.run(&format!("grade --stored {id}")).succeeds();
        bench.run("start key-exposed").succeeds();
        bench.run("check").ends_with(Exit::NotYet);
        let connection = rusqlite::Connection::open(bench.database()).expect("the state file");
        let now: u32 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("a version");
        assert_eq!(now, newest);
    }
}

#[test]
fn a_database_of_another_program_is_told_and_left_alone() {
    for statements in [
        // With a version of its own, and without any: most programs never set one.
        "CREATE TABLE song (title TEXT); PRAGMA user_version = 1",
        "CREATE TABLE song (title TEXT); INSERT INTO song VALUES ('x')",
        "PRAGMA application_id = 77; CREATE TABLE song (title TEXT)",
    ] {
        let bench = Bench::new().lab("key-exposed");
        bench.sql(statements);
        is_refused(&bench, "is a database of another program", "CRASHCART_STATE_DIR");
    }
}

#[test]
fn a_state_directory_that_is_none_is_told() {
    let mut bench = Bench::new().lab("key-exposed");
    bench.write("notes", "no directory");
    let notes = bench.root().join("notes");
    bench.set_env("CRASHCART_STATE_DIR", &notes.display().to_string());
    let printed = bench.run("list").fails(Exit::Machine);
    assert!(printed.stderr.contains("could not use the state directory"), "{}", printed.stderr);
    assert_eq!(fs::read(&notes).expect("still there"), b"no directory");
    // Root may write anywhere; for others a closed directory is told as well.
    if !rustix::process::getuid().is_root() {
        let closed = bench.root().join("closed");
        fs::create_dir(&closed).expect("a folder");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).expect("closed");
        bench.set_env("CRASHCART_STATE_DIR", &closed.join("state").display().to_string());
        let printed = bench.run("list").fails(Exit::Machine);
        assert!(printed.stderr.contains("Permission denied"), "{}", printed.stderr);
    }
}

#[test]
fn without_any_place_for_state_one_is_asked_for() {
    let bench = Bench::new();
    let mut command = bench.command("list");
    command.env_remove("CRASHCART_STATE_DIR").env_remove("HOME");
    let printed = bench.run_command("list", command).fails(Exit::Machine);
    assert!(printed.stderr.contains("name a directory in `CRASHCART_STATE_DIR`"), "{}", printed.stderr);
    // An empty variable is no directory.
    let mut command = bench.command("list");
    command.env("CRASHCART_STATE_DIR", "");
    bench.run_command("list", command).succeeds();
}

/// A tiny file system; none where this user may not mount one.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn new(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }
    /// Takes all the room there is.
    fn fill(&self) {
        use std::io::Write;
        let mut file = fs::File::create(self.0.path().join("ballast")).expect("a file");
        while file.write_all(&[0; 1024]).is_ok() {}
    }
    fn make_room(&self) {
        fs::remove_file(self.0.path().join("ballast")).expect("removed");
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    // Only root may mount; the limit on file sizes below covers everybody.
    let Some(disk) = TinyDisk::new(1024) else { return };
    let mut bench = Bench::new().lab("key-exposed").lab("key-forgotten");
    bench.set_env("CRASHCART_STATE_DIR", &disk.0.path().join("state").display().to_string());
    bench.run("start key-exposed").succeeds();
    bench.run("check").ends_with(Exit::NotYet);
    let before = bench.records();
    disk.fill();
    for words in ["check", "grade", "hint", "pause", "start key-forgotten", "stop", "reset"] {
        let printed = bench.run(words).fails(Exit::Machine);
        assert!(
            printed.stderr.contains("is full"),
            "`crashcart {words}` says otherwise:\n{}",
            printed.stderr
        );
        assert!(
            printed.stderr.contains("free some space"),
            "`crashcart {words}` advises otherwise:\n{}",
            printed.stderr
        );
    }
    disk.make_room();
    let after = bench.records();
    assert_eq!(
        after[..before.len()].iter().map(|r| &r.digest).collect::<Vec<_>>(),
        before.iter().map(|r| &r.digest).collect::<Vec<_>>()
    );
    bench.run("check key-exposed").ends_with(Exit::NotYet);
    bench.run("start key-forgotten").succeeds();
    bench.run("stop --all").succeeds();
    bench.run("doctor --fix --yes").succeeds();
    assert_eq!(bench.objects(), [""; 0]);
    bench.records();
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_told() {
    let Some(disk) = TinyDisk::new(16) else { return };
    let mut bench = Bench::new().lab("key-exposed");
    disk.fill();
    bench.set_env("CRASHCART_STATE_DIR", &disk.0.path().join("state").display().to_string());
    for words in ["list", "start key-exposed", "next"] {
        let printed = bench.run(words).fails(Exit::Machine);
        assert!(
            printed.stderr.contains("is full"),
            "`crashcart {words}` says otherwise:\n{}",
            printed.stderr
        );
    }
    assert_eq!(bench.objects(), [""; 0]);
}

#[test]
fn a_limit_on_the_size_of_files_is_no_crash() {
    let bench = Bench::new().lab("key-exposed");
    bench.run("start key-exposed").succeeds();
    // As a shell's `ulimit -f` sets it; what has been written so far fits, a report no longer does.
    let command = |words: &str| {
        let mut limited = Command::new("/bin/sh");
        let crashcart = env!("CARGO_BIN_EXE_crashcart");
        limited.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; exec {crashcart} {words}")]);
        let plain = bench.command("");
        limited.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        limited
    };
    // The engine on paper keeps its own file, which the limit would hit first.
    let ran = bench.run_command("hint, limited", command("hint"));
    assert!(ran.code().is_some(), "a signal ended it");
    ran.fails(Exit::Machine);
    bench.run("hint").succeeds();
    bench.records();
}
