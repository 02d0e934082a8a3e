//! A program's way to the owner of a container node's hardware: pages in,
//! commands out.
//!
//! Reads the pages by `pread`, which takes a few microseconds and no unsafe
//! code; the library, whose getters must be quicker, maps the file. Knows no NVML.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use bytemuck::Pod;
use rustix::fs::Access;
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};

use crate::command::{Command, Greeting, Outcome, SOCKET};
use crate::page::{self, GpuPage, LAYOUT, MAGIC, NodePage};

/// A connection to the owner. Contexts opened over it end with it.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    pages: OwnedFd,
    gpus: u32,
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
        Self::connect_to(SOCKET, None)
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
                Ok(Self { socket, pages, gpus: greeting.gpus })
            }
            Some(_) => Err(ClientError::OtherLayout),
            None => Err(ClientError::NoOwner),
        }
    }

    /// The file that holds the pages, for those who map it.
    pub fn pages(&self) -> &OwnedFd {
        &self.pages
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
        // Without NOSIGNAL an owner that has just gone would end the client.
        rustix::net::send(&self.socket, bytemuck::bytes_of(command), SendFlags::NOSIGNAL)?;
        receive(&self.socket, &mut RecvAncillaryBuffer::default())
    }

    /// Waits until the owner has gone; it says nothing unasked.
    pub fn wait_for_end(&self) {
        let mut byte = [0; 1];
        while rustix::net::recv(&self.socket, &mut byte, RecvFlags::empty()).is_ok_and(|(read, _)| read > 0) {
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
