//! crashcart hands a learner a broken GPU node and grades the mending.

pub mod advice;
pub mod engine;
pub mod image;
pub mod machine;
pub mod units;
