//! The container engine: nodes up, commands in, files out, nodes down.
