//! The owner of the hardware, over its socket: the pages once, an outcome for each command.
//!
//! Every call makes its own connection. So nothing is shared with a forked child, no descriptor stays
//! open, and the owner sees who asks at the moment of asking. Knows no GPU.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crashcart_hardware::command::{Command, Greeting, Outcome, SOCKET};
use crashcart_hardware::page::{LAYOUT, MAGIC};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType, sockopt,
};

use crate::answer::{Answer, Error};
use crate::pages::Pages;

/// An owner that answers nothing for so long is as good as absent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the owner for the pages; [`Error::DriverNotLoaded`] when there is no owner.
pub fn pages() -> Answer<Pages> {
    let (_, greeting, file) = connect()?;
    Pages::map(&file, greeting.gpus as usize)
}

/// Sends one command and waits for what became of it.
pub fn command(command: &Command) -> Answer<Outcome> {
    let (socket, ..) = connect()?;
    let message = [IoSlice::new(bytemuck::bytes_of(command))];
    // Without NOSIGNAL an owner that has just gone would end the client.
    rustix::net::sendmsg(&socket, &message, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
        .map_err(|_| Error::Unknown)?;
    let mut outcome: Outcome = bytemuck::Zeroable::zeroed();
    receive(&socket, bytemuck::bytes_of_mut(&mut outcome), &mut RecvAncillaryBuffer::default())?;
    match outcome.status {
        0 => Ok(outcome),
        status => Err(Error::from_raw(status)),
    }
}

fn connect() -> Answer<(OwnedFd, Greeting, OwnedFd)> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|_| Error::Unknown)?;
    for way in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(&socket, way, Some(PATIENCE)).map_err(|_| Error::Unknown)?;
    }
    let owner = SocketAddrUnix::new_abstract_name(&socket_name()).map_err(|_| Error::Unknown)?;
    rustix::net::connect(&socket, &owner).map_err(|_| Error::DriverNotLoaded)?;

    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut greeting: Greeting = bytemuck::Zeroable::zeroed();
    receive(&socket, bytemuck::bytes_of_mut(&mut greeting), &mut control)?;
    let file = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    match file {
        Some(file) if greeting.magic == MAGIC && greeting.layout == LAYOUT => Ok((socket, greeting, file)),
        // Of another version than ours: what the real pair says when their versions differ.
        Some(_) => Err(Error::VersionMismatch),
        None => Err(Error::DriverNotLoaded),
    }
}

fn receive(socket: &OwnedFd, message: &mut [u8], control: &mut RecvAncillaryBuffer<'_>) -> Answer<()> {
    let expected = message.len();
    let mut into = [IoSliceMut::new(message)];
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(socket, &mut into, control, RecvFlags::CMSG_CLOEXEC)
    });
    match received {
        Ok(got) if got.bytes == expected => Ok(()),
        _ => Err(Error::DriverNotLoaded),
    }
}

/// The owner's name; for tests, in debug builds alone, another.
fn socket_name() -> Vec<u8> {
    #[cfg(debug_assertions)]
    if let Some(name) = std::env::var_os("CRASHCART_NVML_SOCKET") {
        return std::os::unix::ffi::OsStringExt::into_vec(name);
    }
    SOCKET.to_vec()
}
