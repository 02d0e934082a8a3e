//! crashcart hands a learner a broken GPU node and grades the mending.

pub mod advice;
pub mod document;
pub mod engine;
pub mod evidence;
pub mod grade;
pub mod image;
pub mod lab;
pub mod machine;
pub mod publish;
pub mod rubric;
pub mod store;
pub mod units;
