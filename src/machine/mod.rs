//! This machine: what crashcart needs of it, and how to get it.
