//! Commands that change which units are wanted: links below /etc/systemd/system.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Options, exit, jobs};
use crate::local::Verb;
use crate::manager::unit_file::{self, Found, UnitName, UnitText};
use crate::manager::words::Specifiers;
use crate::rooted::Root;

fn root() -> Result<Root, String> {
    Root::system().map_err(|error| error.to_string())
}

fn area(options: &Options) -> &'static str {
    if options.runtime { "/run/systemd/system" } else { "/etc/systemd/system" }
}

/// The links that `[Install]` asks for, as (path, target).
fn links(unit: &str, path: &str, text: &UnitText, area: &str) -> Vec<(String, String)> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let with = Specifiers { unit, host: &host, user: None };
    let mut out = Vec::new();
    for (key, folder) in [("WantedBy", "wants"), ("RequiredBy", "requires")] {
        for target in text.words("Install", key) {
            out.push((format!("{area}/{}.{folder}/{unit}", with.fill(&target)), path.to_owned()));
        }
    }
    for alias in text.words("Install", "Alias") {
        let alias = with.fill(&alias);
        if alias != unit {
            out.push((format!("{area}/{alias}"), path.to_owned()));
        }
    }
    out
}

fn explain(verb: &str, unit: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!("Failed to {verb} unit: Access denied"),
        _ => format!("Failed to {verb} unit {unit}: {error}"),
    }
}

pub fn enable(names: &[String], options: &Options) -> Result<u8, String> {
    let root = root()?;
    let mut status = 0;
    let mut queue: Vec<String> = names.iter().map(|name| unit_file::complete_name(name)).collect();
    let mut seen: Vec<String> = Vec::new();
    while let Some(unit) = queue.pop() {
        if seen.contains(&unit) {
            continue;
        }
        seen.push(unit.clone());
        match unit_file::find(&root, &unit) {
            Found::Missing => {
                eprintln!("Failed to enable unit: Unit {unit} does not exist");
                status = exit::FAILURE;
            }
            Found::Masked { path } => {
                eprintln!("Failed to enable unit: Unit {path} is masked");
                status = exit::FAILURE;
            }
            Found::Unit { name, path, text } => {
                let is_template = UnitName::parse(&name).is_some_and(|parts| parts.instance == Some(""));
                let name = match text.one("Install", "DefaultInstance") {
                    Some(instance) if is_template => name.replacen('@', &format!("@{instance}"), 1),
                    _ => name,
                };
                let links = links(&name, &path, &text, area(options));
                queue.extend(text.words("Install", "Also"));
                if links.is_empty() && text.words("Install", "Also").is_empty() && !options.quiet {
                    eprintln!(
                        "The unit files have no installation config (WantedBy=, RequiredBy=, UpheldBy=,\n\
                         Also=, or Alias= settings in the [Install] section, and DefaultInstance= for\n\
                         template units). This means they are not meant to be enabled or disabled using systemctl."
                    );
                }
                for (link, target) in links {
                    if fs::read_link(&link).is_ok_and(|known| known == Path::new(&target)) {
                        continue;
                    }
                    let made = make_link(&link, &target);
                    made.map_err(|error| explain("enable", &name, &error))?;
                    if !options.quiet {
                        eprintln!("Created symlink '{link}' → '{target}'.");
                    }
                }
            }
        }
    }
    after(names, options, status, Verb::Start)
}

fn make_link(link: &str, target: &str) -> io::Result<()> {
    if let Some(parent) = Path::new(link).parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(target, link)
}

/// Has the manager read the links, and does what `--now` asks for.
fn after(names: &[String], options: &Options, status: u8, verb: Verb) -> Result<u8, String> {
    jobs::reload_files()?;
    if options.now && status == 0 {
        return jobs::run(verb, names, options);
    }
    Ok(status)
}

pub fn disable(names: &[String], options: &Options) -> Result<u8, String> {
    let root = root()?;
    let mut status = 0;
    let mut units: Vec<String> = names.iter().map(|name| unit_file::complete_name(name)).collect();
    for unit in units.clone() {
        match unit_file::find(&root, &unit) {
            Found::Missing => {
                eprintln!("Failed to disable unit: Unit {unit} does not exist");
                status = exit::FAILURE;
            }
            Found::Unit { text, .. } => {
                units.extend(text.words("Install", "Also"));
                units.extend(text.words("Install", "Alias"));
            }
            Found::Masked { .. } => {}
        }
    }
    let area = area(options);
    let mut removed: Vec<String> = Vec::new();
    for folder in root.list(area, unit_file::NAMES_LIMIT) {
        let path = format!("{area}/{folder}");
        if folder.ends_with(".wants") || folder.ends_with(".requires") {
            removed.extend(units.iter().map(|unit| format!("{path}/{unit}")));
        } else if units.contains(&folder)
            && !names.iter().any(|name| unit_file::complete_name(name) == folder)
        {
            removed.push(path);
        }
    }
    for link in removed {
        if fs::symlink_metadata(&link).is_ok_and(|meta| meta.is_symlink()) {
            fs::remove_file(&link).map_err(|error| explain("disable", &link, &error))?;
            if !options.quiet {
                eprintln!("Removed '{link}'.");
            }
        }
    }
    after(names, options, status, Verb::Stop)
}

pub fn mask(names: &[String], options: &Options) -> Result<u8, String> {
    for name in names {
        let unit = unit_file::complete_name(name);
        let link = format!("{}/{unit}", area(options));
        if fs::symlink_metadata(&link).is_ok_and(|meta| !meta.is_symlink()) {
            return Err(format!("Failed to mask unit: File '{link}' already exists"));
        }
        if fs::read_link(&link).is_ok_and(|known| known == Path::new("/dev/null")) {
            continue;
        }
        make_link(&link, "/dev/null").map_err(|error| explain("mask", &unit, &error))?;
        if !options.quiet {
            eprintln!("Created symlink '{link}' → '/dev/null'.");
        }
    }
    // Stop first: a masked unit can still be stopped, but reads as gone.
    after(names, options, 0, Verb::Stop)
}

pub fn unmask(names: &[String], options: &Options) -> Result<u8, String> {
    for name in names {
        let unit = unit_file::complete_name(name);
        for area in ["/etc/systemd/system", "/run/systemd/system"] {
            let link = format!("{area}/{unit}");
            if fs::read_link(&link).is_ok_and(|target| target == Path::new("/dev/null")) {
                fs::remove_file(&link).map_err(|error| explain("unmask", &unit, &error))?;
                if !options.quiet {
                    eprintln!("Removed '{link}'.");
                }
            }
        }
    }
    jobs::reload_files()
}

/// Opens a drop-in in the node's editor, then reloads.
pub fn edit(names: &[String], options: &Options) -> Result<u8, String> {
    let root = root()?;
    let editor = std::env::var("SYSTEMD_EDITOR")
        .or_else(|_| std::env::var("EDITOR"))
        .ok()
        .or_else(|| {
            ["/usr/bin/editor", "/usr/bin/nano", "/usr/bin/vim", "/usr/bin/vi"]
                .into_iter()
                .find(|path| Path::new(path).exists())
                .map(str::to_owned)
        })
        .ok_or("Failed to edit: this node has no editor; write a file in /etc/systemd/system/UNIT.d/ and run `systemctl daemon-reload`.")?;
    for name in names {
        let unit = unit_file::complete_name(name);
        if matches!(unit_file::find(&root, &unit), Found::Missing) {
            return Err(format!("No files found for {unit}."));
        }
        let folder = format!("{}/{unit}.d", area(options));
        fs::create_dir_all(&folder).map_err(|error| explain("edit", &unit, &error))?;
        let path = format!("{folder}/override.conf");
        let status = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("{editor} \"$1\""), "sh", &path])
            .status()
            .map_err(|error| format!("Failed to start {editor}: {error}"))?;
        if !status.success() {
            return Err(format!("Editor failed; {path} was left as it is."));
        }
        // An editor that saved nothing leaves no empty directory behind.
        let _ = fs::remove_dir(&folder);
    }
    jobs::reload_files()
}

/// Removes what an administrator has put over a unit of a package.
pub fn revert(names: &[String]) -> Result<u8, String> {
    let root = root()?;
    for name in names {
        let unit = unit_file::complete_name(name);
        let is_vendors = unit_file::DIRECTORIES
            .iter()
            .filter(|directory| !directory.starts_with("/etc") && !directory.starts_with("/run"))
            .any(|directory| {
                root.place(&format!("{directory}/{unit}"), crate::rooted::Link::Keep).ok().flatten().is_some()
            });
        for area in ["/etc/systemd/system", "/run/systemd/system"] {
            let drop_ins = format!("{area}/{unit}.d");
            if Path::new(&drop_ins).is_dir() {
                fs::remove_dir_all(&drop_ins).map_err(|error| explain("revert", &unit, &error))?;
                eprintln!("Removed '{drop_ins}'.");
            }
            let file = format!("{area}/{unit}");
            if is_vendors && fs::symlink_metadata(&file).is_ok() {
                fs::remove_file(&file).map_err(|error| explain("revert", &unit, &error))?;
                eprintln!("Removed '{file}'.");
            }
        }
    }
    jobs::reload_files()
}
