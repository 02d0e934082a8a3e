//! Quantities that people write in data files and read on screens.

use std::fmt;

/// A number of bytes, written with a binary unit: `64 MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wanted =
            || format!("`{text}` is not a size; write a whole number and KiB, MiB or GiB, as in `64 MiB`");
        let (number, unit) =
            text.trim().split_at(text.trim().find(|c: char| !c.is_ascii_digit()).unwrap_or(0));
        let number: u64 = number.parse().map_err(|_| wanted())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wanted)?;
        number.checked_mul(*factor).map(Self).ok_or_else(wanted)
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        bytes.to_string()
    }
}

impl fmt::Display for Bytes {
    /// The largest unit that leaves one digit before the point; one decimal where it is not whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS.iter().find(|(_, factor)| self.0 >= *factor).unwrap_or(&UNITS[3]);
        let tenths = self.0.saturating_mul(10) / factor;
        match tenths % 10 {
            0 => write!(f, "{} {unit}", tenths / 10),
            rest => write!(f, "{}.{rest} {unit}", tenths / 10),
        }
    }
}

/// A stretch of time as people say it: `45 s`, `12 min`, `1 h 05 min`.
pub fn spoken_duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        fn case(text: &str, wanted: Option<u64>) {
            assert_eq!(Bytes::try_from(text.to_owned()).ok().map(|b| b.0), wanted, "{text}");
        }
        case("64 MiB", Some(64 << 20));
        case("2GiB", Some(2 << 30));
        case("512 B", Some(512));
        case("64", None);
        case("MiB", None);
        case("64 MB", None);
        case("-1 MiB", None);
        case("1.5 GiB", None);
        case("99999999999999 GiB", None);
        case("", None);
        assert_eq!(Bytes(64 << 20).to_string(), "64 MiB");
        assert_eq!(Bytes(1536 << 20).to_string(), "1.5 GiB");
        assert_eq!(Bytes(0).to_string(), "0 B");
    }
}
