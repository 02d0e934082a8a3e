//! The default table, and `-L`: one line and three lines for each GPU.
//!
//! Widths and separators are those of the driver's branch: 550 to 570 begin the line under the banner with
//! `|`, 580 with `+`; from 570 on process names get 32 columns instead of 38. Compared with captures of
//! 550.90.12, 550.54.14, 580.173.02 and 590.48.01. Pure.

use std::fmt::Write;

use crate::node::{Code, Driver, Excluded, Gpu, Live, Memory, MigDevice, Missing, Node, Reading};
use crate::words::{compute_mode_short, mib, performance_state, process_type, short, tail};

const WIDE: usize = 89;
const GPU_RULE: &str =
    "+-----------------------------------------+------------------------+----------------------+\n";
const MIG_RULE: &str =
    "+------------------+----------------------------------+-----------+-----------------------+\n";

/// The table with its timestamp, and the status of the first GPU that could not be asked.
pub fn render(node: &Node, now: &jiff::Zoned) -> (String, Option<Code>) {
    let driver = node.driver();
    let mut out = String::new();
    // A GPU without a handle ends the summary before it begins: only the complaints are printed.
    let missing: Vec<_> =
        node.gpus.iter().filter_map(|gpu| Some((gpu.index, gpu.state.as_ref().err()?))).collect();
    if let Some((_, first)) = missing.first() {
        for (index, one) in &missing {
            out += &complaint(driver, *index, one);
        }
        return (out, Some(first.code));
    }
    let live: Vec<(u32, &Live)> =
        node.gpus.iter().filter_map(|gpu| Some((gpu.index, &**gpu.state.as_ref().ok()?))).collect();
    let _ = writeln!(out, "{}       ", now.strftime("%a %b %e %H:%M:%S %Y"));
    banner(&mut out, node, driver);
    for (index, gpu) in &live {
        row(&mut out, *index, gpu);
    }
    mig(&mut out, driver, &live);
    processes(&mut out, driver, &live);
    (out, None)
}

/// `-L`.
pub fn list(node: &Node) -> (String, Option<Code>) {
    let mut out = String::new();
    let mut first = None;
    for Gpu { index, state } in &node.gpus {
        match state {
            Ok(gpu) => {
                out += &headline(*index, gpu);
                for mig in gpu.board.mig_devices.as_deref().unwrap_or_default() {
                    let name = format!("MIG {}", text(&mig.profile));
                    let _ =
                        writeln!(out, "  {name:<15} Device {:>2}: (UUID: {})", mig.index, text(&mig.uuid));
                }
            }
            Err(missing) => {
                out += &complaint(node.driver(), *index, missing);
                first.get_or_insert(missing.code);
            }
        }
    }
    (out, first)
}

/// `-B`.
pub fn excluded(node: &Node) -> (String, Option<Code>) {
    if node.excluded.is_empty() {
        return ("No excluded devices found.\n".into(), None);
    }
    let mut out = String::new();
    for (number, Excluded { bus_id, uuid }) in node.excluded.iter().enumerate() {
        let _ = writeln!(out, "Excluded GPU {number}: {bus_id} (UUID: {uuid})");
    }
    (out, None)
}

/// `GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-…)`.
pub fn headline(index: u32, gpu: &Live) -> String {
    format!("GPU {index}: {} (UUID: {})\n", text(&gpu.board.name), text(&gpu.board.uuid))
}

/// What is said of a GPU without a handle.
pub fn complaint(driver: Driver, index: u32, missing: &Missing) -> String {
    let why = match missing.code {
        Code::GPU_IS_LOST => "GPU is lost.  Reboot the system to recover this GPU",
        code => code.text(),
    };
    let place = missing.bus_id.as_deref().unwrap_or("");
    let which = match (driver.branch, place) {
        (_, "") => format!("GPU{index}"),
        (..570, place) => format!("GPU{place}"),
        (_, place) => format!("GPU{index}: {place}"),
    };
    format!("Unable to determine the device handle for {which}: {why}\n")
}

fn text(reading: &Reading<String>) -> &str {
    match reading {
        Ok(text) => text,
        Err(code) => code.text(),
    }
}

/// A cell of the table: the value, or `N/A`, or `ERR!`.
fn cell<T>(reading: &Reading<T>, write: impl FnOnce(&T) -> String) -> String {
    match reading {
        Ok(value) => write(value),
        Err(code) => short(*code).to_owned(),
    }
}

fn banner(out: &mut String, node: &Node, driver: Driver) {
    let version = text(&node.system.driver_version);
    let cuda = cell(&node.system.cuda_version, |(major, minor)| format!("{major}.{minor}"));
    let _ = writeln!(out, "+{}+", "-".repeat(WIDE));
    if driver.branch >= 610 {
        let kernel = format!("KMD Version: {version}");
        let _ = writeln!(out, "| NVIDIA-SMI {version:<23}{kernel:<27}CUDA UMD Version: {cuda:<9}|");
    } else {
        let kernel = format!("Driver Version: {version}");
        let _ = writeln!(out, "| NVIDIA-SMI {version:<23}{kernel:<31}CUDA Version: {cuda:<9}|");
    }
    let under = if driver.branch >= 580 { GPU_RULE.to_owned() } else { GPU_RULE.replacen('+', "|", 1) };
    *out += &under;
    *out += "\
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
";
}

fn row(out: &mut String, index: u32, gpu: &Live) {
    let board = &gpu.board;
    let name = cell(&board.name, |name| {
        if name.chars().count() > 27 {
            format!("{}...", name.chars().take(24).collect::<String>())
        } else {
            name.clone()
        }
    });
    let on_off = |on: &bool| if *on { "On" } else { "Off" }.to_owned();
    let ecc = match (&board.ecc, &board.ecc_uncorrected_total) {
        _ if gpu.mig_enabled() => "On".into(),
        (Ok((false, _)), _) => "Off".into(),
        (_, total) => cell(total, u64::to_string),
    };
    let _ = writeln!(
        out,
        "|{index:>4}  {name:<27}{:>6}  |   {:>16} {:>3} |{ecc:>21} |",
        cell(&board.persistence, on_off),
        cell(&board.pci, |pci| pci.bus_id.clone()),
        // Three letters of room.
        board.display_active.as_ref().map_or("N/A".into(), on_off),
    );
    // An absent draw is written one column to the left, for want of its W.
    let draw = match &board.power_draw {
        Ok(milliwatts) => format!("{}W", whole_watts(*milliwatts)),
        Err(code) if code.is_absence() => "N/A ".into(),
        Err(_) => "ERR!".into(),
    };
    let cap = match board.power_limit_enforced.as_ref().or(board.power_limit.as_ref()) {
        Ok(milliwatts) => format!("{}W", whole_watts(*milliwatts)),
        Err(code) if code.is_absence() => "N/A ".into(),
        Err(_) => "ERR!".into(),
    };
    let utilization = if gpu.mig_enabled() { &Err(Code::NOT_SUPPORTED) } else { &board.utilization_gpu };
    let _ = writeln!(
        out,
        "|{:>4}  {:>4}    {:<4}{draw:>14} / {cap:>5} |{:>11} / {:>9} |{:>8} {:>12} |",
        cell(&board.fan, |percent| format!("{percent}%")),
        cell(&board.temperature, |degrees| format!("{degrees}C")),
        cell(&board.performance_state, |state| performance_state(*state)),
        cell(&board.memory, |memory| format!("{}MiB", mib(memory.used))),
        cell(&board.memory, |memory| format!("{}MiB", mib(memory.total))),
        cell(utilization, |percent| format!("{percent}%")),
        cell(&board.compute_mode, |mode| compute_mode_short(*mode).into()),
    );
    let mig = cell(&board.mig, |(now, pending)| {
        match (now, pending) {
            (true, true) => "Enabled",
            (false, false) => "Disabled",
            // A star tells of a change that waits for a reset.
            (true, false) => "Enabled*",
            (false, true) => "Disabled*",
        }
        .into()
    });
    let _ = writeln!(out, "|{:41}|{:24}|{mig:>21} |", "", "");
    *out += GPU_RULE;
}

fn whole_watts(milliwatts: u32) -> u32 {
    milliwatts / 1000
}

fn mig(out: &mut String, driver: Driver, gpus: &[(u32, &Live)]) {
    if !gpus.iter().any(|(_, gpu)| gpu.mig_enabled()) {
        return;
    }
    let _ = writeln!(out, "\n+{}+", "-".repeat(WIDE));
    let _ = writeln!(out, "| {:<88}|", "MIG devices:");
    *out += MIG_RULE;
    *out += if driver.branch >= 580 {
        "\
| GPU  GI  CI  MIG |              Shared Memory-Usage |        Vol|        Shared         |
|      ID  ID  Dev |                Shared BAR1-Usage | SM     Unc| CE ENC  DEC  OFA  JPG |
"
    } else {
        "\
| GPU  GI  CI  MIG |                     Memory-Usage |        Vol|      Shared           |
|      ID  ID  Dev |                       BAR1-Usage | SM     Unc| CE ENC DEC OFA JPG    |
"
    };
    *out += "\
|                  |                                  |        ECC|                       |
|==================+==================================+===========+=======================|
";
    let mut any = false;
    for (index, gpu) in gpus {
        let devices = gpu.board.mig_devices.as_deref().unwrap_or_default();
        for (at, device) in devices.iter().enumerate() {
            any = true;
            mig_row(out, driver, *index, device, at.checked_sub(1).map(|before| &devices[before]));
            let shares = devices
                .get(at + 1)
                .is_some_and(|next| next.gpu_instance.is_ok() && next.gpu_instance == device.gpu_instance);
            if shares {
                let _ = writeln!(out, "+{}+{:34}+{}+{}+", "-".repeat(18), "", "-".repeat(11), "-".repeat(23));
            } else {
                *out += MIG_RULE;
            }
        }
    }
    if !any {
        let _ = writeln!(out, "|  {:<87}|", "No MIG devices found");
        let _ = writeln!(out, "+{}+", "-".repeat(WIDE));
    }
}

fn mig_row(out: &mut String, driver: Driver, gpu: u32, device: &MigDevice, before: Option<&MigDevice>) {
    let engine = |read: fn(&crate::node::Engines) -> u32| cell(&device.engines, |all| read(all).to_string());
    let usage = |memory: &Reading<Memory>, used: usize| {
        let room = 34 - used - 3 - 8;
        format!(
            "{:>used$} / {:>8}{:room$}",
            cell(memory, |memory| format!("{}MiB", mib(memory.used))),
            cell(memory, |memory| format!("{}MiB", mib(memory.total))),
            "",
        )
    };
    // Compute instances of one GPU instance share its memory, which is printed with the first.
    let alone = before.is_none_or(|before| before.gpu_instance != device.gpu_instance);
    let (memory, bar1) = if alone {
        (usage(&device.memory, 19), usage(&device.bar1, if driver.branch >= 580 { 19 } else { 21 }))
    } else {
        (" ".repeat(34), " ".repeat(34))
    };
    let _ = writeln!(
        out,
        "|{gpu:>3}  {:>3} {:>3} {:>3}  |{memory}| {:<3}{:>6} |{:>3}{:>4}{:>5}{:>5}{:>5} |",
        cell(&device.gpu_instance, u32::to_string),
        cell(&device.compute_instance, u32::to_string),
        device.index,
        engine(|all| all.sm),
        cell(&device.sram_uncorrected, u64::to_string),
        engine(|all| all.copy),
        engine(|all| all.encoder),
        engine(|all| all.decoder),
        engine(|all| all.ofa),
        engine(|all| all.jpeg),
    );
    let _ = writeln!(out, "|{:18}|{bar1}|{:11}|{:23}|", "", "", "");
}

fn processes(out: &mut String, driver: Driver, gpus: &[(u32, &Live)]) {
    *out += &if driver.branch >= 580 { "\n".into() } else { format!("{:WIDE$}\n", "") };
    let _ = writeln!(out, "+{}+", "-".repeat(WIDE));
    let _ = writeln!(out, "| {:<88}|", "Processes:");
    // PID and name have traded columns with 570.
    let (pid_room, name_room) = if driver.branch >= 570 { (14, 32) } else { (8, 38) };
    let _ = writeln!(
        out,
        "|  GPU   GI   CI   {:>pid_room$}   Type   {:<name_room$}    GPU Memory |",
        "PID", "Process name"
    );
    let _ = writeln!(out, "|  {:>8}{:>5}{:63}Usage      |", "ID", "ID", "");
    let _ = writeln!(out, "|{}|", "=".repeat(WIDE));
    let mut any = false;
    for (index, gpu) in gpus {
        for one in gpu.board.processes.as_deref().unwrap_or_default() {
            any = true;
            let id = |id: Option<u32>| id.map_or("N/A".into(), |id| format!("{id:>2} "));
            let name = match &one.name {
                Ok(name) => tail(name, name_room),
                Err(Code::NOT_FOUND) => "[Not Found]".into(),
                Err(code) => short(*code).into(),
            };
            let memory = cell(&one.memory, |bytes| format!("{}MiB", mib(*bytes)));
            let _ = writeln!(
                out,
                "|{index:>5}  {:>4}  {:>3}  {:>pid_room$}{:>7}   {name:<name_room$}{memory:>14} |",
                id(one.gpu_instance),
                id(one.compute_instance),
                one.pid,
                process_type(one.compute, one.graphics),
            );
        }
    }
    if !any {
        let _ = writeln!(out, "|  {:<87}|", "No running processes found");
    }
    let _ = writeln!(out, "+{}+", "-".repeat(WIDE));
}
