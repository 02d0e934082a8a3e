//! What outlives a power cycle, as text.

use serde::{Deserialize, Serialize};

use super::faults::{FAILS_AFTER_S, ROWS_OF_A_GPU};
use super::gpu::Inforom;
use crate::fault::Fault;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Saved {
    pub format: u32,
    pub profile: String,
    pub generation: u64,
    pub fabric_ready: bool,
    #[serde(rename = "gpu")]
    pub gpus: Vec<Inforom>,
}

impl Saved {
    /// Reads text of before; says why it is refused.
    pub fn read(text: &str, profile: &str, gpus: usize) -> Result<Self, String> {
        let saved: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if saved.format != 1 {
            return Err(format!("format {} is not ours", saved.format));
        }
        if saved.profile != profile || saved.gpus.len() != gpus {
            return Err(format!("it is of {} GPUs in a `{}`", saved.gpus.len(), saved.profile));
        }
        let possible = |inforom: &Inforom| {
            let counters = [&inforom.aggregate.corrected, &inforom.aggregate.uncorrected];
            inforom.remapped_uncorrected <= ROWS_OF_A_GPU
                && inforom.remapped_corrected <= ROWS_OF_A_GPU
                && inforom.faults.iter().all(lasts)
                && counters.iter().all(|places| places.iter().all(|count| *count <= u64::from(u32::MAX)))
        };
        if !saved.gpus.iter().all(possible) {
            return Err("it has counts that no board has".into());
        }
        Ok(saved)
    }

    pub fn text(&self) -> String {
        // Plain integers, strings and flags: there is nothing that TOML could refuse.
        toml::to_string(self).unwrap_or_default()
    }
}

/// Whether this is a fault that outlives a power cycle, with numbers that a board can have.
fn lasts(fault: &Fault) -> bool {
    match fault {
        Fault::Overheating | Fault::PowerBrake | Fault::CorrectedEcc { .. } => true,
        Fault::FailsUnderLoad { after_s, .. } => FAILS_AFTER_S.contains(after_s),
        Fault::DegradedPcie { r#gen, width } => (1..=6).contains(r#gen) && (1..=16).contains(width),
        _ => false,
    }
}
