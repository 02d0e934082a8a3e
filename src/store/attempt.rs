//! The table `attempt`, and the spans of time that belong to it.

use std::fmt;

use rusqlite::{OptionalExtension, Row, params};

use super::{AttemptLock, Store, StoreError};

/// Six characters that name one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct AttemptId(String);

/// Letters that are not mistaken for one another.
const LETTERS: &[u8] = b"abcdefghkmnpqrstuvwxyz23456789";

impl AttemptId {
    /// A new one.
    pub fn random() -> Self {
        Self((0..6).map(|_| LETTERS[rand::random_range(0..LETTERS.len())] as char).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads one, as typed or as a label of an engine; none when it cannot be an id of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 6 && text.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares an enum that is kept as text.
macro_rules! kept {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }
        impl $name {
            /// As it is stored and printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> { self.as_str().to_sql() }
        }
        impl rusqlite::types::FromSql for $name {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                match value.as_str()? {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(rusqlite::types::FromSqlError::InvalidType),
                }
            }
        }
    };
}
pub(super) use kept;

kept! {
    /// Where an attempt stands. The arrows are drawn in `attempt`.
    Stage {
        Starting = "starting",
        Running = "running",
        Paused = "paused",
        Stopping = "stopping",
        Stopped = "stopped",
    }
}

kept! {
    /// Whose attempt it is.
    Purpose {
        Learn = "learn",
        Prove = "prove",
    }
}

/// One attempt, as stored.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AttemptRow {
    pub id: AttemptId,
    pub purpose: Purpose,
    pub lab: String,
    pub variant: String,
    pub seed: u64,
    pub stage: Stage,
    /// Hints shown so far.
    pub hints: u32,
    pub created_at_ms: u64,
    pub ready_at_ms: Option<u64>,
    pub ended_at_ms: Option<u64>,
    pub lab_digest: String,
    pub rubric_digest: String,
    /// The collection that the lab is of: its folder, or `URL#COMMIT`; none for crashcart's own labs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
}

/// What an attempt begins with.
#[derive(Clone, Debug)]
pub struct NewAttempt<'a> {
    pub purpose: Purpose,
    pub lab: &'a str,
    pub variant: &'a str,
    pub seed: u64,
    pub lab_digest: &'a str,
    pub rubric_digest: &'a str,
    pub collection: Option<&'a str>,
}

const COLUMNS: &str = "attempt_id, purpose, lab, variant, seed, stage, hints, created_at_ms, ready_at_ms, \
                       ended_at_ms, lab_digest, rubric_digest, collection";

fn row(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    let seed: String = row.get(4)?;
    let bad_seed = |e: std::num::ParseIntError| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(e))
    };
    Ok(AttemptRow {
        id: AttemptId(row.get(0)?),
        purpose: row.get(1)?,
        lab: row.get(2)?,
        variant: row.get(3)?,
        seed: u64::from_str_radix(&seed, 16).map_err(bad_seed)?,
        stage: row.get(5)?,
        hints: row.get(6)?,
        created_at_ms: row.get(7)?,
        ready_at_ms: row.get(8)?,
        ended_at_ms: row.get(9)?,
        lab_digest: row.get(10)?,
        rubric_digest: row.get(11)?,
        collection: row.get(12)?,
    })
}

impl Store {
    /// Writes down a new attempt, in stage `starting`, before anything of it is made.
    ///
    /// Its lock is taken before that: nobody ever sees an attempt that begins and takes it for one whose
    /// crashcart was killed. A learner has one attempt at a lab at a time; of two crashcarts that begin
    /// the same lab, the second is refused here.
    pub fn begin_attempt(
        &mut self,
        new: &NewAttempt<'_>,
        now_ms: u64,
    ) -> Result<(AttemptId, AttemptLock), StoreError> {
        let id = AttemptId::random();
        let lock = self.try_lock(&id)?.ok_or_else(|| StoreError::Busy { path: self.path() })?;
        let path = self.path();
        let change = || -> Result<Option<String>, rusqlite::Error> {
            let change =
                self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let alive = "SELECT attempt_id FROM attempt WHERE lab = ? AND purpose = 'learn' \
                         AND stage IN ('starting', 'running', 'paused')";
            let alive: Option<String> = change.query_row(alive, [new.lab], |row| row.get(0)).optional()?;
            if alive.is_some() && new.purpose == Purpose::Learn {
                return Ok(alive);
            }
            let sql = format!(
                "INSERT INTO attempt ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0, ?, NULL, NULL, ?, ?, ?)"
            );
            let row = params![
                id.as_str(),
                new.purpose,
                new.lab,
                new.variant,
                format!("{:016x}", new.seed),
                Stage::Starting,
                now_ms,
                new.lab_digest,
                new.rubric_digest,
                new.collection
            ];
            change.execute(&sql, row)?;
            change.commit()?;
            Ok(None)
        };
        let mut change = change;
        match change() {
            Ok(None) => Ok((id, lock)),
            Ok(Some(attempt)) => {
                Err(StoreError::UnderWay { lab: new.lab.to_owned(), attempt: AttemptId(attempt) })
            }
            Err(error) => Err(StoreError::from_sqlite(&path, error)),
        }
    }

    /// One attempt by its id.
    pub fn attempt(&self, id: &AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM attempt WHERE attempt_id = ?");
        self.connection.query_row(&sql, [id.as_str()], row).optional().map_err(|e| self.error(e))
    }

    /// All attempts, the newest first.
    pub fn attempts(&self) -> Result<Vec<AttemptRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM attempt ORDER BY created_at_ms DESC, rowid DESC");
        let mut statement = self.connection.prepare(&sql).map_err(|e| self.error(e))?;
        let rows = statement.query_map([], row).map_err(|e| self.error(e))?;
        rows.collect::<Result<_, _>>().map_err(|e| self.error(e))
    }

    /// Learners' attempts that are not over, the newest first.
    pub fn unfinished(&self) -> Result<Vec<AttemptRow>, StoreError> {
        let mut rows = self.attempts()?;
        rows.retain(|row| row.purpose == Purpose::Learn && row.stage != Stage::Stopped);
        Ok(rows)
    }

    /// Moves an attempt to another stage, and opens or closes its span of time to match.
    pub fn set_stage(&mut self, id: &AttemptId, stage: Stage, now_ms: u64) -> Result<(), StoreError> {
        let path = self.path();
        let change = || -> Result<(), rusqlite::Error> {
            let change =
                self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            change
                .execute("UPDATE attempt SET stage = ? WHERE attempt_id = ?", params![stage, id.as_str()])?;
            let close = "UPDATE span SET ended_at_ms = ? WHERE attempt_id = ? AND ended_at_ms IS NULL";
            change.execute(close, params![now_ms, id.as_str()])?;
            match stage {
                Stage::Running => {
                    let ready =
                        "UPDATE attempt SET ready_at_ms = coalesce(ready_at_ms, ?) WHERE attempt_id = ?";
                    change.execute(ready, params![now_ms, id.as_str()])?;
                    let open = "INSERT OR REPLACE INTO span (attempt_id, began_at_ms) VALUES (?, ?)";
                    change.execute(open, params![id.as_str(), now_ms])?;
                }
                Stage::Stopped => {
                    let end = "UPDATE attempt SET ended_at_ms = ? WHERE attempt_id = ?";
                    change.execute(end, params![now_ms, id.as_str()])?;
                }
                Stage::Starting | Stage::Paused | Stage::Stopping => {}
            }
            change.commit()
        };
        let mut change = change;
        change().map_err(|e| StoreError::from_sqlite(&path, e))
    }

    /// Remembers that so many hints have been shown.
    pub fn set_hints(&self, id: &AttemptId, hints: u32) -> Result<(), StoreError> {
        self.connection
            .execute("UPDATE attempt SET hints = ? WHERE attempt_id = ?", params![hints, id.as_str()])
            .map_err(|e| self.error(e))?;
        Ok(())
    }

    /// Time that the learner has had the nodes, in milliseconds; an open span counts up to now.
    pub fn time_used_ms(&self, id: &AttemptId, now_ms: u64) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(max(coalesce(ended_at_ms, ?1) - began_at_ms, 0)), 0) FROM span WHERE attempt_id = ?2";
        self.connection
            .query_row(sql, params![now_ms, id.as_str()], |row| row.get(0))
            .map_err(|e| self.error(e))
    }

    /// Forgets an attempt altogether. Only for trials of `lab prove`; a learner's is kept for ever.
    pub fn forget_trial(&mut self, id: &AttemptId) -> Result<(), StoreError> {
        let path = self.path();
        let change = || -> Result<(), rusqlite::Error> {
            let change =
                self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let trial = "(SELECT attempt_id FROM attempt WHERE attempt_id = ?1 AND purpose = 'prove')";
            change.execute(&format!("DELETE FROM record WHERE attempt_id IN {trial}"), [id.as_str()])?;
            change.execute(&format!("DELETE FROM span WHERE attempt_id IN {trial}"), [id.as_str()])?;
            change
                .execute("DELETE FROM attempt WHERE attempt_id = ?1 AND purpose = 'prove'", [id.as_str()])?;
            change.commit()
        };
        let mut change = change;
        change().map_err(|e| StoreError::from_sqlite(&path, e))?;
        let _ = std::fs::remove_file(self.directory().join("locks").join(id.as_str()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_while_running_and_stands_still_while_paused() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(directory.path()).expect("a new store");
        let new = NewAttempt {
            purpose: Purpose::Learn,
            lab: "some-lab",
            variant: "some-cause",
            seed: u64::MAX,
            lab_digest: "",
            rubric_digest: "",
            collection: None,
        };
        let (id, _lock) = store.begin_attempt(&new, 1_000).expect("written");
        store.set_stage(&id, Stage::Running, 2_000).expect("running");
        store.set_stage(&id, Stage::Paused, 5_000).expect("paused");
        assert_eq!(store.time_used_ms(&id, 9_000).expect("read"), 3_000);
        store.set_stage(&id, Stage::Running, 10_000).expect("running");
        assert_eq!(store.time_used_ms(&id, 11_000).expect("read"), 4_000);
        let kept = store.attempt(&id).expect("read").expect("there");
        assert_eq!((kept.seed, kept.ready_at_ms, kept.stage), (u64::MAX, Some(2_000), Stage::Running));
    }

    #[test]
    fn a_lab_has_one_attempt_at_a_time_and_any_number_of_trials() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut store = Store::open(directory.path()).expect("a new store");
        let new = |purpose| NewAttempt {
            purpose,
            lab: "some-lab",
            variant: "some-cause",
            seed: 1,
            lab_digest: "",
            rubric_digest: "",
            collection: None,
        };
        let (first, lock) = store.begin_attempt(&new(Purpose::Learn), 1).expect("written");
        assert!(store.try_lock(&first).expect("lockable").is_none(), "an attempt begins locked");
        drop(lock);
        let second = store.begin_attempt(&new(Purpose::Learn), 2);
        assert!(matches!(second, Err(StoreError::UnderWay { attempt, .. }) if attempt == first));
        store.begin_attempt(&new(Purpose::Prove), 3).expect("a trial");
        store.set_stage(&first, Stage::Stopped, 4).expect("stopped");
        store.begin_attempt(&new(Purpose::Learn), 5).expect("another attempt");
    }
}
