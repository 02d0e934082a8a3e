//! An owner of simulated hardware in one process: a machine, its pages in a file, and the socket.
//!
//! What PID 1 of a node does, without a node; for this crate's tests and for trying clients by hand.

#![expect(unsafe_code, reason = "pages are written through a mapping")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crashcart_hardware::command::{Command, Greeting};
use crashcart_hardware::machine::{Client, Machine};
use crashcart_hardware::page::{self, GpuPage, NodePage, Shared};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sockopt,
};

/// Lives as long as its socket answers.
pub struct Owner {
    desk: Arc<Desk>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Desk {
    machine: Mutex<Machine>,
    words: &'static [AtomicU64],
    file: OwnedFd,
    gpus: usize,
    closed: AtomicBool,
}

impl Owner {
    /// Serves this machine under this name of the abstract namespace.
    pub fn open(machine: Machine, name: &[u8]) -> Self {
        let gpus = machine.gpus();
        let bytes = page::file_bytes(gpus);
        let file = rustix::fs::memfd_create("pages", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .expect("memfd");
        rustix::fs::ftruncate(&file, bytes as u64).expect("room for the pages");
        // SAFETY: a new mapping, which is never unmapped.
        let words = unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            let start = rustix::mm::mmap(std::ptr::null_mut(), bytes, protection, MapFlags::SHARED, &file, 0);
            std::slice::from_raw_parts(start.expect("a mapping").cast::<AtomicU64>(), bytes / 8)
        };
        let seals = SealFlags::FUTURE_WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&file, seals).expect("seals");
        let desk = Arc::new(Desk {
            machine: Mutex::new(machine),
            words,
            file,
            gpus,
            closed: AtomicBool::new(false),
        });
        desk.publish(&desk.machine.lock().expect("a machine"));

        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .expect("a socket");
        rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(name).expect("a name"))
            .expect("a free name");
        rustix::net::listen(&socket, 16).expect("a listening socket");
        let serving = Arc::clone(&desk);
        let thread = Some(std::thread::spawn(move || serving.serve(&socket)));
        Self { desk, thread }
    }

    /// Changes the machine and publishes what came of it.
    #[allow(dead_code, reason = "the tests change it, the example does not")]
    pub fn change<T>(&self, change: impl FnOnce(&mut Machine, u64) -> T) -> T {
        let mut machine = self.desk.at_now();
        let outcome = change(&mut machine, now_ms());
        self.desk.publish(&machine);
        outcome
    }

    /// Serves until the process is ended.
    #[allow(dead_code, reason = "the example serves for ever, the tests do not")]
    pub fn forever(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Desk {
    /// One thread for all connections; each is served until it is closed.
    fn serve(&self, socket: &OwnedFd) {
        let mut clients: Vec<(u64, OwnedFd)> = Vec::new();
        let mut last = 0;
        while !self.closed.load(Ordering::Relaxed) {
            let mut polled: Vec<PollFd<'_>> = [socket]
                .into_iter()
                .chain(clients.iter().map(|(_, it)| it))
                .map(|it| PollFd::new(it, PollFlags::IN))
                .collect();
            let wait = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            let _ = rustix::event::poll(&mut polled, Some(&wait));
            let ready: Vec<bool> = polled.iter().map(|it| !it.revents().is_empty()).collect();
            let mut place = 0;
            clients.retain(|(connection, client)| {
                place += 1;
                !ready[place] || self.answer(*connection, client)
            });
            if ready[0]
                && let Ok(client) = rustix::net::accept_with(socket, SocketFlags::CLOEXEC)
                && self.greet(&client)
            {
                last += 1;
                clients.push((last, client));
            }
            let machine = self.at_now();
            if ready.iter().all(|ready| !ready) && machine.driver_loaded() {
                self.publish(&machine);
            }
        }
    }

    fn greet(&self, client: &OwnedFd) -> bool {
        let greeting = Greeting::new(self.gpus as u32);
        let files = [self.file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        let message = [IoSlice::new(bytemuck::bytes_of(&greeting))];
        rustix::net::sendmsg(client, &message, &mut control, SendFlags::NOSIGNAL).is_ok()
    }

    /// False when the client has gone.
    fn answer(&self, connection: u64, client: &OwnedFd) -> bool {
        let mut command: Command = bytemuck::Zeroable::zeroed();
        let into = bytemuck::bytes_of_mut(&mut command);
        let expected = into.len();
        let received = rustix::net::recvmsg(
            client,
            &mut [IoSliceMut::new(into)],
            &mut Default::default(),
            RecvFlags::DONTWAIT,
        );
        if !received.is_ok_and(|got| got.bytes == expected) {
            self.at_now().disconnect(now_ms(), connection);
            return false;
        }
        let who = sockopt::socket_peercred(client).expect("a local peer");
        let mut machine = self.at_now();
        let from = Client { connection, pid: who.pid.as_raw_nonzero().get(), uid: who.uid.as_raw() };
        let outcome = machine.command(now_ms(), from, &command);
        self.publish(&machine);
        rustix::net::send(client, bytemuck::bytes_of(&outcome), SendFlags::NOSIGNAL).is_ok()
    }

    fn at_now(&self) -> MutexGuard<'_, Machine> {
        let mut machine = self.machine.lock().expect("nobody panics with the machine");
        machine.advance(now_ms());
        machine
    }

    fn publish(&self, machine: &Machine) {
        let node = self.shared::<NodePage>(page::node_offset());
        let gpus: Vec<Shared<'_>> =
            (0..self.gpus).map(|gpu| self.shared::<GpuPage>(page::gpu_offset(gpu))).collect();
        machine.publish(&node, &gpus);
    }

    fn shared<P: bytemuck::Pod>(&self, offset: usize) -> Shared<'_> {
        Shared::over::<P>(&self.words[offset / 8..]).expect("room for every page")
    }
}

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64
}
