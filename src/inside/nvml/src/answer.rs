//! What a call may come to: NVML's statuses and the words for them. Knows no call.

use std::ffi::CStr;

/// A call's outcome below the C boundary.
pub type Answer<T> = Result<T, Error>;

/// Statuses by NVML's numbers (`nvmlReturn_t`), success left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::CheckedBitPattern)]
#[repr(u32)]
pub enum Error {
    Uninitialized = 1,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    NotFound = 6,
    InsufficientSize = 7,
    DriverNotLoaded = 9,
    Timeout = 10,
    GpuIsLost = 15,
    ResetRequired = 16,
    OperatingSystem = 17,
    VersionMismatch = 18,
    InUse = 19,
    Memory = 20,
    InsufficientResources = 23,
    ArgumentVersion = 25,
    Unknown = 999,
}

impl Error {
    /// From an owner's outcome; a number that it should not send is "unknown".
    pub fn from_raw(raw: u32) -> Self {
        bytemuck::checked::try_cast(raw).unwrap_or(Self::Unknown)
    }
}

/// The library's own words for a status. Source: `nvmlErrorString` of the real library, as DCGM's
/// `nvml_error_strings.h` lists them.
pub fn words(status: u32) -> &'static CStr {
    match status {
        0 => c"Success",
        1 => c"Uninitialized",
        2 => c"Invalid Argument",
        3 => c"Not Supported",
        4 => c"Insufficient Permissions",
        5 => c"Already Initialized",
        6 => c"Not Found",
        7 => c"Insufficient Size",
        8 => c"Insufficient External Power",
        9 => c"Driver Not Loaded",
        10 => c"Timeout",
        11 => c"Interrupt Request Issue",
        12 => c"NVML Shared Library Not Found",
        13 => c"Function Not Found",
        14 => c"Corrupted infoROM",
        15 => c"GPU is lost",
        16 => c"GPU requires reset",
        17 => c"GPU access blocked by the operating system",
        18 => c"Driver/library version mismatch",
        19 => c"In use by another client",
        20 => c"Insufficient Memory",
        21 => c"No data",
        22 => c"The requested vgpu operation is not available on target device, becasue ECC is enabled",
        23 => c"Insufficient Resources",
        24 => c"Frequency not supported",
        25 => c"Argument version mismatch",
        26 => c"Requested functionality has been deprecated",
        27 => c"The system is not ready for the request",
        28 => c"No GPUs were found",
        29 => c"Resource not in correct state to perform requested operation",
        _ => c"Unknown Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_owner_answers_is_passed_on_by_number() {
        assert_eq!(Error::from_raw(4), Error::NoPermission);
        assert_eq!(Error::from_raw(19), Error::InUse);
        assert_eq!(Error::from_raw(12345), Error::Unknown);
        assert_eq!(words(15), c"GPU is lost");
        assert_eq!(words(31337), c"Unknown Error");
    }
}
