//! The owner of the hardware: the pages once, an outcome for each command.
//!
//! Every call makes its own connection. So nothing is shared with a forked child, and the owner sees who
//! asks at the moment of asking. Over the owner's socket no descriptor stays open; a guest's driver is held
//! open by whoever has its pages. Knows no GPU.

use std::time::Duration;

use crashcart_hardware::client::{Client, ClientError};
use crashcart_hardware::command::{Command, Outcome, SOCKET};

use crate::answer::{Answer, Error};
use crate::pages::Pages;

/// An owner that answers nothing for so long is as good as absent.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the owner for the pages; [`Error::DriverNotLoaded`] when there is no owner.
pub fn pages() -> Answer<Pages> {
    pages_of(&connect()?)
}

/// The pages of this owner.
pub fn pages_of(owner: &Client) -> Answer<Pages> {
    Pages::map(owner.pages(), owner.gpus() as usize)
}

/// Sends one command and waits for what became of it.
pub fn command(command: &Command) -> Answer<Outcome> {
    let outcome = outcome(command)?;
    match outcome.status {
        0 => Ok(outcome),
        status => Err(Error::from_raw(status)),
    }
}

/// The same, refusals with what the owner says of them.
pub fn outcome(command: &Command) -> Answer<Outcome> {
    Ok(connect()?.ask(command)?)
}

/// Connects to the owner, through a driver where there is one.
pub fn connect() -> Answer<Client> {
    if let Some(client) = Client::through_driver() {
        return Ok(client?);
    }
    Ok(Client::connect_to(&socket_name(), Some(PATIENCE))?)
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NoOwner => Self::DriverNotLoaded,
            // What the real pair says when their versions differ.
            ClientError::OtherLayout => Self::VersionMismatch,
            ClientError::Io(_) => Self::Unknown,
        }
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
