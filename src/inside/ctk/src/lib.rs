//! A work-alike of NVIDIA's container toolkit, as far as CDI goes: `nvidia-ctk cdi generate` and `list`, and the hooks
//! that a specification names.
//!
//! `spec` is the document, `generate` fills it from the driver that runs, `list` reads what is there as a runtime does,
//! `hook` is what runs between the making of a container and its start, `log` speaks as logrus does. Names, defaults,
//! order and messages are those of version 1.17, whose sources stand on the fidelity page. Neither knows a runtime of
//! its own nor configures one.

pub mod generate;
pub mod hook;
pub mod list;
pub mod log;
pub mod spec;

/// Of the toolkit whose messages these are.
pub const VERSION: &str = "1.17.8";
