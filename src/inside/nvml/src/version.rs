//! Versions: which one this library is of, what follows from the driver's, and what NVML prints.

use std::sync::OnceLock;

/// The version in the name of the file that was loaded, as in `libnvidia-ml.so.570.158.01`; `None` when
/// its name has none. Looked up once: after an upgrade the path names a file that is not this one.
pub fn of_library() -> Option<&'static str> {
    static VERSION: OnceLock<Option<String>> = OnceLock::new();
    VERSION
        .get_or_init(|| {
            let path = crate::exports::own_path()?.canonicalize().ok()?;
            in_file_name(path.file_name()?.to_str()?).map(str::to_owned)
        })
        .as_deref()
}

/// The version that a file of this name is of.
fn in_file_name(name: &str) -> Option<&str> {
    let version = name.strip_prefix("libnvidia-ml.so.")?;
    let looks_like_one = version.contains('.')
        && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    looks_like_one.then_some(version)
}

/// The leading numbers of a driver version: `(580, 82)` of `580.82.07`; zero for what is missing.
pub fn branch(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// Major version of CUDA that goes with a driver branch. Source: CUDA toolkit release notes, table 3.
pub fn cuda_major(driver: &str) -> u32 {
    match branch(driver).0 {
        580.. => 13,
        525.. => 12,
        450.. => 11,
        _ => 10,
    }
}

/// Which of the two numberings of field ids a driver uses: they moved with NVML 13 Update 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldNumbering {
    /// Below 580.82: clock event counters at 251.
    Before580U1,
    /// From 580.82: power smoothing at 251, clock event counters at 269.
    From580U1,
}

impl FieldNumbering {
    pub fn of(driver: &str) -> Self {
        if branch(driver) >= (580, 82) { Self::From580U1 } else { Self::Before580U1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_driver_version_counts_as_one() {
        assert_eq!(in_file_name("libnvidia-ml.so.570.158.01"), Some("570.158.01"));
        assert_eq!(in_file_name("libnvidia-ml.so.1"), None);
        assert_eq!(in_file_name("libnvidia-ml.so"), None);
        assert_eq!(in_file_name("libnvidia_ml.so"), None);
        assert_eq!(in_file_name("libnvidia-ml.so.570.old"), None);
    }

    #[test]
    fn field_ids_moved_with_580_82() {
        fn case(driver: &str, expected: FieldNumbering) {
            assert_eq!(FieldNumbering::of(driver), expected, "{driver}");
        }
        case("550.163.01", FieldNumbering::Before580U1);
        case("580.65.06", FieldNumbering::Before580U1);
        case("580.82.07", FieldNumbering::From580U1);
        case("590.48.01", FieldNumbering::From580U1);
    }
}
