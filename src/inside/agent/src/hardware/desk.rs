//! Where the node's programs meet the hardware: one abstract socket, and the
//! pages that they may read.
//!
//! Whoever connects is greeted with the pages' file and may then put commands;
//! who it is says the kernel. What belongs to a connection ends with it, and
//! with the process that made it. Never waits for a client: one that does not
//! take its answer is let go. Knows no device; what a command does is said by
//! the caller.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix,
    SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags};

use crashcart_hardware::command::{Command, Greeting, Outcome, SOCKET};
use crashcart_hardware::page::file_bytes;

use crate::kernel::{self, Peer};

/// Connections at once; of them those of others than root, who must not be able to lock root out.
const CONNECTIONS: usize = 160;
const CONNECTIONS_OF_USERS: usize = 128;
/// Commands of one client in one turn of the loop.
const COMMANDS: usize = 64;

/// Something that a client did.
pub enum Heard {
    /// Somebody comes who has not seen the pages yet.
    Arrives,
    /// It asks for this; an answer is due.
    Command(Who, Command),
    /// It is gone, and with it all that it held.
    Left { client: u64 },
}

/// Whose command it is.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    /// Number of the connection.
    pub client: u64,
    pub pid: i32,
    pub uid: u32,
}

pub struct Desk {
    listener: OwnedFd,
    /// What clients map.
    file: OwnedFd,
    /// The same memory, to be written here alone.
    words: &'static [AtomicU64],
    gpus: u32,
    clients: Vec<Client>,
    next: u64,
}

struct Client {
    who: Who,
    fd: OwnedFd,
    /// Readable once the process that connected has ended, whoever else still holds the connection.
    process: OwnedFd,
}

impl Desk {
    /// Opens the desk of a node with so many GPUs; nobody else in the node can take its name afterwards.
    pub fn open(gpus: usize) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        rustix::net::bind(&listener, &SocketAddrUnix::new_abstract_name(SOCKET)?)?;
        rustix::net::listen(&listener, 128)?;
        Self::over(listener, gpus)
    }

    fn over(listener: OwnedFd, gpus: usize) -> io::Result<Self> {
        let (file, words) = kernel::sealed_pages(file_bytes(gpus))?;
        Ok(Self { listener, file, words, gpus: gpus as u32, clients: Vec::new(), next: 1 })
    }

    /// The pages' memory.
    pub fn words(&self) -> &'static [AtomicU64] {
        self.words
    }

    /// What to wait for.
    pub fn watched(&self) -> impl Iterator<Item = &OwnedFd> {
        [&self.listener]
            .into_iter()
            .chain(self.clients.iter().flat_map(|client| [&client.fd, &client.process]))
    }

    /// Closes all connections of this process, and of no other that holds them.
    pub fn forget_clients(&mut self) {
        self.clients.clear();
    }

    /// Whether anybody is connected.
    pub fn is_visited(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Takes whoever came, hears all, sends away whoever left. `hear` gives the answer to a command.
    pub fn serve(&mut self, hear: &mut dyn FnMut(Heard) -> Option<Outcome>) {
        self.accept(hear);
        let mut index = 0;
        while index < self.clients.len() {
            if self.clients[index].talk(hear) {
                index += 1;
            } else {
                let Client { who: Who { client, .. }, fd, .. } = self.clients.swap_remove(index);
                // Workers hold copies of the descriptor; this ends them all.
                let _ = rustix::net::shutdown(&fd, Shutdown::Both);
                hear(Heard::Left { client });
            }
        }
    }

    fn accept(&mut self, hear: &mut dyn FnMut(Heard) -> Option<Outcome>) {
        for _ in 0..32 {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let Ok(fd) = rustix::net::accept_with(&self.listener, flags) else { return };
            let Ok(peer) = kernel::peer(&fd) else { continue };
            hear(Heard::Arrives);
            self.take(fd, peer);
        }
    }

    /// Greets a new client; `false` where it is turned away.
    fn take(&mut self, fd: OwnedFd, peer: Peer) -> bool {
        let users = self.clients.iter().filter(|client| client.who.uid != 0).count();
        if self.clients.len() >= CONNECTIONS || (peer.uid != 0 && users >= CONNECTIONS_OF_USERS) {
            return false;
        }
        // Nobody outside the node uses its hardware, and who has no number here cannot be listed.
        let Some(pid) = Pid::from_raw(peer.pid) else { return false };
        let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { return false };
        if self.greet(&fd).is_err() {
            return false;
        }
        let who = Who { client: self.next, pid: peer.pid, uid: peer.uid };
        self.next += 1;
        self.clients.push(Client { who, fd, process });
        true
    }

    fn greet(&self, fd: &OwnedFd) -> io::Result<()> {
        let greeting = Greeting::new(self.gpus);
        let files = [self.file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&files));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        rustix::net::sendmsg(fd, &[IoSlice::new(bytemuck::bytes_of(&greeting))], &mut control, flags)?;
        Ok(())
    }
}

impl Client {
    /// `false` once there is nobody to talk to.
    fn talk(&self, hear: &mut dyn FnMut(Heard) -> Option<Outcome>) -> bool {
        for _ in 0..COMMANDS {
            // One byte more than a command, so that what is too long is told from what fits.
            let mut bytes = [0; size_of::<Command>() + 1];
            match rustix::net::recv(&self.fd, &mut bytes, RecvFlags::DONTWAIT) {
                // A descriptor that came along is closed by the kernel: there was no room for it.
                Ok((got, _)) if got == size_of::<Command>() => {
                    let command = bytemuck::pod_read_unaligned(&bytes[..got]);
                    let Some(outcome) = hear(Heard::Command(self.who, command)) else { return false };
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    if rustix::net::send(&self.fd, bytemuck::bytes_of(&outcome), flags).is_err() {
                        return false;
                    }
                }
                Ok(_) => return false,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => return false,
            }
        }
        !kernel::is_readable(&self.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcart_hardware::command::{Status, Verb};
    use crashcart_hardware::page::{GpuPage, MAGIC, NodePage, Shared, gpu_offset, node_offset};
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, socketpair};
    use std::io::IoSliceMut;

    fn pair() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a pair of sockets")
    }

    /// A desk that listens nowhere.
    fn desk() -> Desk {
        let (unused, _) = pair();
        Desk::over(unused, 2).expect("sealed memory")
    }

    fn me(uid: u32) -> Peer {
        Peer { pid: rustix::process::getpid().as_raw_nonzero().get(), uid }
    }

    /// The greeting, and the file that came with it.
    fn greeted(fd: &OwnedFd) -> (Greeting, OwnedFd) {
        let mut bytes = [0; size_of::<Greeting>()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let got =
            rustix::net::recvmsg(fd, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC).expect("a greeting");
        assert_eq!(got.bytes, size_of::<Greeting>());
        let file = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        (bytemuck::pod_read_unaligned(&bytes), file.expect("a file"))
    }

    #[test]
    fn a_client_gets_pages_that_it_can_read_and_not_write() {
        let mut desk = desk();
        let (here, there) = pair();
        assert!(desk.take(here, me(0)));
        let (greeting, file) = greeted(&there);
        assert_eq!((greeting.magic, greeting.gpus), (MAGIC, 2));
        let page = NodePage { magic: MAGIC, gpu_count: 2, ..bytemuck::Zeroable::zeroed() };
        let at = |offset: usize| &desk.words()[offset / 8..];
        Shared::over::<NodePage>(at(node_offset())).expect("room").write(&page);
        assert!(Shared::over::<GpuPage>(at(gpu_offset(1))).is_some(), "room for the last GPU");
        let mut bytes = vec![0; Shared::bytes::<NodePage>()];
        rustix::io::pread(&file, &mut bytes[..], 0).expect("readable");
        let words: Vec<AtomicU64> = bytes
            .chunks_exact(8)
            .map(|chunk| AtomicU64::new(u64::from_ne_bytes(chunk.try_into().expect("eight"))))
            .collect();
        assert_eq!(Shared::over::<NodePage>(&words).expect("whole").read::<NodePage>(), page);
        // Opened anew for writing, as root may, it is still sealed.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
        let again = rustix::fs::open(path, flags, rustix::fs::Mode::empty()).expect("opens");
        assert!(rustix::io::pwrite(&again, b"x", 0).is_err());
        assert!(rustix::fs::ftruncate(&again, 0).is_err());
        let punch = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        assert!(rustix::fs::fallocate(&again, punch, 0, 4096).is_err());
        assert!(rustix::fs::fcntl_add_seals(&again, rustix::fs::SealFlags::WRITE).is_err());
    }

    #[test]
    fn commands_are_answered_with_their_senders_name_and_end_with_the_connection() {
        let mut desk = desk();
        let (here, there) = pair();
        assert!(desk.take(here, me(1000)));
        let _greeting = greeted(&there);
        let command = Command::new(Verb::SetPersistence, 1, &[1]);
        rustix::net::send(&there, bytemuck::bytes_of(&command), SendFlags::empty()).expect("sent");
        let mut heard = Vec::new();
        desk.serve(&mut |what| match what {
            Heard::Command(who, command) => {
                heard.push((who.uid, command.verb, command.gpu));
                Some(Outcome::new(Status::NoPermission, &[7]))
            }
            Heard::Left { .. } | Heard::Arrives => panic!("nobody left or came"),
        });
        assert_eq!(heard, [(1000, Verb::SetPersistence as u32, 1)]);
        let mut bytes = [0; size_of::<Outcome>()];
        rustix::net::recv(&there, &mut bytes, RecvFlags::empty()).expect("answered");
        let outcome: Outcome = bytemuck::pod_read_unaligned(&bytes);
        assert_eq!((outcome.status, outcome.values[0]), (Status::NoPermission as u32, 7));
        drop(there);
        let mut left = 0;
        desk.serve(&mut |what| {
            left += u32::from(matches!(what, Heard::Left { client: 1 }));
            None
        });
        assert_eq!((left, desk.is_visited()), (1, false));
    }

    #[test]
    fn half_commands_and_crowds_are_turned_away() {
        let mut desk = desk();
        let (here, there) = pair();
        assert!(desk.take(here, me(0)));
        rustix::net::send(&there, b"short", SendFlags::empty()).expect("sent");
        desk.serve(&mut |what| {
            assert!(matches!(what, Heard::Left { .. }), "half a command was heard");
            None
        });
        let mut keep = Vec::new();
        for n in 0..CONNECTIONS_OF_USERS + 2 {
            let (here, there) = pair();
            assert_eq!(desk.take(here, me(1000)), n < CONNECTIONS_OF_USERS);
            keep.push(there);
        }
        let (here, _there) = pair();
        assert!(desk.take(here, me(0)), "users lock root out");
        let (here, _there) = pair();
        assert!(!desk.take(here, Peer { pid: 0, uid: 0 }), "a process of no number here");
    }

    #[test]
    fn a_context_ends_with_its_process_whoever_holds_the_connection() {
        let mut desk = desk();
        let (here, _held) = pair();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        let pid = i32::try_from(child.id()).expect("a pid");
        assert!(desk.take(here, Peer { pid, uid: 0 }));
        desk.serve(&mut |_| panic!("nothing happened yet"));
        child.kill().expect("killed");
        child.wait().expect("buried");
        let mut left = 0;
        desk.serve(&mut |what| {
            left += u32::from(matches!(what, Heard::Left { .. }));
            None
        });
        assert_eq!(left, 1);
    }
}
