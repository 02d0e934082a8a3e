//! Debian packages, from dpkg's own database.

use std::collections::BTreeMap;
use std::io;

use crashcart_facts::{PackageEntry, PackageFact};

use crate::rooted::Root;

/// The status file of a full desktop has a few MiB.
const LIMIT: usize = 64 * 1024 * 1024;

pub fn package(root: &Root, name: &str) -> io::Result<PackageFact> {
    let text = root.text("/var/lib/dpkg/status", LIMIT)?.unwrap_or_default();
    Ok(find(&text, name))
}

/// Every package that left something on the node, by name; of a second architecture by `name:architecture`.
pub fn all(root: &Root) -> io::Result<BTreeMap<String, PackageEntry>> {
    let text = root.text("/var/lib/dpkg/status", LIMIT)?.unwrap_or_default();
    let mut packages = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let (mut name, mut entry, mut architecture) = ("", PackageEntry::default(), "");
        for line in paragraph.lines() {
            match line.split_once(": ") {
                Some(("Package", value)) => name = value,
                Some(("Status", value)) => entry.status = value.to_owned(),
                Some(("Version", value)) => entry.version = value.to_owned(),
                Some(("Architecture", value)) => architecture = value,
                _ => {}
            }
        }
        if name.is_empty() || entry.status.ends_with(" not-installed") {
            continue;
        }
        let key = match packages.contains_key(name) {
            true => format!("{name}:{architecture}"),
            false => name.to_owned(),
        };
        packages.insert(key, entry);
    }
    Ok(packages)
}

/// A package by name, or by `name:architecture`.
fn find(text: &str, asked: &str) -> PackageFact {
    let (name, architecture) = match asked.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (asked, None),
    };
    for paragraph in text.split("\n\n") {
        let field = |key: &str| {
            paragraph.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
        };
        if field("Package") != Some(name)
            || architecture.is_some_and(|wanted| field("Architecture") != Some(wanted))
        {
            continue;
        }
        let status = field("Status").unwrap_or_default();
        return PackageFact {
            installed: status.ends_with(" installed"),
            version: field("Version").map(str::to_owned),
            status: Some(status.to_owned()),
            held: status.starts_with("hold "),
        };
    }
    PackageFact::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: munge\nStatus: install ok installed\nArchitecture: amd64\nVersion: 0.5.16-1\nDescription: x\n Package: fake\n\n\
                          Package: libc6\nStatus: hold ok installed\nArchitecture: i386\nVersion: 2.41-1\n\n\
                          Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";

    #[test]
    fn states_of_packages_are_told_apart() {
        let munge = find(STATUS, "munge");
        assert!(munge.installed && !munge.held);
        assert_eq!(munge.version.as_deref(), Some("0.5.16-1"));
        assert!(find(STATUS, "libc6:i386").held);
        assert_eq!(find(STATUS, "libc6:amd64"), PackageFact::default());
        let gone = find(STATUS, "gone");
        assert_eq!((gone.installed, gone.status.as_deref()), (false, Some("deinstall ok config-files")));
        assert_eq!(find(STATUS, "fake"), PackageFact::default());
        assert_eq!(find("", "munge"), PackageFact::default());
    }

    #[test]
    fn all_packages_are_told_once_each() {
        let (_folder, root) = super::super::trees::tree(&[("var/lib/dpkg/status", STATUS)]);
        let packages = all(&root).expect("it reads");
        assert_eq!(packages.keys().collect::<Vec<_>>(), ["gone", "libc6", "munge"]);
        assert_eq!(packages["libc6"].status, "hold ok installed");
    }
}
