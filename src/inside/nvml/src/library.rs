//! The library as one process uses it: how many have initialised, and the session that they share.
//!
//! The one place with state. A session is replaced only when all have shut down; calls hold it by a
//! counted reference, so that a shutdown elsewhere takes nothing away from under them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answer::{Answer, Error};
use crate::event::Sets;
use crate::machine::Session;

static LIBRARY: Mutex<Library> = Mutex::new(Library { users: 0, session: None, sets: Sets::new() });

struct Library {
    users: u32,
    session: Option<Arc<Session>>,
    sets: Sets,
}

/// One more user; the first of them finds the hardware.
pub fn init() -> Answer<()> {
    let mut library = lock();
    // A session of before a power cycle is none.
    if library.session.as_ref().is_none_or(|session| session.node() == Err(Error::Uninitialized)) {
        library.session = Some(Arc::new(Session::open()?));
    }
    library.users += 1;
    Ok(())
}

/// One user fewer; with the last one goes everything that the library held.
pub fn shutdown() -> Answer<()> {
    let mut library = lock();
    library.users = library.users.checked_sub(1).ok_or(Error::Uninitialized)?;
    if library.users == 0 {
        library.session = None;
        library.sets = Sets::new();
    }
    Ok(())
}

/// The session; nothing but a few calls works without one.
pub fn session() -> Answer<Arc<Session>> {
    lock().session.clone().ok_or(Error::Uninitialized)
}

/// Works on the event sets.
pub fn with_sets<T>(work: impl FnOnce(&mut Sets) -> Answer<T>) -> Answer<T> {
    let mut library = lock();
    if library.session.is_none() {
        return Err(Error::Uninitialized);
    }
    work(&mut library.sets)
}

fn lock() -> MutexGuard<'static, Library> {
    // A panic was caught at the boundary; the counts are whole, since nothing panics between two of them.
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner)
}
