//! Sets of events that a client waits for. Knows no C; who waits sleeps in `exports::event`.

use std::sync::{Arc, Mutex, PoisonError};

use crashcart_hardware::page::EventEntry;

use crate::answer::{Answer, Error};
use crate::handle::{self, EVENT_SETS};
use crate::machine::{Gpu, Session};

/// Kinds of events that a client may register for (`nvmlEventType*`): ECC errors, P-state, critical Xid,
/// clock change, MIG configuration.
pub const KINDS: u64 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100;

/// The event sets of this process.
pub struct Sets(Vec<Option<Arc<Set>>>);

/// One set: what it waits for, and how far in the node's events it is.
pub struct Set(Mutex<Waiting>);

struct Waiting {
    interests: Vec<Interest>,
    /// Number of the last event that was looked at.
    seen: u64,
}

struct Interest {
    gpu: usize,
    kinds: u64,
    /// Events up to this number were before the registration.
    after: u64,
}

impl Sets {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A new set, and its handle.
    pub fn create(&mut self) -> Answer<usize> {
        let at = match self.0.iter().position(Option::is_none) {
            Some(at) => at,
            None if self.0.len() < EVENT_SETS => {
                self.0.push(None);
                self.0.len() - 1
            }
            None => return Err(Error::InsufficientResources),
        };
        self.0[at] = Some(Arc::new(Set(Mutex::new(Waiting { interests: Vec::new(), seen: 0 }))));
        handle::set_address(at).ok_or(Error::InsufficientResources)
    }

    pub fn get(&self, address: usize) -> Answer<Arc<Set>> {
        let at = handle::set_at(address).ok_or(Error::InvalidArgument)?;
        self.0.get(at).and_then(Option::clone).ok_or(Error::InvalidArgument)
    }

    /// Whoever still waits on it goes on doing so.
    pub fn free(&mut self, address: usize) -> Answer<()> {
        let at = handle::set_at(address).ok_or(Error::InvalidArgument)?;
        self.0.get_mut(at).and_then(Option::take).map(drop).ok_or(Error::InvalidArgument)
    }
}

impl Set {
    /// From now on, these kinds of events of this GPU belong to the set.
    pub fn register(&self, gpu: &Gpu, kinds: u64) -> Answer<()> {
        if kinds & !KINDS != 0 {
            return Err(Error::NotSupported);
        }
        let after = gpu.session.node()?.event_last;
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.interests.push(Interest { gpu: gpu.at, kinds, after });
        Ok(())
    }

    /// The next event of the set, each to one caller only; `None` when there is no new one.
    pub fn next(&self, session: &Session) -> Answer<Option<EventEntry>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for event in session.events_after(waiting.seen)? {
            waiting.seen = event.number;
            let wanted = waiting.interests.iter().any(|it| {
                it.gpu == event.gpu as usize && it.kinds & event.kind != 0 && it.after < event.number
            });
            if wanted {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_set_is_gone_and_its_place_is_used_again() {
        let mut sets = Sets::new();
        let first = sets.create().expect("a set");
        let second = sets.create().expect("a set");
        assert_ne!(first, second);
        sets.free(first).expect("it is there");
        assert_eq!(sets.free(first), Err(Error::InvalidArgument));
        assert!(sets.get(first).is_err());
        assert!(sets.get(second).is_ok());
        assert_eq!(sets.create().expect("a set"), first);
        assert!(sets.get(0xdead).is_err());
    }
}
