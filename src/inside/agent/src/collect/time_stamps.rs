//! The times that log lines begin with, and the calendar behind them.
//! Nodes keep UTC, so no time zone data is needed.

/// Days since 1970-01-01 of a civil date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Howard Hinnant's days_from_civil: years begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn year_of(seconds: i64) -> i64 {
    let mut year = 1970 + seconds.div_euclid(31_556_952);
    while days(year + 1, 1, 1) * 86_400 <= seconds {
        year += 1;
    }
    while days(year, 1, 1) * 86_400 > seconds {
        year -= 1;
    }
    year
}

/// Seconds since the epoch of the time that a line begins with, if it does:
/// `2026-11-22T14:00:00`, `2026-11-22 14:00:00 +0000`, `[2026-11-22T14:00:00.123]`, `Nov 22 14:00:00`.
pub fn of_line(line: &str, now: i64) -> Option<i64> {
    let line = line.trim_start_matches(['[', '<', ' ']);
    iso_8601(line).or_else(|| syslog(line, now))
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?.trim_start();
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn clock(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    (bytes.get(2) == Some(&b':') && bytes.get(5) == Some(&b':')).then_some(())?;
    Some(number(text, 0, 2)? * 3600 + number(text, 3, 5)? * 60 + number(text, 6, 8)?)
}

fn iso_8601(line: &str) -> Option<i64> {
    let bytes = line.as_bytes();
    let shape = bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && matches!(bytes.get(10), Some(b'T' | b' '));
    shape.then_some(())?;
    let (year, month, day) = (number(line, 0, 4)?, number(line, 5, 7)?, number(line, 8, 10)?);
    (1..=12).contains(&month).then_some(())?;
    let local = days(year, month, day) * 86_400 + clock(line.get(11..)?)?;
    Some(local - offset(line.get(19..).unwrap_or_default()))
}

/// Seconds east of Greenwich that a stamp names after its fraction: `.123+02:00`, ` +0200`, `Z`.
fn offset(rest: &str) -> i64 {
    let rest = rest.trim_start_matches(['.', ',']).trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (sign, digits) = match rest.as_bytes().first() {
        Some(b'+') => (1, &rest[1..]),
        Some(b'-') => (-1, &rest[1..]),
        _ => return 0,
    };
    let minutes_at = if digits.as_bytes().get(2) == Some(&b':') { 3 } else { 2 };
    match (number(digits, 0, 2), number(digits, minutes_at, minutes_at + 2)) {
        (Some(hours), Some(minutes)) => sign * (hours * 3600 + minutes * 60),
        _ => 0,
    }
}

fn syslog(line: &str, now: i64) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().position(|month| line.get(..3) == Some(*month))? as i64 + 1;
    let day = number(line, 4, 6)?;
    let time = clock(line.get(7..)?)?;
    // No year is written: the latest one that does not lie in the future.
    let year = year_of(now);
    let at = |year| days(year, month, day) * 86_400 + time;
    Some(if at(year) > now + 86_400 { at(year - 1) } else { at(year) })
}

/// `Nov 22 14:00:00`, as journalctl prints it.
pub fn short(seconds: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, month, day) = civil(seconds);
    let month = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
    let of_day = seconds.rem_euclid(86_400);
    format!("{month} {day:02} {:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// `2026-11-22T14:00:00+0000`, as `journalctl -o short-iso` prints it.
pub fn iso(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(86_400);
    format!("{}T{:02}:{:02}:{:02}+0000", day(seconds), of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// `2026-11-22T14:00:00.000123+00:00`, as rsyslog writes it; from microseconds.
pub fn precise(at_us: u64) -> String {
    let seconds = i64::try_from(at_us / 1_000_000).unwrap_or(0);
    let iso = iso(seconds);
    format!("{}.{:06}+00:00", iso.trim_end_matches("+0000"), at_us % 1_000_000)
}

/// `2026-11-22`
pub fn day(seconds: i64) -> String {
    let (year, month, day) = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `Sun 2026-11-22 14:00:00 UTC`, as systemctl prints it.
pub fn long(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (year, month, day) = civil(seconds);
    let week_day = DAYS[usize::try_from(seconds.div_euclid(86_400).rem_euclid(7)).unwrap_or(0)];
    let of_day = seconds.rem_euclid(86_400);
    format!(
        "{week_day} {year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

fn civil(seconds: i64) -> (i64, i64, i64) {
    let day = seconds.div_euclid(86_400);
    let year = year_of(seconds);
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= day).unwrap_or(1);
    (year, month, day - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_356_000; // 2026-11-22 14:00:00 UTC

    #[test]
    fn stamps_of_the_usual_logs_are_understood() {
        fn case(line: &str, expected: Option<i64>) {
            assert_eq!(of_line(line, NOW), expected, "{line}");
        }
        case("2026-11-22T14:00:00 x", Some(NOW));
        case("2026-11-22 14:00:00 +0000 Notice:    Running on", Some(NOW));
        case("2026-11-22 16:00:00.250+02:00 x", Some(NOW));
        case("[2026-11-22T14:00:00.123] error: x", Some(NOW));
        case("2026-11-22T09:00:00Z x", Some(NOW - 5 * 3600));
        case("Nov 22 14:00:00 node cron[1]: x", Some(NOW));
        case("Nov  2 14:00:00 node cron[1]: x", Some(NOW - 20 * 86_400));
        case("Dec 31 14:00:00 node cron[1]: x", Some(NOW - 326 * 86_400));
        case("no stamp", None);
        case("Nov", None);
    }

    #[test]
    fn times_print_as_the_tools_print_them() {
        assert_eq!(short(NOW), "Nov 22 14:00:00");
        assert_eq!(long(NOW), "Sun 2026-11-22 14:00:00 UTC");
        assert_eq!(long(951_782_400), "Tue 2000-02-29 00:00:00 UTC");
        assert_eq!(long(0), "Thu 1970-01-01 00:00:00 UTC");
    }
}
