//! Programs and libraries of ours that images take in, as the build left them.
//!
//! An image names them in its sheet (`artifacts`) and finds them below `artifacts/` in its
//! context. Knows neither what they do nor where an image puts them.

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
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_are_linked_for_the_c_library_of_a_node() {
        for artifact in ARTIFACTS {
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
}
