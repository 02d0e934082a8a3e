//! Fills a specification from the driver that runs: a device for each GPU and each MIG instance, one for all of them,
//! and what all containers need besides.
//!
//! [`found`] asks NVML, [`spec`] is pure but for looking whether files are there. The toolkit looks for `libcuda.so` to
//! know where the driver's libraries lie; here NVML's own library shows it, for a work-alike driver has no CUDA.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nvml_wrapper::Nvml;
use smi::node::Code;
use smi::{gather, raw};

use crate::log::Log;
use crate::spec::{self, Device, DeviceNode, Edits, Hook, Mount, Spec};

/// What runs between the making of a container and its start.
pub const HOOK: &str = "/usr/bin/nvidia-cdi-hook";
/// Where libraries are looked for.
const LIBRARIES: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
const PROGRAMS: [&str; 5] = [
    "nvidia-smi",
    "nvidia-debugdump",
    "nvidia-persistenced",
    "nvidia-cuda-mps-control",
    "nvidia-cuda-mps-server",
];
/// Device files that every container with a GPU gets.
const CONTROL: [&str; 4] =
    ["/dev/nvidia-modeset", "/dev/nvidia-uvm-tools", "/dev/nvidia-uvm", "/dev/nvidiactl"];
const SOCKETS: [&str; 3] =
    ["/run/nvidia-persistenced/socket", "/run/nvidia-fabricmanager/socket", "/tmp/nvidia-mps"];
/// How files of the driver are mounted, and how its sockets are.
const FILE: [&str; 5] = ["ro", "nosuid", "nodev", "rbind", "rprivate"];
const SOCKET: [&str; 5] = ["nosuid", "nodev", "rbind", "rprivate", "noexec"];

/// How devices are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// `0`, `0:1`.
    Index,
    /// `gpu0`, `mig0:1`.
    TypeIndex,
    /// `GPU-…`, `MIG-…`.
    Uuid,
}

impl Strategy {
    pub fn of(word: &str) -> Option<Self> {
        match word {
            "index" => Some(Self::Index),
            "type-index" => Some(Self::TypeIndex),
            "uuid" => Some(Self::Uuid),
            _ => None,
        }
    }
}

/// What the driver has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// `580.105.08`.
    pub driver: String,
    pub gpus: Vec<Gpu>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpu {
    pub index: u32,
    /// Of its device file.
    pub minor: u32,
    pub uuid: String,
    pub mig: Vec<Instance>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub index: u32,
    pub uuid: String,
    /// GPU instance and compute instance.
    pub ids: (u32, u32),
}

/// Asks NVML.
///
/// # Errors
///
/// In the toolkit's words: NVML does not start, or a GPU does not answer.
pub fn found() -> Result<Found, String> {
    let nvml = gather::open().map_err(|why| {
        let text = match why.code {
            Code::LIBRARY_NOT_FOUND => "ERROR_LIBRARY_NOT_FOUND",
            code => code.text(),
        };
        format!("failed to create device CDI specs: failed to initialize NVML: {text}")
    })?;
    let visiting = "failed to create device CDI specs: failed to generate CDI edits for GPU devices";
    let count = nvml
        .device_count()
        .map_err(|error| format!("{visiting}: error getting device count: {}", Code::from(error).text()))?;
    let gpus = (0..count)
        .map(|index| gpu(&nvml, index).map_err(|(what, code)| format!("{visiting}: {what}: {}", code.text())))
        .collect::<Result<_, _>>()?;
    let driver = nvml.sys_driver_version().map_err(|error| {
        let why = Code::from(error).text();
        format!("failed to create edits common for entities: failed to determine driver version: {why}")
    })?;
    Ok(Found { driver, gpus })
}

fn gpu(nvml: &Nvml, index: u32) -> Result<Gpu, (String, Code)> {
    let of = |what: &str| {
        let what = format!("error getting {what} for index '{index}'");
        move |error| (what, Code::from(error))
    };
    let device = nvml.device_by_index(index).map_err(of("device handle"))?;
    let minor = device.minor_number().map_err(of("minor number"))?;
    let uuid = device.uuid().map_err(of("device UUID"))?;
    let mut mig = Vec::new();
    if device.mig_mode().is_ok_and(|mode| mode.current != 0) {
        for at in 0..device.mig_device_count().map_err(of("MIG device count"))? {
            // Places that nothing stands in are gaps in the numbers.
            let Ok(instance) = device.mig_device_by_index(at) else { continue };
            let uuid = instance.uuid().map_err(of("MIG device UUID"))?;
            let (gpu_instance, compute) = raw::mig_ids(&instance);
            let no_id = |code| (format!("error getting instance of MIG device {index}:{at}"), code);
            mig.push(Instance {
                index: at,
                uuid,
                ids: (gpu_instance.map_err(no_id)?, compute.map_err(no_id)?),
            });
        }
    }
    Ok(Gpu { index, minor, uuid, mig })
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub vendor: String,
    pub class: String,
    pub names: Vec<Strategy>,
}

/// The specification. `root` is `/` but for tests.
///
/// # Errors
///
/// There is no GPU, or none of the driver's libraries is there.
pub fn spec(found: &Found, wanted: &Wanted, root: &Path, log: &Log) -> Result<Spec, String> {
    let minors = mig_minors(root);
    let present = |path: &str| {
        let there = root.join(path.trim_start_matches('/')).exists();
        match there {
            true => log.info(&format!("Selecting {path} as {path}")),
            false => log.warning(&format!("Could not locate {path}: pattern {path} not found")),
        }
        there
    };
    let nodes = |paths: Vec<String>| {
        let nodes = paths.into_iter().filter(|path| present(path)).map(|path| DeviceNode { path });
        Edits { device_nodes: nodes.collect(), ..Edits::default() }
    };
    let (mut devices, mut all) = (Vec::new(), Vec::new());
    let mut add = |names: Vec<String>, edits: Edits| {
        all.extend(edits.device_nodes.iter().cloned());
        devices.extend(names.into_iter().map(|name| Device { name, container_edits: edits.clone() }));
    };
    for gpu in &found.gpus {
        let names = wanted.names.iter().map(|strategy| match strategy {
            Strategy::Index => gpu.index.to_string(),
            Strategy::TypeIndex => format!("gpu{}", gpu.index),
            Strategy::Uuid => gpu.uuid.clone(),
        });
        add(names.collect(), nodes(vec![format!("/dev/nvidia{}", gpu.minor)]));
    }
    for gpu in &found.gpus {
        for instance in &gpu.mig {
            let names = wanted.names.iter().map(|strategy| match strategy {
                Strategy::Index => format!("{}:{}", gpu.index, instance.index),
                Strategy::TypeIndex => format!("mig{}:{}", gpu.index, instance.index),
                Strategy::Uuid => instance.uuid.clone(),
            });
            let (gi, ci) = instance.ids;
            let of = |part: String| {
                let key = format!("gpu{}/{part}/access", gpu.minor);
                minors.get(&key).map(|minor| format!("/dev/nvidia-caps/nvidia-cap{minor}"))
            };
            let caps = [of(format!("gi{gi}")), of(format!("gi{gi}/ci{ci}"))];
            let paths = [format!("/dev/nvidia{}", gpu.minor)].into_iter().chain(caps.into_iter().flatten());
            add(names.collect(), nodes(paths.collect()));
        }
    }
    if devices.is_empty() {
        return Err("invalid CDI Spec: invalid Spec, no devices".into());
    }
    if !devices.iter().any(|device| device.name == "all") {
        all.sort();
        all.dedup();
        let container_edits = Edits { device_nodes: all, ..Edits::default() };
        devices.push(Device { name: "all".into(), container_edits });
    }
    log.info(&format!("Using driver version {}", found.driver));
    let (libraries, folders) = libraries(&found.driver, root)?;
    let mut mounts = Vec::new();
    let mut mount = |path: String, options: &[&str]| {
        let options = options.iter().map(|word| (*word).to_owned()).collect();
        mounts.push(Mount { host_path: path.clone(), container_path: path, options });
    };
    for path in libraries.into_iter().filter(|path| present(path)) {
        mount(path, &FILE);
    }
    for name in PROGRAMS {
        let path = ["/usr/bin", "/usr/local/bin", "/usr/sbin"].map(|folder| format!("{folder}/{name}"));
        match path.into_iter().find(|path| root.join(path.trim_start_matches('/')).is_file()) {
            Some(path) if present(&path) => mount(path, &FILE),
            _ => log.warning(&format!("Could not locate {name}: pattern {name} not found")),
        }
    }
    for path in SOCKETS.into_iter().filter(|path| present(path)) {
        mount(path.to_owned(), &SOCKET);
    }
    let mut container_edits = nodes(CONTROL.into_iter().map(str::to_owned).collect());
    container_edits.env.push("NVIDIA_VISIBLE_DEVICES=void".into());
    container_edits.hooks.push(hook(
        "create-symlinks",
        folders
            .iter()
            .flat_map(|folder| ["--link".to_owned(), format!("libnvidia-ml.so.1::{folder}/libnvidia-ml.so")]),
    ));
    container_edits
        .hooks
        .push(hook("update-ldcache", folders.iter().flat_map(|folder| ["--folder".into(), folder.clone()])));
    container_edits.mounts = mounts;
    Ok(Spec {
        cdi_version: spec::VERSION.into(),
        kind: format!("{}/{}", wanted.vendor, wanted.class),
        devices,
        container_edits,
    })
}

fn hook(name: &str, more: impl Iterator<Item = String>) -> Hook {
    Hook {
        hook_name: "createContainer".into(),
        path: HOOK.into(),
        args: ["nvidia-cdi-hook".to_owned(), name.to_owned()].into_iter().chain(more).collect(),
        env: vec!["NVIDIA_CTK_DEBUG=false".into()],
    }
}

/// The libraries of this driver, and the folders that they lie in.
fn libraries(driver: &str, root: &Path) -> Result<(Vec<String>, Vec<String>), String> {
    let ending = format!(".so.{driver}");
    let (mut paths, mut folders) = (Vec::new(), Vec::new());
    for folder in LIBRARIES {
        let entries = fs::read_dir(root.join(folder.trim_start_matches('/'))).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| name.ends_with(&ending));
        names.sort();
        if !names.is_empty() {
            folders.push(folder.to_owned());
        }
        paths.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
    }
    match paths.is_empty() {
        true => Err(format!(
            "failed to create edits common for entities: failed to get libraries for driver version: failed to \
             locate libraries for driver version {driver}: pattern *.so.{driver} not found"
        )),
        false => Ok((paths, folders)),
    }
}

/// Minors of the capability files of MIG, by `gpu0/gi1/access`.
fn mig_minors(root: &Path) -> BTreeMap<String, u32> {
    let path: PathBuf = root.join("proc/driver/nvidia-caps/mig-minors");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (key, minor) = line.rsplit_once(' ')?;
            Some((key.to_owned(), minor.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root with these files in it.
    fn root(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("it is below the root")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        root
    }

    fn wanted(names: &[Strategy]) -> Wanted {
        Wanted { vendor: "nvidia.com".into(), class: "gpu".into(), names: names.to_vec() }
    }

    fn gpu(index: u32) -> Gpu {
        Gpu { index, minor: index, uuid: format!("GPU-{index}"), mig: Vec::new() }
    }

    fn paths(edits: &Edits) -> Vec<&str> {
        edits.device_nodes.iter().map(|node| node.path.as_str()).collect()
    }

    #[test]
    fn a_device_for_each_name_and_one_for_all() {
        let root = root(&[
            "dev/nvidia0",
            "dev/nvidia1",
            "dev/nvidiactl",
            "dev/nvidia-uvm",
            "usr/bin/nvidia-smi",
            "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.1",
            "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.570.1",
        ]);
        let found = Found { driver: "580.1".into(), gpus: vec![gpu(0), gpu(1)] };
        let names = wanted(&[Strategy::Index, Strategy::Uuid]);
        let spec = spec(&found, &names, root.path(), &Log::new(false, true)).expect("all is there");
        let named: Vec<_> =
            spec.devices.iter().map(|it| (it.name.as_str(), paths(&it.container_edits))).collect();
        assert_eq!(
            named,
            [
                ("0", vec!["/dev/nvidia0"]),
                ("GPU-0", vec!["/dev/nvidia0"]),
                ("1", vec!["/dev/nvidia1"]),
                ("GPU-1", vec!["/dev/nvidia1"]),
                ("all", vec!["/dev/nvidia0", "/dev/nvidia1"]),
            ]
        );
        let common = &spec.container_edits;
        assert_eq!(paths(common), ["/dev/nvidia-uvm", "/dev/nvidiactl"]);
        // The other driver's library stays out.
        let mounted: Vec<_> = common.mounts.iter().map(|mount| mount.host_path.as_str()).collect();
        assert_eq!(mounted, ["/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.1", "/usr/bin/nvidia-smi"]);
        assert_eq!(common.hooks[1].args[1..], ["update-ldcache", "--folder", "/usr/lib/x86_64-linux-gnu"]);
    }

    #[test]
    fn instances_bring_their_capabilities() {
        let root = root(&[
            "dev/nvidia0",
            "dev/nvidia-caps/nvidia-cap12",
            "dev/nvidia-caps/nvidia-cap13",
            "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.1",
        ]);
        let minors = root.path().join("proc/driver/nvidia-caps");
        fs::create_dir_all(&minors).expect("a folder");
        fs::write(minors.join("mig-minors"), "config 1\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\n")
            .expect("a file");
        let instance = Instance { index: 2, uuid: "MIG-a".into(), ids: (1, 0) };
        let found = Found { driver: "580.1".into(), gpus: vec![Gpu { mig: vec![instance], ..gpu(0) }] };
        let names = wanted(&[Strategy::TypeIndex, Strategy::Uuid]);
        let spec = spec(&found, &names, root.path(), &Log::new(false, true)).expect("all is there");
        let named: Vec<_> = spec.devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(named, ["gpu0", "GPU-0", "mig0:2", "MIG-a", "all"]);
        let all = ["/dev/nvidia-caps/nvidia-cap12", "/dev/nvidia-caps/nvidia-cap13", "/dev/nvidia0"];
        assert_eq!(paths(&spec.devices[2].container_edits), [all[2], all[0], all[1]]);
        assert_eq!(paths(&spec.devices[4].container_edits), all);
    }

    #[test]
    fn nothing_to_describe_is_an_error() {
        let none = root(&[]);
        let log = Log::new(false, true);
        let names = wanted(&[Strategy::Index]);
        let no_gpu = Found { driver: "580.1".into(), gpus: vec![] };
        assert!(spec(&no_gpu, &names, none.path(), &log).expect_err("no GPU").contains("no devices"));
        let no_library = Found { driver: "580.1".into(), gpus: vec![gpu(0)] };
        let said = spec(&no_library, &names, none.path(), &log).expect_err("no library");
        assert!(said.ends_with("pattern *.so.580.1 not found"), "{said}");
    }
}
