//! Which version of the driver a program belongs to.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Version of the program that runs: the packager writes it behind the end of its file, as
/// `version=580.105.08` and a newline. `unknown` where nobody has.
pub fn own_version() -> String {
    parse(&end_of_file().unwrap_or_default()).unwrap_or("unknown").to_owned()
}

fn end_of_file() -> io::Result<String> {
    let mut file = File::open("/proc/self/exe")?;
    let from = file.seek(SeekFrom::End(0))?.saturating_sub(64);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parse(end_of_file: &str) -> Option<&str> {
    let (_, version) = end_of_file.strip_suffix('\n')?.rsplit_once("version=")?;
    version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.').then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_behind_the_end_of_the_file() {
        assert_eq!(parse("\u{1}text version=\u{0}version=580.105.08\n"), Some("580.105.08"));
        assert_eq!(parse("version=580.105.08"), None);
        assert_eq!(parse("version=580 or so\n"), None);
    }
}
