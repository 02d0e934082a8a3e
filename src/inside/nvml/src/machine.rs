//! The node's GPUs as this process may see them: which there are, and what state answers a call.
//!
//! Safe and without C; reads the pages anew at every call. Which getter reads which field is `exports`'
//! affair, what MIG instances there are is `instance`'s.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use crashcart_hardware::client::{Client, may_open};
use crashcart_hardware::command::{Command, Outcome, Verb};
use crashcart_hardware::page::{self, Condition, DriverState, GpuPage, NONE, NONE32, NodePage};
use rustix::io::Errno;

use crate::answer::{Answer, Error};
use crate::pages::Pages;
use crate::version::FieldNumbering;
use crate::{client, handle, library, version};

/// What one process found when it initialised the library.
pub struct Session {
    pages: Pages,
    /// The node's power cycle in which that was.
    generation: u64,
    /// Pages of the GPUs whose device nodes this process may open, in NVML's order.
    visible: Vec<usize>,
    pub numbering: FieldNumbering,
    /// A guest's driver is held open by those who use it, and so are its GPUs.
    _held: Vec<OwnedFd>,
}

/// One GPU at the moment of a call.
pub struct Gpu {
    pub session: Arc<Session>,
    /// Number of its page.
    pub at: usize,
    pub page: Box<GpuPage>,
}

/// What a device handle stands for, found on the pages.
pub enum Target {
    Whole(Gpu),
    /// A MIG device: compute instance `compute` of the GPU instance.
    Slice(Gpu, page::GpuInstance, page::ComputeInstance),
}

impl Session {
    /// Finds the hardware and holds it against this library and this process.
    pub fn open() -> Answer<Self> {
        let devices = Devices::of_node();
        devices.control()?;
        let owner = client::connect()?;
        let library = version::of_library();
        if library.is_some_and(|library| owner.compare_version(library).is_err()) {
            return Err(Error::VersionMismatch);
        }
        let session = Self::over(client::pages_of(&owner)?, &devices, Some(owner))?;
        let driver = session.node()?;
        match library {
            Some(library) if library != page::text(&driver.driver_version) => Err(Error::VersionMismatch),
            _ => Ok(session),
        }
    }

    /// A session over these pages.
    fn over(pages: Pages, devices: &Devices, owner: Option<Client>) -> Answer<Self> {
        let node = pages.node();
        if node.magic != page::MAGIC || node.driver_state != DriverState::Loaded as u32 {
            return Err(Error::DriverNotLoaded);
        }
        let taken = pages.gpus().min(node.gpu_count as usize);
        let mut held = Vec::new();
        let mut found: Vec<(u32, usize)> = Vec::new();
        for at in 0..taken {
            let Some(gpu) = pages.gpu(at).filter(|gpu| gpu.magic == page::MAGIC) else { continue };
            if let Ok(file) = devices.open(owner.as_ref(), gpu.minor) {
                held.extend(file);
                found.push((gpu.index, at));
            }
        }
        held.extend(owner.filter(Client::is_through_driver).map(Client::into_pages));
        found.sort_unstable();
        Ok(Self {
            generation: node.generation,
            visible: found.into_iter().map(|(_, at)| at).collect(),
            numbering: FieldNumbering::of(page::text(&node.driver_version)),
            pages,
            _held: held,
        })
    }

    /// The node's page.
    pub fn node(&self) -> Answer<NodePage> {
        let node = self.pages.node();
        if node.driver_state != DriverState::Loaded as u32 {
            return Err(Error::DriverNotLoaded);
        }
        // What stands behind the handles of before is gone.
        if node.generation != self.generation {
            return Err(Error::Uninitialized);
        }
        Ok(node)
    }

    /// How many GPUs this process sees.
    pub fn count(&self) -> usize {
        self.visible.len()
    }

    /// Place of a GPU in NVML's order, which counts only what this process sees.
    pub fn index_of(&self, at: usize) -> Option<usize> {
        self.visible.iter().position(|seen| *seen == at)
    }

    /// The GPU at this place in that order.
    pub fn by_index(self: &Arc<Self>, index: usize) -> Answer<Gpu> {
        self.gpu(*self.visible.get(index).ok_or(Error::InvalidArgument)?)
    }

    /// The first that this process sees and that is the one.
    pub fn find(self: &Arc<Self>, is_it: impl Fn(&GpuPage) -> bool) -> Answer<Gpu> {
        self.visible
            .iter()
            .filter_map(|at| self.gpu(*at).ok())
            .find(|gpu| is_it(&gpu.page))
            .ok_or(Error::NotFound)
    }

    /// Every GPU that this process sees, the lost ones included.
    pub fn gpus(self: &Arc<Self>) -> impl Iterator<Item = Gpu> {
        self.visible.iter().filter_map(|at| self.gpu(*at).ok())
    }

    fn gpu(self: &Arc<Self>, at: usize) -> Answer<Gpu> {
        self.node()?;
        if !self.visible.contains(&at) {
            return Err(Error::InvalidArgument);
        }
        let page = self.pages.gpu(at).filter(|page| page.magic == page::MAGIC).ok_or(Error::GpuIsLost)?;
        Ok(Gpu { session: Arc::clone(self), at, page: Box::new(page) })
    }

    /// The node's events after this number that are still remembered, oldest first.
    pub fn events_after(&self, number: u64) -> Answer<Vec<page::EventEntry>> {
        let node = self.node()?;
        let oldest = node.event_last.saturating_sub(page::EVENTS as u64 - 1).max(1);
        Ok((oldest.max(number.saturating_add(1))..=node.event_last)
            .map(|number| node.events[(number % page::EVENTS as u64) as usize])
            .collect())
    }
}

/// What a handle of this address stands for.
pub fn target(address: usize) -> Answer<Target> {
    let session = library::session()?;
    match handle::Device::at(address).ok_or(Error::InvalidArgument)? {
        handle::Device::Whole { gpu } => Ok(Target::Whole(session.gpu(gpu)?)),
        handle::Device::Slice { gpu, instance, compute } => {
            let gpu = session.gpu(gpu)?;
            let (instance, compute) = gpu.slice(instance, compute).ok_or(Error::InvalidArgument)?;
            Ok(Target::Slice(gpu, instance, compute))
        }
    }
}

impl Gpu {
    pub fn handle(&self) -> handle::Device {
        handle::Device::Whole { gpu: self.at }
    }

    /// Itself, when its firmware answers.
    pub fn answering(self) -> Answer<Self> {
        self.answering_or(Error::Unknown)
    }

    /// The same with another error for firmware that hangs.
    pub fn answering_or(self, hung: Error) -> Answer<Self> {
        match Condition::from_raw(self.page.condition) {
            Condition::Lost => Err(Error::GpuIsLost),
            Condition::Hung => Err(hung),
            Condition::Answers | Condition::NeedsReset => Ok(self),
        }
    }

    /// Whether its firmware hangs.
    pub fn hangs(&self) -> bool {
        Condition::from_raw(self.page.condition) == Condition::Hung
    }

    /// Itself, when it is still on the bus: enough for what the driver has in memory.
    pub fn present(self) -> Answer<Self> {
        match Condition::from_raw(self.page.condition) {
            Condition::Lost => Err(Error::GpuIsLost),
            _ => Ok(self),
        }
    }

    /// Has the owner do something with this GPU.
    pub fn command(&self, verb: Verb, arguments: &[u64]) -> Answer<Outcome> {
        client::command(&Command::new(verb, self.at as u32, arguments))
    }

    /// Name, UUID, serial number: as NVML prints them.
    pub fn text<'a>(&'a self, field: &'a [u8]) -> Answer<&'a str> {
        match page::text(field) {
            "" => Err(Error::NotSupported),
            text => Ok(text),
        }
    }

    /// Graphics clocks on offer, highest first, MHz.
    pub fn graphics_clocks(&self) -> Vec<u32> {
        let step = self.page.graphics_clock_step_tenths;
        let (most, least) = (self.page.graphics_clock_max, self.page.graphics_clock_min);
        if step == 0 || most == NONE32 || least == NONE32 {
            return Vec::new();
        }
        (0..)
            .map(|n| (most * 10).saturating_sub(n * step) / 10)
            .take_while(|mhz| *mhz >= least.max(1))
            .collect()
    }

    /// Memory clocks on offer, highest first, MHz.
    pub fn memory_clocks(&self) -> impl Iterator<Item = u32> {
        self.page.memory_clocks.into_iter().take_while(|mhz| *mhz != 0 && *mhz != NONE32)
    }

    /// Whether memory errors are counted now.
    pub fn counts_memory_errors(&self) -> Answer<()> {
        if self.page.ecc_current == 1 { Ok(()) } else { Err(Error::NotSupported) }
    }

    /// Memory errors in all: uncorrected or not, since the first day or since the driver was loaded.
    pub fn memory_errors(&self, uncorrected: bool, aggregate: bool) -> u64 {
        let counts = &self.counters(aggregate)[usize::from(uncorrected)];
        let had = |place: usize| if counts[place] == NONE { 0 } else { counts[place] };
        // Boards count either all of SRAM or its parts; who counts both counts the same errors twice.
        let parts = had(0) + had(1) + had(3) + had(4) + had(5) + had(6);
        had(2) + had(7).max(parts)
    }

    /// Who works on it.
    pub fn processes(&self) -> &[page::ProcessEntry] {
        &self.page.processes[..(self.page.process_count as usize).min(page::PROCESSES)]
    }

    /// How many NVLinks this board has.
    pub fn link_count(&self) -> u32 {
        match self.page.link_count {
            NONE32 => 0,
            count => count.min(page::LINKS as u32),
        }
    }

    pub fn links(&self) -> &[page::Link] {
        &self.page.links[..self.link_count() as usize]
    }

    /// A link by its number. Source: NVML answers "not supported" without NVLink, "invalid argument" beyond the last.
    pub fn link(&self, number: u32) -> Answer<&page::Link> {
        match self.links().get(number as usize) {
            Some(link) => Ok(link),
            None if self.link_count() == 0 => Err(Error::NotSupported),
            None => Err(Error::InvalidArgument),
        }
    }

    /// The counters themselves: [corrected, uncorrected] by place.
    pub fn counters(&self, aggregate: bool) -> &[[u64; 8]; 2] {
        if aggregate { &self.page.ecc_aggregate } else { &self.page.ecc_volatile }
    }
}

/// A value, or that this board has none.
pub fn has(value: u32) -> Answer<u32> {
    if value == NONE32 { Err(Error::NotSupported) } else { Ok(value) }
}

/// A value of 64 bits, or that this board has none.
pub fn has_wide(value: u64) -> Answer<u64> {
    if value == NONE { Err(Error::NotSupported) } else { Ok(value) }
}

/// A signed value, or that this board has none.
pub fn has_signed(value: i32) -> Answer<i32> {
    if value == i32::MAX || value == NONE32 as i32 { Err(Error::NotSupported) } else { Ok(value) }
}

/// Device nodes of the driver, as this process may open them.
enum Devices {
    In(PathBuf),
    /// For tests: as if all were there.
    #[cfg_attr(not(any(test, debug_assertions)), expect(dead_code, reason = "only tests go without"))]
    Unasked,
}

impl Devices {
    fn of_node() -> Self {
        #[cfg(debug_assertions)]
        if let Some(folder) = std::env::var_os("CRASHCART_NVML_DEVICES") {
            return if folder == "skip" { Self::Unasked } else { Self::In(folder.into()) };
        }
        Self::In("/dev".into())
    }

    /// Whether the driver may be asked at all.
    fn control(&self) -> Answer<()> {
        let Self::In(folder) = self else { return Ok(()) };
        match may_open(&folder.join("nvidiactl")) {
            Ok(()) => Ok(()),
            Err(Errno::ACCESS) => Err(Error::NoPermission),
            Err(_) => Err(Error::DriverNotLoaded),
        }
    }

    /// Opens the GPU with this minor number; those that this process may not open are hidden from it.
    fn open(&self, owner: Option<&Client>, minor: u32) -> Result<Option<OwnedFd>, Errno> {
        let (Self::In(folder), Some(owner)) = (self, owner) else { return Ok(None) };
        owner.open_gpu(&folder.join(format!("nvidia{minor}")))
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use bytemuck::Zeroable;

    /// A node with so many alike GPUs, over pages in memory.
    pub fn session(gpus: usize, change: impl Fn(usize, &mut GpuPage)) -> Arc<Session> {
        let pages = Pages::blank(gpus);
        pages.write_node(&NodePage {
            magic: page::MAGIC,
            generation: 1,
            gpu_count: gpus as u32,
            driver_state: DriverState::Loaded as u32,
            driver_version: page::field("570.158.01"),
            cuda_version: 12080,
            ..NodePage::zeroed()
        });
        for at in 0..gpus {
            let mut gpu = GpuPage {
                magic: page::MAGIC,
                index: at as u32,
                minor: at as u32,
                name: page::field("NVIDIA H100 80GB HBM3"),
                ..GpuPage::zeroed()
            };
            change(at, &mut gpu);
            pages.write_gpu(at, &gpu);
        }
        Arc::new(Session::over(pages, &Devices::Unasked, None).expect("a healthy node"))
    }

    #[test]
    fn gpus_stand_in_the_order_of_their_index() {
        let session = session(3, |at, gpu| gpu.index = 2 - at as u32);
        let order: Vec<usize> = (0..3).map(|index| session.by_index(index).expect("a GPU").at).collect();
        assert_eq!(order, [2, 1, 0]);
        assert_eq!(session.by_index(3).err(), Some(Error::InvalidArgument));
    }

    #[test]
    fn what_is_off_the_bus_answers_nothing_and_what_hangs_answers_little() {
        let session = session(3, |at, gpu| gpu.condition = at as u32);
        let get = |at| session.by_index(at).expect("a page");
        assert!(get(0).answering().is_ok());
        assert_eq!(get(1).answering().err(), Some(Error::GpuIsLost));
        assert_eq!(get(1).present().err(), Some(Error::GpuIsLost));
        assert_eq!(get(2).answering().err(), Some(Error::Unknown));
        assert!(get(2).present().is_ok());
    }

    #[test]
    fn handles_of_before_a_power_cycle_are_stale() {
        let session = session(1, |_, _| {});
        let mut node = session.pages.node();
        node.generation = 2;
        session.pages.write_node(&node);
        assert_eq!(session.by_index(0).err(), Some(Error::Uninitialized));
    }

    #[test]
    fn clocks_go_down_by_the_step() {
        let session = session(1, |_, gpu| {
            gpu.graphics_clock_max = 1980;
            gpu.graphics_clock_min = 345;
            gpu.graphics_clock_step_tenths = 150;
        });
        let clocks = session.by_index(0).expect("a GPU").graphics_clocks();
        assert_eq!((clocks.len(), clocks[0], clocks[1], clocks[109]), (110, 1980, 1965, 345));
    }

    #[test]
    fn sram_is_not_counted_twice() {
        let session = session(1, |_, gpu| {
            gpu.ecc_volatile[1] = [1, 2, 10, 0, NONE, NONE, NONE, 3];
        });
        assert_eq!(session.by_index(0).expect("a GPU").memory_errors(true, false), 13);
    }
}
