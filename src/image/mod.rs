//! Node images: what goes in, their digest, building them and their base.
