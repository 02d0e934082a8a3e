//! Builds what runs inside nodes, and packs the labs, so that the program carries both in its belly.
//!
//! The agent runs in nodes of unknown make, so it is linked statically against the host's
//! C library; the NVML library, nvidia-smi and the other programs of GPU nodes run on a
//! node's own C library and are linked dynamically. Each wants flags of its own, and therefore a cargo of its own. Their target
//! directories lie beside those of the outer cargo's profiles, where it holds no lock, so that a debug and a release
//! build share them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

#[path = "carried/archive.rs"]
#[allow(dead_code, reason = "the program unpacks what is packed here")]
mod archive;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package's folder"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder for output"));
    let target = env::var("TARGET").expect("cargo names the target");
    for input in ["agent", "facts", "hardware", "nvml", "smi", "work", "fabric", "persistenced", "ctk"] {
        for part in ["Cargo.toml", "build.rs", "src", "devices", "profiles"] {
            let path = root.join("src/inside").join(input).join(part);
            if path.exists() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
    }
    // Taken along as they are.
    for input in ["src/inside/kmod", "src/inside/packages", "src/inside/hardware/include"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    for input in ["Cargo.lock", "Cargo.toml", "src/build.rs"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }

    // target/debug/build/crashcart-HASH/out, or target/TARGET/debug/build/crashcart-HASH/out
    let mut beside = out.ancestors().nth(4).unwrap_or(&out);
    if beside.file_name().is_some_and(|name| name == target.as_str()) {
        beside = beside.parent().unwrap_or(beside);
    }
    let beside = beside.join("inside");
    let parts = ["--package", "crashcart-agent", "--bin", "crashcart-agent"];
    let agent = build(&root, &beside.join("agent"), &target, &parts, "-C target-feature=+crt-static");
    let agent = agent.join("crashcart-agent");
    let bytes =
        std::fs::read(&agent).unwrap_or_else(|error| panic!("could not read `{}`: {error}", agent.display()));
    println!("cargo::rustc-env=CRASHCART_AGENT={}", agent.display());
    println!("cargo::rustc-env=CRASHCART_AGENT_DIGEST={}", digest(&bytes));

    let packages = [
        "crashcart-nvml",
        "crashcart-smi",
        "crashcart-work",
        "crashcart-fabric",
        "crashcart-persistenced",
        "crashcart-ctk",
    ];
    let parts: Vec<&str> = ["--lib", "--bins"]
        .into_iter()
        .chain(packages.into_iter().flat_map(|name| ["--package", name]))
        .collect();
    // Where it was built is nobody's business in a node.
    let flags = format!("--remap-path-prefix={}=/usr/src/crashcart", root.display());
    let programs = build(&root, &beside.join("programs"), &target, &parts, &flags);
    println!("cargo::rustc-env=CRASHCART_LIBNVIDIA_ML={}", programs.join("libnvidia_ml.so").display());
    println!("cargo::rustc-env=CRASHCART_NVIDIA_SMI={}", programs.join("nvidia-smi").display());
    println!("cargo::rustc-env=CRASHCART_GPU_WORK={}", programs.join("gpu-work").display());
    println!("cargo::rustc-env=CRASHCART_FABRIC_MANAGER={}", programs.join("nv-fabricmanager").display());
    println!("cargo::rustc-env=CRASHCART_PERSISTENCED={}", programs.join("nvidia-persistenced").display());
    println!("cargo::rustc-env=CRASHCART_CTK={}", programs.join("nvidia-ctk").display());
    println!("cargo::rustc-env=CRASHCART_CDI_HOOK={}", programs.join("nvidia-cdi-hook").display());

    pack_labs(&root, &out);
}

/// Packs the labs and the texts into a release build. Whoever works on them runs a debug build, which reads them
/// where they lie: packed, each change of a script would build the whole crate anew.
fn pack_labs(root: &Path, out: &Path) {
    let mut packed = Vec::new();
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for part in archive::PARTS {
            println!("cargo::rerun-if-changed={}", root.join(part).display());
        }
        packed = archive::pack(root).unwrap_or_else(|error| panic!("could not pack the labs: {error}"));
    }
    println!("cargo::rerun-if-changed={}", root.join("src/carried/archive.rs").display());
    let path = out.join("labs.tar.zz");
    std::fs::write(&path, &packed)
        .unwrap_or_else(|error| panic!("could not write `{}`: {error}", path.display()));
    println!("cargo::rustc-env=CRASHCART_CARRIED={}", path.display());
    println!("cargo::rustc-env=CRASHCART_CARRIED_DIGEST={}", digest(&packed));
}

/// SHA-256 in hexadecimal.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Builds these parts of the workspace for `target` and says in which folder they lie.
fn build(root: &Path, target_dir: &Path, target: &str, parts: &[&str], flags: &str) -> PathBuf {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--quiet"])
        .args(parts)
        .args(["--target", target])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .args(outer_flags())
        // What the outer cargo says of this package, its target and its lints (clippy puts itself
        // in as the compiler) would all be taken for theirs.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CLIPPY_ARGS")
        .env_remove("LD_LIBRARY_PATH")
        .env("RUSTFLAGS", flags)
        // Small and soon built: they wait far more than they compute.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        // The output of a build script is read by cargo.
        .stdout(Stdio::null());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_this_package = ["CARGO_PKG_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "DEP_"];
        if of_this_package.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let what = parts.join(" ");
    let status = command.status().unwrap_or_else(|error| panic!("could not run cargo for `{what}`: {error}"));
    assert!(
        status.success(),
        "what runs inside nodes could not be built; see why with `cargo build {what}`, \
         and see that a static C library is installed (Debian: `libc6-dev`)"
    );
    target_dir.join(target).join("release")
}

/// The outer cargo's own `--locked`, `--offline` and `--frozen`: it tells build scripts of
/// none of them, and the agent must not fetch what the rest may not.
fn outer_flags() -> Vec<String> {
    let parent = std::os::unix::process::parent_id();
    let command = std::fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
    command
        .split(|byte| *byte == 0)
        .filter_map(|word| std::str::from_utf8(word).ok())
        .take_while(|word| *word != "--")
        .filter(|word| ["--locked", "--offline", "--frozen"].contains(word))
        .map(str::to_owned)
        .collect()
}
