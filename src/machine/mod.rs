//! This machine: what crashcart needs of it, and how to get it.
//!
//! [`report`] looks and changes nothing; [`fix`] installs and starts an engine, asking before
//! each step. Neither knows labs or attempts; what an earlier run left in the engine is
//! looked for elsewhere (`attempt`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use accelerators::NoAccelerators;

use crate::advice::NextStep;
use crate::engine::{About, Engine, EngineError};
use crate::image::{Mirror, base};

pub mod accelerators;
pub mod fix;

const GIB: u64 = 1 << 30;
/// Less than this much memory, and a lab of three nodes will swap.
const MEMORY_WANTED: u64 = 2 * GIB;
/// Room for the base, the images on it and what learners write.
const ENGINE_DISK_WANTED: u64 = 5 * GIB;
/// Room for evidence and reports.
const STATE_DISK_WANTED: u64 = GIB / 4;
/// How long a mirror may take to accept a connection.
const MIRROR_WITHIN: Duration = Duration::from_secs(3);

/// What was looked at on this machine, in the order in which it matters.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub items: Vec<Item>,
}

impl Report {
    /// Whether labs can be started: nothing that is needed is missing.
    pub fn is_ready(&self) -> bool {
        self.items.iter().all(|item| item.state != ItemState::Missing)
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Stable name: `engine`, `cgroup`, `disk-engine`.
    pub id: &'static str,
    pub title: &'static str,
    pub state: ItemState,
    /// What is there, in a few words.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    Ok,
    /// Labs run, with a loss that is said.
    Warn,
    /// Labs do not run.
    Missing,
}

impl Item {
    fn ok(id: &'static str, title: &'static str, found: impl Into<String>) -> Self {
        Self { id, title, state: ItemState::Ok, found: found.into(), next: None }
    }
    fn warn(
        id: &'static str,
        title: &'static str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { id, title, state: ItemState::Warn, found: found.into(), next: Some(next.into()) }
    }
    fn missing(
        id: &'static str,
        title: &'static str,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { id, title, state: ItemState::Missing, found: found.into(), next: Some(next.into()) }
    }
}

/// Looks over this machine. `state` is crashcart's state directory; it need not be there yet.
/// `connected` is the engine that other commands would use, or why there is none.
pub async fn report(state: &Path, connected: &Result<Arc<dyn Engine>, EngineError>) -> Report {
    let engine = match connected {
        Ok(engine) => engine.about().await,
        Err(error) => Err(EngineError::NotFound { tried: vec![error.to_string()] }),
    };
    let mut items = vec![engine_item(connected, &engine)];
    let about = engine.ok();
    if let Some(about) = &about {
        items.push(version_item(about));
        items.push(cgroup_item(about.cgroup_version));
        items.push(limits_item(about));
        items.push(memory_item(about.memory_bytes));
        items.push(Item::ok("cpus", "Processors", about.cpus.to_string()));
        let on_this_machine = about.endpoint.starts_with("unix://");
        if let Some(root) = about.data_root.as_ref().filter(|root| on_this_machine && root.exists()) {
            items.push(disk_item("disk-engine", "Disk for images and nodes", root, ENGINE_DISK_WANTED));
        }
    }
    items.push(disk_item("disk-state", "Disk for attempts", state, STATE_DISK_WANTED));
    items.push(base_item(connected.as_deref().ok()).await);
    items.push(mirror_item(&Mirror::of_this_machine()).await);
    items.push(kvm_item(Path::new("/dev/kvm")));
    items.push(gpu_item());
    Report { items }
}

fn engine_item(connected: &Result<Arc<dyn Engine>, EngineError>, about: &Result<About, EngineError>) -> Item {
    let title = "Container engine";
    match (connected, about) {
        (Ok(_), Ok(about)) => {
            Item::ok("engine", title, format!("{} at {}, {}", about.name, about.endpoint, about.chosen_by))
        }
        (Err(error), _) | (_, Err(error)) => {
            Item::missing("engine", title, one_line(error), error.next_step())
        }
    }
}

/// An error and its causes, one after the other.
fn one_line(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// 1.41 is what Docker 20.10 speaks, the oldest that we try.
fn version_item(about: &About) -> Item {
    let title = "Engine's API";
    let found = format!("{}, storage by {}", about.api, about.storage_driver);
    let number =
        |text: &str| text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().unwrap_or_default();
    if number(&about.api) < number("1.41") && about.name.starts_with("Docker") {
        Item::warn(
            "engine-api",
            title,
            found,
            "update the engine to Docker 20.10 or later; older ones are not tested",
        )
    } else if about.storage_driver == "vfs" {
        Item::warn(
            "engine-api",
            title,
            found,
            "`vfs` copies every image whole; use a disk on which `overlay2` works",
        )
    } else {
        Item::ok("engine-api", title, found)
    }
}

fn cgroup_item(version: u8) -> Item {
    // Labs that read limits know both; labs about cgroup v2 itself will ask for it.
    Item::ok("cgroup", "Control groups", format!("version {version}"))
}

fn limits_item(about: &About) -> Item {
    let title = "Disk limits of nodes";
    if about.disk_limits {
        Item::ok("disk-limits", title, "by the storage driver")
    } else {
        Item::ok("disk-limits", title, "per file only; the storage driver has no quota here")
    }
}

fn memory_item(bytes: u64) -> Item {
    let title = "Memory";
    if bytes < MEMORY_WANTED {
        Item::warn(
            "memory",
            title,
            size(bytes),
            format!("labs want {}; start one at a time", size(MEMORY_WANTED)),
        )
    } else {
        Item::ok("memory", title, size(bytes))
    }
}

fn disk_item(id: &'static str, title: &'static str, path: &Path, wanted: u64) -> Item {
    // The directory may be made later; what counts is the disk that it will be on.
    let standing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(standing) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} free at {}", size(free), path.display());
            if free < wanted {
                Item::warn(id, title, found, format!("make room for {}, or move it elsewhere", size(wanted)))
            } else {
                Item::ok(id, title, found)
            }
        }
        Err(error) => {
            Item::warn(id, title, error.to_string(), format!("see what is wrong with `{}`", path.display()))
        }
    }
}

async fn base_item(engine: Option<&dyn Engine>) -> Item {
    let title = "Debian base of all images";
    if let Some(engine) = engine
        && let Ok(Some(image)) = engine.image(&base::tag()).await
    {
        let made = image.labels.get(base::LABEL_BASE).map_or("present", String::as_str);
        return Item::ok("base", title, format!("present ({made})"));
    }
    if program("mmdebstrap").is_some() {
        return Item::ok("base", title, "not yet made; can be made here with mmdebstrap");
    }
    Item::warn(
        "base",
        title,
        "not yet made; only a registry can give it",
        "install mmdebstrap with `crashcart doctor --fix`, for machines that reach no registry",
    )
}

async fn mirror_item(mirror: &Mirror) -> Item {
    let title = "Debian mirror";
    let through = mirror.proxy.as_deref().unwrap_or(&mirror.main);
    let found = match &mirror.proxy {
        Some(proxy) => format!("{} through {proxy}", mirror.main),
        None => mirror.main.clone(),
    };
    let Some(place) = host_and_port(through) else {
        return Item::warn("mirror", title, found, "correct the mirror in `/etc/apt`");
    };
    match tokio::time::timeout(MIRROR_WITHIN, tokio::net::TcpStream::connect(&place)).await {
        Ok(Ok(_)) => Item::ok("mirror", title, found),
        Ok(Err(error)) => Item::warn(
            "mirror",
            title,
            format!("{found}: {error}"),
            "images that are not built yet need it; see `/etc/apt`",
        ),
        Err(_) => Item::warn(
            "mirror",
            title,
            format!("{found}: silent for {} s", MIRROR_WITHIN.as_secs()),
            "images that are not built yet need it; see `/etc/apt`",
        ),
    }
}

/// `host:port` of a URL.
fn host_and_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() {
        return None;
    }
    // The colon of a port stands behind an IPv6 address's bracket.
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    match (has_port, scheme) {
        (true, _) => Some(host.to_owned()),
        (false, "https") => Some(format!("{host}:443")),
        (false, _) => Some(format!("{host}:80")),
    }
}

/// Nodes with a kernel of their own want `/dev/kvm`; container nodes do not.
fn kvm_item(device: &Path) -> Item {
    let title = "Virtual machines (KVM)";
    match std::fs::File::options().read(true).write(true).open(device) {
        Ok(_) => Item::ok("kvm", title, "there; whether it runs a guest is not tried"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Item::ok("kvm", title, "absent; nodes with a kernel of their own would be emulated")
        }
        Err(error) => Item::ok("kvm", title, format!("there, not usable: {error}")),
    }
}

/// Real GPUs. Labs simulate theirs, so none is needed.
fn gpu_item() -> Item {
    let said = match accelerators::present() {
        Ok((names, driver)) => format!("{} (driver {driver})", names.join(", ")),
        Err(NoAccelerators::NoAnswer { source }) => {
            format!("their driver does not answer: {source}; labs bring simulated ones")
        }
        Err(NoAccelerators::StaticProgram) => {
            "not looked for: a static program loads no library; labs bring simulated ones".into()
        }
        Err(_) => "none; labs bring simulated ones".into(),
    };
    Item::ok("gpus", "Real GPUs", said)
}

/// Bytes in words.
fn size(bytes: u64) -> String {
    let gib = bytes as f64 / GIB as f64;
    if gib >= 10.0 { format!("{gib:.0} GiB") } else { format!("{gib:.1} GiB") }
}

/// Where a program is, looking also where users other than root do not (`/usr/sbin`).
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirrors_place_is_read_from_its_url() {
        let case =
            |url: &str, wanted: Option<&str>| assert_eq!(host_and_port(url).as_deref(), wanted, "{url}");
        case("http://deb.debian.org/debian", Some("deb.debian.org:80"));
        case("https://mirror.example/debian", Some("mirror.example:443"));
        case("http://ada:secret@mirror.example:8080/debian", Some("mirror.example:8080"));
        case("http://[2001:db8::1]/debian", Some("[2001:db8::1]:80"));
        case("http:///debian", None);
        case("debian", None);
    }

    #[test]
    fn a_device_that_is_there_and_closed_is_told_from_none() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert!(kvm_item(&dir.path().join("kvm")).found.starts_with("absent"));
        std::fs::write(dir.path().join("kvm"), "").expect("a file");
        assert!(kvm_item(&dir.path().join("kvm")).found.starts_with("there; "));
        assert!(kvm_item(dir.path()).found.starts_with("there, not usable"));
    }

    #[test]
    fn only_what_is_missing_keeps_labs_from_running() {
        let ok = Item::ok("a", "A", "x");
        let warn = Item::warn("b", "B", "x", "y");
        let missing = Item::missing("c", "C", "x", "y");
        assert!(Report { items: vec![ok.clone(), warn.clone()] }.is_ready());
        assert!(!Report { items: vec![ok, warn, missing] }.is_ready());
    }

    #[test]
    fn a_full_disk_is_a_warning_with_numbers() {
        let item = disk_item("disk-state", "Disk", Path::new("/proc/self/not-there"), u64::MAX);
        assert_eq!(item.state, ItemState::Warn);
        assert!(item.found.contains("GiB free"), "{item:?}");
    }

    #[tokio::test]
    async fn the_report_names_each_thing_once() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let none = Err(EngineError::NotFound { tried: Vec::new() });
        let report = report(dir.path(), &none).await;
        let ids: std::collections::BTreeSet<&str> = report.items.iter().map(|item| item.id).collect();
        assert_eq!(ids.len(), report.items.len());
        assert!(
            ids.is_superset(&["engine", "disk-state", "base", "mirror", "kvm", "gpus"].into()),
            "{ids:?}"
        );
        for item in &report.items {
            assert_eq!(item.next.is_some(), item.state != ItemState::Ok, "{item:?}");
        }
    }
}
