//! Clients that do not keep what they promise, through every function that the library implements: nulls,
//! numbers out of range, versions that no structure has, handles of what is gone, one thread's shutdown amid
//! another's calls. Each is answered with an error of NVML's, and none is a crash.
//!
//! Which arguments a function takes is read from the library's source, so that a new one is tried as well.

use std::collections::BTreeSet;

use crashcart_hardware::spec::MigLayout;

use super::{Node, call, handle_of, scratch, spec};

/// An error that is this library's own failure, or a lost GPU's, where none is lost.
const NEVER: [u32; 2] = [999, 15];
const INVALID_ARGUMENT: u32 = 2;
const VERSION_MISMATCH: u32 = 25;

/// What an argument is, as far as a client can get it wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pointer,
    Text,
    Number,
    /// A length of the caller's memory: who lies about it, NVML cannot find out.
    Size,
    /// Milliseconds: what is out of range is waited for.
    Timeout,
    Device,
    GpuInstance,
    ComputeInstance,
    EventSet,
    Unit,
}

struct Function {
    name: String,
    arguments: Vec<Kind>,
}

/// Every function that `src/exports` implements.
fn functions() -> Vec<Function> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/exports");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the crate has src/exports") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        // Helpers stand outside of `exports!`, without its indentation.
        for function in text.split("\n    fn nvml").skip(1) {
            let (name, rest) = function.split_once('(').expect("arguments");
            let (arguments, _) = rest.split_once(") {").expect("a body");
            let arguments =
                arguments.split(',').map(str::trim).filter(|it| !it.is_empty()).map(kind).collect();
            found.push(Function { name: format!("nvml{name}"), arguments });
        }
    }
    // They begin and end what the others need.
    found.retain(|function| !function.name.starts_with("nvmlInit") && function.name != "nvmlShutdown");
    found
}

fn kind(argument: &str) -> Kind {
    let (name, kind) = argument.split_once(": ").expect("a name and a kind");
    match kind {
        _ if kind.starts_with("Out<") || kind.starts_with("In<") || kind == "Mask" => Kind::Pointer,
        "Text" => Kind::Text,
        "Device" => Kind::Device,
        "GpuInstance" => Kind::GpuInstance,
        "ComputeInstance" => Kind::ComputeInstance,
        "EventSet" => Kind::EventSet,
        "Unit" => Kind::Unit,
        _ if name.contains("timeout") => Kind::Timeout,
        _ if ["length", "size", "count"].iter().any(|word| name.contains(word)) => Kind::Size,
        "u32" | "c_int" | "c_ulonglong" => Kind::Number,
        _ => panic!("what may a client get wrong in `{argument}`?"),
    }
}

/// Handles of each kind.
#[derive(Clone, Copy)]
struct Handles {
    device: usize,
    instance: usize,
    compute: usize,
    set: usize,
}

impl Handles {
    /// A whole GPU, new instances on another, and a new set.
    fn made(raw: &libloading::Library) -> Self {
        let made = |name: &str, arguments: &[usize]| {
            let mut handle = 0usize;
            let place = std::ptr::from_mut(&mut handle).addr();
            assert_eq!(call(raw, name, &[arguments, &[place]].concat()), 0, "{name}");
            handle
        };
        let instance = made("nvmlDeviceCreateGpuInstance", &[handle_of(raw, 1), 19]);
        let compute = made("nvmlGpuInstanceCreateComputeInstance", &[instance, 0]);
        Self { device: handle_of(raw, 0), instance, compute, set: made("nvmlEventSetCreate", &[]) }
    }

    /// Ends what was made; a function that was called meanwhile may have done so already.
    fn gone(self, raw: &libloading::Library) {
        call(raw, "nvmlComputeInstanceDestroy", &[self.compute]);
        call(raw, "nvmlGpuInstanceDestroy", &[self.instance]);
        call(raw, "nvmlEventSetFree", &[self.set]);
    }

    /// Arguments that a client which keeps its promises might pass; memory is zeros at `buffer`, 8 KiB for each.
    fn right(&self, function: &Function, buffer: usize) -> Vec<usize> {
        let right = |(nth, kind): (usize, &Kind)| match kind {
            Kind::Pointer | Kind::Text => buffer + nth * 8192,
            Kind::Number | Kind::Timeout => 0,
            Kind::Size => 4,
            Kind::Device => self.device,
            Kind::GpuInstance => self.instance,
            Kind::ComputeInstance => self.compute,
            Kind::EventSet => self.set,
            Kind::Unit => 0x10,
        };
        function.arguments.iter().enumerate().map(right).collect()
    }
}

/// A node whose GPU 1 may be cut, and the library over it, initialised.
fn node() -> (Node, libloading::Library) {
    let mut spec = spec("hgx-h100");
    spec.mig = vec![MigLayout { gpu: 1, profiles: Vec::new() }];
    let node = Node::with(spec);
    let raw = node.raw();
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    (node, raw)
}

#[test]
fn each_argument_may_be_null_or_out_of_range() {
    let (_node, raw) = node();
    let scratch = scratch();
    let buffer = scratch.as_ptr().addr();
    let functions = functions();
    assert!(functions.len() > 220, "only {} functions were found", functions.len());
    let mut handles = Handles::made(&raw);
    for function in &functions {
        for (nth, kind) in function.arguments.iter().enumerate() {
            let wrong: &[usize] = match kind {
                Kind::Pointer | Kind::Text => &[0],
                Kind::Number => &[usize::MAX, 0x8000_0000, 0x7fff_ffff, 4096],
                Kind::Size => &[0, 1],
                Kind::Timeout => &[1],
                Kind::Device | Kind::GpuInstance | Kind::ComputeInstance | Kind::EventSet | Kind::Unit => {
                    &[0, 1, 0xdead_beef_0000, usize::MAX]
                }
            };
            for wrong in wrong {
                scratch.fill(0);
                let mut arguments = handles.right(function, buffer);
                // One byte beyond a handle there is none, whatever it was of.
                let beside = arguments[nth].wrapping_add(1);
                arguments[nth] = *wrong;
                let status = call(&raw, &function.name, &arguments);
                let name = &function.name;
                assert!(!NEVER.contains(&status), "{name}: {wrong:#x} as its {kind:?} {nth} gave {status}");
                let is_handle =
                    matches!(kind, Kind::Device | Kind::GpuInstance | Kind::ComputeInstance | Kind::EventSet);
                if is_handle {
                    assert_eq!(status, INVALID_ARGUMENT, "{name}: {wrong:#x} as its {kind:?} {nth}");
                    arguments[nth] = beside;
                    assert_eq!(call(&raw, name, &arguments), INVALID_ARGUMENT, "{name}: beside a handle");
                }
                if ["Destroy", "Free", "Create"].iter().any(|word| name.contains(word)) {
                    handles.gone(&raw);
                    handles = Handles::made(&raw);
                }
            }
        }
    }
}

#[test]
fn a_wrong_version_is_called_so() {
    let (_node, raw) = node();
    let scratch = scratch();
    let buffer = scratch.as_ptr().addr();
    let handles = Handles::made(&raw);
    let sizes = (4..=256).step_by(4);
    let words: Vec<u32> =
        sizes.flat_map(|size| (0..=4).map(move |number| size | number << 24)).chain([0, 2]).collect();
    let mut versioned = BTreeSet::new();
    for function in functions() {
        let pointers = function.arguments.iter().enumerate().filter(|(_, kind)| **kind == Kind::Pointer);
        for (nth, _) in pointers {
            let mut called_with = |word: u32| {
                scratch.fill(0);
                scratch[nth * 8192..][..4].copy_from_slice(&word.to_ne_bytes());
                let status = call(&raw, &function.name, &handles.right(&function, buffer));
                assert!(!NEVER.contains(&status), "{}: version {word:#x} gave {status}", function.name);
                status
            };
            if called_with(u32::MAX) != VERSION_MISMATCH {
                continue;
            }
            let accepted = words.iter().filter(|word| called_with(**word) != VERSION_MISMATCH).count();
            // A structure has at most three layouts, and one older of them counts without its size.
            assert!(accepted <= 4, "{}: {accepted} versions are taken", function.name);
            versioned.insert(function.name.clone());
        }
    }
    assert!(versioned.len() >= 20, "only {versioned:?} look at versions");
    handles.gone(&raw);
}

#[test]
fn a_handle_of_what_is_gone_is_none() {
    let (_node, raw) = node();
    let scratch = scratch();
    let buffer = scratch.as_ptr().addr();
    let handles = Handles::made(&raw);
    let mut slice = 0usize;
    let place = std::ptr::from_mut(&mut slice).addr();
    assert_eq!(call(&raw, "nvmlDeviceGetMigDeviceHandleByIndex", &[handle_of(&raw, 1), 0, place]), 0);
    handles.gone(&raw);
    let stale = Handles { device: slice, ..handles };
    let mut tried = BTreeSet::new();
    for function in functions() {
        let of_what_is_gone = |kind: &Kind| {
            matches!(kind, Kind::Device | Kind::GpuInstance | Kind::ComputeInstance | Kind::EventSet)
        };
        if function.arguments.first().is_some_and(of_what_is_gone) {
            scratch.fill(0);
            let status = call(&raw, &function.name, &stale.right(&function, buffer));
            assert_eq!(status, INVALID_ARGUMENT, "{}", function.name);
            tried.insert(function.name);
        }
    }
    assert!(tried.len() > 180, "only {} functions take a handle", tried.len());

    // The same when the library has been shut down, and a GPU's handle is its again afterwards.
    let device = handle_of(&raw, 0);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
    for function in functions().iter().filter(|function| tried.contains(&function.name)) {
        let status = call(&raw, &function.name, &Handles { device, ..handles }.right(function, buffer));
        assert_eq!(status, 1, "{}", function.name);
    }
    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
    assert_eq!(handle_of(&raw, 0), device);
}

#[test]
fn a_text_never_leaves_its_buffer() {
    let (_node, raw) = node();
    let device = handle_of(&raw, 0);
    for (name, before) in [
        ("nvmlSystemGetDriverVersion", &[][..]),
        ("nvmlSystemGetNVMLVersion", &[]),
        ("nvmlSystemGetProcessName", &[std::process::id() as usize]),
        ("nvmlDeviceGetName", &[device]),
        ("nvmlDeviceGetUUID", &[device]),
        ("nvmlDeviceGetSerial", &[device]),
        ("nvmlDeviceGetVbiosVersion", &[device]),
        ("nvmlDeviceGetBoardPartNumber", &[device]),
        ("nvmlDeviceGetInforomImageVersion", &[device]),
        ("nvmlDeviceGetInforomVersion", &[device, 0]),
    ] {
        for length in 0..96usize {
            let mut text = [0xaau8; 128];
            let status = call(&raw, name, &[before, &[text.as_mut_ptr().addr(), length]].concat());
            assert!(matches!(status, 0 | 2 | 7), "{name}: {status} with room for {length}");
            assert_eq!(text[length..], [0xaa; 128][length..], "{name}: {length}");
            if status == 0 {
                assert!(text[..length].contains(&0), "{name}: {length}: the text does not end");
            }
        }
    }
}

#[test]
fn threads_that_come_and_go_leave_each_other_alone() {
    let (_node, raw) = node();
    let device = handle_of(&raw, 0);
    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
    let seen: BTreeSet<u32> = std::thread::scope(|scope| {
        let one = |_| {
            scope.spawn(|| {
                let mut seen = BTreeSet::new();
                for _ in 0..200 {
                    assert_eq!(call(&raw, "nvmlInit_v2", &[]), 0);
                    let mut power = 0u32;
                    let place = std::ptr::from_mut(&mut power).addr();
                    // Initialised by this thread, so no other's shutdown can take it away.
                    assert_eq!(call(&raw, "nvmlDeviceGetPowerUsage", &[device, place]), 0);
                    assert!((50_000..750_000).contains(&power), "{power} mW");
                    assert_eq!(call(&raw, "nvmlShutdown", &[]), 0);
                    // Now it may be, or not.
                    seen.insert(call(&raw, "nvmlDeviceGetPowerUsage", &[device, place]));
                }
                seen
            })
        };
        let threads: Vec<_> = (0..8).map(one).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(seen.is_subset(&BTreeSet::from([0, 1])), "{seen:?}");
}
