//! The snapshot of a booted guest: `agent vm-template` makes it in a volume,
//! nodes of the same shape are restored from it.
//!
//! The guest's memory is a file that clones map privately: what none of them
//! has written to is there once, whatever their number. The stream of its
//! migration therefore holds devices only (QEMU's `x-ignore-shared`). Memory,
//! devices and disk belong together; `template.json`, written last, says that
//! all are there.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crashcart_facts::{
    AGENT_PATH, End, Envelope, REPLY_LIMIT, Reply, Request, Script, TEMPLATE_DIR, VmShape,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::console::{Console, Sign};
use super::qemu::{self, Accelerator, Memory, Running, Start};
use super::qmp::{Qmp, Said};
use super::{IMAGE_DISK, SYNC_AGAIN, hex, node_of_environment, probe, random};
use crate::frames::{Decoder, Frame, Kind, Opening};
use crate::hardware::{DriverTold, GuestHardware};

/// Format of `template.json`.
const FORMAT: u32 = 4;
/// Name of the file with the board of its accelerators.
pub const BOARD: &str = "board";
/// Name of the file with the variables of its firmware.
pub const VARIABLES: &str = "variables.fd";
/// How long the first start of a guest may take.
const BOOT: Duration = Duration::from_secs(300);
/// How long all else may take, step by step.
const STEP: Duration = Duration::from_secs(300);
/// Pages of each memory file that are compared before it is used.
const SAMPLES: u64 = 64;
const PAGE: usize = 4096;

/// What lies in the volume.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Template {
    format: u32,
    pub accelerator: Accelerator,
    pub no_kvm: Option<String>,
    made_by: MadeBy,
    shape: VmShape,
    /// Name of the disk that the guest's memory goes with. It is another one for each snapshot: disks of nodes lie
    /// over it, and boot from there when the rest was made anew.
    pub root: String,
    /// What the driver of its accelerators had told.
    #[serde(default)]
    pub driver: DriverTold,
    files: Vec<Known>,
}

/// What a snapshot can be restored by. It may have been made on another machine, and carried here.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct MadeBy {
    /// As QEMU says it.
    qemu: String,
    /// The machine's processor, where the guest ran on it: it has seen all that this one can do.
    processor: Option<String>,
}

impl MadeBy {
    fn here(accelerator: Accelerator) -> Result<Self, String> {
        let said = Command::new(qemu::PROGRAM).arg("--version").stdin(Stdio::null()).output();
        let said = said.map_err(|error| format!("QEMU does not say its version: {error}"))?;
        let qemu = String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().trim().to_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Ok(Self { qemu, processor: (accelerator == Accelerator::Kvm).then(|| processor(&cpuinfo)) })
    }
}

/// A processor's name and a digest of what it can do.
fn processor(cpuinfo: &str) -> String {
    let value = |key: &str| {
        let of_key = |line: &&str| line.split(':').next().is_some_and(|name| name.trim() == key);
        cpuinfo
            .lines()
            .find(of_key)
            .and_then(|line| line.split_once(':'))
            .map_or("", |(_, value)| value.trim())
    };
    format!("{} {}", value("model name"), hex(&Sha256::digest(value("flags"))[..6]))
}

/// Why a snapshot, whole as it is, cannot be restored here; or nothing.
fn misfit(template: &Template, accelerator: Accelerator, here: &MadeBy) -> Option<String> {
    if template.accelerator != accelerator {
        let (made, found) = (template.accelerator.word(), accelerator.word());
        return Some(format!("it was made on {made}, and this machine has {found}"));
    }
    if template.made_by.qemu != here.qemu {
        return Some(format!("it was made by `{}`, and here is `{}`", template.made_by.qemu, here.qemu));
    }
    (template.made_by != *here).then(|| "it was made on another processor".into())
}

/// A file as it was when the snapshot was made.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Known {
    name: String,
    size: u64,
    /// SHA-256 over the whole file, or over pages of it where it is a guest's memory.
    sha256: String,
}

/// Reads what a volume holds, if it holds a snapshot of this shape that is as it was made; else says why not.
pub fn read(folder: &Path, shape: &VmShape) -> Result<Template, String> {
    let text =
        fs::read_to_string(folder.join("template.json")).map_err(|_| "there is no snapshot".to_owned())?;
    let damaged = |what: String| format!("the snapshot is damaged: {what}");
    let template: Template = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if template.format != FORMAT {
        return Err(format!("the snapshot has format {}, and this agent reads {FORMAT}", template.format));
    }
    if template.shape != *shape {
        return Err("the snapshot is of a guest of another shape".into());
    }
    for known in &template.files {
        if known.name.contains('/') && known.name != IMAGE_DISK {
            return Err(damaged(format!("`{}` is no file of a snapshot", known.name)));
        }
        let found =
            known_file(folder, &known.name).map_err(|error| damaged(format!("`{}`: {error}", known.name)))?;
        if found != *known {
            return Err(damaged(format!("`{}` is not what it was", known.name)));
        }
    }
    Ok(template)
}

/// Size and digest of a file of the snapshot.
fn known_file(folder: &Path, name: &str) -> io::Result<Known> {
    let mut file = fs::File::open(folder.join(name))?;
    let size = file.metadata()?.len();
    let mut sum = Sha256::new();
    let mut page = [0; PAGE];
    if name.starts_with("memory-") || name.ends_with(".qcow2") {
        let pages = size / PAGE as u64;
        for n in 0..SAMPLES.min(pages) {
            file.seek(SeekFrom::Start(n * pages / SAMPLES.min(pages) * PAGE as u64))?;
            file.read_exact(&mut page)?;
            sum.update(page);
        }
    } else {
        loop {
            match file.read(&mut page)? {
                0 => break,
                got => sum.update(&page[..got]),
            }
        }
    }
    Ok(Known { name: name.to_owned(), size, sha256: hex(&sum.finalize()) })
}

/// The disk with the agent: the snapshot's, or one made in `home` where there is none.
pub fn agent_disk(folder: &Path, home: &Path) -> io::Result<PathBuf> {
    let made = folder.join("agent.img");
    if made.exists() {
        return Ok(made);
    }
    let own = home.join("agent.img");
    if !own.exists() {
        make_agent_disk(&own, home)?;
    }
    Ok(own)
}

/// The firmware's variables as the snapshot's guest had them, or as they are on a machine's first day.
pub fn copy_variables(folder: &Path, to: &Path) -> io::Result<()> {
    let made = folder.join(VARIABLES);
    let from = if made.exists() { &made } else { Path::new(qemu::FIRST_VARIABLES) };
    let new = to.with_extension("new");
    fs::copy(from, &new)?;
    fs::rename(&new, to)
}

fn make_agent_disk(path: &Path, scratch: &Path) -> io::Result<()> {
    let root = scratch.join("agent-root");
    fs::create_dir_all(&root)?;
    fs::copy(AGENT_PATH, root.join("agent"))?;
    let size_mib = fs::metadata(AGENT_PATH)?.len() / (1 << 20) + 4;
    let new = scratch.join("agent.new");
    run(Command::new("/usr/sbin/mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", "crashcart", "-d"])
        .arg(&root)
        .arg(&new)
        .arg(format!("{size_mib}M")))?;
    fs::remove_dir_all(&root)?;
    fs::rename(&new, path)
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

/// A descriptor that leads nowhere.
pub(super) fn placeholder() -> io::Result<OwnedFd> {
    Ok(fs::File::open("/dev/null")?.into())
}

/// `agent vm-template`, PID 1 of a container that makes the snapshot and ends.
pub fn main() -> u8 {
    if rustix::process::getpid() != Pid::INIT {
        eprintln!("crashcart-agent: `vm-template` is for PID 1 of a container of its own");
        return 2;
    }
    // An emulated machine fails its guest now and then while it comes up: see `Launcher::boot_again` and
    // `Sign::LostTimer`.
    let mut made = make();
    for _ in 1..TRIES {
        match &made {
            Err(why) if why.contains(STOPPED_ITSELF) || why.contains(LOST_TIMER) => {
                println!("crashcart: once more, for {why}");
            }
            _ => break,
        }
        made = make();
    }
    match made {
        Ok(()) => {
            println!("crashcart: done");
            0
        }
        Err(why) => {
            println!("crashcart: failed: {why}");
            1
        }
    }
}

/// How often a snapshot is tried where the emulated machine fails its guest.
const TRIES: u32 = 3;
/// As [`std::process::ExitStatus`] has it.
const STOPPED_ITSELF: &str = "QEMU ended with signal: 6";
/// What a guest is stuck in that would wait for ever.
const LOST_TIMER: &str = "its kernel waits for a timer that never rang";

/// What the guest does to itself before it is kept: takes the disk that it was given, writes its own boot menu,
/// and forgets what all its copies should not remember.
const PREPARE: &str = r#"
sgdisk --move-second-header --delete=2 --new=2:6144:0 --typecode=2:8300 /dev/vda >/dev/null
partx --update /dev/vda
resize2fs /dev/vda2 >/dev/null 2>&1
update-grub 2>/dev/null
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
journalctl --quiet --rotate
journalctl --quiet --vacuum-time=1s
sync
echo 3 > /proc/sys/vm/drop_caches
"#;

fn make() -> Result<(), String> {
    let folder = Path::new(TEMPLATE_DIR);
    let shape = node_of_environment().map_err(|error| error.to_string())?.shape;
    let did = |what: &str, error: io::Error| format!("{what}: {error}");
    step(1, "looking for KVM");
    let (accelerator, no_kvm) = match probe::kvm(Path::new("/tmp")) {
        Ok(()) => (Accelerator::Kvm, None),
        Err(why) => (Accelerator::Tcg, Some(why)),
    };
    let made_by = MadeBy::here(accelerator)?;
    match read(folder, &shape) {
        Ok(template) => match misfit(&template, accelerator, &made_by) {
            None => {
                // Somebody else's crashcart has made it or brought it, and guests may be running from it.
                dig_holes(&qemu::memory_files(&shape, folder));
                step(6, "it is there already");
                return Ok(());
            }
            Some(why) => println!("crashcart: anew: {why}"),
        },
        Err(why) if folder.join("template.json").exists() => println!("crashcart: anew: {why}"),
        Err(_) => {}
    }
    // Whatever lies there is half of something, or damaged. It is unlinked, not written over: a guest that has
    // it open keeps it. Disks stay for the nodes that were made over them.
    for entry in fs::read_dir(folder).map_err(|error| did("the volume", error))?.flatten() {
        if entry.path().extension().is_some_and(|it| it == "qcow2") {
            continue;
        }
        let _ = fs::remove_file(entry.path()).or_else(|_| fs::remove_dir_all(entry.path()));
    }
    let root = folder.join("root.new");
    qemu::make_disk(&root, Some(Path::new(IMAGE_DISK)), shape.disk_mib)
        .map_err(|error| did("the disk", error))?;
    let agent = folder.join("agent.img");
    make_agent_disk(&agent, folder).map_err(|error| did("the agent's disk", error))?;
    let scratch = Path::new("/tmp");
    let disks: Vec<PathBuf> =
        (0..shape.disks.len()).map(|n| scratch.join(format!("disk-{n}.qcow2"))).collect();
    for (path, disk) in disks.iter().zip(&shape.disks) {
        qemu::make_disk(path, None, disk.size_mib).map_err(|error| did("a disk", error))?;
    }
    let macs: Vec<String> = (0..shape.nics).map(|n| format!("52:54:00:00:00:{n:02x}")).collect();
    let hardware = GuestHardware::of_snapshot(&shape)?;
    let variables = shape.secure_boot.then(|| folder.join(VARIABLES));
    if let Some(variables) = &variables {
        copy_variables(folder, variables).map_err(|error| did("the firmware's variables", error))?;
    }
    let start = Start {
        shape: &shape,
        accelerator,
        memory: Memory::Made(folder),
        root: &root,
        agent: &agent,
        disks: &disks,
        macs: &macs,
        variables: variables.as_deref(),
        board: hardware.as_ref().map(GuestHardware::memory),
        incoming: false,
    };
    step(2, &format!("booting a guest on {}", accelerator.word()));
    let running = start.spawn().map_err(|error| did("QEMU", error))?;
    let mut maker = Maker::new(running, hardware).map_err(|error| did("QEMU", error))?;
    let made = maker.make(folder);
    maker.end();
    made?;
    let mut driver = DriverTold::default();
    let mut kept = None;
    if let Some(hardware) = &maker.hardware {
        let (board, told) = hardware.kept().map_err(|error| did("the board", error))?;
        fs::write(folder.join(BOARD), board).map_err(|error| did("the board", error))?;
        (driver, kept) = (told, Some(BOARD));
    }
    step(6, "writing down what was made");
    let memory = qemu::memory_files(&shape, folder);
    dig_holes(&memory);
    let root_name = format!("root-{}.qcow2", hex(&random::<6>()));
    fs::rename(&root, folder.join(&root_name)).map_err(|error| did("the disk", error))?;
    let names = memory.iter().filter_map(|path| path.file_name()?.to_str());
    // The image's disk lies below the snapshot's: over another, its blocks are those of nothing.
    let names = names.chain(["state", &root_name, "agent.img", IMAGE_DISK]).chain(kept);
    let names = names.chain(shape.secure_boot.then_some(VARIABLES));
    let files = names.map(|name| known_file(folder, name));
    let files = files.collect::<io::Result<Vec<_>>>().map_err(|error| did("reading it again", error))?;
    let template =
        Template { format: FORMAT, accelerator, no_kvm, made_by, shape, root: root_name, driver, files };
    let text = serde_json::to_string(&template).map_err(|error| error.to_string())?;
    let new = folder.join("template.new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, folder.join("template.json")))
        .map_err(|error| did("writing", error))
}

/// Pages of zeros take no room. A file that was carried here has them written out.
fn dig_holes(files: &[PathBuf]) {
    for file in files {
        let _ = run(Command::new("/usr/bin/fallocate").arg("--dig-holes").arg(file));
    }
}

/// Tells whoever reads the container's log.
fn step(n: u32, what: &str) {
    println!("crashcart: step {n} of 6: {what}");
}

/// A guest that is about to be kept.
struct Maker {
    running: Running,
    hardware: Option<GuestHardware>,
    qmp: Qmp,
    decoder: Decoder,
    console: Console,
    /// The guest's end of the port is open.
    open: bool,
    /// What ended it.
    stuck: Option<String>,
    frames: Vec<Frame>,
    answers: Vec<Said>,
}

impl Maker {
    fn new(mut running: Running, hardware: Option<GuestHardware>) -> io::Result<Self> {
        let qmp = Qmp::new(std::mem::replace(&mut running.qmp, placeholder()?));
        Ok(Self {
            running,
            hardware,
            qmp,
            decoder: Decoder::default(),
            console: Console::default(),
            open: false,
            stuck: None,
            frames: Vec::new(),
            answers: Vec::new(),
        })
    }

    fn make(&mut self, folder: &Path) -> Result<(), String> {
        // UEFI opens the port, too, and takes what is meant for the agent: it is asked until it answers.
        let nonce = random();
        let mut asked: Option<Instant> = None;
        self.until(BOOT, "the guest's agent", |maker| {
            if maker.open && asked.is_none_or(|at| at.elapsed() >= SYNC_AGAIN) {
                asked = Some(Instant::now());
                if let Err(why) = maker.send(&Frame::sync(nonce)) {
                    maker.stuck = Some(why);
                }
            }
            maker.frames.drain(..).any(|frame| frame.kind == Kind::Sync && frame.bytes == nonce).then_some(())
        })?;
        step(3, "waiting for its services");
        let wait_ms = u32::try_from(BOOT.as_millis()).unwrap_or(u32::MAX);
        match self.call(1, Request::Hello { wait_ms }, BOOT)? {
            Reply::Hello(hello) if hello.settled => {}
            Reply::Hello(_) => return Err("its services did not come to rest".into()),
            other => return Err(format!("it did not say how it is: {other:?}")),
        }
        step(4, "preparing it");
        let timeout_ms = u32::try_from(STEP.as_millis()).unwrap_or(u32::MAX);
        let script = Script { text: PREPARE.into(), env: Default::default(), timeout_ms };
        match self.call(2, Request::Run(script), STEP)? {
            Reply::Ran(ran) if ran.end == End::Exit(0) => {}
            Reply::Ran(ran) => {
                return Err(format!(
                    "it could not be prepared ({:?}): {}{}",
                    ran.end, ran.stdout, ran.stderr
                ));
            }
            other => return Err(format!("it could not be prepared: {other:?}")),
        }
        // Whoever hands a copy over takes stock of it first: what of its disk is read for that is in its memory then.
        self.call(3, Request::Inventory { budget_ms: timeout_ms }, STEP)?;
        step(5, "keeping it");
        // It is stopped by being kept. One that had been stopped before would stay so when it is restored.
        let capabilities = json!({ "capabilities": [{ "capability": "x-ignore-shared", "state": true }] });
        self.qmp.say("migrate-set-capabilities", capabilities);
        self.answer("migrate-set-capabilities")?;
        let uri = format!("file:{}", folder.join("state").display());
        self.qmp.say("migrate", json!({ "uri": uri }));
        self.answer("migrate")?;
        let until = Instant::now() + STEP;
        loop {
            self.qmp.say("query-migrate", json!({}));
            let status = self.answer("query-migrate")?;
            match status.get("status").and_then(serde_json::Value::as_str) {
                Some("completed") => break,
                Some("failed" | "cancelled") => return Err(format!("QEMU could not keep it: {status}")),
                _ if Instant::now() >= until => return Err("QEMU did not keep it in time".into()),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        self.qmp.say("quit", json!({}));
        self.qmp.write();
        // Its disk is whole once it has ended.
        let until = Instant::now() + STEP;
        while Instant::now() < until {
            if matches!(self.running.child.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("QEMU did not end".into())
    }

    fn end(&mut self) {
        let _ = self.running.child.kill();
        let _ = self.running.child.wait();
    }

    fn send(&mut self, frame: &Frame) -> Result<(), String> {
        let mut bytes = &frame.encode()[..];
        let until = Instant::now() + STEP;
        while !bytes.is_empty() {
            match rustix::io::write(&self.running.port, bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(format!("the guest's agent takes nothing: {error}")),
            }
        }
        Ok(())
    }

    /// Puts one request to the guest's agent. Requests are short here: no window is filled.
    fn call(&mut self, channel: u32, request: Request, within: Duration) -> Result<Reply, String> {
        let bytes = serde_json::to_vec(&Envelope::new(request)).map_err(|error| error.to_string())?;
        self.send(&Frame::open(channel, &Opening::Call))?;
        self.send(&Frame::new(Kind::Data, channel, bytes))?;
        self.send(&Frame::new(Kind::End, channel, Vec::new()))?;
        let mut said = Vec::new();
        self.until(within, "an answer", |maker| {
            let mut over = false;
            for frame in
                std::mem::take(&mut maker.frames).into_iter().filter(|frame| frame.channel == channel)
            {
                match frame.kind {
                    Kind::Data => {
                        // Where nobody takes it, nothing more comes either.
                        let _ = maker.send(&Frame::ack(channel, frame.bytes.len()));
                        if said.len() < REPLY_LIMIT {
                            said.extend(frame.bytes);
                        }
                    }
                    Kind::Exit => over = true,
                    _ => {}
                }
            }
            over.then_some(())
        })?;
        serde_json::from_slice(&said).map_err(|error| format!("its answer is not understood: {error}"))
    }

    /// Waits for the monitor's answer to this command.
    fn answer(&mut self, command: &str) -> Result<serde_json::Value, String> {
        self.until(STEP, command, |maker| {
            maker.answers.drain(..).find_map(|said| match said {
                Said::Done { id, value } if id == command => Some(Ok(value)),
                Said::Failed { id, why } if id == command => {
                    Some(Err(format!("QEMU did not do `{command}`: {why}")))
                }
                _ => None,
            })
        })?
    }

    /// Listens until `found` finds something.
    fn until<T>(
        &mut self,
        within: Duration,
        what: &str,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T, String> {
        let until = Instant::now() + within;
        loop {
            self.listen();
            if let Some(found) = found(self) {
                return Ok(found);
            }
            if let Some(why) = &self.stuck {
                return Err(format!(
                    "while waiting for {what}: {why}; {}",
                    self.console.last_lines(5).join(" | ")
                ));
            }
            if Instant::now() >= until {
                let last = self.console.last_lines(5).join(" | ");
                return Err(format!(
                    "{what} did not come within {} s; its console: {last}",
                    within.as_secs()
                ));
            }
        }
    }

    fn listen(&mut self) {
        self.qmp.write();
        let mut fds: Vec<PollFd> = [&self.qmp.fd, &self.running.port, &self.running.serial]
            .into_iter()
            .chain(&self.running.bell)
            .map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN))
            .collect();
        let wait = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let _ = rustix::event::poll(&mut fds, Some(&wait));
        if let Some(hardware) = &mut self.hardware {
            self.running.quiet_bell();
            hardware.turn();
        }
        for said in self.qmp.read() {
            match said {
                Said::Event { name, data } if name == "VSERPORT_CHANGE" => {
                    self.open = data.get("open").and_then(serde_json::Value::as_bool).unwrap_or(false);
                }
                Said::Event { name, .. } if name == "GUEST_PANICKED" => {
                    self.stuck = Some("its kernel panicked".into())
                }
                Said::Event { .. } => {}
                other => self.answers.push(other),
            }
        }
        let mut buffer = [0; 16 * 1024];
        while let Ok(got @ 1..) = rustix::io::read(&self.running.serial, &mut buffer) {
            for sign in self.console.take(&buffer[..got]) {
                match sign {
                    Sign::Stuck(why) => self.stuck = Some(why),
                    Sign::LostTimer => self.stuck = Some(LOST_TIMER.into()),
                    Sign::Emergency => {}
                }
            }
        }
        while let Ok(got @ 1..) = rustix::io::read(&self.running.port, &mut buffer) {
            self.decoder.push(&buffer[..got]);
        }
        while let Some(frame) = self.decoder.next() {
            self.frames.push(frame);
        }
        if let Ok(Some(status)) = self.running.child.try_wait() {
            self.stuck.get_or_insert_with(|| format!("QEMU ended with {status}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> VmShape {
        VmShape {
            memory_mib: 512,
            disk_mib: 4096,
            processors: 2,
            numa_nodes: 1,
            numa_distance: 21,
            disks: vec![],
            nics: 1,
            board: None,
            secure_boot: false,
        }
    }

    fn made_by(qemu: &str) -> MadeBy {
        MadeBy { qemu: qemu.into(), processor: None }
    }

    #[test]
    fn a_snapshot_that_was_carried_here_is_used_where_it_can_be_restored() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        kept(folder.path());
        let template = read(folder.path(), &shape()).expect("it is whole");
        let case = |accelerator, qemu: &str, wanted: Option<&str>| {
            let why = misfit(&template, accelerator, &made_by(qemu));
            assert_eq!(why.is_some(), wanted.is_some(), "{why:?}");
            assert!(
                wanted.is_none_or(|wanted| why.as_ref().is_some_and(|why| why.contains(wanted))),
                "{why:?}"
            );
        };
        case(Accelerator::Tcg, "QEMU emulator version 10.0.2", None);
        case(Accelerator::Kvm, "QEMU emulator version 10.0.2", Some("made on tcg"));
        case(
            Accelerator::Tcg,
            "QEMU emulator version 10.1.0",
            Some("here is `QEMU emulator version 10.1.0`"),
        );
        let elsewhere =
            MadeBy { processor: Some("Another".into()), ..made_by("QEMU emulator version 10.0.2") };
        assert!(misfit(&template, Accelerator::Tcg, &elsewhere).is_some_and(|why| why.contains("processor")));
        let cpuinfo =
            "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu vme\n\nprocessor\t: 1\n";
        assert!(processor(cpuinfo).starts_with("Some CPU @ 2 GHz "), "{}", processor(cpuinfo));
        assert_ne!(processor(cpuinfo), processor(&cpuinfo.replace("vme", "avx512f")));
    }

    #[test]
    fn a_snapshot_names_files_of_its_own_alone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        kept(folder.path());
        let path = folder.path().join("template.json");
        let text = fs::read_to_string(&path).expect("a file").replace("\"state\"", "\"/dev/zero\"");
        fs::write(&path, text).expect("a file");
        assert!(read(folder.path(), &shape()).expect_err("not right").contains("`/dev/zero` is no file"));
    }

    fn kept(folder: &Path) {
        for (name, byte) in [("memory-0", 1), ("state", 2), ("root.qcow2", 3), ("agent.img", 4)] {
            fs::write(folder.join(name), vec![byte; 300 * PAGE]).expect("a file");
        }
        let names = ["memory-0", "state", "root.qcow2", "agent.img"];
        let files = names.map(|name| known_file(folder, name).expect("it is there")).into();
        let template = Template {
            format: FORMAT,
            accelerator: Accelerator::Tcg,
            no_kvm: None,
            made_by: made_by("QEMU emulator version 10.0.2"),
            shape: shape(),
            root: "root.qcow2".into(),
            driver: DriverTold::default(),
            files,
        };
        fs::write(folder.join("template.json"), serde_json::to_string(&template).expect("it serialises"))
            .expect("a file");
    }

    #[test]
    fn a_snapshot_is_used_only_as_it_was_made_and_for_its_own_shape() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let why = |shape: &VmShape| read(path, shape).expect_err("it is not right");
        assert_eq!(why(&shape()), "there is no snapshot");
        kept(path);
        read(path, &shape()).expect("it is whole");
        assert!(why(&VmShape { processors: 4, ..shape() }).contains("another shape"));
        for (name, change) in [
            ("memory-0", vec![1; 299 * PAGE]),
            ("memory-0", vec![0; 300 * PAGE]),
            ("state", [vec![2; 300 * PAGE - 1], vec![9]].concat()),
        ] {
            kept(path);
            fs::write(path.join(name), change).expect("a file");
            assert!(why(&shape()).contains(&format!("damaged: `{name}`")), "{name}");
        }
        kept(path);
        fs::remove_file(path.join("state")).expect("it was there");
        assert!(why(&shape()).contains("damaged: `state`"));
        kept(path);
        let text = fs::read_to_string(path.join("template.json")).expect("a file");
        fs::write(path.join("template.json"), &text[..text.len() / 2]).expect("a file");
        assert!(why(&shape()).contains("damaged"));
    }
}
