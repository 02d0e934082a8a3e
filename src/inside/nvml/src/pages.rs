//! The owner's pages, mapped for reading. Knows where a page lies and nothing of what it says.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use crashcart_hardware::page::{self, GpuPage, NodePage, Shared};
use rustix::fs::FileType;
use rustix::mm::{MapFlags, ProtFlags};

use crate::answer::{Answer, Error};

/// The pages of a node.
pub struct Pages {
    words: Words,
    gpus: usize,
}

enum Words {
    Mapped(Mapping),
    #[cfg_attr(not(test), expect(dead_code, reason = "pages without an owner are for unit tests"))]
    Owned(Vec<AtomicU64>),
}

/// A file in memory, for as long as this lives.
struct Mapping {
    start: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: the memory is only read, as atomics, and belongs to no thread.
#[expect(unsafe_code, reason = "a mapping is the kernel's edge")]
unsafe impl Send for Mapping {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a mapping is the kernel's edge")]
unsafe impl Sync for Mapping {}

impl Mapping {
    #[expect(unsafe_code, reason = "a mapping is the kernel's edge")]
    fn slice(&self) -> &[AtomicU64] {
        // SAFETY: `start` and `words` are of a mapping that is unmapped only when this is dropped; others
        // write to the memory, which is why it is read as atomics.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the mapping any more. That it fails is no reason to end the client.
        #[expect(unsafe_code, reason = "a mapping is the kernel's edge")]
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.words * 8) };
    }
}

impl Pages {
    /// Maps the file that the owner sent.
    pub fn map(file: &OwnedFd, gpus: usize) -> Answer<Self> {
        let bytes = page::file_bytes(gpus);
        let stat = rustix::fs::fstat(file).map_err(|_| Error::DriverNotLoaded)?;
        // A file that is too short would end the client with SIGBUS at the first read.
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let short = is_file && usize::try_from(stat.st_size).is_ok_and(|size| size < bytes);
        if gpus > page::GPUS || short {
            return Err(Error::Unknown);
        }
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours.
        #[expect(unsafe_code, reason = "a mapping is the kernel's edge")]
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, file, 0)
        }
        .map_err(|_| Error::Memory)?;
        let start = NonNull::new(start.cast()).ok_or(Error::Memory)?;
        Ok(Self { words: Words::Mapped(Mapping { start, words: bytes / 8 }), gpus })
    }

    /// Pages of our own, to be filled through [`Pages::write_node`] and [`Pages::write_gpu`].
    #[cfg(test)]
    pub fn blank(gpus: usize) -> Self {
        let words = (0..page::file_bytes(gpus) / 8).map(|_| AtomicU64::new(0)).collect();
        Self { words: Words::Owned(words), gpus }
    }

    /// How many GPUs there are pages for.
    pub fn gpus(&self) -> usize {
        self.gpus
    }

    pub fn node(&self) -> NodePage {
        self.shared::<NodePage>(page::node_offset()).map_or_else(bytemuck::Zeroable::zeroed, |it| it.read())
    }

    /// `None` beyond the last.
    pub fn gpu(&self, at: usize) -> Option<GpuPage> {
        if at >= self.gpus {
            return None;
        }
        self.shared::<GpuPage>(page::gpu_offset(at)).map(|it| it.read())
    }

    #[cfg(test)]
    pub fn write_node(&self, node: &NodePage) {
        self.shared::<NodePage>(page::node_offset()).expect("a page").write(node);
    }

    #[cfg(test)]
    pub fn write_gpu(&self, at: usize, gpu: &GpuPage) {
        self.shared::<GpuPage>(page::gpu_offset(at)).expect("a page").write(gpu);
    }

    fn shared<P: bytemuck::Pod>(&self, offset: usize) -> Option<Shared<'_>> {
        let words = match &self.words {
            Words::Mapped(mapping) => mapping.slice(),
            Words::Owned(words) => words,
        };
        Shared::over::<P>(words.get(offset / 8..)?)
    }
}
