//! Whether this machine has room for another guest, and whose turn it is to start one. Containers grow with
//! what they do; a guest takes its memory page by page and gives none back, and a machine without memory
//! takes everybody down with it.

use std::path::Path;
use std::time::Duration;

use super::StartError;
use crate::engine::About;
use crate::image::lock::Lock;
use crate::lab::Lab;
use crate::units::Bytes;

/// What stays free for all else.
const RESERVE: u64 = 1 << 30;
/// How long a guest that was just started may take until its memory shows in the machine's figures.
const SHOWS_AFTER: Duration = Duration::from_millis(1500);

/// Memory of this machine that the guests of a lab will take before long: a quarter of what they have, which is
/// about a booted system with services at work, and QEMU's own.
fn needed(lab: &Lab) -> u64 {
    let guests = lab.nodes.iter().filter_map(|node| node.vm.as_ref());
    guests.map(|shape| (shape.memory_mib << 20) / 4 + (160 << 20)).sum()
}

/// Waits for the turn to start a lab's guests, and sees that there is room. The turn ends by itself a moment
/// after they were started, or with the caller.
pub(super) struct Turn(Option<Lock>);

impl Turn {
    /// Nothing to wait for where a lab has no guests, or the engine is on another machine.
    pub(super) async fn take(state: &Path, about: &About, lab: &Lab) -> Result<Self, StartError> {
        let needed = needed(lab);
        if needed == 0 || !about.endpoint.starts_with("unix://") {
            return Ok(Self(None));
        }
        let lock = Lock::exclusive(state, "guests", &|| ()).await.map_err(StartError::Turn)?;
        let free = std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available);
        match free {
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

/// `MemAvailable` of /proc/meminfo, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_what_is_available() {
        let text = "MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
