//! Kernel modules on disk, and what DKMS has made of their sources.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use crashcart_facts::{DkmsFact, ModuleFileFact};
use rustix::fs::FileType;

use super::compressed::read_whole;
use crate::rooted::{Link, Place, Root};

/// Where the modules of all releases stand.
const MODULES: &str = "/lib/modules";
/// Where DKMS keeps its sources and builds.
const DKMS: &str = "/var/lib/dkms";
/// Most releases, and most versions or kernels of DKMS, that are looked at.
const RELEASES: usize = 64;
/// Most files and directories below one release; Debian's largest kernels have under six thousand.
const FILES: usize = 50_000;
/// Deepest directory below a release.
const DEPTH: usize = 12;
/// Largest module that is read, unpacked; drivers of GPUs come near with debug information only.
const MODULE_LIMIT: u64 = 256 * 1024 * 1024;
/// Most time for unpacking one.
const MODULE_TIME: Duration = Duration::from_secs(6);
/// What the kernel's scripts append to a signed module (scripts/sign-file.c).
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// A module's name from that of its file, with underscores; nothing for what is no module.
pub fn name_of_file(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let stem = ["", ".xz", ".zst", ".gz"]
        .iter()
        .find_map(|packed| file.strip_suffix(packed)?.strip_suffix(".ko"))?;
    (!stem.is_empty()).then(|| stem.replace('-', "_"))
}

pub fn module_file(root: &Root, name: &str, release: &str) -> io::Result<ModuleFileFact> {
    let name = name.replace('-', "_");
    if name.is_empty() || name.contains('/') {
        return Err(io::Error::other("this is no name of a module"));
    }
    plain_release(release)?;
    let mut releases = Vec::new();
    let mut files = Vec::new();
    for other in root.list(MODULES, RELEASES) {
        let found = files_of(root, &other, &name)?;
        if !found.is_empty() {
            releases.push(other.clone());
        }
        if other == release {
            files = found;
        }
    }
    let dependencies =
        root.text(&format!("{MODULES}/{release}/modules.dep"), 16 * 1024 * 1024)?.unwrap_or_default();
    let named = dependencies
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0))
        .find(|path| name_of_file(path).as_deref() == Some(&name));
    let listed = named.filter(|path| files.iter().any(|file| file == path));
    // depmod.d(5): `updates` is searched first.
    let first = || files.iter().min_by_key(|file| (!file.starts_with("updates/"), file.as_str()));
    let Some(file) = listed.or_else(|| first().map(String::as_str)) else {
        return Ok(ModuleFileFact { releases, ..ModuleFileFact::default() });
    };
    let path = format!("{MODULES}/{release}/{file}");
    let opened = root.place(&path, Link::Follow)?.map(|place| place.open()).transpose()?.flatten();
    let opened = opened.ok_or_else(|| io::Error::other("the module is no regular file"))?;
    let bytes = read_whole(opened, MODULE_LIMIT, Instant::now() + MODULE_TIME)?;
    let info =
        information(&bytes).ok_or_else(|| io::Error::other("the module is no ELF file with `.modinfo`"))?;
    let value = |key: &str| info.iter().find_map(|(found, value)| (found == key).then(|| value.clone()));
    let depends = value("depends").unwrap_or_default();
    Ok(ModuleFileFact {
        exists: true,
        path,
        releases,
        listed: listed.is_some(),
        version: value("version"),
        vermagic: value("vermagic").map(|text| text.trim_end().to_owned()),
        signed: bytes.ends_with(SIGNED),
        depends: depends
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| name.replace('-', "_"))
            .collect(),
    })
}

fn plain_release(release: &str) -> io::Result<()> {
    if release.is_empty() || release.contains('/') || release.starts_with('.') {
        return Err(io::Error::other("this is no kernel release"));
    }
    Ok(())
}

/// Paths below a release's directory of all files that are a module of this name.
fn files_of(root: &Root, release: &str, name: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    if let Some(place) = root.place(&format!("{MODULES}/{release}"), Link::Follow)? {
        let mut left = FILES;
        walk(&place, "", 0, &mut left, &mut |path| {
            if name_of_file(path).as_deref() == Some(name) {
                found.push(path.to_owned());
            }
        })?;
    }
    found.sort();
    Ok(found)
}

/// Tells of every file and link below a directory. Links are not followed: `build` leads to the headers.
fn walk(
    place: &Place,
    path: &str,
    depth: usize,
    left: &mut usize,
    tell: &mut dyn FnMut(&str),
) -> io::Result<()> {
    let Some(entries) = place.directory()? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        *left =
            left.checked_sub(1).ok_or_else(|| io::Error::other("there are too many modules to look at"))?;
        let below = match path {
            "" => name.to_string_lossy().into_owned(),
            path => format!("{path}/{}", name.to_string_lossy()),
        };
        let is_directory = match entry.file_type() {
            FileType::Unknown => place.child(name)?.kind() == FileType::Directory,
            kind => kind == FileType::Directory,
        };
        if !is_directory {
            tell(&below);
        } else if depth < DEPTH {
            walk(&place.child(name)?, &below, depth + 1, left, tell)?;
        }
    }
    Ok(())
}

/// The `key=value` texts of the section `.modinfo` of an ELF file of this machine's byte order, 64 bit.
fn information(elf: &[u8]) -> Option<Vec<(String, String)>> {
    fn bytes<const N: usize>(elf: &[u8], at: usize) -> Option<[u8; N]> {
        elf.get(at..at.checked_add(N)?)?.try_into().ok()
    }
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes(elf, at)?)));
    let word = |at: usize| usize::try_from(u32::from_le_bytes(bytes(elf, at)?)).ok();
    let long = |at: usize| usize::try_from(u64::from_le_bytes(bytes(elf, at)?)).ok();
    // elf(5): 64 bits, little-endian.
    elf.starts_with(b"\x7fELF\x02\x01").then_some(())?;
    let (table, size, count, names) = (long(0x28)?, half(0x3a)?, half(0x3c)?, half(0x3e)?);
    let header = |index: usize| table.checked_add(index.checked_mul(size)?);
    let content = |header: usize| {
        let (start, length) = (long(header.checked_add(0x18)?)?, long(header.checked_add(0x20)?)?);
        elf.get(start..start.checked_add(length)?)
    };
    let names = content(header(names)?)?;
    let section = (0..count).find_map(|index| {
        let header = header(index)?;
        let name = names.get(word(header)?..)?;
        name.starts_with(b".modinfo\0").then(|| content(header))?
    })?;
    let texts = section.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    Some(texts.filter_map(|text| text.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).collect())
}

pub fn dkms(root: &Root, name: &str) -> io::Result<DkmsFact> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(io::Error::other("this is no name of a package in DKMS"));
    }
    let own = format!("{DKMS}/{name}");
    let mut fact = DkmsFact::default();
    let mut installed = BTreeSet::new();
    for version in root.list(&own, 4 * RELEASES) {
        // Beside the versions stand `kernel-RELEASE-ARCH`, a link to what is installed, and `original_module`.
        if root.place(&format!("{own}/{version}/source"), Link::Keep)?.is_none() {
            continue;
        }
        let mut is_built = false;
        for release in root.list(&format!("{own}/{version}"), RELEASES) {
            for arch in root.list(&format!("{own}/{version}/{release}"), RELEASES) {
                let built = root.list(&format!("{own}/{version}/{release}/{arch}/module"), RELEASES);
                let built: Vec<String> = built.iter().filter_map(|file| name_of_file(file)).collect();
                if built.is_empty() {
                    continue;
                }
                is_built = true;
                let linked = root.link(&format!("{own}/kernel-{release}-{arch}"));
                let mut state = "built";
                if linked.as_deref() == Some(&format!("{version}/{release}/{arch}")) {
                    let mut there = true;
                    for module in &built {
                        there &= !files_of(root, &release, module)?.is_empty();
                    }
                    if there {
                        state = "installed";
                        installed.insert(release.clone());
                    }
                }
                fact.states.push(format!("{version}, {release}, {arch}: {state}"));
            }
        }
        if !is_built {
            fact.states.push(format!("{version}: added"));
        }
        fact.versions.push(version);
    }
    fact.exists = !fact.versions.is_empty();
    fact.installed = installed.into_iter().collect();
    Ok(fact)
}

#[cfg(test)]
pub mod samples {
    //! A module as small as one can be: ELF header, `.modinfo`, names of sections, their headers.

    pub fn module(info: &[&str]) -> Vec<u8> {
        let info = info.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect::<Vec<u8>>();
        let names = b"\0.modinfo\0.shstrtab\0";
        let table = 0x40 + info.len() + names.len();
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(0x28, 0);
        elf.extend((table as u64).to_le_bytes());
        elf.resize(0x3a, 0);
        for half in [0x40u16, 3, 2] {
            elf.extend(half.to_le_bytes());
        }
        elf.extend(&info);
        elf.extend(names);
        for (name, start, length) in
            [(0u32, 0, 0), (1, 0x40, info.len()), (10, 0x40 + info.len(), names.len())]
        {
            let mut header = name.to_le_bytes().to_vec();
            header.resize(0x18, 0);
            header.extend((start as u64).to_le_bytes());
            header.extend((length as u64).to_le_bytes());
            header.resize(0x40, 0);
            elf.extend(header);
        }
        elf
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::trees::tree;
    use super::*;

    const NEW: &str = "6.12.48+deb13-amd64";
    const OLD: &str = "6.12.41+deb13-amd64";

    #[test]
    fn names_of_files_become_names_of_modules() {
        fn case(path: &str, expected: Option<&str>) {
            assert_eq!(name_of_file(path).as_deref(), expected, "{path}");
        }
        case("kernel/drivers/net/virtio-net.ko.xz", Some("virtio_net"));
        case("updates/dkms/gpu.ko.zst", Some("gpu"));
        case("gpu.ko", Some("gpu"));
        case("gpu.ko.bz2", None);
        case("modules.dep", None);
        case("x/.ko", None);
    }

    #[test]
    fn the_module_that_modprobe_would_load_is_described() {
        let kernel =
            samples::module(&["version=1.0", "vermagic=6.12.48+deb13-amd64 SMP preempt mod_unload "]);
        let mut own =
            samples::module(&["version=2.0", "depends=drm,drm-kms-helper", "vermagic=6.12.41 SMP "]);
        own.extend(SIGNED);
        let (folder, root) = tree(&[
            (format!("usr/lib/modules/{NEW}/kernel/drivers/some-gpu.ko"), kernel.clone()),
            (format!("usr/lib/modules/{NEW}/updates/dkms/some_gpu.ko"), own.clone()),
            (format!("usr/lib/modules/{OLD}/kernel/drivers/some-gpu.ko"), kernel),
            (format!("usr/lib/modules/{OLD}/modules.dep"), b"kernel/drivers/some-gpu.ko:\n".to_vec()),
            (format!("usr/lib/modules/{NEW}/modules.dep"), b"kernel/drivers/gone.ko:\n".to_vec()),
        ]);
        symlink("usr/lib", folder.path().join("lib")).expect("a link");
        symlink("..", folder.path().join(format!("usr/lib/modules/{NEW}/build"))).expect("a link");
        let fact = module_file(&root, "some-gpu", NEW).expect("readable");
        let expected = ModuleFileFact {
            exists: true,
            path: format!("/lib/modules/{NEW}/updates/dkms/some_gpu.ko"),
            releases: vec![OLD.into(), NEW.into()],
            listed: false,
            version: Some("2.0".into()),
            vermagic: Some("6.12.41 SMP".into()),
            signed: true,
            depends: vec!["drm".into(), "drm_kms_helper".into()],
        };
        assert_eq!(fact, expected);
        let old = module_file(&root, "some_gpu", OLD).expect("readable");
        assert_eq!((old.listed, old.signed, old.version.as_deref()), (true, false, Some("1.0")));
        let elsewhere = module_file(&root, "some_gpu", "6.1.0-1").expect("readable");
        assert_eq!((elsewhere.exists, elsewhere.releases.len()), (false, 2));
        assert_eq!(module_file(&root, "gone", NEW).expect("readable"), ModuleFileFact::default());
        assert!(module_file(&root, "x", "../../etc").is_err());
    }

    #[test]
    fn what_is_no_module_is_an_error_and_no_panic() {
        let whole = samples::module(&["version=1"]);
        assert_eq!(information(&whole), Some(vec![("version".into(), "1".into())]));
        for length in 0..whole.len() {
            let _ = information(&whole[..length]);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            let _ = information(&damaged);
        }
        assert_eq!(information(b"text"), None);
    }

    #[test]
    fn dkms_is_read_from_its_tree_and_believed_when_the_modules_are_there() {
        let built = |version: &str, release: &str| {
            format!("var/lib/dkms/gpu/{version}/{release}/x86_64/module/gpu.ko.xz")
        };
        let (folder, root) = tree(&[
            ("usr/src/gpu-1.0/dkms.conf".to_owned(), ""),
            ("var/lib/dkms/gpu/2.0/source/dkms.conf".to_owned(), ""),
            (built("1.0", NEW), ""),
            (built("1.0", OLD), ""),
            (format!("lib/modules/{NEW}/updates/dkms/gpu.ko.xz"), ""),
        ]);
        let own = folder.path().join("var/lib/dkms/gpu");
        symlink("/usr/src/gpu-1.0", own.join("1.0/source")).expect("a link");
        symlink(format!("1.0/{NEW}/x86_64"), own.join(format!("kernel-{NEW}-x86_64"))).expect("a link");
        symlink(format!("1.0/{OLD}/x86_64"), own.join(format!("kernel-{OLD}-x86_64"))).expect("a link");
        let fact = dkms(&root, "gpu").expect("readable");
        assert_eq!(fact.versions, ["1.0", "2.0"]);
        let states = [
            format!("1.0, {OLD}, x86_64: built"),
            format!("1.0, {NEW}, x86_64: installed"),
            "2.0: added".to_owned(),
        ];
        assert_eq!(fact.states, states);
        assert_eq!((fact.exists, fact.installed), (true, vec![NEW.to_owned()]));
        assert_eq!(dkms(&root, "other").expect("readable"), DkmsFact::default());
        assert!(dkms(&root, "..").is_err());
    }
}
