//! A lab: a broken machine and its story, parsed from labs/.
