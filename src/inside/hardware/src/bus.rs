//! The PCI side of a machine: which functions hang where, and their configuration spaces.
//!
//! A GPU hangs below a root port of its host bridge's bus; so do the NVSwitches that the node's own bus has. Addresses
//! below a bus are the profile's. [`Bus::power_up`] writes all of it, [`Bus::show`] what changes while the guest runs.
//! Registers as in PCI Express Base Specification 5.0, chapter 7.

use crate::board::{
    BARS, BOARD_LAYOUT, BOARD_MAGIC, Board, BoardBar, BoardFunction, BoardRoot, DEAD, DOORBELL, FUNCTIONS,
    PAGES_AT, PRESENT, ROOTS, SPACE, WINDOWS_AT,
};
use crate::catalog::Device;
use crate::page::{self, Condition, GpuPage, NONE32};
use crate::profile::NodeProfile;
use crate::spec::SpecError;

/// Id of the vendor-specific extended capability by which the driver finds the board, and where it lies.
pub const VSEC: u32 = 0xcc01;
pub const VSEC_AT: usize = 0x1a0;

const MIB: u64 = 1 << 20;
/// Boards have a BAR 2 as large as their memory, for which a guest's address space has no room.
const BAR2: u64 = 64 * MIB;
const BAR4: u64 = 32 * MIB;
const BAR0: u64 = 16 * MIB;
/// What a GPU's BARs take together, aligned for the largest.
const GPU_WINDOW: u64 = 128 * MIB;
const SWITCH_WINDOW: u64 = 32 * MIB;
/// Memory devices begin and end at multiples of this.
const ALIGNMENT: u64 = 128 * MIB;

/// Offsets of capabilities; the same in every function.
const POWER_MANAGEMENT: usize = 0x40;
const MESSAGES: usize = 0x48;
const EXPRESS: usize = 0x60;
const ERRORS: usize = 0x100;
const SERIAL: usize = 0x148;
const ACCESS_CONTROL: usize = 0x160;

const INTEL_ROOT_PORT: u32 = 0x352a_8086;
const NVIDIA: u32 = 0x10de;

/// A function's configuration space: its bytes, which of their bits a write changes, and which ones it clears.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    pub bytes: [u8; SPACE],
    pub writable: [u8; SPACE],
    pub cleared: [u8; SPACE],
}

impl Space {
    fn blank() -> Self {
        Self { bytes: [0; SPACE], writable: [0; SPACE], cleared: [0; SPACE] }
    }

    fn put(&mut self, at: usize, value: u32, size: usize) {
        put(&mut self.bytes, at, value, size);
    }

    fn let_write(&mut self, at: usize, mask: u32, size: usize) {
        put(&mut self.writable, at, mask, size);
    }

    fn let_clear(&mut self, at: usize, mask: u32, size: usize) {
        put(&mut self.cleared, at, mask, size);
    }
}

fn put(bytes: &mut [u8; SPACE], at: usize, value: u32, size: usize) {
    bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
}

/// A register of a function's configuration space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    pub at: usize,
    pub value: u32,
    /// Bytes: 1, 2 or 4.
    pub size: usize,
}

/// What of a function the machine changes while the guest runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Of [`BoardFunction`].
    pub flags: u32,
    pub registers: Vec<Register>,
}

/// What a function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The port above this GPU, or above a switch.
    Port {
        slot: u32,
        gpu: Option<usize>,
    },
    Gpu(usize),
    Switch,
}

/// The PCI functions of a machine.
#[derive(Clone, Debug)]
pub struct Bus {
    device: &'static Device,
    switch_id: u32,
    roots: Vec<BoardRoot>,
    functions: Vec<(Kind, BoardFunction)>,
    bytes: u64,
}

impl Bus {
    /// The buses of a node of this profile with so many GPUs, in a guest with so many NUMA nodes.
    ///
    /// Refused where it does not fit the board, or where the guest's own chipset stands.
    pub fn new(
        profile: &'static NodeProfile,
        device: &'static Device,
        gpus: usize,
        numa_nodes: u32,
    ) -> Result<Self, SpecError> {
        let impossible = |what: &str| Err(SpecError::Impossible { what: what.to_owned() });
        let mut bus =
            Self { device, switch_id: 0, roots: Vec::new(), functions: Vec::new(), bytes: WINDOWS_AT as u64 };
        let mut slot = 0;
        let slots = &profile.slots[..gpus.min(profile.slots.len())];
        if slots.iter().any(|slot| slot.bus < 2) {
            return impossible("the GPUs of this profile stand on bus 0, which a guest's own chipset has");
        }
        for bridge in slots.iter().map(|slot| slot.host_bridge).collect::<std::collections::BTreeSet<_>>() {
            let here: Vec<_> =
                slots.iter().enumerate().filter(|(_, slot)| slot.host_bridge == bridge).collect();
            let numa = here.first().map(|(_, slot)| slot.numa).filter(|node| *node < numa_nodes);
            bus.root(numa.unwrap_or(NONE32), here.iter().map(|(_, slot)| slot.bus));
            for (index, place) in here {
                slot += 1;
                bus.below_port(slot, Some(index), place.bus, place.device);
            }
        }
        if let Some(switches) = profile.nvswitch.as_ref().filter(|switches| switches.visible) {
            bus.switch_id = switches.id;
            bus.root(NONE32, switches.buses.iter().copied());
            for number in &switches.buses {
                slot += 1;
                bus.below_port(slot, None, *number, 0);
            }
        }
        bus.bytes = bus.bytes.next_multiple_of(ALIGNMENT);
        if bus.roots.len() > ROOTS || bus.functions.len() > FUNCTIONS {
            return impossible("this profile has more devices than a guest's buses hold");
        }
        Ok(bus)
    }

    /// A new host bridge, for devices on these buses.
    fn root(&mut self, numa_node: u32, buses: impl Iterator<Item = u32> + Clone) {
        let first = buses.clone().min().unwrap_or(1);
        self.roots.push(BoardRoot {
            domain: 0,
            first_bus: first - 1,
            last_bus: buses.max().unwrap_or(first),
            numa_node,
            at: self.bytes,
            bytes: 0,
        });
    }

    /// A root port of the newest bridge, and what hangs below it.
    fn below_port(&mut self, slot: u32, gpu: Option<usize>, bus: u32, device: u32) {
        let root = self.roots.len() - 1;
        let number = self.functions.iter().filter(|(_, it)| it.root as usize == root).count() as u32 / 2;
        let window = if gpu.is_some() { GPU_WINDOW } else { SWITCH_WINDOW };
        let at = self.bytes;
        let function = BoardFunction {
            flags: PRESENT,
            root: root as u32,
            bus: self.roots[root].first_bus,
            devfn: (number + 1) << 3,
            gpu: NONE32,
            interrupts: 0,
            window_at: at,
            window_bytes: window,
            bars: [bytemuck::Zeroable::zeroed(); BARS],
        };
        self.functions.push((Kind::Port { slot, gpu }, function));
        let bar = |offset, at, bytes| BoardBar { offset, pad: 0, at, bytes };
        let none = bar(0, 0, 0);
        let (kind, bars) = match gpu {
            // Largest first, as the kernel lays them out when it has to do it again.
            Some(index) => (
                Kind::Gpu(index),
                [bar(0x10, at + BAR2 + BAR4, BAR0), bar(0x18, at, BAR2), bar(0x20, at + BAR2, BAR4)],
            ),
            None => (Kind::Switch, [bar(0x10, at, SWITCH_WINDOW), none, none]),
        };
        let function = BoardFunction {
            bus,
            devfn: device << 3,
            gpu: gpu.map_or(NONE32, |index| index as u32),
            window_at: 0,
            window_bytes: 0,
            bars,
            ..function
        };
        self.functions.push((kind, function));
        self.bytes += window;
        self.roots[root].bytes = self.bytes - self.roots[root].at;
    }

    /// Bytes of the whole board.
    pub fn board_bytes(&self) -> u64 {
        self.bytes
    }

    /// The board's head, for a machine of this generation.
    pub fn board(&self, generation: u64) -> Board {
        let mut roots = [bytemuck::Zeroable::zeroed(); ROOTS];
        roots[..self.roots.len()].copy_from_slice(&self.roots);
        let gpus = self.functions.iter().filter(|(kind, _)| matches!(kind, Kind::Gpu(_))).count();
        Board {
            magic: BOARD_MAGIC,
            layout: BOARD_LAYOUT,
            page_layout: page::LAYOUT,
            bytes: self.bytes,
            generation,
            root_count: self.roots.len() as u32,
            function_count: self.functions.len() as u32,
            gpu_count: gpus as u32,
            doorbell: DOORBELL,
            pages_at: PAGES_AT as u64,
            pages_bytes: page::file_bytes(gpus) as u64,
            line_last: 0,
            roots,
        }
    }

    /// Every function with its configuration space, as they stand when the power comes on.
    pub fn power_up(&self, pages: &[GpuPage]) -> Vec<(BoardFunction, Space)> {
        self.functions
            .iter()
            .map(|(kind, function)| {
                let mut space = Space::blank();
                match kind {
                    Kind::Port { slot, gpu } => self.port(&mut space, function, *slot, gpu.is_some()),
                    Kind::Gpu(index) => self.gpu(&mut space, function, *index),
                    Kind::Switch => self.switch(&mut space, function),
                }
                for Register { at, value, size } in self.live(kind, pages) {
                    space.put(at, value, size);
                }
                (BoardFunction { flags: flags(kind, pages), ..*function }, space)
            })
            .collect()
    }

    /// What the machine itself changes in a running guest, of each function.
    pub fn show(&self, pages: &[GpuPage]) -> Vec<Shown> {
        let shown = |kind: &Kind| Shown { flags: flags(kind, pages), registers: self.live(kind, pages) };
        self.functions.iter().map(|(kind, _)| shown(kind)).collect()
    }

    /// The first word behind each GPU's BAR 0, `PMC_BOOT_0`, with its offset in the board.
    pub fn boot_words(&self, pages: &[GpuPage]) -> Vec<(u64, u32)> {
        let gpus = self.functions.iter().filter_map(|(kind, function)| match kind {
            Kind::Gpu(index) => Some((*index, function.bars[0].at)),
            _ => None,
        });
        gpus.map(|(index, at)| (at, if is_lost(pages, index) { u32::MAX } else { self.device.pci.chip }))
            .collect()
    }

    /// Index of a GPU's function on the board.
    pub fn function_of(&self, gpu: usize) -> Option<usize> {
        self.functions.iter().position(|(kind, _)| *kind == Kind::Gpu(gpu))
    }

    fn live(&self, kind: &Kind, pages: &[GpuPage]) -> Vec<Register> {
        let (Kind::Port { gpu: Some(index), .. } | Kind::Gpu(index)) = kind else { return Vec::new() };
        let Some(page) = pages.get(*index) else { return Vec::new() };
        let is_port = matches!(kind, Kind::Port { .. });
        // A port whose device does not answer has lost its link: data link layer inactive, the slot still full.
        let (speed, width, active) = match (is_lost(pages, *index), is_port) {
            (true, true) => (1, 0, 0),
            _ => (page.pcie_gen, page.pcie_width, u32::from(is_port)),
        };
        let register = |at, value, size| Register { at, value, size };
        let mut registers = vec![register(EXPRESS + 0x12, speed | width << 4 | active << 13, 2)];
        if !is_port {
            // The serial number of the board: that of its own number.
            let serial: u64 = page::text(&page.serial).parse().unwrap_or(0);
            registers.push(register(SERIAL + 4, serial as u32, 4));
            registers.push(register(SERIAL + 8, (serial >> 32) as u32 | 0x4804_0000, 4));
        }
        registers
    }

    fn port(&self, space: &mut Space, function: &BoardFunction, slot: u32, has_gpu: bool) {
        space.put(0x00, INTEL_ROOT_PORT, 4);
        space.put(0x08, 0x0604_0006, 4);
        space.put(0x0e, 1, 1);
        let behind = self.functions.iter().map(|(_, it)| it).skip_while(|it| *it != function).nth(1);
        let below = behind.map_or(function.bus + 1, |it| it.bus);
        // Primary, secondary and subordinate bus: fixed.
        space.put(0x18, function.bus | below << 8 | below << 16, 4);
        // No I/O behind it at all, and no plain memory: base above limit.
        space.put(0x20, 0x0000_fff0, 4);
        // The prefetchable window is of 64 bits; the guest's side fills it in.
        space.put(0x24, 0x0001_fff1, 4);
        space.let_write(0x24, 0xfff0_fff0, 4);
        space.let_write(0x28, u32::MAX, 4);
        space.let_write(0x2c, u32::MAX, 4);
        space.let_write(0x3e, 0x0003, 2);
        common(space);
        // A root port with a slot: version 2.
        let express = if has_gpu { 0x0142 } else { 0x0042 };
        self.express(space, express, has_gpu);
        // Links report that they are active.
        let capabilities = link(self.device, has_gpu) | 1 << 20 | slot << 24;
        space.put(EXPRESS + 0x0c, capabilities, 4);
        if has_gpu {
            // The slot's number, and that something stands in it; nobody pulls a board while the machine runs.
            space.put(EXPRESS + 0x14, slot << 19, 4);
            space.put(EXPRESS + 0x1a, 1 << 6, 2);
        }
        space.let_write(EXPRESS + 0x1c, 0x1f, 2);
        space.let_clear(EXPRESS + 0x20, 1 << 16, 4);
        self.errors(space, true);
        // Access control: able to all but translated requests' direct path, and off as firmware leaves it.
        extended(space, ACCESS_CONTROL, 0x0d, 1, 0);
        space.put(ACCESS_CONTROL + 4, 0x001f, 2);
        space.let_write(ACCESS_CONTROL + 6, 0x001f, 2);
    }

    fn gpu(&self, space: &mut Space, function: &BoardFunction, index: usize) {
        let pci = &self.device.pci;
        space.put(0x00, pci.device << 16 | NVIDIA, 4);
        space.put(0x08, 0x0302_00a1, 4);
        space.put(0x2c, pci.subsystem << 16 | NVIDIA, 4);
        bars(space, function);
        common(space);
        self.express(space, 0x0002, true);
        space.put(EXPRESS + 0x0c, link(self.device, true), 4);
        // Without this bit the kernel looks for an audio function of a graphics card and says so.
        space.put(0x488, 1 << 25, 4);
        self.errors(space, false);
        extended(space, SERIAL, 0x03, 1, VSEC_AT);
        // Where the board is: written by the guest's side when it has found it.
        extended(space, VSEC_AT, 0x0b, 1, 0);
        space.put(VSEC_AT + 4, VSEC | 1 << 16 | 0x18 << 20, 4);
        space.put(VSEC_AT + 0x10, index as u32, 4);
        space.put(VSEC_AT + 0x14, BOARD_LAYOUT, 4);
    }

    fn switch(&self, space: &mut Space, function: &BoardFunction) {
        space.put(0x00, self.switch_id << 16 | NVIDIA, 4);
        space.put(0x08, 0x0680_00a1, 4);
        space.put(0x2c, self.switch_id << 16 | NVIDIA, 4);
        bars(space, function);
        common(space);
        self.express(space, 0x0002, false);
        space.put(EXPRESS + 0x0c, link(self.device, false), 4);
        space.put(EXPRESS + 0x12, 0x0022, 2);
        self.errors(space, false);
        extended(space, SERIAL, 0x03, 1, 0);
    }

    fn express(&self, space: &mut Space, capabilities: u32, has_gpu: bool) {
        space.put(EXPRESS, 0x10, 1);
        space.put(EXPRESS + 2, capabilities, 2);
        // Payloads of 256 bytes, extended tags; a function that can be reset by itself.
        let reset = if capabilities & 0xf0 == 0 { 1 << 28 } else { 0 };
        space.put(EXPRESS + 4, 0x0000_8021 | reset, 4);
        space.put(EXPRESS + 8, 0x2130, 2);
        space.let_write(EXPRESS + 8, 0x7fff, 2);
        space.let_clear(EXPRESS + 0xa, 0x0f, 2);
        space.let_write(EXPRESS + 0x10, 0x0fd3, 2);
        let speed = if has_gpu { self.device.pci.r#gen } else { 2 };
        // Version 2: completion timeouts, and the speeds that the link can have.
        space.put(EXPRESS + 0x24, 0x1f, 4);
        space.let_write(EXPRESS + 0x28, 0x1f, 2);
        space.put(EXPRESS + 0x2c, ((1 << speed) - 1) << 1, 4);
        space.put(EXPRESS + 0x30, speed, 2);
        space.let_write(EXPRESS + 0x30, 0x0f, 2);
    }

    /// Advanced error reporting, of a root port with its own registers.
    fn errors(&self, space: &mut Space, is_port: bool) {
        extended(space, ERRORS, 0x01, 2, if is_port { ACCESS_CONTROL } else { SERIAL });
        space.let_clear(ERRORS + 0x04, u32::MAX, 4);
        space.let_write(ERRORS + 0x08, 0x07ff_f030, 4);
        space.put(ERRORS + 0x0c, 0x0046_2030, 4);
        space.let_write(ERRORS + 0x0c, 0x07ff_f030, 4);
        space.let_clear(ERRORS + 0x10, 0xf1c1, 4);
        space.put(ERRORS + 0x14, 0x2000, 4);
        space.let_write(ERRORS + 0x14, 0xf1c1, 4);
        if is_port {
            space.let_write(ERRORS + 0x2c, 0x07, 4);
            space.let_clear(ERRORS + 0x30, 0x7f, 4);
        }
    }
}

fn is_lost(pages: &[GpuPage], index: usize) -> bool {
    pages.get(index).is_some_and(|page| Condition::from_raw(page.condition) == Condition::Lost)
}

fn flags(kind: &Kind, pages: &[GpuPage]) -> u32 {
    match kind {
        Kind::Gpu(index) if is_lost(pages, *index) => PRESENT | DEAD,
        _ => PRESENT,
    }
}

/// Link capabilities: the highest speed and width.
fn link(device: &Device, has_gpu: bool) -> u32 {
    if has_gpu { device.pci.r#gen | device.pci.width << 4 } else { 0x22 }
}

/// What every function has: commands, power states, an interrupt by message.
fn common(space: &mut Space) {
    // Capabilities there are; memory space, bus mastering, parity, SERR# and INTx can be switched.
    space.put(0x04, 0x0010_0000, 4);
    space.let_write(0x04, 0x0546, 2);
    space.let_clear(0x06, 0xf900, 2);
    space.let_write(0x0c, 0xff, 1);
    space.put(0x34, POWER_MANAGEMENT as u32, 1);
    space.let_write(0x3c, 0xff, 1);
    // Version 3, no states but D0 and D3hot.
    space.put(POWER_MANAGEMENT, 0x0003_0001 | (MESSAGES as u32) << 8, 4);
    space.put(POWER_MANAGEMENT + 4, 0x0008, 2);
    space.let_write(POWER_MANAGEMENT + 4, 0x0103, 2);
    // One vector, 64 bits, maskable.
    space.put(MESSAGES, 0x0180_0005 | (EXPRESS as u32) << 8, 4);
    space.let_write(MESSAGES + 2, 0x0071, 2);
    space.let_write(MESSAGES + 4, 0xffff_fffc, 4);
    space.let_write(MESSAGES + 8, u32::MAX, 4);
    space.let_write(MESSAGES + 12, 0xffff, 2);
    space.let_write(MESSAGES + 16, 1, 4);
}

fn bars(space: &mut Space, function: &BoardFunction) {
    for bar in function.bars.iter().filter(|bar| bar.offset != 0) {
        let at = bar.offset as usize;
        let mask = !(bar.bytes - 1);
        // Memory of 64 bits, prefetchable.
        space.put(at, 0x0c, 4);
        space.let_write(at, mask as u32 & 0xffff_fff0, 4);
        space.let_write(at + 4, (mask >> 32) as u32, 4);
    }
}

fn extended(space: &mut Space, at: usize, id: u32, version: u32, next: usize) {
    space.put(at, id | version << 16 | (next as u32) << 20, 4);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::profiles;

    fn bus(name: &str, gpus: usize) -> Bus {
        let profile = crate::profile::profile(name).expect("ours");
        Bus::new(profile, profile.device().expect("ours"), gpus, 2).expect("it fits")
    }

    fn word(space: &Space, at: usize) -> u32 {
        u32::from_le_bytes(space.bytes[at..at + 4].try_into().expect("four"))
    }

    /// Walks a list of capabilities: ids in order.
    fn walk(space: &Space) -> (Vec<u32>, Vec<u32>) {
        let mut plain = Vec::new();
        let mut at = space.bytes[0x34] as usize;
        while at != 0 {
            plain.push(u32::from(space.bytes[at]));
            at = space.bytes[at + 1] as usize;
        }
        let mut long = Vec::new();
        let mut at = 0x100;
        while at != 0 {
            long.push(word(space, at) & 0xffff);
            at = (word(space, at) >> 20) as usize;
        }
        (plain, long)
    }

    #[test]
    fn every_profile_fits_the_board_and_nothing_overlaps() {
        for (name, profile) in profiles().iter().filter(|(_, profile)| profile.slots[0].bus > 0) {
            let bus = bus(name, profile.slots.len());
            assert_eq!(bus.board(1).gpu_count as usize, profile.slots.len(), "{name}");
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (_, function) in &bus.functions {
                for bar in function.bars.iter().filter(|bar| bar.offset != 0) {
                    assert_eq!(bar.at % bar.bytes, 0, "{name}: a BAR lies at a multiple of its size");
                    taken.push((bar.at, bar.bytes));
                }
            }
            taken.sort_unstable();
            assert!(taken.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{name}");
            assert!(taken.iter().all(|(at, bytes)| at + bytes <= bus.board_bytes()), "{name}");
            for (one, other) in bus.roots.iter().zip(bus.roots.iter().skip(1)) {
                let apart = one.last_bus < other.first_bus || other.last_bus < one.first_bus;
                assert!(apart, "{name}: buses of {one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn a_gpu_is_found_by_its_ids_and_tells_its_link() {
        let bus = bus("hgx-h100", 8);
        let mut pages: Vec<GpuPage> = (0..8).map(|_| bytemuck::Zeroable::zeroed()).collect();
        for page in &mut pages {
            (page.pcie_gen, page.pcie_width) = (5, 16);
        }
        (pages[1].pcie_gen, pages[1].pcie_width) = (4, 8);
        pages[2].condition = Condition::Lost as u32;
        let functions = bus.power_up(&pages);
        let gpu = |index| &functions[bus.function_of(index).expect("it is there")];
        let (function, space) = gpu(0);
        assert_eq!((function.bus, function.devfn, function.flags), (0x53, 0, PRESENT));
        assert_eq!((word(space, 0), word(space, 8) >> 8), (0x2330_10de, 0x0003_0200));
        assert_eq!(word(space, 0x2c), 0x16c1_10de);
        assert_eq!(walk(space), (vec![1, 5, 0x10], vec![1, 3, 0xb]));
        assert_eq!(word(space, EXPRESS + 0x10) >> 16, 0x105);
        assert_eq!(word(&gpu(1).1, EXPRESS + 0x10) >> 16, 0x84);
        assert_eq!(gpu(2).0.flags, PRESENT | DEAD);
        assert_eq!(bus.boot_words(&pages)[2].1, u32::MAX);
        let port = &functions[0];
        assert_eq!(word(&port.1, 0x18), 0x53_53_52);
        assert_eq!(walk(&port.1), (vec![1, 5, 0x10], vec![1, 0xd]));
    }

    #[test]
    fn gpus_on_the_chipsets_own_bus_are_refused() {
        let profile = crate::profile::profile("single-t4").expect("ours");
        let error = Bus::new(profile, profile.device().expect("ours"), 1, 1).expect_err("bus 0");
        assert!(error.to_string().contains("bus 0"), "{error}");
    }

    #[test]
    fn what_may_not_be_written_is_not_writable() {
        let bus = bus("pcie-pair-l40s", 1);
        let pages = [bytemuck::Zeroable::zeroed()];
        for (function, space) in bus.power_up(&pages) {
            assert!(space.writable[..4].iter().chain(&space.writable[8..12]).all(|mask| *mask == 0));
            assert!(
                space.writable.iter().zip(&space.cleared).all(|(write, clear)| write & clear == 0),
                "{function:?}: a bit is either written or cleared"
            );
        }
    }
}
