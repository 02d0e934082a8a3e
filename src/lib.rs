//! crashcart hands a learner a broken GPU node and grades the mending.

