//! Looking back on an attempt: how it went, from its records, and what is shown of it to others.
//!
//! Pure, but for the lab's own scripts, which are read where they lie: records, reports and a time in, words out. Reading
//! the store is the command line's (`cli/review.rs`) and `publish::mine`'s. Knows no engine and no node.

mod beside;
mod timeline;

pub use beside::{
    Left, SIDE_BY_SIDE, Shown, as_checks_read_it, as_inventories_tell, beside, left_lines, reference, shown,
    shown_lines,
};
pub use timeline::{By, Look, Moment, Story, Summary, Timeline, What};
