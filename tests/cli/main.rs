//! The command line as people and scripts meet it: every command against the engine on paper.
//!
//! Fast, and needs no container engine. What needs one is in `tests/nodes`.

#[path = "../bench/mod.rs"]
#[allow(dead_code, reason = "shared with tests/nodes, which uses the rest")]
mod bench;

mod causes;
mod collections;
mod faults;
mod help;
mod house;
mod json;
mod offline;
mod package;
mod state;
mod stories;
mod terminal;
mod together;
