//! The facts read from the nodes of an attempt, as stored.
