//! The built site, as readers meet it: what it says and what it must not say, and in a real browser whether
//! everybody can use it.
//!
//! The browser's tests need chromium; where there is none they say so and pass. They fetch axe-core from npm, once.

#[path = "../bench/mod.rs"]
#[allow(dead_code, reason = "shared with tests/cli, which uses the rest")]
mod bench;

mod browser;
mod pages;
mod reader;
