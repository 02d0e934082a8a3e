//! The table `consent`: collections of labs whose user has agreed to what they ask for.

use rusqlite::params;

use super::{Store, StoreError};

impl Store {
    /// Whether this user has agreed to this revision of a collection.
    pub fn has_consent(&self, collection: &str, revision: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) > 0 FROM consent WHERE collection = ? AND revision = ?";
        self.connection.query_row(sql, [collection, revision], |row| row.get(0)).map_err(|e| self.error(e))
    }

    /// Remembers that the user agrees.
    pub fn consent(&self, collection: &str, revision: &str, now_ms: u64) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO consent (collection, revision, at_ms) VALUES (?, ?, ?)";
        self.connection.execute(sql, params![collection, revision, now_ms]).map_err(|e| self.error(e))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_to_one_revision_and_is_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(directory.path()).expect("a new store");
        assert!(!store.has_consent("https://example.org/labs", "a").expect("read"));
        store.consent("https://example.org/labs", "a", 1).expect("written");
        store.consent("https://example.org/labs", "a", 2).expect("written");
        drop(store);
        let store = Store::open(directory.path()).expect("the store");
        assert!(store.has_consent("https://example.org/labs", "a").expect("read"));
        assert!(!store.has_consent("https://example.org/labs", "b").expect("read"));
        assert!(!store.has_consent("https://example.org/other", "a").expect("read"));
    }
}
