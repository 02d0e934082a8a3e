//! Rubric and evidence in, report out. Pure: no I/O, no clock; the same input gives the same report.
