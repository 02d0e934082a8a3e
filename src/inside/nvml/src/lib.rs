//! `libnvidia-ml.so.1` over the register pages of the simulated accelerators.
//!
//! Clients load this library as they load NVIDIA's: every symbol is there, structures have NVML's
//! layouts, and what a call answers is read from the pages at the moment of the call. `exports` is the
//! C side and holds no decision; below it everything is safe Rust: `library` counts who has initialised,
//! `machine` finds GPUs, `instance`, `field`, `topology` and `event` answer for their part, `client`
//! talks to the owner of the hardware. Starts no thread, prints nothing, keeps nothing after the last
//! shutdown. Knows no fault, no lab and no container: a broken GPU is a page that says so.

#[cfg(panic = "abort")]
compile_error!("a panic must stop at the C boundary, so this library needs `panic = \"unwind\"`");

pub mod answer;
mod client;
mod event;
pub mod exports;
mod field;
mod handle;
mod instance;
mod library;
mod machine;
mod pages;
mod topology;
mod version;
