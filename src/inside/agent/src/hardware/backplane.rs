//! The board of a guest: the memory in which its kernel finds PCI devices and its driver finds GPUs.
//!
//! QEMU maps the same file into the guest as a memory device. Root of the guest can write all of it, so nothing is
//! believed that is read here: calls are taken for what a stranger says, and what the machine shows is written again.
//! Knows no QEMU; what a call does is said by the caller.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;

use bytemuck::{Pod, Zeroable};
use crashcart_hardware::board::{
    Board, BoardCall, BoardFunction, BoardLine, CALLS, CALLS_AT, CONFIGURATION_AT, FUNCTIONS_AT, LINES,
    LINES_AT, PAGES_AT, SPACE,
};
use crashcart_hardware::bus::{Bus, Register, Shown};
use crashcart_hardware::command::Outcome;
use crashcart_hardware::machine::KernelLine;
use crashcart_hardware::page::{GPUS, GpuPage, file_bytes};

use crate::kernel;

/// States of a call's slot.
const ASKED: u32 = 1;
const ANSWERED: u32 = 2;

pub struct Backplane {
    file: File,
    /// The pages' part.
    pages: &'static [AtomicU64],
    bus: Bus,
    /// What of each function was shown last.
    shown: Vec<Shown>,
    boot: Vec<(u64, u32)>,
    line_last: u64,
}

impl Backplane {
    /// An empty board.
    pub fn new(bus: Bus) -> io::Result<Self> {
        let span = PAGES_AT..PAGES_AT + file_bytes(GPUS);
        let (file, pages) = kernel::shared_pages(bus.board_bytes(), span)?;
        Ok(Self { file: file.into(), pages, bus, shown: Vec::new(), boot: Vec::new(), line_last: 0 })
    }

    /// The file that QEMU maps, and its size.
    pub fn file(&self) -> (&File, u64) {
        (&self.file, self.bus.board_bytes())
    }

    /// Where pages lie.
    pub fn pages(&self) -> &'static [AtomicU64] {
        self.pages
    }

    /// Writes all of it, as it is when the power comes on.
    pub fn power_up(&mut self, generation: u64, gpus: &[GpuPage]) -> io::Result<()> {
        // Nothing of before.
        self.file.write_all_at(&vec![0; PAGES_AT], 0)?;
        self.line_last = 0;
        for (n, (function, space)) in self.bus.power_up(gpus).iter().enumerate() {
            self.put(FUNCTIONS_AT + n * size_of::<BoardFunction>(), function)?;
            let at = (CONFIGURATION_AT + n * 3 * SPACE) as u64;
            self.file.write_all_at(&space.bytes, at)?;
            self.file.write_all_at(&space.writable, at + SPACE as u64)?;
            self.file.write_all_at(&space.cleared, at + 2 * SPACE as u64)?;
        }
        self.shown = self.bus.show(gpus);
        self.put(0, &self.bus.board(generation))?;
        self.boot.clear();
        self.show_boot_words(gpus)
    }

    /// What a snapshot of its guest has to keep of it: all but pages and windows, which are written anew.
    pub fn kept(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; PAGES_AT];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Puts what was kept into an empty board.
    pub fn restore(&mut self, kept: &[u8], gpus: &[GpuPage]) -> io::Result<()> {
        if kept.len() != PAGES_AT {
            return Err(io::Error::other("the board that was kept is of another size"));
        }
        self.file.write_all_at(kept, 0)?;
        let board: Board = self.get(0)?;
        let own = self.bus.board(board.generation);
        if (board.magic, board.layout, board.bytes) != (own.magic, own.layout, own.bytes) {
            return Err(io::Error::other("the board that was kept is of other devices"));
        }
        self.line_last = board.line_last;
        self.show(gpus)
    }

    /// Brings devices up to date; only what has changed is written.
    pub fn show(&mut self, gpus: &[GpuPage]) -> io::Result<()> {
        let shows = self.bus.show(gpus);
        for (n, Shown { flags, registers }) in shows.iter().enumerate() {
            let before = self.shown.get(n);
            if before.is_none_or(|before| before.flags != *flags) {
                self.put(FUNCTIONS_AT + n * size_of::<BoardFunction>(), flags)?;
            }
            let known = |register| before.is_some_and(|before| before.registers.contains(register));
            for Register { at, value, size } in registers.iter().filter(|register| !known(register)) {
                let place = CONFIGURATION_AT + n * 3 * SPACE + at;
                self.file.write_all_at(&value.to_le_bytes()[..*size], place as u64)?;
            }
        }
        self.shown = shows;
        self.show_boot_words(gpus)
    }

    fn show_boot_words(&mut self, gpus: &[GpuPage]) -> io::Result<()> {
        let words = self.bus.boot_words(gpus);
        for (at, word) in words.iter().filter(|word| !self.boot.contains(word)) {
            self.file.write_all_at(&word.to_le_bytes(), *at)?;
        }
        self.boot = words;
        Ok(())
    }

    /// Gives lines to the driver for the kernel log, and wakes it by the interrupt of this GPU.
    pub fn say(&mut self, lines: &[KernelLine], gpu: usize) -> io::Result<()> {
        for line in lines {
            self.line_last += 1;
            let mut entry =
                BoardLine { number: self.line_last, priority: line.priority.into(), ..Zeroable::zeroed() };
            let bytes = line.text.as_bytes();
            let length = bytes.len().min(entry.text.len());
            entry.text[..length].copy_from_slice(&bytes[..length]);
            entry.length = length as u32;
            let place = (self.line_last % LINES as u64) as usize;
            self.put(LINES_AT + place * size_of::<BoardLine>(), &entry)?;
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.put(std::mem::offset_of!(Board, line_last), &self.line_last)?;
        let Some(function) = self.bus.function_of(gpu) else { return Ok(()) };
        let at = FUNCTIONS_AT
            + function * size_of::<BoardFunction>()
            + std::mem::offset_of!(BoardFunction, interrupts);
        let count: u32 = self.get(at)?;
        self.put(at, &count.wrapping_add(1))
    }

    /// What the driver asks, with the slots of the calls.
    pub fn calls(&self) -> io::Result<Vec<(usize, BoardCall)>> {
        let mut calls = vec![BoardCall::zeroed(); CALLS];
        self.file.read_exact_at(bytemuck::cast_slice_mut(&mut calls), CALLS_AT as u64)?;
        Ok(calls.into_iter().enumerate().filter(|(_, call)| call.state == ASKED).collect())
    }

    /// Answers the call in this slot.
    pub fn answer(&self, slot: usize, outcome: &Outcome) -> io::Result<()> {
        let at = CALLS_AT + slot * size_of::<BoardCall>();
        self.put(at + std::mem::offset_of!(BoardCall, status), outcome)?;
        self.put(at + std::mem::offset_of!(BoardCall, state), &ANSWERED)
    }

    fn put<T: Pod>(&self, at: usize, value: &T) -> io::Result<()> {
        self.file.write_all_at(bytemuck::bytes_of(value), at as u64)
    }

    fn get<T: Pod>(&self, at: usize) -> io::Result<T> {
        let mut value = T::zeroed();
        self.file.read_exact_at(bytemuck::bytes_of_mut(&mut value), at as u64)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcart_hardware::command::Status;
    use crashcart_hardware::page::Condition;
    use crashcart_hardware::profile::profile;

    fn board() -> Backplane {
        let profile = profile("pcie-pair-h100").expect("ours");
        let bus = Bus::new(profile, profile.device().expect("ours"), 2, 1).expect("it fits");
        Backplane::new(bus).expect("memory")
    }

    fn pages() -> Vec<GpuPage> {
        vec![GpuPage { pcie_gen: 5, pcie_width: 16, ..GpuPage::zeroed() }; 2]
    }

    #[test]
    fn a_board_that_was_kept_is_restored_with_what_the_guest_wrote() {
        let mut board = board();
        board.power_up(1, &pages()).expect("written");
        // The guest's kernel writes a BAR.
        let gpu = CONFIGURATION_AT + 3 * SPACE;
        board.put(gpu + 0x10, &0x4000_000c_u32).expect("written");
        let kept = board.kept().expect("read");
        let mut other = self::board();
        let mut lost = pages();
        lost[0].condition = Condition::Lost as u32;
        other.restore(&kept, &lost).expect("the same devices");
        assert_eq!(other.get::<u32>(gpu + 0x10).expect("read"), 0x4000_000c);
        let function: BoardFunction = other.get(FUNCTIONS_AT + size_of::<BoardFunction>()).expect("read");
        assert_eq!(function.flags, 3, "there, and dead");
        assert!(other.restore(&kept[1..], &lost).is_err());
    }

    #[test]
    fn calls_are_heard_and_answered_and_lines_ring() {
        let mut board = board();
        board.power_up(1, &pages()).expect("written");
        assert!(board.calls().expect("read").is_empty());
        let call = BoardCall { state: ASKED, verb: 7, pid: 42, ..Zeroable::zeroed() };
        board.put(CALLS_AT + 3 * size_of::<BoardCall>(), &call).expect("written");
        let heard = board.calls().expect("read");
        assert_eq!((heard.len(), heard[0].0, heard[0].1.pid), (1, 3, 42));
        board.answer(3, &Outcome::new(Status::Success, &[9])).expect("written");
        let answered: BoardCall = board.get(CALLS_AT + 3 * size_of::<BoardCall>()).expect("read");
        assert_eq!((answered.state, answered.status, answered.values[0]), (ANSWERED, 0, 9));
        let line = KernelLine { at_ms: 0, priority: 3, text: "NVRM: Xid".into() };
        board.say(&[line], 0).expect("written");
        let head: Board = board.get(0).expect("read");
        assert_eq!(head.line_last, 1);
        let function: BoardFunction = board.get(FUNCTIONS_AT + size_of::<BoardFunction>()).expect("read");
        assert_eq!(function.interrupts, 1);
    }
}
