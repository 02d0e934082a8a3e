//! Simulated accelerators: what devices there are, what they do over time, how
//! they break and are cured, and the page on which all of it is published.
//!
//! Pure: time is an argument, nothing here reads a clock, a file
//! or a random number, and the same commands at the same times give the same
//! pages. Knows no NVML, no container and no grader.

pub mod board;
pub mod bus;
pub mod catalog;
#[cfg(feature = "client")]
pub mod client;
pub mod command;
pub mod document;
pub mod driver;
pub mod fault;
mod layout;
pub mod machine;
pub mod page;
pub mod placement;
pub mod profile;
pub mod spec;
