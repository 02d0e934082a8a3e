//! The board: the memory in which a guest's kernel finds its PCI devices and its GPUs.
//!
//! ```text
//! 0        Board          what there is, and where
//! 4 KiB    BoardFunction  one per PCI function
//! 64 KiB   configuration  three tables of 4 KiB per function: bytes, which of them a write changes, and
//!                         which of their ones a write clears
//! 1 MiB    BoardCall      the mailbox: what the driver asks of the owner
//! 1.5 MiB  BoardLine      what the owner has the driver say to the kernel log
//! 2 MiB    pages          the node's page and one per GPU, as `page` has them
//! 64 MiB   windows        memory behind the devices' BARs
//! ```
//!
//! The owner, outside of the guest, maps a file; the guest has the same memory at a fixed place. The guest's root can
//! write all of it, so the owner reads nothing back but calls, and publishes its own state over whatever stands there.
//! Layout only: what stands in it at first is `bus`'s affair.

use crate::layout::{self, layout};
use crate::page::{self, GPUS};

/// Version of this layout; the guest's side refuses another.
pub const BOARD_LAYOUT: u32 = 1;
/// The first field: `CCBOARD` and a 1.
pub const BOARD_MAGIC: u64 = u64::from_le_bytes(*b"CCBOARD\x01");

/// Most root buses, and most functions over all of them.
pub const ROOTS: usize = 16;
pub const FUNCTIONS: usize = 64;
/// Calls under way at once.
pub const CALLS: usize = 64;
/// Lines that wait for the kernel log.
pub const LINES: usize = 128;
/// BARs of a function.
pub const BARS: usize = 3;

pub const FUNCTIONS_AT: usize = 4 << 10;
pub const CONFIGURATION_AT: usize = 64 << 10;
pub const CALLS_AT: usize = 1 << 20;
pub const LINES_AT: usize = (1 << 20) + (512 << 10);
pub const PAGES_AT: usize = 2 << 20;
pub const WINDOWS_AT: usize = 64 << 20;

/// Bytes of a function's configuration space.
pub const SPACE: usize = 4096;

/// A byte written to this I/O port of the guest wakes the owner.
pub const DOORBELL: u32 = 0x5cc;

layout! {
    /// Where devices hang: a host bridge's bus.
    struct BoardRoot / "ccboard_root" {
        domain: u32,
        /// Its number, and the highest below it.
        first_bus: u32,
        last_bus: u32,
        /// NONE32 where the machine does not say.
        numa_node: u32,
        /// Its window: offset in the board, and bytes.
        at: u64,
        bytes: u64,
    }

    /// What there is, and where.
    struct Board / "ccboard" {
        /// [`BOARD_MAGIC`].
        magic: u64,
        /// [`BOARD_LAYOUT`].
        layout: u32,
        /// `page::LAYOUT`, of the pages.
        page_layout: u32,
        /// Of all of it.
        bytes: u64,
        /// Bumped at every power cycle.
        generation: u64,
        root_count: u32,
        function_count: u32,
        gpu_count: u32,
        doorbell: u32,
        pages_at: u64,
        pages_bytes: u64,
        /// Number of the newest line for the kernel log; 0 when there was none. Line n stands at n % LINES.
        line_last: u64,
        roots: [BoardRoot; ROOTS],
    }

    /// A base address register, always of 64 bits and prefetchable.
    struct BoardBar / "ccboard_bar" {
        /// Offset in configuration space; 0 where there is none.
        offset: u32,
        pad: u32,
        /// Where its memory is in the board, and how much.
        at: u64,
        bytes: u64,
    }

    /// A PCI function.
    struct BoardFunction / "ccboard_function" {
        /// Bit 0: there is something. Bit 1: it does not answer, and reads as all ones.
        flags: u32,
        /// Index of its root.
        root: u32,
        bus: u32,
        /// Device * 8 + function.
        devfn: u32,
        /// Index of the GPU's page; NONE32 of what is no GPU.
        gpu: u32,
        /// Bumped by the owner to raise the function's first message-signalled interrupt.
        interrupts: u32,
        /// Of a bridge: the prefetchable window behind it.
        window_at: u64,
        window_bytes: u64,
        bars: [BoardBar; BARS],
    }

    /// One thing that the driver asks. It takes a free slot, fills it, sets `state` to 1 and rings; the owner
    /// answers and sets 2; the driver reads and sets 0.
    struct BoardCall / "ccboard_call" {
        state: u32,
        /// [`CallKind`].
        kind: u32,
        /// Whose it is; programs' connections count from 1, the driver's own calls have 0.
        connection: u64,
        pid: u32,
        uid: u32,
        /// What the program is called.
        name: [u8; 16],
        /// A [`crate::command::Command`].
        verb: u32,
        gpu: u32,
        arguments: [u64; 6],
        /// A [`crate::command::Outcome`].
        status: u32,
        pad: u32,
        values: [u64; 4],
        /// Of the driver that speaks: `580.105.08`.
        version: [u8; 32],
    }

    /// A line for the kernel log.
    struct BoardLine / "ccboard_line" {
        number: u64,
        /// 0 to 7, as syslog has it.
        priority: u32,
        /// Bytes of the text.
        length: u32,
        text: [u8; 496],
    }
}

/// There is something.
pub const PRESENT: u32 = 1;
/// It does not answer.
pub const DEAD: u32 = 2;

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CallKind {
    /// A program's command.
    Command = 1,
    /// A program has closed its connection.
    Close = 2,
    /// The driver's module is there, of this version.
    Loaded = 3,
    /// It goes.
    Unloaded = 4,
    /// The driver takes this GPU.
    Taken = 5,
    /// It lets go of it.
    Released = 6,
}

impl CallKind {
    pub fn from_raw(raw: u32) -> Option<Self> {
        [Self::Command, Self::Close, Self::Loaded, Self::Unloaded, Self::Taken, Self::Released]
            .into_iter()
            .find(|kind| *kind as u32 == raw)
    }
}

/// The layout for C, as one header.
pub fn c_header() -> String {
    let numbers = [
        ("CCBOARD_LAYOUT", BOARD_LAYOUT.to_string()),
        ("CCBOARD_MAGIC", format!("0x{BOARD_MAGIC:016x}ULL")),
        ("CCBOARD_PAGE_LAYOUT", page::LAYOUT.to_string()),
        ("CCBOARD_ROOTS", ROOTS.to_string()),
        ("CCBOARD_FUNCTIONS", FUNCTIONS.to_string()),
        ("CCBOARD_GPUS", GPUS.to_string()),
        ("CCBOARD_CALLS", CALLS.to_string()),
        ("CCBOARD_LINES", LINES.to_string()),
        ("CCBOARD_BARS", BARS.to_string()),
        ("CCBOARD_FUNCTIONS_AT", format!("{FUNCTIONS_AT:#x}")),
        ("CCBOARD_CONFIGURATION_AT", format!("{CONFIGURATION_AT:#x}")),
        ("CCBOARD_CALLS_AT", format!("{CALLS_AT:#x}")),
        ("CCBOARD_LINES_AT", format!("{LINES_AT:#x}")),
        ("CCBOARD_PRESENT", PRESENT.to_string()),
        ("CCBOARD_DEAD", DEAD.to_string()),
        ("CCBOARD_CALL_COMMAND", (CallKind::Command as u32).to_string()),
        ("CCBOARD_CALL_CLOSE", (CallKind::Close as u32).to_string()),
        ("CCBOARD_CALL_LOADED", (CallKind::Loaded as u32).to_string()),
        ("CCBOARD_CALL_UNLOADED", (CallKind::Unloaded as u32).to_string()),
        ("CCBOARD_CALL_TAKEN", (CallKind::Taken as u32).to_string()),
        ("CCBOARD_CALL_RELEASED", (CallKind::Released as u32).to_string()),
        ("CCBOARD_VSEC", format!("{:#x}", crate::bus::VSEC)),
        ("CCBOARD_VSEC_AT", format!("{:#x}", crate::bus::VSEC_AT)),
    ];
    layout::c_header("board", "CCBOARD_H", &numbers, STRUCTURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The parts lie one behind the other.
    const _: () = {
        assert!(size_of::<Board>() <= FUNCTIONS_AT);
        assert!(FUNCTIONS_AT + FUNCTIONS * size_of::<BoardFunction>() <= CONFIGURATION_AT);
        assert!(CONFIGURATION_AT + FUNCTIONS * 3 * SPACE <= CALLS_AT);
        assert!(CALLS_AT + CALLS * size_of::<BoardCall>() <= LINES_AT);
        assert!(LINES_AT + LINES * size_of::<BoardLine>() <= PAGES_AT);
        assert!(PAGES_AT + page::file_bytes(GPUS) <= WINDOWS_AT);
    };

    #[test]
    fn no_structure_has_padding_of_its_own() {
        layout::tests::is_tight(STRUCTURES);
    }
}
