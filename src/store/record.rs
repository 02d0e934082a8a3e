//! The table `record`: what happened in an attempt, chained by digest.

use rusqlite::{ToSql, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::attempt::kept;
use super::{AttemptId, Store, StoreError};
use crate::units::hex;

kept! {
    /// What a record tells of.
    RecordKind {
        /// The nodes stand and are broken: variant, parameters, image digests.
        Started = "started",
        /// Facts read right after the break.
        Baseline = "baseline",
        /// What stood on the nodes: when they were handed over, and at each grading.
        Inventory = "inventory",
        /// Facts read for a check or a grading.
        Evidence = "evidence",
        /// A report of `check`.
        Report = "report",
        /// A report of `grade`.
        Grade = "grade",
        /// A hint was shown.
        Hint = "hint",
        /// Anything else that belongs in the story: paused, resumed, stopped, restarted.
        Note = "note",
    }
}

/// The note of an attempt that was ended to begin its lab anew.
pub const ENDED_BY_RESET: &str = "reset";
/// The note of an attempt that `crashcart demo` mended by itself.
pub const ENDED_BY_DEMO: &str = "demo over";

/// One record, as stored.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    pub seq: u32,
    pub kind: RecordKind,
    pub at_ms: u64,
    /// JSON.
    pub body: String,
    pub previous: String,
    pub digest: String,
}

/// Where a chain of records does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChainBreak {
    pub attempt: AttemptId,
    pub seq: u32,
}

impl Store {
    /// Appends a record; gives its number.
    pub fn append(
        &mut self,
        id: &AttemptId,
        kind: RecordKind,
        body: &impl Serialize,
        now_ms: u64,
    ) -> Result<u32, StoreError> {
        let body = serde_json::to_string(body)
            .map_err(|source| StoreError::Unreadable { what: "record", source })?;
        let path = self.path();
        let change = || -> Result<u32, rusqlite::Error> {
            let change =
                self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let last = "SELECT seq, digest FROM record WHERE attempt_id = ? ORDER BY seq DESC LIMIT 1";
            let (seq, previous) =
                match change.query_row(last, [id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))) {
                    Ok(found) => found,
                    Err(rusqlite::Error::QueryReturnedNoRows) => (0u32, String::new()),
                    Err(error) => return Err(error),
                };
            let seq = seq + 1;
            let digest = link(id, seq, kind, now_ms, &body, &previous);
            let insert = "INSERT INTO record (attempt_id, seq, kind, at_ms, body, previous, digest) VALUES (?, ?, ?, ?, ?, ?, ?)";
            change.execute(insert, params![id.as_str(), seq, kind, now_ms, body, previous, digest])?;
            change.commit()?;
            Ok(seq)
        };
        let mut change = change;
        change().map_err(|e| StoreError::from_sqlite(&path, e))
    }

    /// All records of an attempt, in order.
    pub fn records(&self, id: &AttemptId) -> Result<Vec<Record>, StoreError> {
        self.read_records("attempt_id = ?", params![id.as_str()])
    }

    /// The records of one kind, in order: evidence is large, and most readers have no use for it.
    pub fn records_of(&self, id: &AttemptId, kind: RecordKind) -> Result<Vec<Record>, StoreError> {
        self.read_records("attempt_id = ? AND kind = ?", params![id.as_str(), kind])
    }

    fn read_records(&self, which: &str, values: &[&dyn ToSql]) -> Result<Vec<Record>, StoreError> {
        let sql =
            format!("SELECT seq, kind, at_ms, body, previous, digest FROM record WHERE {which} ORDER BY seq");
        let mut statement = self.connection.prepare_cached(&sql).map_err(|e| self.error(e))?;
        let rows = statement.query_map(values, record).map_err(|e| self.error(e))?;
        rows.collect::<Result<_, _>>().map_err(|e| self.error(e))
    }

    /// Tells of the records of an attempt after this number, in order, one at a time: all but what was read from nodes,
    /// which is most of the bytes and tells nothing by itself.
    pub fn story(&self, id: &AttemptId, after: u32, mut told: impl FnMut(&Record)) -> Result<(), StoreError> {
        let sql = "SELECT seq, kind, at_ms, body, previous, digest FROM record \
                   WHERE attempt_id = ? AND seq > ? \
                   AND kind IN ('started', 'report', 'grade', 'hint', 'note') ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql).map_err(|e| self.error(e))?;
        let mut rows = statement.query(params![id.as_str(), after]).map_err(|e| self.error(e))?;
        while let Some(row) = rows.next().map_err(|e| self.error(e))? {
            told(&record(row).map_err(|e| self.error(e))?);
        }
        Ok(())
    }

    /// The newest record of a kind, parsed.
    pub fn latest<T: serde::de::DeserializeOwned>(
        &self,
        id: &AttemptId,
        kind: RecordKind,
    ) -> Result<Option<T>, StoreError> {
        use rusqlite::OptionalExtension;
        let sql = "SELECT body FROM record WHERE attempt_id = ? AND kind = ? ORDER BY seq DESC LIMIT 1";
        let body: Option<String> = self
            .connection
            .query_row(sql, params![id.as_str(), kind], |row| row.get(0))
            .optional()
            .map_err(|e| self.error(e))?;
        body.map(|body| serde_json::from_str(&body))
            .transpose()
            .map_err(|source| StoreError::Unreadable { what: "record", source })
    }

    /// The newest record of a kind, for showing: one that no longer reads is passed over. That it was
    /// changed is told by [`Self::verify_chain`], and keeps nobody from his other attempts.
    pub fn glance(&self, id: &AttemptId, kind: RecordKind) -> Result<Option<serde_json::Value>, StoreError> {
        match self.latest(id, kind) {
            Err(StoreError::Unreadable { .. }) => Ok(None),
            other => other,
        }
    }

    /// Checks the chain of an attempt's records.
    pub fn verify_chain(&self, id: &AttemptId) -> Result<Option<ChainBreak>, StoreError> {
        let mut previous = String::new();
        for (index, record) in self.records(id)?.iter().enumerate() {
            let expected = link(id, record.seq, record.kind, record.at_ms, &record.body, &previous);
            let in_order = record.seq as usize == index + 1;
            if !in_order || record.previous != previous || record.digest != expected {
                return Ok(Some(ChainBreak { attempt: id.clone(), seq: record.seq }));
            }
            previous = expected;
        }
        Ok(None)
    }
}

/// A record, its columns in the order of its fields.
fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        seq: row.get(0)?,
        kind: row.get(1)?,
        at_ms: row.get(2)?,
        body: row.get(3)?,
        previous: row.get(4)?,
        digest: row.get(5)?,
    })
}

fn link(id: &AttemptId, seq: u32, kind: RecordKind, at_ms: u64, body: &str, previous: &str) -> String {
    let mut hash = Sha256::new();
    // Lengths first, so that no two different records feed the same bytes.
    for part in [id.as_str(), &seq.to_string(), kind.as_str(), &at_ms.to_string(), body, previous] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewAttempt, Purpose};

    #[test]
    fn a_changed_record_breaks_the_chain_where_it_was_changed() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(directory.path()).expect("a new store");
        let new = NewAttempt {
            purpose: Purpose::Learn,
            lab: "l",
            variant: "v",
            seed: 1,
            lab_digest: "",
            rubric_digest: "",
            collection: None,
        };
        let (id, _lock) = store.begin_attempt(&new, 1).expect("written");
        for at in 2..5 {
            store.append(&id, RecordKind::Note, &"something happened", at).expect("appended");
        }
        assert_eq!(store.verify_chain(&id).expect("readable"), None);
        store
            .connection
            .execute("UPDATE record SET body = '\"nothing happened\"' WHERE seq = 2", [])
            .expect("changed behind our back");
        let found = store.verify_chain(&id).expect("readable");
        assert_eq!(found, Some(ChainBreak { attempt: id, seq: 2 }));
    }
}
