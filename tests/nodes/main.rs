//! Tests that need a container engine. Slow; each makes what it needs and removes it.

#[path = "../bench/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cli, which uses the rest")]
mod bench;

mod changes;
mod clients;
mod driver;
mod engine;
mod faults;
mod gpus;
mod image;
mod slurm;
mod vm;
