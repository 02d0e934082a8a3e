//! Programs, libraries and sources of ours that images take in, as the build left them.
//!
//! An image names them in its sheet (`artifacts`) and finds them below `artifacts/` in its
//! context; a name may stand for several files. Knows neither what they do nor where an image puts them.

/// Something that an image may ask for.
#[derive(Debug)]
pub(super) struct Artifact {
    /// As `image.toml` names it.
    pub name: &'static str,
    /// Its path in the context.
    pub path: &'static str,
    pub runs: bool,
    pub bytes: &'static [u8],
}

/// The bytes of a file below `src/inside`.
macro_rules! inside {
    ($path:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/inside/", $path))
    };
}

/// All there are.
pub(super) const ARTIFACTS: &[Artifact] = &[
    Artifact {
        name: "libnvidia-ml",
        path: "artifacts/libnvidia-ml.so",
        runs: false,
        bytes: include_bytes!(env!("CRASHCART_LIBNVIDIA_ML")),
    },
    Artifact {
        name: "nvidia-smi",
        path: "artifacts/nvidia-smi",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_NVIDIA_SMI")),
    },
    Artifact {
        name: "gpu-work",
        path: "artifacts/gpu-work",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_GPU_WORK")),
    },
    Artifact {
        name: "nv-fabricmanager",
        path: "artifacts/nv-fabricmanager",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_FABRIC_MANAGER")),
    },
    Artifact {
        name: "nvidia-persistenced",
        path: "artifacts/nvidia-persistenced",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_PERSISTENCED")),
    },
    Artifact {
        name: "container-toolkit",
        path: "artifacts/nvidia-ctk",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_CTK")),
    },
    Artifact {
        name: "container-toolkit",
        path: "artifacts/nvidia-cdi-hook",
        runs: true,
        bytes: include_bytes!(env!("CRASHCART_CDI_HOOK")),
    },
    source("packages", "artifacts/packages/fabricmanager.cfg", inside!("packages/fabricmanager.cfg")),
    source("packages", "artifacts/packages/gpu-metrics", inside!("packages/gpu-metrics")),
    source("packages", "artifacts/packages/gpu-metrics.service", inside!("packages/gpu-metrics.service")),
    source(
        "packages",
        "artifacts/packages/make-driver-repository",
        inside!("packages/make-driver-repository"),
    ),
    source(
        "packages",
        "artifacts/packages/nvidia-fabricmanager.service",
        inside!("packages/nvidia-fabricmanager.service"),
    ),
    source(
        "packages",
        "artifacts/packages/nvidia-persistenced.postinst",
        inside!("packages/nvidia-persistenced.postinst"),
    ),
    source(
        "packages",
        "artifacts/packages/nvidia-persistenced.prerm",
        inside!("packages/nvidia-persistenced.prerm"),
    ),
    source(
        "packages",
        "artifacts/packages/nvidia-persistenced.service",
        inside!("packages/nvidia-persistenced.service"),
    ),
    source("kmod", "artifacts/kmod/include/ccboard.h", inside!("hardware/include/ccboard.h")),
    source("kmod", "artifacts/kmod/include/ccgpu_page.h", inside!("hardware/include/ccgpu_page.h")),
    source("kmod", "artifacts/kmod/crashcart-pci/Kbuild", inside!("kmod/crashcart-pci/Kbuild")),
    source(
        "kmod",
        "artifacts/kmod/crashcart-pci/crashcart_pci.c",
        inside!("kmod/crashcart-pci/crashcart_pci.c"),
    ),
    source("kmod", "artifacts/kmod/nvidia/71-nvidia.rules", inside!("kmod/nvidia/71-nvidia.rules")),
    source("kmod", "artifacts/kmod/nvidia/Kbuild", inside!("kmod/nvidia/Kbuild")),
    source("kmod", "artifacts/kmod/nvidia/Makefile", inside!("kmod/nvidia/Makefile")),
    source("kmod", "artifacts/kmod/nvidia/dkms.conf.in", inside!("kmod/nvidia/dkms.conf.in")),
    source("kmod", "artifacts/kmod/nvidia/nv-board.c", inside!("kmod/nvidia/nv-board.c")),
    source("kmod", "artifacts/kmod/nvidia/nv-crashcart.h", inside!("kmod/nvidia/nv-crashcart.h")),
    source("kmod", "artifacts/kmod/nvidia/nv-export.h", inside!("kmod/nvidia/nv-export.h")),
    source("kmod", "artifacts/kmod/nvidia/nv-files.c", inside!("kmod/nvidia/nv-files.c")),
    source("kmod", "artifacts/kmod/nvidia/nv-pci.c", inside!("kmod/nvidia/nv-pci.c")),
    source("kmod", "artifacts/kmod/nvidia/nv-version.h.in", inside!("kmod/nvidia/nv-version.h.in")),
    source("kmod", "artifacts/kmod/nvidia/nv.h", inside!("kmod/nvidia/nv.h")),
    source("kmod", "artifacts/kmod/nvidia/nvidia-device-files", inside!("kmod/nvidia/nvidia-device-files")),
    source("kmod", "artifacts/kmod/nvidia/nvidia-modeset.c", inside!("kmod/nvidia/nvidia-modeset.c")),
    source("kmod", "artifacts/kmod/nvidia/nvidia-uvm.c", inside!("kmod/nvidia/nvidia-uvm.c")),
];

/// A file that is as it stands in the repository.
const fn source(name: &'static str, path: &'static str, bytes: &'static [u8]) -> Artifact {
    Artifact { name, path, runs: false, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_linked_for_the_c_library_of_a_node() {
        for artifact in ARTIFACTS.iter().filter(|artifact| artifact.path.matches('/').count() == 1) {
            assert_eq!(&artifact.bytes[..4], b"\x7fELF", "{}", artifact.name);
            // Newest version of glibc that they ask for; trixie has 2.41.
            let text = String::from_utf8_lossy(artifact.bytes);
            let newest = text
                .split("GLIBC_2.")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok())
                .max();
            assert!(newest.is_some_and(|newest| newest <= 41), "{}: {newest:?}", artifact.name);
            assert!(text.contains("libc.so.6"), "{} is not linked dynamically", artifact.name);
        }
    }

    #[test]
    fn every_source_of_a_package_is_taken_along() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inside");
        for folder in ["kmod", "packages"] {
            for entry in walkdir::WalkDir::new(root.join(folder)) {
                let entry = entry.expect("readable");
                if entry.file_type().is_file() {
                    let path = entry.path().strip_prefix(&root).expect("below it").to_str().expect("UTF-8");
                    let found = ARTIFACTS.iter().any(|it| it.path == format!("artifacts/{path}"));
                    assert!(found, "`{path}` is in no image");
                }
            }
        }
    }
}
