//! The two programs as somebody types them, or as a runtime calls them, on a machine without a driver.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Without the environment, and with an NVML that is none: this machine may have a real one.
fn run(program: &str, arguments: &[&str]) -> (Output, String) {
    let none = tempfile::tempdir().expect("a folder");
    fs::write(none.path().join("libnvidia-ml.so.1"), "").expect("a file");
    let done = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LD_LIBRARY_PATH", none.path())
        .output()
        .expect("the program is built");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done, said)
}

const CTK: &str = env!("CARGO_BIN_EXE_nvidia-ctk");
const HOOK: &str = env!("CARGO_BIN_EXE_nvidia-cdi-hook");

#[test]
fn generate_without_a_driver_says_what_nvml_says_and_writes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nvidia.yaml");
    let to_file = ["cdi", "generate", "--output", file.to_str().expect("a plain name")];
    for arguments in [&["cdi", "generate"][..], &["cdi", "generate", "--output", ""], &to_file] {
        let (done, said) = run(CTK, arguments);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(done.stdout.is_empty());
        let expected = "failed to generate CDI spec: failed to create device CDI specs: failed to initialize NVML: \
                        ERROR_LIBRARY_NOT_FOUND";
        assert!(said.contains("level=error") && said.contains(expected), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn mistakes_on_the_command_line_are_named() {
    for (arguments, expected) in [
        (&["cdi", "generate", "--device-name-strategy", "name"][..], "invalid device name strategy: name"),
        (&["cdi", "generate", "--format", "toml"], "invalid value 'toml'"),
        (&["cdi", "generate", "--vendor", "-"], "should start with letter"),
        (&["cdi", "generate", "--class", "a/b"], "invalid character"),
    ] {
        let (done, said) = run(CTK, arguments);
        assert!(!done.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn list_names_devices_and_says_which_files_do_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let spec =
        r#"{"cdiVersion":"0.5.0","kind":"nvidia.com/gpu","devices":[{"name":"all","containerEdits":{}}]}"#;
    fs::write(folder.path().join("gpu.json"), spec).expect("a file");
    fs::write(folder.path().join("new.json"), spec.replace("0.5.0", "2.0.0")).expect("a file");
    let (done, said) =
        run(CTK, &["cdi", "list", "--spec-dir", folder.path().to_str().expect("a plain name")]);
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stdout), "nvidia.com/gpu=all\n");
    assert!(said.contains("The following registry errors were reported:"), "{said}");
    assert!(
        said.contains(r#"new.json: [failed to load CDI Spec: invalid CDI Spec: invalid version \"2.0.0\"]"#),
        "{said}"
    );
    assert!(said.contains("Found 1 CDI devices"), "{said}");
}

#[test]
fn a_hook_works_on_the_root_that_the_runtime_names_and_passes_over_what_it_does_not_know() {
    let bundle = tempfile::tempdir().expect("a folder");
    let root = bundle.path().join("rootfs");
    fs::create_dir(&root).expect("a folder");
    fs::write(bundle.path().join("config.json"), r#"{"root":{"path":"rootfs"}}"#).expect("a file");
    let state = bundle.path().join("state.json");
    fs::write(&state, serde_json::json!({ "bundle": bundle.path() }).to_string()).expect("a file");
    let state = state.to_str().expect("a plain name");
    let link = ["create-symlinks", "--link", "a.so.1::/usr/lib/a.so", "--container-spec", state];
    assert!(run(HOOK, &link).0.status.success());
    assert_eq!(fs::read_link(root.join("usr/lib/a.so")).expect("a link"), Path::new("a.so.1"));
    // An image without a linker has nothing to be told.
    assert!(
        run(HOOK, &["update-ldcache", "--folder", "/usr/lib", "--container-spec", state]).0.status.success()
    );
    let (done, said) = run(HOOK, &["disable-device-node-modification", "--new"]);
    assert!(
        done.status.success() && said.contains("Unsupported CDI hook: disable-device-node-modification"),
        "{said}"
    );
    let (done, said) = run(HOOK, &["chmod", "--mode", "99", "--path", "/usr"]);
    assert!(!done.status.success() && said.contains("a file mode is up to 7777"), "{said}");
}
