//! An attempt: one learner on one lab, from start to report.
