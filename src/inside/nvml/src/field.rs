//! Field values: what `nvmlDeviceGetFieldValues` answers for each id.
//!
//! Ids are those of NVML 13's header; where branch 580.82 moved them, [`FieldNumbering`] says which hold.

use crashcart_hardware::page::{Link, NONE32};
use nvml_wrapper_sys::bindings::field_id as id;

use crate::answer::{Answer, Error};
use crate::machine::{Gpu, has, has_signed, has_wide};
use crate::version::FieldNumbering;

/// A value with its type in NVML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Unsigned(u32),
    Wide(u64),
    Signed(i32),
}

use Value::{Signed, Unsigned, Wide};

/// Beyond every id that a header of branch 610 names.
const BEYOND: u32 = 320;
/// NVML's `NVML_POWER_SCOPE_*`: whose power.
const POWER_OF_GPU: u32 = 0;
const POWER_OF_MODULE: u32 = 1;
const POWER_OF_MEMORY: u32 = 2;
/// All links together, as a scope.
const ALL_LINKS: u32 = u32::MAX;

/// Clock event counters in nanoseconds, as they stand in a page's `violation`.
mod slowdown {
    pub const POWER_CAP: usize = 0;
    pub const SOFTWARE_THERMAL: usize = 1;
    pub const SYNC_BOOST: usize = 2;
    pub const HARDWARE_THERMAL: usize = 6;
    pub const POWER_BRAKE: usize = 7;
}

/// The value of a field; `scope` is a link where the field has one for each.
pub fn value(gpu: &Gpu, field: u32, scope: u32) -> Answer<Value> {
    let page = &gpu.page;
    // What is to be done about it, the driver knows without its firmware.
    let known = [
        id::NVML_FI_DEV_RESET_STATUS,
        id::NVML_FI_DEV_DRAIN_AND_RESET_STATUS,
        id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION,
    ];
    if gpu.hangs() && !known.contains(&field) {
        return Err(Error::Unknown);
    }
    if let Some(counter) = moved(gpu.session.numbering, field) {
        return counter.map(|at| page.violation[at]).map_or(Err(Error::NotSupported), wide);
    }
    match field {
        id::NVML_FI_DEV_ECC_CURRENT => unsigned(page.ecc_current),
        id::NVML_FI_DEV_ECC_PENDING => unsigned(page.ecc_pending),
        id::NVML_FI_DEV_ECC_SBE_VOL_TOTAL..=id::NVML_FI_DEV_ECC_DBE_AGG_TOTAL => {
            gpu.counts_memory_errors()?;
            let at = field - id::NVML_FI_DEV_ECC_SBE_VOL_TOTAL;
            Ok(Wide(gpu.memory_errors(at % 2 == 1, at >= 2)))
        }
        id::NVML_FI_DEV_ECC_SBE_VOL_L1..=id::NVML_FI_DEV_ECC_DBE_AGG_CBU => {
            gpu.counts_memory_errors()?;
            // Eleven for each: corrected and uncorrected of five places, uncorrected of the sixth.
            let at = (field - id::NVML_FI_DEV_ECC_SBE_VOL_L1) as usize;
            let (aggregate, at) = (at >= 11, at % 11);
            let place = [0, 1, 2, 3, 4, 6][at / 2];
            let uncorrected = at % 2 == 1 || at == 10;
            wide(gpu.counters(aggregate)[usize::from(uncorrected)][place])
        }
        id::NVML_FI_DEV_RETIRED_SBE => retires(gpu, page.retired_sbe),
        id::NVML_FI_DEV_RETIRED_DBE => retires(gpu, page.retired_dbe),
        id::NVML_FI_DEV_RETIRED_PENDING
        | id::NVML_FI_DEV_RETIRED_PENDING_SBE
        | id::NVML_FI_DEV_RETIRED_PENDING_DBE => retires(gpu, page.retired_pending),
        id::NVML_FI_DEV_REMAPPED_COR => remaps(gpu, page.remapped_corrected),
        id::NVML_FI_DEV_REMAPPED_UNC => remaps(gpu, page.remapped_uncorrected),
        id::NVML_FI_DEV_REMAPPED_PENDING => remaps(gpu, page.remap_pending),
        id::NVML_FI_DEV_REMAPPED_FAILURE => remaps(gpu, page.remap_failed),
        id::NVML_FI_DEV_PERF_POLICY_POWER..=id::NVML_FI_DEV_PERF_POLICY_RELIABILITY => {
            wide(page.violation[(field - id::NVML_FI_DEV_PERF_POLICY_POWER) as usize])
        }
        id::NVML_FI_DEV_MEMORY_TEMP => unsigned(page.temperature_memory),
        id::NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION | id::NVML_FI_DEV_ENERGY => wide(page.energy),
        id::NVML_FI_DEV_PCIE_REPLAY_COUNTER => wide(page.pcie_replays),
        id::NVML_FI_DEV_PCIE_REPLAY_ROLLOVER_COUNTER => wide(page.pcie_replay_rollovers),
        id::NVML_FI_DEV_IS_RESETLESS_MIG_SUPPORTED => {
            // From Hopper on.
            Ok(Unsigned(u32::from(page.mig_current != NONE32 && page.architecture >= 9)))
        }
        id::NVML_FI_DEV_IS_MIG_MODE_INDEPENDENT_MIG_QUERY_CAPABLE => {
            Ok(Unsigned(u32::from(page.mig_current != NONE32)))
        }
        id::NVML_FI_DEV_POWER_AVERAGE => match scope {
            POWER_OF_GPU if page.power_averages == 1 => unsigned(page.power_draw),
            POWER_OF_GPU | POWER_OF_MODULE => Err(Error::NotSupported),
            POWER_OF_MEMORY => unsigned(page.power_memory),
            _ => Err(Error::InvalidArgument),
        },
        id::NVML_FI_DEV_POWER_INSTANT => match scope {
            POWER_OF_GPU => unsigned(page.power_draw_instant),
            // Of the memory there is an average alone, and no module draws power for others.
            POWER_OF_MODULE | POWER_OF_MEMORY => Err(Error::NotSupported),
            _ => Err(Error::InvalidArgument),
        },
        id::NVML_FI_DEV_POWER_MIN_LIMIT => unsigned(page.power_limit_min),
        id::NVML_FI_DEV_POWER_MAX_LIMIT => unsigned(page.power_limit_max),
        id::NVML_FI_DEV_POWER_DEFAULT_LIMIT => unsigned(page.power_limit_default),
        id::NVML_FI_DEV_POWER_CURRENT_LIMIT => unsigned(page.power_limit_enforced),
        id::NVML_FI_DEV_POWER_REQUESTED_LIMIT => unsigned(page.power_limit),
        id::NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT => signed(page.tlimit_shutdown),
        id::NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT => signed(page.tlimit_slowdown),
        id::NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT => signed(page.tlimit_memory),
        id::NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT => signed(page.tlimit_gpu_max),
        id::NVML_FI_DEV_PCIE_COUNT_CORRECTABLE_ERRORS..=id::NVML_FI_DEV_PCIE_COUNT_LANE_ERROR => {
            Ok(Unsigned(0))
        }
        // NVML's recovery actions: 1 is "reset", 4 "drain and reset".
        id::NVML_FI_DEV_RESET_STATUS => Ok(Unsigned(u32::from(page.recovery_action == 1))),
        id::NVML_FI_DEV_DRAIN_AND_RESET_STATUS => Ok(Unsigned(u32::from(page.recovery_action == 4))),
        id::NVML_FI_DEV_GET_GPU_RECOVERY_ACTION => unsigned(page.recovery_action),
        id::NVML_FI_DEV_C2C_LINK_COUNT => Err(Error::NotSupported),
        _ => nvlink(gpu, field, scope),
    }
}

/// The clock event counter behind an id that moved; `Some(None)` for what this board has not.
fn moved(numbering: FieldNumbering, field: u32) -> Option<Option<usize>> {
    let first = match numbering {
        FieldNumbering::Before580U1 => 251,
        FieldNumbering::From580U1 => 269,
    };
    match field {
        id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP => Some(Some(slowdown::POWER_CAP)),
        id::NVML_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST => Some(Some(slowdown::SYNC_BOOST)),
        251..=273 => Some(match field.wrapping_sub(first) {
            0 => Some(slowdown::SOFTWARE_THERMAL),
            1 => Some(slowdown::HARDWARE_THERMAL),
            2 => Some(slowdown::POWER_BRAKE),
            // Power smoothing and power balancing: Blackwell's alone, and not simulated.
            _ => None,
        }),
        _ => None,
    }
}

/// Fields of NVLinks.
fn nvlink(gpu: &Gpu, field: u32, scope: u32) -> Answer<Value> {
    if field == 0 || field > BEYOND {
        return Err(Error::InvalidArgument);
    }
    let count = gpu.link_count();
    if field == id::NVML_FI_DEV_NVLINK_LINK_COUNT {
        return Ok(Unsigned(count));
    }
    if count == 0 {
        return Err(Error::NotSupported);
    }
    let speed = |link: &Link| u64::from(if link.up == 1 { gpu.page.link_speed } else { 0 });
    // Six links in one run of ids, six more in another, all of them in one id.
    type Family = (u32, u32, Option<u32>, fn(&Link) -> u64);
    const FAMILIES: [Family; 4] = [
        (
            id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L0,
            id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_L6,
            Some(id::NVML_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL),
            |link| link.crc_flit,
        ),
        (
            id::NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_L0,
            id::NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_L6,
            Some(id::NVML_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL),
            |link| link.crc_data,
        ),
        (
            id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_L0,
            id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_L6,
            Some(id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL),
            |link| link.replays,
        ),
        (
            id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_L0,
            id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_L6,
            Some(id::NVML_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL),
            |link| link.recoveries,
        ),
    ];
    for (first, seventh, total, of) in FAMILIES {
        if Some(field) == total {
            return Ok(Wide(gpu.links().iter().map(of).sum()));
        }
        if let Some(link) = in_two_runs(field, first, seventh) {
            return Ok(Wide(of(gpu.link(link)?)));
        }
    }
    if let Some(link) =
        in_two_runs(field, id::NVML_FI_DEV_NVLINK_SPEED_MBPS_L0, id::NVML_FI_DEV_NVLINK_SPEED_MBPS_L6)
    {
        return Ok(Unsigned(speed(gpu.link(link)?) as u32));
    }
    let over = |of: fn(&Link) -> u64| match scope {
        ALL_LINKS => Ok(Wide(gpu.links().iter().map(of).sum())),
        link => Ok(Wide(of(gpu.link(link)?))),
    };
    match field {
        id::NVML_FI_DEV_NVLINK_SPEED_MBPS_COMMON => Ok(Unsigned(gpu.page.link_speed)),
        id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX | id::NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_TX => {
            over(|link| link.tx_kib)
        }
        id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX | id::NVML_FI_DEV_NVLINK_THROUGHPUT_RAW_RX => {
            over(|link| link.rx_kib)
        }
        id::NVML_FI_DEV_NVLINK_REMOTE_NVLINK_ID => Ok(Unsigned(gpu.link(scope)?.remote_link)),
        id::NVML_FI_DEV_NVSWITCH_CONNECTED_LINK_COUNT => Ok(Unsigned(
            gpu.links().iter().filter(|link| link.remote_kind == 2 && link.up == 1).count() as u32,
        )),
        // Blackwell (architecture 10) counts in other fields.
        id::NVML_FI_DEV_NVLINK_ERROR_DL_REPLAY..=id::NVML_FI_DEV_NVLINK_ERROR_DL_CRC
            if gpu.page.architecture < 10 =>
        {
            let link = gpu.link(scope)?;
            Ok(Wide(match field {
                id::NVML_FI_DEV_NVLINK_ERROR_DL_REPLAY => link.replays,
                id::NVML_FI_DEV_NVLINK_ERROR_DL_RECOVERY => link.recoveries,
                _ => link.crc_flit,
            }))
        }
        id::NVML_FI_DEV_NVLINK_GET_SPEED => Ok(Unsigned(speed(gpu.link(scope)?) as u32)),
        id::NVML_FI_DEV_NVLINK_GET_STATE => Ok(Unsigned(gpu.link(scope)?.up)),
        id::NVML_FI_DEV_NVLINK_GET_VERSION => {
            gpu.link(scope)?;
            unsigned(gpu.page.link_version)
        }
        id::NVML_FI_DEV_NVLINK_GET_POWER_STATE => {
            gpu.link(scope)?;
            Ok(Unsigned(0))
        }
        id::NVML_FI_DEV_NVLINK_COUNT_XMIT_BYTES if gpu.page.architecture >= 10 => {
            over(|link| link.tx_kib * 1024)
        }
        id::NVML_FI_DEV_NVLINK_COUNT_RCV_BYTES if gpu.page.architecture >= 10 => {
            over(|link| link.rx_kib * 1024)
        }
        id::NVML_FI_DEV_NVLINK_COUNT_RCV_ERRORS if gpu.page.architecture >= 10 => over(|link| link.crc_flit),
        id::NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_SUCCESSFUL_EVENTS
        | id::NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_EVENTS
            if gpu.page.architecture >= 10 =>
        {
            over(|link| link.recoveries)
        }
        id::NVML_FI_DEV_NVLINK_COUNT_EFFECTIVE_ERRORS | id::NVML_FI_DEV_NVLINK_COUNT_SYMBOL_ERRORS
            if gpu.page.architecture >= 10 =>
        {
            over(|link| link.crc_data)
        }
        id::NVML_FI_DEV_NVLINK_COUNT_XMIT_PACKETS
            ..=id::NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_FAILED_EVENTS
            if gpu.page.architecture >= 10 =>
        {
            over(|_| 0)
        }
        _ => Err(Error::NotSupported),
    }
}

/// The link that an id stands for, whose first six are in one run and the next six in another.
fn in_two_runs(field: u32, first: u32, seventh: u32) -> Option<u32> {
    if (first..first + 6).contains(&field) {
        Some(field - first)
    } else if (seventh..seventh + 6).contains(&field) {
        Some(field - seventh + 6)
    } else {
        None
    }
}

fn unsigned(value: u32) -> Answer<Value> {
    has(value).map(Unsigned)
}

fn wide(value: u64) -> Answer<Value> {
    has_wide(value).map(Wide)
}

fn signed(value: i32) -> Answer<Value> {
    has_signed(value).map(Signed)
}

/// Boards that remap rows retire no pages.
fn retires(gpu: &Gpu, value: u32) -> Answer<Value> {
    if gpu.page.remaps_rows == 1 { Err(Error::NotSupported) } else { unsigned(value) }
}

fn remaps(gpu: &Gpu, value: u32) -> Answer<Value> {
    if gpu.page.remaps_rows == 1 { unsigned(value) } else { Err(Error::NotSupported) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::session;
    use crashcart_hardware::page::GpuPage;

    fn gpu(change: impl Fn(&mut GpuPage)) -> Gpu {
        session(1, |_, gpu| change(gpu)).by_index(0).expect("a GPU")
    }

    #[test]
    fn memory_error_ids_name_kind_place_and_age() {
        let gpu = gpu(|gpu| {
            gpu.ecc_current = 1;
            for kind in 0..2 {
                for place in 0..8 {
                    gpu.ecc_volatile[kind][place] = (10 * kind + place) as u64;
                    gpu.ecc_aggregate[kind][place] = (100 + 10 * kind + place) as u64;
                }
            }
        });
        let case = |field, expected| assert_eq!(value(&gpu, field, 0), Ok(Wide(expected)), "field {field}");
        case(id::NVML_FI_DEV_ECC_SBE_VOL_L1, 0);
        case(id::NVML_FI_DEV_ECC_DBE_VOL_L2, 11);
        case(id::NVML_FI_DEV_ECC_DBE_VOL_DEV, 12);
        case(id::NVML_FI_DEV_ECC_DBE_VOL_TEX, 14);
        case(id::NVML_FI_DEV_ECC_DBE_VOL_CBU, 16);
        case(id::NVML_FI_DEV_ECC_SBE_AGG_L1, 100);
        case(id::NVML_FI_DEV_ECC_SBE_AGG_REG, 103);
        case(id::NVML_FI_DEV_ECC_DBE_AGG_CBU, 116);
    }

    #[test]
    fn clock_event_counters_are_where_the_driver_has_them() {
        let gpu = gpu(|gpu| gpu.violation = [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(gpu.session.numbering, FieldNumbering::Before580U1);
        assert_eq!(value(&gpu, 251, 0), Ok(Wide(2)));
        assert_eq!(value(&gpu, 253, 0), Ok(Wide(8)));
        assert_eq!(value(&gpu, 269, 0), Err(Error::NotSupported));
        assert_eq!(moved(FieldNumbering::From580U1, 251), Some(None));
        assert_eq!(moved(FieldNumbering::From580U1, 269), Some(Some(slowdown::SOFTWARE_THERMAL)));
        assert_eq!(moved(FieldNumbering::From580U1, 271), Some(Some(slowdown::POWER_BRAKE)));
        assert_eq!(value(&gpu, 74, 0), Ok(Wide(1)));
    }

    #[test]
    fn power_is_told_of_the_gpu_and_of_its_memory() {
        let hopper = gpu(|gpu| {
            (gpu.power_draw, gpu.power_draw_instant) = (68_570, 68_920);
            (gpu.power_memory, gpu.power_averages) = (32_980, 1);
        });
        let (average, instant) = (id::NVML_FI_DEV_POWER_AVERAGE, id::NVML_FI_DEV_POWER_INSTANT);
        assert_eq!(value(&hopper, average, POWER_OF_GPU), Ok(Unsigned(68_570)));
        assert_eq!(value(&hopper, average, POWER_OF_MEMORY), Ok(Unsigned(32_980)));
        assert_eq!(value(&hopper, instant, POWER_OF_GPU), Ok(Unsigned(68_920)));
        for (field, scope) in [(instant, POWER_OF_MEMORY), (average, POWER_OF_MODULE)] {
            assert_eq!(value(&hopper, field, scope), Err(Error::NotSupported));
        }
        assert_eq!(value(&hopper, average, 3), Err(Error::InvalidArgument));
        let ampere = gpu(|gpu| gpu.power_memory = NONE32);
        assert_eq!(value(&ampere, average, POWER_OF_GPU), Err(Error::NotSupported));
        assert_eq!(value(&ampere, average, POWER_OF_MEMORY), Err(Error::NotSupported));
    }

    #[test]
    fn links_beyond_the_last_are_refused() {
        let gpu = gpu(|gpu| {
            gpu.link_count = 7;
            gpu.link_speed = 26562;
            gpu.links[6].up = 1;
            gpu.links[6].replays = 5;
        });
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_LINK_COUNT, 0), Ok(Unsigned(7)));
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_L6, 0), Ok(Wide(5)));
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL, 0), Ok(Wide(5)));
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_GET_SPEED, 6), Ok(Unsigned(26562)));
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_GET_SPEED, 0), Ok(Unsigned(0)));
        assert_eq!(value(&gpu, id::NVML_FI_DEV_NVLINK_GET_SPEED, 7), Err(Error::InvalidArgument));
        assert_eq!(value(&gpu, 5000, 0), Err(Error::InvalidArgument));
    }
}
