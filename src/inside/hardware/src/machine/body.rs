//! How a GPU moves on: clocks from load and limits, power from clocks, heat from power.
//!
//! A model of first order, held against the readings that the device files cite.
//! Knows no process and no driver: who loads the GPU is told as [`Load`].

use super::identity::Identity;
use crate::catalog::Device;

/// `nvmlClocksEventReason*`.
pub(super) mod reason {
    pub const IDLE: u64 = 0x1;
    pub const APPLICATION_CLOCKS: u64 = 0x2;
    pub const POWER_CAP: u64 = 0x4;
    pub const HARDWARE_SLOWDOWN: u64 = 0x8;
    pub const SOFTWARE_THERMAL: u64 = 0x20;
    pub const HARDWARE_THERMAL: u64 = 0x40;
    pub const POWER_BRAKE: u64 = 0x80;
    /// All that a board of ours can say.
    pub const SUPPORTED: u64 = 0x1ff;
}

/// Places in the list of violation counters.
const POWER: usize = 0;
const THERMAL: usize = 1;
const LOW_UTILIZATION: usize = 4;
const HARDWARE_THERMAL: usize = 6;
const HARDWARE_BRAKE: usize = 7;

/// How much power falls with the clock.
const POWER_EXPONENT: f64 = 2.4;
/// A fan or a pump that failed: warmer air and a worse way for heat out.
const COOLING_LOST_K: f64 = 10.0;
const COOLING_LOST_FACTOR: f64 = 2.7;

/// What is asked of a GPU, 1 is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Whether anybody has a context.
    pub open: bool,
    pub sm: f64,
    pub memory: f64,
}

/// What holds a GPU back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub power_w: f64,
    /// Highest graphics clock that somebody set, MHz.
    pub clock: Option<u32>,
    /// Least graphics clock that somebody locked, MHz.
    pub clock_least: Option<u32>,
    /// Memory clock that somebody set, MHz.
    pub memory_clock: Option<u32>,
    pub brake: bool,
    pub overheating: bool,
}

/// What the sensors of a GPU read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub celsius: f64,
    pub watts: f64,
    /// Over the last second or so.
    pub watts_average: f64,
    /// MHz.
    pub graphics: u32,
    pub memory: u32,
    pub video: u32,
    pub reasons: u64,
    /// At P8 rather than P0.
    pub asleep: bool,
    pub load: Load,
    /// Millijoules since the driver was loaded.
    pub energy: f64,
    /// Nanoseconds, in the page's order.
    pub violation: [f64; 8],
    /// PCIe replays, and corrected errors that are not a whole one yet.
    pub replays: f64,
    pub ecc_debt: f64,
    /// KiB per second.
    pub pcie_kib_s: f64,
    /// Nothing moves while the load stays as it is.
    pub settled: bool,
}

impl Body {
    pub fn at_rest(device: &Device, identity: &Identity) -> Self {
        let watts = f64::from(device.power.idle) * identity.thirst;
        Self {
            celsius: f64::from(device.thermal.idle) + identity.warmer,
            watts,
            watts_average: watts,
            graphics: device.clocks.idle_graphics,
            memory: device.clocks.idle_memory,
            video: device.clocks.idle_video,
            reasons: reason::IDLE,
            asleep: sleeps(device),
            load: Load::default(),
            energy: 0.0,
            violation: [0.0; 8],
            replays: 0.0,
            ecc_debt: 0.0,
            pcie_kib_s: 0.0,
            settled: true,
        }
    }

    /// What of its power the memory draws, on boards that tell.
    pub fn memory_watts(&self, device: &Device) -> Option<f64> {
        let [rest, load] = device.power.memory?.map(f64::from);
        Some((rest + (load - rest) * self.load.memory).min(self.watts_average))
    }

    /// So many seconds later, under this load.
    pub fn advance(
        &mut self,
        device: &Device,
        identity: &Identity,
        load: Load,
        limits: Limits,
        seconds: f64,
    ) {
        let thermal = &device.thermal;
        let slowdown = f64::from(thermal.slowdown);
        let (ambient, resistance) = cooling(device, identity, limits.overheating);

        // Which clock is wanted.
        let highest = device.clocks.graphics_max;
        let mut reasons = if load.sm > 0.0 || load.memory > 0.0 { 0 } else { reason::IDLE };
        let mut wanted = if load.open { highest } else { device.clocks.idle_graphics };
        if let Some(clock) = limits.clock.filter(|clock| *clock < wanted) {
            wanted = clock;
            reasons |= reason::APPLICATION_CLOCKS;
        }
        wanted = wanted.max(limits.clock_least.filter(|_| load.open).unwrap_or(0));
        if limits.brake {
            wanted = wanted.min(device.graphics_clock_at_most(highest / 2));
            reasons |= reason::POWER_BRAKE | reason::HARDWARE_SLOWDOWN;
        }

        // Which one the power limit and the heat leave of it.
        self.asleep = !load.open && sleeps(device);
        self.memory = match (self.asleep, limits.memory_clock) {
            (true, _) => device.clocks.idle_memory,
            (false, Some(clock)) => clock,
            (false, None) => device.clocks.memory.first().copied().unwrap_or(0),
        };
        let draw = |clock: u32| power(device, identity, load, clock, self.memory, self.celsius);
        let mut clock = wanted;
        if load.open && draw(clock) > limits.power_w {
            clock = first_within(device, wanted, limits.power_w, draw);
            reasons |= reason::POWER_CAP;
        }
        let hot = self.celsius >= f64::from(thermal.gpu_max);
        if hot {
            // The controller aims a little above the slowdown threshold, where a real board hovers.
            let bearable = (slowdown + 1.5 - ambient) / resistance;
            if load.open && draw(clock) > bearable {
                let cooler = first_within(device, clock, bearable, draw);
                // Rounded up to the next step, so that it does hover there and not below.
                clock = device
                    .graphics_clocks()
                    .filter(|step| *step > cooler)
                    .last()
                    .unwrap_or(cooler)
                    .min(clock);
                reasons &= !reason::POWER_CAP;
            }
            reasons |= reason::SOFTWARE_THERMAL;
            if self.celsius >= slowdown {
                reasons |= reason::HARDWARE_THERMAL | reason::HARDWARE_SLOWDOWN;
            }
        }

        let watts = draw(clock);
        let target = ambient + resistance * watts;
        let kept = (-seconds / f64::from(thermal.time_constant_s.max(1))).exp();
        let before = self.celsius;
        // A board of ours does not shut itself down.
        self.celsius = (target + (before - target) * kept).min(f64::from(thermal.shutdown) - 1.0);
        self.energy += watts * seconds * 1000.0;
        self.watts_average = watts + (self.watts_average - watts) * (-seconds).exp();
        self.settled = (self.celsius - target).abs() < 0.4
            && (self.watts_average - watts).abs() < 0.5
            && (self.celsius - before).abs() < 0.4;
        let nanoseconds = seconds * 1e9;
        for (bit, counter) in [
            (reason::POWER_CAP, POWER),
            (reason::SOFTWARE_THERMAL, THERMAL),
            (reason::IDLE, LOW_UTILIZATION),
            (reason::HARDWARE_THERMAL, HARDWARE_THERMAL),
            (reason::POWER_BRAKE, HARDWARE_BRAKE),
        ] {
            if reasons & bit != 0 {
                self.violation[counter] += nanoseconds;
            }
        }
        self.watts = watts;
        self.graphics = clock;
        self.video = if load.open {
            let range = device.clocks.video_max.saturating_sub(device.clocks.idle_video);
            device.clocks.idle_video
                + (f64::from(range) * f64::from(clock) / f64::from(highest.max(1))) as u32
        } else {
            device.clocks.idle_video
        };
        self.reasons = reasons;
        self.load = load;
    }
}

/// Whether it goes to P8 when nobody works on it; boards with HBM stay at P0.
fn sleeps(device: &Device) -> bool {
    device.clocks.memory.first().is_some_and(|highest| *highest > device.clocks.idle_memory)
}

/// Temperature of the air, and kelvins per watt.
fn cooling(device: &Device, identity: &Identity, lost: bool) -> (f64, f64) {
    let (power, thermal) = (&device.power, &device.thermal);
    let watts = f64::from(power.load.min(power.default)) - f64::from(power.idle);
    let resistance = (f64::from(thermal.load) - f64::from(thermal.idle)) / watts.max(1.0);
    let ambient = f64::from(thermal.idle) + identity.warmer - resistance * f64::from(power.idle);
    if lost { (ambient + COOLING_LOST_K, resistance * COOLING_LOST_FACTOR) } else { (ambient, resistance) }
}

/// Watts drawn under a load at these clocks.
fn power(
    device: &Device,
    identity: &Identity,
    load: Load,
    clock: u32,
    memory_clock: u32,
    celsius: f64,
) -> f64 {
    let power = &device.power;
    if !load.open {
        return f64::from(power.idle) * identity.thirst;
    }
    let ratio = f64::from(clock) / f64::from(device.clocks.graphics_max.max(1));
    let memory_ratio =
        f64::from(memory_clock) / f64::from(device.clocks.memory.first().copied().unwrap_or(1).max(1));
    let ready = f64::from(power.idle) + f64::from(power.ready - power.idle) * ratio;
    let more = f64::from(power.load - power.ready);
    let cores = 0.8 * load.sm * ratio.powf(POWER_EXPONENT);
    let memory = 0.2 * load.memory.max(0.4 * load.sm) * memory_ratio;
    // Leakage: warm silicon draws a little more.
    let leak = 1.0 + 0.001 * (celsius - 50.0);
    (ready + more * (cores + memory) * leak) * identity.thirst
}

/// The highest clock on offer, at most the wanted one, that draws no more than so much.
fn first_within(device: &Device, wanted: u32, watts: f64, draw: impl Fn(u32) -> f64) -> u32 {
    device
        .graphics_clocks()
        .find(|clock| *clock <= wanted && draw(*clock) <= watts)
        .unwrap_or(device.clocks.graphics_min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn free(device: &Device) -> Limits {
        Limits {
            power_w: f64::from(device.power.default),
            clock: None,
            clock_least: None,
            memory_clock: None,
            brake: false,
            overheating: false,
        }
    }

    fn after(device: &Device, load: Load, limits: Limits, seconds: u32) -> Body {
        let identity = Identity::draw("", 0, 0);
        let mut body = Body::at_rest(device, &identity);
        for _ in 0..seconds {
            body.advance(device, &identity, load, limits, 1.0);
        }
        body
    }

    const FULL: Load = Load { open: true, sm: 1.0, memory: 0.6 };

    #[test]
    fn every_device_rests_and_works_at_the_readings_of_its_file() {
        for (name, device) in catalog::devices() {
            let idle = after(device, Load::default(), free(device), 600);
            assert!((idle.celsius - f64::from(device.thermal.idle)).abs() < 4.0, "{name}: {}", idle.celsius);
            assert!((idle.watts / f64::from(device.power.idle) - 1.0).abs() < 0.03, "{name}");
            assert_eq!((idle.graphics, idle.reasons), (device.clocks.idle_graphics, reason::IDLE), "{name}");
            assert!(idle.settled, "{name}");
            let busy = after(device, FULL, free(device), 600);
            assert!((busy.celsius - f64::from(device.thermal.load)).abs() < 6.0, "{name}: {}", busy.celsius);
            assert!(busy.watts > 0.8 * f64::from(device.power.default), "{name}: {}", busy.watts);
            assert!(busy.watts <= f64::from(device.power.default), "{name}: {}", busy.watts);
            assert!(busy.settled, "{name}");
        }
    }

    #[test]
    fn a_lower_power_limit_costs_clocks_and_says_so() {
        let device = catalog::device("h100-sxm5").expect("ours");
        let capped = after(device, FULL, Limits { power_w: 300.0, ..free(device) }, 60);
        assert!(capped.watts <= 300.0 && capped.watts > 270.0, "{}", capped.watts);
        assert!(capped.graphics < 1600 && capped.graphics > 345, "{}", capped.graphics);
        assert_eq!(capped.reasons, reason::POWER_CAP);
        assert!(capped.violation[POWER] > 5e10);
    }

    #[test]
    fn without_cooling_every_device_hovers_at_the_slowdown_threshold_under_load() {
        for (name, device) in catalog::devices() {
            let limits = Limits { overheating: true, ..free(device) };
            for seconds in [240, 241, 250, 300] {
                let hot = after(device, FULL, limits, seconds);
                assert_eq!(
                    hot.reasons & !reason::POWER_CAP,
                    reason::SOFTWARE_THERMAL | reason::HARDWARE_THERMAL | reason::HARDWARE_SLOWDOWN,
                    "{name} after {seconds} s at {}",
                    hot.celsius
                );
                assert!(hot.celsius < f64::from(device.thermal.shutdown), "{name}");
                assert!(hot.graphics < device.clocks.graphics_max, "{name}");
            }
            let idle = after(device, Load::default(), limits, 600);
            assert_eq!(idle.reasons, reason::IDLE, "{name}: {} idle", idle.celsius);
            let bearable = Limits { power_w: f64::from(device.power.min), ..limits };
            let cool = after(device, FULL, bearable, 600);
            if device.power.min * 2 <= device.power.default {
                assert_eq!(cool.reasons, reason::POWER_CAP, "{name}: {} at the least limit", cool.celsius);
            }
        }
    }

    #[test]
    fn a_power_brake_halves_the_clocks() {
        let device = catalog::device("h100-sxm5").expect("ours");
        let slow = after(device, FULL, Limits { brake: true, ..free(device) }, 10);
        assert_eq!(slow.graphics, 990);
        assert_eq!(slow.reasons, reason::POWER_BRAKE | reason::HARDWARE_SLOWDOWN);
    }
}
