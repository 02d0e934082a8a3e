//! The few kernel calls that no safe wrapper offers, and the only unsafe code
//! of this crate: fork, signalfd, the credentials of a peer, setfsuid, a
//! mapping that lasts, random numbers anew, and frames from a wire.
//!
//! Everything else goes through rustix. Nothing here knows units or requests.

#![expect(
    unsafe_code,
    reason = "fork, signalfd, peer credentials, setfsuid, mmap, ioctl and AF_PACKET have no safe wrapper"
)]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::process::Pid;

/// Forks, runs `child` in the new process and ends that process with the
/// status that `child` gives, if it has not become another program by then.
/// Whatever happens in there, it never returns into the parent's code: a panic
/// ends it with 101.
pub fn fork(child: impl FnOnce() -> i32) -> io::Result<Pid> {
    // SAFETY: the calling process is single-threaded (PID 1 and its workers
    // start no thread), so no lock can be held by a thread that is not copied.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(101);
            // SAFETY: `_exit` takes any integer and does not return. No
            // destructor or exit handler of the parent's may run here.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Pid::from_raw(pid).expect("fork gives a positive pid to the parent")),
    }
}

/// The signals that PID 1 takes from its signalfd instead of being struck by them.
const TAKEN: &[i32] = &[
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGPWR,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGCHLD,
];

/// One signal as the kernel delivered it.
pub struct Arrived {
    pub signal: i32,
    /// Sent by `kill` from a process outside this pid namespace. The engine is
    /// there; no process inside can forge it: the kernel refuses `SI_USER`
    /// from `rt_sigqueueinfo`, and fills in the sender's pid itself for `kill`.
    pub from_outside: bool,
}

/// Blocks the signals of PID 1 and opens a descriptor to read them from.
pub fn take_signals() -> io::Result<OwnedFd> {
    take(TAKEN)
}

/// The same for a terminal's far end: changes of its window's size.
pub fn take_window_changes() -> io::Result<OwnedFd> {
    take(&[libc::SIGWINCH])
}

fn take(signals: &[i32]) -> io::Result<OwnedFd> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is valid for writing; sigemptyset initialises it before any other use.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Unblocks all signals, in a child that is about to become another program:
/// the blocked ones of PID 1 would be handed down, and `exec` keeps them.
pub fn give_signals_back() {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `set` is valid for writing; sigemptyset initialises it before its use.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// The next waiting signal, if any.
pub fn next_signal(fd: &OwnedFd) -> Option<Arrived> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    // SAFETY: the buffer is exactly one signalfd_siginfo, plain integers for
    // which any bytes are valid.
    let info = unsafe {
        let read = libc::read(fd.as_raw_fd(), info.as_mut_ptr().cast(), size_of::<libc::signalfd_siginfo>());
        if usize::try_from(read) != Ok(size_of::<libc::signalfd_siginfo>()) {
            return None;
        }
        info.assume_init()
    };
    Some(Arrived {
        signal: info.ssi_signo as i32,
        from_outside: info.ssi_pid == 0 && info.ssi_code == libc::SI_USER,
    })
}

/// Who is at the other end of a unix socket. `pid` is 0 for a process outside this pid namespace.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub pid: i32,
    pub uid: u32,
}

/// The peer of a connected unix socket. (rustix's `UCred` cannot hold pid 0.)
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let mut cred = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `cred` and `len` are valid for writing and describe each other.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Peer { pid: cred.pid, uid: cred.uid })
}

/// Receives one datagram with its sender's credentials, without blocking.
/// Descriptors sent along are closed by the kernel: there is no room for them.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Option<Peer>)> {
    // Room for one ucred message and nothing else; u64 for the alignment of cmsghdr.
    let mut space = [0u64; 4];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: every pointer in `message` is to a local that outlives the call,
    // with its true length; the control buffer is walked by the CMSG macros only.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = space.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&space) as _;
        let got = libc::recvmsg(
            socket.as_fd().as_raw_fd(),
            &raw mut message,
            libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC,
        );
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut sender = None;
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            let is_credentials = (*header).cmsg_level == libc::SOL_SOCKET
                && (*header).cmsg_type == libc::SCM_CREDENTIALS
                && (*header).cmsg_len as usize >= libc::CMSG_LEN(size_of::<libc::ucred>() as u32) as usize;
            if is_credentials {
                let cred: libc::ucred = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                sender = Some(Peer { pid: cred.pid, uid: cred.uid });
            }
            // A descriptor that squeezed in beside the credentials must not stay open.
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                for index in 0..bytes / size_of::<i32>() {
                    let fd: i32 = std::ptr::read_unaligned(libc::CMSG_DATA(header).cast::<i32>().add(index));
                    libc::close(fd);
                }
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
        Ok((got as usize, sender))
    }
}

/// Runs `read` with the file-system identity of another user. Root without
/// CAP_SYS_PTRACE may not look at `/proc/PID/exe` of other users' processes,
/// but the owner may: the kernel compares file-system ids for such reads.
pub fn as_files_of<T>(uid: u32, gid: u32, read: impl FnOnce() -> T) -> T {
    // SAFETY: both calls take any id and change only this (single) thread's file-system ids.
    unsafe {
        libc::setfsgid(gid);
        libc::setfsuid(uid);
    }
    stay_closed();
    let out = read();
    // SAFETY: as above; the ids go back to what this process runs as.
    unsafe {
        libc::setfsuid(libc::geteuid());
        libc::setfsgid(libc::getegid());
    }
    stay_closed();
    out
}

/// A change of ids resets the dumpable flag to a system default that may be "yes".
fn stay_closed() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Memory that this process writes and that whoever is given the file can only map to read: an
/// anonymous file of this size, mapped for good and then sealed against every other way of writing.
/// Fails where the kernel does not know `F_SEAL_FUTURE_WRITE` (before 5.1).
pub fn sealed_pages(bytes: usize) -> io::Result<(OwnedFd, &'static [AtomicU64])> {
    let file = rustix::fs::memfd_create("crashcart-gpu", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, bytes as u64)?;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let start = unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            &file,
            0,
        )?
    };
    let seals = SealFlags::FUTURE_WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // SAFETY: the mapping begins at a page, is `bytes` long, is never unmapped, and the file can no
    // longer shrink below it. Any bytes are valid `AtomicU64`s, and all access in this process goes
    // through these; the pages cannot be written from anywhere else.
    let words =
        unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), bytes / size_of::<AtomicU64>()) };
    // The descriptor that others get is a read-only one, beside the seals.
    let number = file.as_raw_fd();
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let shown = rustix::fs::open(format!("/proc/self/fd/{number}"), flags, rustix::fs::Mode::empty())?;
    Ok((shown, words))
}

/// Memory that others may map and write as well: an anonymous file of this size, of which this part is mapped here for
/// good. What nobody has written to takes no memory.
pub fn shared_pages(bytes: u64, span: std::ops::Range<usize>) -> io::Result<(OwnedFd, &'static [AtomicU64])> {
    if bytes < span.end as u64 || !span.start.is_multiple_of(4096) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = rustix::fs::memfd_create("crashcart-board", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, bytes)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let start = unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            span.len(),
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            &file,
            span.start as u64,
        )?
    };
    // SAFETY: the mapping begins at a page, is as long as the span, is never unmapped, and lies within the file, which
    // can no longer shrink. Any bytes are valid `AtomicU64`s, whoever writes them.
    let words =
        unsafe { std::slice::from_raw_parts(start.cast::<AtomicU64>(), span.len() / size_of::<AtomicU64>()) };
    Ok((file, words))
}

/// Whether a descriptor has something to say now.
pub fn is_readable(fd: impl AsFd) -> bool {
    let mut fds = [rustix::event::PollFd::from_borrowed_fd(fd.as_fd(), rustix::event::PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Mixes bytes into the kernel's random numbers, and has it begin anew from them at once.
pub fn reseed(bytes: &[u8]) -> io::Result<()> {
    /// `_IO('R', 0x07)` of linux/random.h.
    const RNDRESEEDCRNG: libc::c_ulong = 0x5207;
    let file = std::fs::OpenOptions::new().write(true).open("/dev/urandom")?;
    io::Write::write_all(&mut &file, bytes)?;
    // SAFETY: this request takes no argument.
    match unsafe { libc::ioctl(file.as_raw_fd(), RNDRESEEDCRNG as _) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A socket that sees every frame which arrives at an interface, whoever it is for, each behind a
/// virtio-net header that says what the sender has left undone (packet(7), `PACKET_VNET_HDR`). Takes
/// CAP_NET_RAW.
pub fn packet_socket(interface: &str) -> io::Result<OwnedFd> {
    let name = std::ffi::CString::new(interface).map_err(io::Error::other)?;
    let protocol = (libc::ETH_P_ALL as u16).to_be();
    let done = |status: libc::c_int| if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: plain integers go in, a descriptor or -1 comes out; `name` ends with a zero byte.
    let (fd, index) = unsafe {
        let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, i32::from(protocol));
        done(fd)?;
        (OwnedFd::from_raw_fd(fd), libc::if_nametoindex(name.as_ptr()))
    };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every pointer is to a local of the type that the option or the call takes (packet(7)),
    // with its true length; all fields that are not set are zero.
    unsafe {
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol;
        address.sll_ifindex = index as i32;
        let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        done(libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length))?;
        let mut member: libc::packet_mreq = std::mem::zeroed();
        member.mr_ifindex = index as i32;
        member.mr_type = libc::PACKET_MR_PROMISC as u16;
        let length = size_of::<libc::packet_mreq>() as libc::socklen_t;
        let level = libc::SOL_PACKET;
        let option = libc::PACKET_ADD_MEMBERSHIP;
        done(libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const member).cast(), length))?;
        let on: libc::c_int = 1;
        for option in [libc::PACKET_VNET_HDR, libc::PACKET_IGNORE_OUTGOING] {
            let length = size_of::<libc::c_int>() as libc::socklen_t;
            done(libc::setsockopt(fd.as_raw_fd(), level, option, (&raw const on).cast(), length))?;
        }
    }
    Ok(fd)
}
