//! The host's side of an agent: requests to a node, replies from it.
