//! Giving a hint, and writing down which and what it costs. The ladder is the lab's, the clue comes from the
//! evidence (`grade::clue`); what a hint costs is decided in `site/decisions/0013-what-a-hint-costs.md`.

use serde::{Deserialize, Serialize};

use crate::grade::Clue;
use crate::store::{AttemptRow, RecordKind, Store, StoreError};

/// What one hint of the ladder costs, in percent of the lab's points.
const COST_PERCENT: u32 = 10;
/// What all hints together cost at most, in percent of the lab's points.
pub const MOST_COST_PERCENT: u32 = 30;

/// A hint that was given, as it is recorded. Earlier versions recorded its number alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hint {
    /// Which of the ladder, from 1.
    pub hint: u32,
    /// Hints of the ladder.
    pub of: u32,
    /// What this one costs, in percent of the lab's points.
    pub cost_percent: u32,
    /// What all so far cost together.
    pub cost_so_far_percent: u32,
    /// What was told beside it, at no cost, of the check that failed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clue: Option<Clue>,
}

/// What so many hints cost together, in percent of the lab's points.
pub fn cost_percent(hints: u32) -> u32 {
    hints.saturating_mul(COST_PERCENT).min(MOST_COST_PERCENT)
}

/// Gives the next hint of a ladder of so many, with the clue that stands beside it; none where all were given.
pub fn hint(
    store: &mut Store,
    row: &AttemptRow,
    of: u32,
    clue: Option<Clue>,
    now_ms: u64,
) -> Result<Option<Hint>, StoreError> {
    if row.hints >= of {
        return Ok(None);
    }
    let number = row.hints + 1;
    let cost_so_far_percent = cost_percent(number);
    let cost_percent = cost_so_far_percent - cost_percent(row.hints);
    let given = Hint { hint: number, of, cost_percent, cost_so_far_percent, clue };
    store.set_hints(&row.id, number)?;
    store.append(&row.id, RecordKind::Hint, &given, now_ms)?;
    Ok(Some(given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewAttempt, Purpose};

    #[test]
    fn each_hint_is_recorded_once_with_its_cost_and_all_together_have_a_limit() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(directory.path()).expect("a new store");
        let new = NewAttempt {
            purpose: Purpose::Learn,
            lab: "some-lab",
            variant: "some-cause",
            seed: 1,
            lab_digest: "",
            rubric_digest: "",
            collection: None,
        };
        let (id, _lock) = store.begin_attempt(&new, 1).expect("written");
        let mut costs = Vec::new();
        for now_ms in 2..8 {
            let row = store.attempt(&id).expect("read").expect("there");
            let given = hint(&mut store, &row, 4, None, now_ms).expect("given");
            costs.extend(given.map(|hint| (hint.hint, hint.cost_percent, hint.cost_so_far_percent)));
        }
        assert_eq!(costs, [(1, 10, 10), (2, 10, 20), (3, 10, 30), (4, 0, 30)]);
        let recorded = store.records(&id).expect("read");
        assert_eq!(recorded.iter().filter(|record| record.kind == RecordKind::Hint).count(), 4);
        let last: Option<Hint> = store.latest(&id, RecordKind::Hint).expect("read");
        assert_eq!(last.map(|hint| hint.hint), Some(4));
    }
}
