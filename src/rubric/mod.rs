//! Rubrics and roles, parsed from graders/.
