//! Names the library as clients ask for it, and writes a stub for each function of `src/symbols.txt`
//! that no file of `src/exports` implements.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libnvidia-ml.so.1");
    println!("cargo::rerun-if-changed=src/symbols.txt");
    println!("cargo::rerun-if-changed=src/exports");

    let mut written = String::new();
    for entry in fs::read_dir("src/exports").expect("the crate has src/exports") {
        let path = entry.expect("src/exports can be listed").path();
        written += &fs::read_to_string(path).expect("src/exports holds text");
    }
    let symbols = fs::read_to_string("src/symbols.txt").expect("the crate has src/symbols.txt");
    let missing: Vec<&str> = symbols
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !written.contains(&format!("fn {name}(")))
        .collect();
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("stubs.rs"), format!("stubs! {{ {} }}\n", missing.join(" ")))
        .expect("OUT_DIR can be written");
}
