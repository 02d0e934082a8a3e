//! The language that crashcart and the agent inside a node speak: questions
//! go in, facts come out. Nothing else crosses that border: no expected
//! value, no points, no rubric, no lab.
//!
//! One request travels as one JSON document on the agent's standard input and
//! is answered by one JSON document on its standard output. Knows no engine,
//! no grading and no file system: types and serde only.

mod fact;
mod inventory;
mod protocol;
mod question;
mod vm;

pub use fact::*;
pub use inventory::*;
pub use protocol::*;
pub use question::*;
pub use vm::*;
