//! A program's way to the owner of a container node's hardware: pages in,
//! commands out.
//!
//! Reads the pages by `pread`, which takes a few microseconds and no unsafe
//! code; the library, whose getters must be quicker, maps them. Knows no NVML.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use bytemuck::{Pod, Zeroable};
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

impl Client {
    /// Connects to the owner of this node's hardware; an error when there is none.
    pub fn connect() -> io::Result<Self> {
        Self::connect_to(SOCKET)
    }

    /// Connects to an owner by the name of its abstract socket.
    pub fn connect_to(name: &[u8]) -> io::Result<Self> {
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new_abstract_name(name)?)?;
        let mut greeting = Greeting::zeroed();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let buffer = &mut [io::IoSliceMut::new(bytemuck::bytes_of_mut(&mut greeting))];
        let received = rustix::net::recvmsg(&socket, buffer, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let pages = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let right =
            received.bytes == size_of::<Greeting>() && greeting.magic == MAGIC && greeting.layout == LAYOUT;
        match pages {
            Some(pages) if right => Ok(Self { socket, pages, gpus: greeting.gpus }),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "who answers there is no owner of accelerators",
            )),
        }
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
    pub fn ask(&self, command: &Command) -> io::Result<Outcome> {
        rustix::net::send(&self.socket, bytemuck::bytes_of(command), SendFlags::NOSIGNAL)?;
        let mut outcome = Outcome::zeroed();
        let (received, _) =
            rustix::net::recv(&self.socket, bytemuck::bytes_of_mut(&mut outcome), RecvFlags::empty())?;
        match received == size_of::<Outcome>() {
            true => Ok(outcome),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
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
