//! The time here, and moments as nvidia-smi writes them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The time zone of the machine. Read from `/etc/localtime` itself: to find its name as well would mean to
/// walk through all time zones that there are, at each start.
fn zone() -> TimeZone {
    if std::env::var_os("TZ").is_some() {
        return TimeZone::system();
    }
    std::fs::read("/etc/localtime")
        .ok()
        .and_then(|file| TimeZone::tzif("Local", &file).ok())
        .unwrap_or(TimeZone::UTC)
}

/// The time now, as the machine's clock on the wall has it.
pub fn now() -> Zoned {
    Timestamp::now().to_zoned(zone())
}

/// `2026/08/20 14:59:03.740` in local time, of microseconds since the epoch.
pub fn moment(microseconds: u64) -> String {
    let at = i64::try_from(microseconds).ok().and_then(|at| Timestamp::from_microsecond(at).ok());
    match at {
        Some(at) => csv(&at.to_zoned(zone())),
        None => "N/A".into(),
    }
}

/// The timestamp of a row of CSV.
pub fn csv(now: &Zoned) -> String {
    now.strftime("%Y/%m/%d %H:%M:%S%.3f").to_string()
}
