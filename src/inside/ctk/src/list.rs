//! Reads the specifications that are there as a runtime's CDI library does: which devices have a name, and what is
//! wrong with the rest.
//!
//! Of two files in one folder that name the same device neither counts. A later folder goes before an earlier one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::spec::Spec;

/// Where runtimes look, the one that counts more last.
pub const FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];
/// Versions of the specification that are understood.
const VERSIONS: [&str; 9] = ["0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0"];
/// Bytes of a file that is read: those of a rack are a hundred times less.
const LONGEST: u64 = 16 << 20;

/// What the folders hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// `VENDOR/CLASS=NAME`.
    pub devices: BTreeSet<String>,
    /// By file.
    pub errors: BTreeMap<PathBuf, Vec<String>>,
}

pub fn list(folders: &[PathBuf]) -> Listed {
    let mut listed = Listed::default();
    // Where a device comes from: its folder's place, its file.
    let mut from: BTreeMap<String, (usize, PathBuf)> = BTreeMap::new();
    let mut conflicts = BTreeSet::new();
    for (place, folder) in folders.iter().enumerate() {
        for path in files(folder) {
            let spec = match read(&path) {
                Ok(spec) => spec,
                Err(why) => {
                    listed.errors.entry(path).or_default().push(format!("failed to load CDI Spec: {why}"));
                    continue;
                }
            };
            for device in spec.devices {
                let name = format!("{}={}", spec.kind, device.name);
                if let Some((before, other)) = from.get(&name)
                    && *before == place
                {
                    let why = format!("conflicting device {name:?} (specs {path:?}, {other:?})");
                    for file in [&path, other] {
                        listed.errors.entry(file.clone()).or_default().push(why.clone());
                    }
                    conflicts.insert(name);
                    continue;
                }
                conflicts.remove(&name);
                from.insert(name, (place, path.clone()));
            }
        }
    }
    listed.devices = from.into_keys().filter(|name| !conflicts.contains(name)).collect();
    listed
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "json"));
    files.sort();
    files
}

fn read(path: &Path) -> Result<Spec, String> {
    let failed = |error: std::io::Error| format!("failed to read CDI Spec {path:?}: {error}");
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > LONGEST {
        return Err(format!("failed to read CDI Spec {path:?}: {size} bytes are too many"));
    }
    let text = fs::read_to_string(path).map_err(failed)?;
    let spec: Spec = serde_yaml_ng::from_str(&text).map_err(|error| {
        format!("failed to parse CDI Spec {path:?}: failed to unmarshal CDI Spec: {error}")
    })?;
    valid(&spec).map_err(|why| format!("invalid CDI Spec: {why}"))?;
    Ok(spec)
}

fn valid(spec: &Spec) -> Result<(), String> {
    if !VERSIONS.contains(&spec.cdi_version.as_str()) {
        return Err(format!("invalid version {:?}", spec.cdi_version));
    }
    match spec.kind.split_once('/') {
        Some((vendor, class)) => {
            vendor_is_valid(vendor)?;
            class_is_valid(class)?;
        }
        None => return Err(format!("invalid vendor, empty in kind {:?}", spec.kind)),
    }
    let mut names = BTreeSet::new();
    for device in &spec.devices {
        if device.name.is_empty() {
            return Err("invalid device, no name".into());
        }
        if !names.insert(&device.name) {
            return Err(format!("invalid spec, multiple device {:?}", device.name));
        }
    }
    match names.is_empty() {
        true => Err("invalid spec, no devices".into()),
        false => Ok(()),
    }
}

/// # Errors
///
/// What is wrong with it as the vendor of a kind.
pub fn vendor_is_valid(vendor: &str) -> Result<(), String> {
    word_is_valid("vendor", vendor, "_-.")
}

/// # Errors
///
/// What is wrong with it as the class of a kind.
pub fn class_is_valid(class: &str) -> Result<(), String> {
    word_is_valid("class", class, "_-")
}

fn word_is_valid(what: &str, word: &str, signs: &str) -> Result<(), String> {
    let Some(first) = word.chars().next() else { return Err(format!("invalid {what}, empty")) };
    if !first.is_ascii_alphabetic() {
        return Err(format!("{word:?}, should start with letter"));
    }
    if let Some(odd) = word.chars().find(|sign| !sign.is_ascii_alphanumeric() && !signs.contains(*sign)) {
        return Err(format!("invalid character {odd:?} in {what} name {word:?}"));
    }
    match word.ends_with(|last: char| last.is_ascii_alphanumeric()) {
        true => Ok(()),
        false => Err(format!("{word:?}, should end with a letter or digit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(version: &str, names: &[&str]) -> String {
        let devices: String =
            names.iter().map(|name| format!("- name: \"{name}\"\n  containerEdits: {{}}\n")).collect();
        format!("cdiVersion: {version}\nkind: nvidia.com/gpu\ndevices:\n{devices}")
    }

    #[test]
    fn a_later_folder_goes_before_and_one_folder_conflicts_with_itself() {
        let root = tempfile::tempdir().expect("a folder");
        let folders = ["etc", "run"].map(|name| root.path().join(name));
        for folder in &folders {
            fs::create_dir(folder).expect("a folder");
        }
        let write = |folder: usize, name: &str, text: &str| {
            fs::write(folders[folder].join(name), text).expect("a file");
        };
        write(0, "nvidia.yaml", &text("0.5.0", &["0", "1", "all"]));
        write(0, "old.json", r#"{"cdiVersion":"0.5.0","kind":"nvidia.com/gpu","devices":[{"name":"1"}]}"#);
        write(0, "notes.txt", "no specification");
        write(1, "nvidia.yaml", &text("0.6.0", &["all"]));
        let listed = list(&folders);
        let named: Vec<_> = listed.devices.iter().map(String::as_str).collect();
        assert_eq!(named, ["nvidia.com/gpu=0", "nvidia.com/gpu=all"]);
        assert_eq!(listed.errors.len(), 2, "both files of the conflict");
        let said = &listed.errors[&folders[0].join("old.json")][0];
        assert!(said.starts_with("conflicting device \"nvidia.com/gpu=1\" (specs "), "{said}");
        // What counts more settles it.
        write(1, "nvidia.yaml", &text("0.6.0", &["1"]));
        assert!(list(&folders).devices.contains("nvidia.com/gpu=1"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("gpu.yaml");
        let said = |text: &str| {
            fs::write(&path, text).expect("a file");
            let listed = list(&[root.path().to_owned()]);
            assert!(listed.devices.is_empty());
            listed.errors[&path][0].clone()
        };
        assert_eq!(
            said(&text("1.9.0", &["0"])),
            "failed to load CDI Spec: invalid CDI Spec: invalid version \"1.9.0\""
        );
        assert!(said(&text("0.5.0", &[])).ends_with("no devices"));
        assert!(said(&text("0.5.0", &["0", "0"])).contains("multiple device \"0\""));
        assert!(said("cdiVersion: [").contains("failed to parse CDI Spec"));
        assert!(
            said(&text("0.5.0", &["0"]).replace("nvidia.com", "-x")).contains("should start with letter")
        );
    }
}
