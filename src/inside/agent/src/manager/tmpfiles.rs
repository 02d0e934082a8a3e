//! tmpfiles.d at boot, the part that services of a node rely on: lines of type
//! `d`, `D`, `f`, `F`, `r` and `R`. Runs in a child of PID 1, before any unit.

use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::words;
use crate::accounts::Accounts;
use crate::rooted::{Link, Root};

/// Directories of configuration, the strongest first; of two files with one name the stronger counts.
const DIRECTORIES: &[&str] =
    &["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"];

#[derive(Debug, PartialEq, Eq)]
struct Line {
    kind: char,
    path: String,
    mode: Option<u32>,
    user: Option<String>,
    group: Option<String>,
    argument: Option<String>,
}

/// Makes what every node needs, then what the packages ask for.
pub fn apply(root: &Root) {
    let began = Instant::now();
    for (path, mode) in [
        ("/run", 0o755),
        ("/run/lock", 0o1777),
        ("/run/systemd", 0o755),
        ("/run/systemd/system", 0o755),
        ("/run/systemd/journal", 0o755),
        ("/tmp", 0o1777),
        ("/var/tmp", 0o1777),
        ("/var/log", 0o755),
    ] {
        if rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)).is_ok() {
            let _ = rustix::fs::chmod(path, Mode::from_raw_mode(mode));
        }
    }
    let mut files: Vec<(String, String)> = Vec::new();
    for directory in DIRECTORIES {
        for name in root.list(directory, 1000) {
            if name.ends_with(".conf") && !files.iter().any(|(known, _)| *known == name) {
                files.push((name.clone(), format!("{directory}/{name}")));
            }
        }
    }
    files.sort();
    let accounts = Accounts::read(root);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for (_, path) in files {
        let Ok(Some(text)) = root.text(&path, 1024 * 1024) else { continue };
        for line in text.lines().filter_map(|line| parse(line, &host)) {
            if began.elapsed() > Duration::from_secs(3) {
                return;
            }
            // One bad line does not keep the others from being followed.
            let _ = follow(&line, &accounts, root);
        }
    }
}

fn parse(line: &str, host: &str) -> Option<Line> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let fields = words::split(line).ok()?;
    let mut fields = fields.into_iter();
    let kind = fields.next()?;
    // `!` is for boot alone, which this is; `-`, `=`, `~` and others change nothing here.
    let letter = kind.chars().next().filter(|letter| "dDfFrR".contains(*letter))?;
    let fill = |text: String| words::Specifiers { unit: "", host, user: None }.fill(&text);
    let path = fill(fields.next()?);
    path.starts_with('/').then_some(())?;
    let mut field = || fields.next().filter(|field| field != "-");
    let mode = field().and_then(|mode| u32::from_str_radix(mode.trim_start_matches(['~', ':']), 8).ok());
    let user = field().map(|name| name.trim_start_matches(':').to_owned());
    let group = field().map(|name| name.trim_start_matches(':').to_owned());
    let _age = field();
    let rest: Vec<String> = fields.collect();
    let argument = (!rest.is_empty()).then(|| fill(rest.join(" "))).filter(|text| text != "-");
    Some(Line { kind: letter, path: path.trim_end_matches('/').to_owned(), mode, user, group, argument })
}

fn follow(line: &Line, accounts: &Accounts, root: &Root) -> std::io::Result<()> {
    match line.kind {
        'd' | 'D' => {
            make_parents(&line.path)?;
            match rustix::fs::mkdir(line.path.as_str(), Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let dir = rustix::fs::open(line.path.as_str(), flags, Mode::empty())?;
            dress(&dir, line, accounts, 0o755)?;
        }
        'f' | 'F' => {
            make_parents(&line.path)?;
            let mut flags =
                OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            flags |= if line.kind == 'F' { OFlags::TRUNC } else { OFlags::EXCL };
            let file = match rustix::fs::open(line.path.as_str(), flags, Mode::from_raw_mode(0o644)) {
                Err(rustix::io::Errno::EXIST) => return Ok(()),
                other => other?,
            };
            if let Some(text) = &line.argument {
                rustix::io::write(&file, text.as_bytes())?;
            }
            dress(&file, line, accounts, 0o644)?;
        }
        'r' | 'R' => {
            for path in expand(&line.path, root) {
                let kind = root.place(&path, Link::Keep)?.map(|place| place.kind());
                match kind {
                    Some(rustix::fs::FileType::Directory) if line.kind == 'R' => {
                        std::fs::remove_dir_all(&path)?
                    }
                    Some(rustix::fs::FileType::Directory) => rustix::fs::rmdir(path.as_str())?,
                    Some(_) => rustix::fs::unlink(path.as_str())?,
                    None => {}
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn make_parents(path: &str) -> std::io::Result<()> {
    if let Some((parent, _)) = path.rsplit_once('/')
        && !parent.is_empty()
    {
        std::fs::create_dir_all(parent)?;
    }
    Ok(())
}

fn dress(file: &impl std::os::fd::AsFd, line: &Line, accounts: &Accounts, mode: u32) -> std::io::Result<()> {
    let uid = line
        .user
        .as_ref()
        .and_then(|name| accounts.user(name))
        .map(|user| rustix::fs::Uid::from_raw(user.uid));
    let gid = line
        .group
        .as_ref()
        .and_then(|name| accounts.group(name))
        .map(|group| rustix::fs::Gid::from_raw(group.gid));
    rustix::fs::fchown(file, uid, gid)?;
    rustix::fs::fchmod(file, Mode::from_raw_mode(line.mode.unwrap_or(mode)))?;
    Ok(())
}

/// Paths that match a pattern in the last component.
fn expand(path: &str, root: &Root) -> Vec<String> {
    let Some((parent, pattern)) = path.rsplit_once('/') else { return Vec::new() };
    if !pattern.contains(['*', '?', '[']) {
        return vec![path.to_owned()];
    }
    let names = root.list(if parent.is_empty() { "/" } else { parent }, 1000);
    names
        .into_iter()
        .filter(|name| words::glob(pattern, name))
        .map(|name| format!("{parent}/{name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_others_left_alone() {
        let line = parse("d! /run/munge 0755 munge :munge - -", "node").expect("a line");
        assert_eq!(
            line,
            Line {
                kind: 'd',
                path: "/run/munge".into(),
                mode: Some(0o755),
                user: Some("munge".into()),
                group: Some("munge".into()),
                argument: None
            }
        );
        let line = parse("f /run/x - - - - two words on %l", "node").expect("a line");
        assert_eq!((line.mode, line.argument.as_deref()), (None, Some("two words on node")));
        assert_eq!(parse("# comment", "node"), None);
        assert_eq!(parse("L /a - - - - /b", "node"), None);
        assert_eq!(parse("d relative", "node"), None);
    }
}
