//! crashcart hands a learner a broken GPU node and grades the mending.

pub mod attempt;
pub mod cli;
pub mod document;
pub mod engine;
pub mod evidence;
pub mod grade;
pub mod image;
pub mod lab;
pub mod machine;
pub mod node;
pub mod rubric;
pub mod store;
