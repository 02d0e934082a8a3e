//! What a learner has shown so far, what to do next and why, and when labs come back.
//!
//! [`Past::read`] reads the store; all else is plain: attempts, labs, a role and a day in, figures and sentences out.
//! `crashcart path`, `next`, `history --skills`, the home screen and a learner's own pages all say what stands here,
//! and work nothing out for themselves. Knows no terminal, no page and no clock.
//!
//! ```text
//! store ──► Past ──► turns at each lab ──► schedule::due ──► Plan::returns ─┐
//!             └────► shown: share of each skill, series ──► Plan::skills ───┴──► Plan::next, with a sentence each
//! ```

mod past;
mod plan;
pub mod schedule;
mod shown;

pub use past::{Grading, Past, Tried, Turned, day};
pub use plan::{Kind, Offer, Plan, Proposal, Return, SkillStanding, plan};
pub use shown::{FADES_AFTER_DAYS, Mark, STRONG_BP, Series, Shown, Strength, columns, series};

#[cfg(test)]
mod tests;
