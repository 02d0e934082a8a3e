//! What was graded, over all attempts: read out of the records, nothing of its own.

use super::attempt::AttemptId;
use super::record::ENDED_BY_DEMO;
use super::{Store, StoreError};

/// One grading.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Score {
    pub attempt: AttemptId,
    pub lab: String,
    pub at_ms: u64,
    pub earned: u32,
    pub max: u32,
    /// passed, failed, undecided.
    pub verdict: String,
    /// `crashcart demo` mended it, and not the learner.
    pub demo: bool,
    /// As [`super::AttemptRow::collection`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
}

/// Attempt, lab, time, points earned, points at most, verdict, collection, mended by the demo.
type Read = (String, String, u64, u32, u32, String, Option<String>, bool);

impl Store {
    /// All gradings of learners' attempts, the newest first.
    pub fn scores(&self) -> Result<Vec<Score>, StoreError> {
        let sql = "SELECT a.attempt_id, a.lab, r.at_ms, json_extract(r.body, '$.totals.earned'), \
                   json_extract(r.body, '$.totals.max'), json_extract(r.body, '$.verdict'), a.collection, \
                   EXISTS (SELECT 1 FROM record n WHERE n.attempt_id = a.attempt_id AND n.kind = 'note' \
                   AND json_valid(n.body) AND json_extract(n.body, '$') = ?1) \
                   FROM record r JOIN attempt a USING (attempt_id) \
                   WHERE r.kind = 'grade' AND a.purpose = 'learn' AND json_valid(r.body) \
                   ORDER BY r.at_ms DESC, r.seq DESC";
        let mut statement = self.connection.prepare(sql).map_err(|e| self.error(e))?;
        let rows = statement
            .query_map([ENDED_BY_DEMO], |row| {
                // A record that was changed behind our back may hold anything; `history` tells of it,
                // and the other scores count on.
                let read = || -> rusqlite::Result<Read> {
                    Ok((
                        row.get(0)?,
                        row.get(1)?,
                        row.get(2)?,
                        row.get(3)?,
                        row.get(4)?,
                        row.get(5)?,
                        row.get(6)?,
                        row.get(7)?,
                    ))
                };
                Ok(read().ok())
            })
            .map_err(|e| self.error(e))?;
        let mut scores = Vec::new();
        for row in rows {
            let Some((id, lab, at_ms, earned, max, verdict, collection, demo)) =
                row.map_err(|e| self.error(e))?
            else {
                continue;
            };
            let Some(attempt) = AttemptId::parse(&id) else { continue };
            scores.push(Score { attempt, lab, at_ms, earned, max, verdict, demo, collection });
        }
        Ok(scores)
    }
}
