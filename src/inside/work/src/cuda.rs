//! CUDA's error numbers, with the names and texts of `cudaGetErrorName` and
//! `cudaGetErrorString` (CUDA Runtime API, `cudaError_t`).

/// A `cudaError_t` other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CudaError(pub u32);

impl CudaError {
    pub const MEMORY_ALLOCATION: Self = Self(2);
    pub const INSUFFICIENT_DRIVER: Self = Self(35);
    pub const NO_DEVICE: Self = Self(100);
    pub const INVALID_DEVICE: Self = Self(101);
    pub const SYSTEM_DRIVER_MISMATCH: Self = Self(803);
    pub const UNKNOWN: Self = Self(999);

    pub fn name(self) -> &'static str {
        self.known().0
    }

    pub fn text(self) -> &'static str {
        self.known().1
    }

    fn known(self) -> (&'static str, &'static str) {
        match self.0 {
            1 => ("cudaErrorInvalidValue", "invalid argument"),
            2 => ("cudaErrorMemoryAllocation", "out of memory"),
            3 => ("cudaErrorInitializationError", "initialization error"),
            35 => (
                "cudaErrorInsufficientDriver",
                "CUDA driver version is insufficient for CUDA runtime version",
            ),
            46 => ("cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"),
            100 => ("cudaErrorNoDevice", "no CUDA-capable device is detected"),
            101 => ("cudaErrorInvalidDevice", "invalid device ordinal"),
            214 => ("cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"),
            700 => ("cudaErrorIllegalAddress", "an illegal memory access was encountered"),
            719 => ("cudaErrorLaunchFailure", "unspecified launch failure"),
            800 => ("cudaErrorNotPermitted", "operation not permitted"),
            802 => ("cudaErrorSystemNotReady", "system not yet initialized"),
            803 => (
                "cudaErrorSystemDriverMismatch",
                "system has unsupported display driver / cuda driver combination",
            ),
            _ => ("cudaErrorUnknown", "unknown error"),
        }
    }
}
