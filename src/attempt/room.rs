//! Whether this machine has room for another guest, and whose turn it is to start one. Containers grow with
//! what they do; a guest takes its memory page by page and gives none back, and a machine without memory
//! takes everybody down with it.

use std::path::Path;
use std::time::Duration;

use super::StartError;
use crate::engine::Engine;
use crate::image::lock::Lock;
use crate::lab::Lab;
use crate::units::Bytes;
use crashcart_facts::VmShape;

/// What stays free for all else.
pub(super) const RESERVE: u64 = 1 << 30;
/// How long a guest that was just started may take until its memory shows in the machine's figures.
const SHOWS_AFTER: Duration = Duration::from_millis(1500);

/// Memory of this machine that the guests of a lab will take before long.
fn needed(lab: &Lab) -> u64 {
    lab.nodes.iter().filter_map(|node| node.vm.as_ref()).map(guest_memory).sum()
}

/// Memory that a guest will take before long, in bytes: a quarter of what it has, which is about a booted system with
/// services at work, and QEMU's own.
pub(super) fn guest_memory(shape: &VmShape) -> u64 {
    (shape.memory_mib << 20) / 4 + (160 << 20)
}

/// Waits for the turn to start a lab's guests, and sees that there is room. The turn ends by itself a moment
/// after they were started, or with the caller.
pub(super) struct Turn(Option<Lock>);

impl Turn {
    /// Nothing to wait for where a lab has no guests, or the engine is on another machine.
    pub(super) async fn take(state: &Path, engine: &dyn Engine, lab: &Lab) -> Result<Self, StartError> {
        let needed = needed(lab);
        if needed == 0 || engine.about().await?.memory_available_bytes.is_none() {
            return Ok(Self(None));
        }
        let lock = Lock::exclusive(state, "guests", &|| ()).await.map_err(StartError::Turn)?;
        // Asked only now: whoever had the turn before has taken his.
        match engine.about().await?.memory_available_bytes {
            Some(free) if free < needed + RESERVE => Err(StartError::NoRoom {
                needed: Bytes(needed >> 20 << 20),
                free: Bytes(free.saturating_sub(RESERVE) >> 20 << 20),
            }),
            _ => Ok(Self(Some(lock))),
        }
    }

    /// The guests have been started.
    pub(super) fn pass(self) {
        if let Some(lock) = self.0 {
            tokio::spawn(async move {
                tokio::time::sleep(SHOWS_AFTER).await;
                drop(lock);
            });
        }
    }
}
