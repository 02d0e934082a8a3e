//! What a seed decides: the variant, the parameters, the secrets of an attempt.
//!
//! Pure, and the same on every machine: each decision is a digest of the seed
//! and of what is being decided, so that adding a parameter to a lab changes
//! no other draw.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Lab, Parameter, Variant};
use crate::units::hex;

/// A lab as one seed makes it.
#[derive(Clone, Debug)]
pub struct Draw<'a> {
    pub seed: u64,
    pub variant: &'a Variant,
    /// By name, as text: scripts, briefs and graders all read texts.
    pub parameters: BTreeMap<String, String>,
    /// Eight hex digits that differ between seeds: for names and watermarks.
    pub seed_word: String,
    /// 64 hex digits for keys that the nodes of an attempt must share.
    pub secret: String,
}

impl<'a> Draw<'a> {
    /// Draws variant and parameters; `variant` overrules the seed's choice.
    pub fn new(lab: &'a Lab, seed: u64, variant: Option<&'a Variant>) -> Self {
        let drawn = || {
            let index = number(seed, lab.name.as_str(), "variant", lab.variants.len() as u64);
            &lab.variants[index as usize]
        };
        let parameters = lab
            .parameters
            .iter()
            .map(|(name, parameter)| {
                let value = match parameter {
                    Parameter::Choose(values) => {
                        values[number(seed, lab.name.as_str(), name, values.len() as u64) as usize].clone()
                    }
                    Parameter::Between(low, high) => {
                        let span = high.abs_diff(*low).saturating_add(1);
                        (low + number(seed, lab.name.as_str(), name, span) as i64).to_string()
                    }
                };
                (name.clone(), value)
            })
            .collect();
        Self {
            seed,
            variant: variant.unwrap_or_else(drawn),
            parameters,
            seed_word: hex(&digest(seed, lab.name.as_str(), "seed-word")[..4]),
            secret: hex(&digest(seed, lab.name.as_str(), "secret")),
        }
    }
}

/// A number below `below`, which is at least 1. The bias of the remainder is below 2⁻⁵⁰ for the
/// small ranges of labs.
fn number(seed: u64, lab: &str, what: &str, below: u64) -> u64 {
    let bytes = digest(seed, lab, what);
    let first = bytes[..8].try_into().expect("a digest has more than eight bytes");
    u64::from_le_bytes(first) % below
}

fn digest(seed: u64, lab: &str, what: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for part in [lab, what] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
