//! A TOML file that people write by hand: parsed into closed types, its mistakes shown with line and caret.
