//! A program's way to the owner of the hardware: pages in, commands out.
//!
//! In a container node the owner has a socket; in a guest the kernel's driver stands between (`driver`). Reads the
//! pages by `pread`, which takes a few microseconds and no unsafe code; the library, whose getters must be quicker,
//! maps the file. Knows no NVML.

mod driver;
mod version;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use bytemuck::Pod;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::Access;
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use crate::command::{Command, Greeting, Outcome, SOCKET};
use crate::page::{self, GpuPage, LAYOUT, MAGIC, NodePage};

pub use version::own_version;

/// A connection to the owner. Contexts opened over it end with it.
#[derive(Debug)]
pub struct Client {
    link: Link,
    /// What holds the pages: the owner's file, or the driver.
    pages: OwnedFd,
    gpus: u32,
}

#[derive(Debug)]
enum Link {
    Socket(OwnedFd),
    Driver,
}

/// Why the owner gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("nobody owns accelerators here")]
    NoOwner,
    #[error("the owner of the accelerators speaks another version")]
    OtherLayout,
    #[error("could not talk to the owner of the accelerators")]
    Io(#[from] Errno),
}

impl Client {
    /// Connects to the owner of this node's hardware, and waits for its answers however long they take.
    pub fn connect() -> Result<Self, ClientError> {
        Self::through_driver().unwrap_or_else(|| Self::connect_to(SOCKET, None))
    }

    /// Connects through the kernel's driver, where a driver of ours is loaded. In a container node its file cannot
    /// be opened.
    pub fn through_driver() -> Option<Result<Self, ClientError>> {
        let (control, greeting) = driver::connect().ok()?;
        Some(match greeting.magic == MAGIC && greeting.layout == LAYOUT {
            true => Ok(Self { link: Link::Driver, pages: control, gpus: greeting.gpus }),
            false => Err(ClientError::OtherLayout),
        })
    }

    /// Whether the kernel's driver stands between, which then knows who holds what.
    pub fn is_through_driver(&self) -> bool {
        matches!(self.link, Link::Driver)
    }

    /// Holds a library's version against the driver's; where they differ, the driver says so in the kernel log.
    pub fn compare_version(&self, library: &str) -> Result<(), ClientError> {
        match self.link {
            Link::Driver => Ok(driver::compare(&self.pages, library)?),
            Link::Socket(_) => Ok(()),
        }
    }

    /// Opens a GPU's device file. Without a driver there is nothing to open: whether the file's mode lets this
    /// process is all that can be known. A GPU that is lost has a file and no more.
    pub fn open_gpu(&self, path: &Path) -> Result<Option<OwnedFd>, Errno> {
        match self.link {
            Link::Socket(_) => may_open(path).map(|()| None),
            Link::Driver => match driver::open(path) {
                Ok(file) => Ok(Some(file)),
                Err(Errno::IO) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// Connects to an owner by the name of its abstract socket. One that is silent for longer than
    /// `patience` counts as absent.
    pub fn connect_to(name: &[u8], patience: Option<Duration>) -> Result<Self, ClientError> {
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for way in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(&socket, way, patience)?;
        }
        rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(name)?)
            .map_err(|_| ClientError::NoOwner)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let greeting: Greeting = receive(&socket, &mut control)?;
        let pages = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        match pages {
            Some(pages) if greeting.magic == MAGIC && greeting.layout == LAYOUT => {
                Ok(Self { link: Link::Socket(socket), pages, gpus: greeting.gpus })
            }
            Some(_) => Err(ClientError::OtherLayout),
            None => Err(ClientError::NoOwner),
        }
    }

    /// The file that holds the pages, for those who map it.
    pub fn pages(&self) -> &OwnedFd {
        &self.pages
    }

    /// The same, for who needs nothing else of the connection.
    pub fn into_pages(self) -> OwnedFd {
        self.pages
    }

    /// GPUs that there are pages for.
    pub fn gpus(&self) -> u32 {
        self.gpus
    }

    /// The node's page as it is now.
    pub fn node(&self) -> io::Result<NodePage> {
        self.read(page::node_offset())
    }

    /// A GPU's page as it is now.
    pub fn gpu(&self, index: u32) -> io::Result<GpuPage> {
        if index >= self.gpus {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.read(page::gpu_offset(index as usize))
    }

    /// Asks for something and waits for what became of it.
    pub fn ask(&self, command: &Command) -> Result<Outcome, ClientError> {
        match &self.link {
            Link::Driver => Ok(driver::ask(&self.pages, command)?),
            Link::Socket(socket) => {
                // Without NOSIGNAL an owner that has just gone would end the client.
                rustix::net::send(socket, bytemuck::bytes_of(command), SendFlags::NOSIGNAL)?;
                receive(socket, &mut RecvAncillaryBuffer::default())
            }
        }
    }

    /// What to wait for beside other things: readable once the owner has gone.
    pub fn end(&self) -> BorrowedFd<'_> {
        match &self.link {
            Link::Socket(socket) => socket.as_fd(),
            // Never: its module cannot go while this file is open.
            Link::Driver => self.pages.as_fd(),
        }
    }

    /// Waits until the owner has gone; it says nothing unasked.
    pub fn wait_for_end(&self) {
        match &self.link {
            Link::Socket(socket) => {
                let mut byte = [0; 1];
                while rustix::net::recv(socket, &mut byte, RecvFlags::empty()).is_ok_and(|(read, _)| read > 0)
                {
                }
            }
            // Its module cannot go while this file is open.
            Link::Driver => {
                let mut fds = [PollFd::from_borrowed_fd(self.pages.as_fd(), PollFlags::empty())];
                while matches!(rustix::event::poll(&mut fds, None), Ok(0) | Err(Errno::INTR)) {}
            }
        }
    }

    fn read<P: Pod>(&self, at: usize) -> io::Result<P> {
        let count = || -> io::Result<u64> {
            let mut bytes = [0; 8];
            self.fill(&mut bytes, at)?;
            Ok(u64::from_ne_bytes(bytes))
        };
        let mut copy = P::zeroed();
        loop {
            let before = count()?;
            let start = at + 8 + if before.is_multiple_of(2) { 0 } else { size_of::<P>() };
            self.fill(bytemuck::bytes_of_mut(&mut copy), start)?;
            if count()? == before {
                return Ok(copy);
            }
        }
    }

    fn fill(&self, mut bytes: &mut [u8], mut at: usize) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pread(&self.pages, &mut *bytes, at as u64)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    bytes = &mut bytes[read..];
                    at += read;
                }
            }
        }
        Ok(())
    }
}

/// One whole message; a socket that is closed or silent has no owner behind it.
fn receive<T: Pod>(socket: &OwnedFd, control: &mut RecvAncillaryBuffer<'_>) -> Result<T, ClientError> {
    let mut message = T::zeroed();
    let mut into = [io::IoSliceMut::new(bytemuck::bytes_of_mut(&mut message))];
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(socket, &mut into, control, RecvFlags::CMSG_CLOEXEC)
    });
    match received {
        Ok(got) if got.bytes == size_of::<T>() => Ok(message),
        _ => Err(ClientError::NoOwner),
    }
}

/// Whether mode and owner of a device file let this process open it.
pub fn may_open(path: &Path) -> Result<(), Errno> {
    match rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK) {
        // The kernel looks at the mode first (EACCES) and then at the device rules of the container,
        // which no node passes: there is no such device to open.
        Err(Errno::PERM) => Ok(()),
        other => other,
    }
}
