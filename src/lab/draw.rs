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

/// Seeds that are tried before one is taken as it comes: fewer than one in 2⁶⁴ times.
const TRIES: usize = 64;

/// A seed that draws another cause than those that were played last.
///
/// `causes` is how many a lab has, `played` names those of past attempts, the newest first. Half of the causes are
/// passed over, and at most so many that two are left of three or more: who has met the others still has to look.
pub fn another_seed<'v>(
    causes: usize,
    played: impl IntoIterator<Item = &'v str>,
    drawn: impl Fn(u64) -> &'v str,
    mut seed: impl FnMut() -> u64,
) -> u64 {
    let mut met: Vec<&str> = Vec::new();
    for cause in played {
        if met.len() < causes / 2 && !met.contains(&cause) {
            met.push(cause);
        }
    }
    for _ in 1..TRIES {
        let tried = seed();
        if !met.contains(&drawn(tried)) {
            return tried;
        }
    }
    seed()
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

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSES: [&str; 5] = ["a", "b", "c", "d", "e"];

    /// Every cause that may come next in a lab of so many, after these, the newest first.
    fn may_come(causes: usize, played: &[&'static str]) -> String {
        let drawn = |seed: u64| CAUSES[(seed % causes as u64) as usize];
        let mut found: Vec<&str> = (0..causes as u64)
            .map(|first| {
                let mut seeds = first..;
                drawn(another_seed(causes, played.iter().copied(), drawn, || seeds.next().expect("endless")))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found.concat()
    }

    #[test]
    fn the_causes_that_were_met_last_do_not_come_and_two_are_left() {
        assert_eq!(may_come(1, &["a"]), "a");
        assert_eq!(may_come(2, &[]), "ab");
        assert_eq!(may_come(2, &["a"]), "b");
        assert_eq!(may_come(2, &["b", "a"]), "a");
        assert_eq!(may_come(3, &["a", "b"]), "bc");
        assert_eq!(may_come(4, &["a", "a", "b", "c"]), "cd");
        assert_eq!(may_come(5, &["e", "d", "c", "b", "a"]), "abc");
        // One that the lab no longer has takes no place but its own.
        assert_eq!(may_come(4, &["gone", "b"]), "acd");
    }

    #[test]
    fn where_nothing_else_is_drawn_the_seed_is_taken_as_it_comes() {
        let mut asked = 0;
        let seed = another_seed(
            4,
            ["a"],
            |_| "a",
            || {
                asked += 1;
                asked
            },
        );
        assert_eq!(seed, TRIES as u64);
    }
}
