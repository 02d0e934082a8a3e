//! Users and groups, as `/etc/passwd` and `/etc/group` have them. Knows no other source of names.

use rustix::fs::{Gid, Uid};

/// Numbers of a user and its own group.
pub fn user(passwd: &str, name: &str) -> Option<(Uid, Gid)> {
    let fields = line_of(passwd, name)?;
    Some((Uid::from_raw(number(fields.get(2)?)?), Gid::from_raw(number(fields.get(3)?)?)))
}

/// Number of a group.
pub fn group(groups: &str, name: &str) -> Option<Gid> {
    number(line_of(groups, name)?.get(2)?).map(Gid::from_raw)
}

fn line_of<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.into_iter().find(|fields| fields.first() == Some(&name))
}

/// All bits set means nobody, to the calls that take such numbers.
fn number(field: &str) -> Option<u32> {
    field.parse().ok().filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_as_they_are_written() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\nnvpd:x:997:996:NVIDIA:/:/usr/sbin/nologin\nodd:x:4294967295:1::\n";
        assert_eq!(user(passwd, "nvpd"), Some((Uid::from_raw(997), Gid::from_raw(996))));
        assert_eq!(user(passwd, "root"), Some((Uid::ROOT, Gid::ROOT)));
        for name in ["nvp", "nvpd:x", "odd", "", "997"] {
            assert_eq!(user(passwd, name), None, "{name}");
        }
        assert_eq!(group("root:x:0:\nvideo:x:44:ada\n", "video"), Some(Gid::from_raw(44)));
        assert_eq!(group("video:x:\n", "video"), None);
    }
}
