//! The GPUs that the daemon keeps the driver on.
//!
//! Their owner takes a hold from root alone, so the daemon holds them before it drops its rights. It opens the device
//! files afterwards, as the user that it has become: whom their modes keep out has no persistence either.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use crashcart_hardware::client::{Client, may_open};
use crashcart_hardware::command::{Command, Status, Verb};
use crashcart_hardware::page::{DriverState, GpuPage, MAGIC, text};

use crate::log::{Level, Log};
use crate::options::Options;

/// The driver's number for what it does not support: there is no confidential computing here.
const NOT_SUPPORTED: u32 = 0x56;

pub struct Gpus {
    client: Client,
    boards: Vec<Board>,
}

struct Board {
    gpu: u32,
    /// Its device file.
    path: PathBuf,
    /// How the log names it.
    name: String,
    hold: Hold,
    /// Where a driver stands between, which counts who has it open.
    file: Option<OwnedFd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    None,
    Held,
    /// The owner's status.
    Refused(u32),
}

/// There is no driver that would tell of its GPUs.
pub struct NotQueried {
    /// What is not to be found in the kernel's log.
    pub reason: Option<String>,
}

impl Gpus {
    /// Finds the GPUs that the driver has, and holds them where that is wanted. `version` is this program's own:
    /// the real one asks through a library of the driver's version.
    pub fn find(client: Client, version: &str, options: &Options, dev: &Path) -> Result<Self, NotQueried> {
        let not_queried = NotQueried { reason: None };
        let Ok(node) = client.node() else { return Err(not_queried) };
        if node.driver_state != DriverState::Loaded as u32 || client.compare_version(version).is_err() {
            return Err(not_queried);
        }
        let driver = text(&node.driver_version);
        if driver != version {
            let reason = format!("This is the daemon of driver {version}, and the driver is {driver}.");
            return Err(NotQueried { reason: Some(reason).filter(|_| !client.is_through_driver()) });
        }
        // A driver that has not taken a GPU shows an empty page.
        let pages = (0..client.gpus()).filter_map(|gpu| client.gpu(gpu).ok());
        let boards = pages.filter(|page| page.magic == MAGIC).map(|page| Board::new(&page, dev)).collect();
        let mut gpus = Self { client, boards };
        if options.persistence {
            for board in &mut gpus.boards {
                let asked = gpus.client.ask(&Command::new(Verb::HoldPersistence, board.gpu, &[1]));
                board.hold = match asked.map_or(Status::Unknown as u32, |outcome| outcome.status) {
                    status if status == Status::Success as u32 => Hold::Held,
                    status => Hold::Refused(status),
                };
            }
        }
        Ok(gpus)
    }

    /// Opens what is held, as the user that the daemon is now. A GPU that fails is left out.
    pub fn open(&mut self, dev: &Path, options: &Options, log: &Log) -> Result<(), NotQueried> {
        may_open(&dev.join("nvidiactl")).map_err(|_| NotQueried { reason: None })?;
        for board in &mut self.boards {
            log.detail(Level::Debug, &board.says("registered"));
            if options.persistence {
                board.open(&self.client, options, log);
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.boards.is_empty()
    }

    /// What to wait for: readable once the owner has gone.
    pub fn end(&self) -> BorrowedFd<'_> {
        self.client.end()
    }

    /// Lets go of all.
    pub fn let_go(&mut self, log: &Log) {
        for board in self.boards.iter_mut().filter(|board| board.hold == Hold::Held) {
            board.let_go(&self.client);
            log.detail(Level::Notice, &board.says("persistence mode disabled."));
            log.detail(Level::Notice, &board.says("NUMA memory offlined."));
        }
    }
}

impl Board {
    fn new(page: &GpuPage, dev: &Path) -> Self {
        let GpuPage { pci_domain, pci_bus, pci_device, .. } = page;
        Self {
            gpu: page.index,
            path: dev.join(format!("nvidia{}", page.minor)),
            name: format!("device {pci_domain:04x}:{pci_bus:02x}:{pci_device:02x}.0"),
            hold: Hold::None,
            file: None,
        }
    }

    fn says(&self, text: &str) -> String {
        format!("{} - {text}", self.name)
    }

    fn open(&mut self, client: &Client, options: &Options, log: &Log) {
        if self.hold == Hold::Refused(Status::NoPermission as u32) {
            let why = "it is held for root alone here: start the daemon as root, with --user.";
            log.say(Level::Error, &self.says(why));
        }
        match (self.hold, client.open_gpu(&self.path)) {
            (Hold::Held, Ok(file)) => self.file = file,
            _ => {
                self.let_go(client);
                log.say(Level::Error, &self.says("failed to open."));
                return;
            }
        }
        if options.uvm_persistence {
            let text = format!("Failed to enable UVM Persistence mode: 0x{NOT_SUPPORTED:x}");
            log.say(Level::Warning, &self.says(&text));
        }
        log.detail(Level::Notice, &self.says("persistence mode enabled."));
        // The real one says so of GPUs without such memory, too.
        log.detail(Level::Notice, &self.says("NUMA memory onlined."));
    }

    fn let_go(&mut self, client: &Client) {
        self.file = None;
        if std::mem::replace(&mut self.hold, Hold::None) == Hold::Held {
            // An owner that has gone holds nothing for us any more.
            let _ = client.ask(&Command::new(Verb::HoldPersistence, self.gpu, &[0]));
        }
    }
}
