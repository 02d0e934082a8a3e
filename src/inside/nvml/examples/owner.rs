//! Owns simulated hardware until it is ended, so that clients can be tried by hand:
//!
//! ```text
//! cargo run -p crashcart-nvml --example owner -- --profile hgx-h100 --fault '{ gpu = 3, fault = "fallen-off-bus" }'
//! LD_LIBRARY_PATH=<folder with libnvidia-ml.so.1> CRASHCART_NVML_SOCKET=try CRASHCART_NVML_DEVICES=skip gpustat
//! ```
//!
//! The socket is called as the library's `CRASHCART_NVML_SOCKET` says, or as PID 1's without it.

#[path = "../tests/owner/mod.rs"]
mod owner;

use crashcart_hardware::command::{Command, SOCKET, Verb};
use crashcart_hardware::fault::GpuFault;
use crashcart_hardware::machine::{Client, Machine};
use crashcart_hardware::spec::HardwareSpec;

fn main() {
    let (mut profile, mut driver, mut faults, mut mig, mut work) =
        ("hgx-h100".to_owned(), None, Vec::new(), Vec::new(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{option} takes a value"));
        match option.as_str() {
            "--profile" => profile = value(),
            "--driver" => driver = Some(value()),
            "--fault" => faults.push(value()),
            "--mig" => mig.push(value()),
            "--work" => work.push(value()),
            _ => {
                panic!("options: --profile NAME --driver VERSION --fault TOML --mig TOML --work GPU:PID:MIB")
            }
        }
    }
    let mut text = format!("profile = {profile:?}\n");
    if let Some(driver) = driver {
        text += &format!("driver = {driver:?}\n");
    }
    text += &format!("mig = [{}]\n", mig.join(", "));
    let spec: HardwareSpec = toml::from_str(&text).expect("a specification of hardware");
    let mut machine = Machine::new(&spec, None, owner::now_ms()).expect("hardware that there is");
    for fault in faults {
        let fault: Faults = toml::from_str(&format!("fault = {fault}")).expect("a fault in TOML");
        machine.inject(owner::now_ms(), &fault.fault).expect("a fault that this hardware can have");
    }
    for (number, asked) in work.iter().enumerate() {
        let parts: Vec<u64> = asked.split(':').map(|part| part.parse().expect("GPU:PID:MIB")).collect();
        let from = Client { connection: 1_000_000 + number as u64, pid: parts[1] as i32, uid: 0 };
        let now = owner::now_ms();
        let whole = crashcart_hardware::page::NONE;
        let opened =
            machine.command(now, from, &Command::new(Verb::OpenContext, parts[0] as u32, &[whole, whole, 1]));
        let arguments = [opened.values[0], parts[2] << 20, 900, 400];
        machine.command(now, from, &Command::new(Verb::UseContext, parts[0] as u32, &arguments));
    }
    for line in machine.take_kernel_lines() {
        eprintln!("{}", line.text);
    }
    let name = std::env::var("CRASHCART_NVML_SOCKET").map_or(SOCKET.to_vec(), String::into_bytes);
    owner::Owner::open(machine, &name).forever();
}

#[derive(serde::Deserialize)]
struct Faults {
    fault: GpuFault,
}
