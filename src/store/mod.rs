//! What crashcart remembers: one SQLite file.
