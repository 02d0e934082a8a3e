//! The table `setting`: what the learner chose for good.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};

const ROLE: &str = "role";

impl Store {
    /// The role whose path the learner follows, as it was named then; it may be gone since.
    pub fn role(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM setting WHERE name = ?";
        self.connection.query_row(sql, [ROLE], |row| row.get(0)).optional().map_err(|e| self.error(e))
    }

    /// Follows the path of a role from now on, or of none.
    pub fn set_role(&self, role: Option<&str>) -> Result<(), StoreError> {
        let done = match role {
            Some(role) => self.connection.execute(
                "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2",
                params![ROLE, role],
            ),
            None => self.connection.execute("DELETE FROM setting WHERE name = ?", [ROLE]),
        };
        done.map(drop).map_err(|e| self.error(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_kept_until_another_is_chosen_or_none() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let kept = || Store::open(directory.path()).expect("a store").role().expect("read");
        let choose = |role| Store::open(directory.path()).expect("a store").set_role(role).expect("written");
        assert_eq!(kept(), None);
        for role in [Some("night-watch"), Some("site-keeper"), None, None] {
            choose(role);
            assert_eq!(kept().as_deref(), role);
        }
    }

    #[test]
    fn a_file_from_before_settings_gets_them_and_keeps_what_it_has() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("crashcart.db");
        let old = rusqlite::Connection::open(&path).expect("a file");
        old.execute_batch(super::super::MIGRATIONS[0]).expect("the first tables");
        old.execute_batch(
            "INSERT INTO attempt VALUES ('abc234', 'learn', 'l', 'v', '0000000000000001', 'stopped', 0, 1, 2, 3, '', '')",
        )
        .expect("an attempt");
        old.pragma_update(None, "application_id", super::super::APPLICATION_ID).expect("set");
        old.pragma_update(None, "user_version", 1).expect("set");
        drop(old);
        let store = Store::open(directory.path()).expect("migrated");
        assert_eq!(store.attempts().expect("read").len(), 1);
        store.set_role(Some("site-keeper")).expect("written");
        assert_eq!(store.role().expect("read").as_deref(), Some("site-keeper"));
    }
}
