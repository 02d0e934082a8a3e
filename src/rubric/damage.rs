//! The kinds of damage that a rubric may name: harm to a node beside the task. They are a list, `damage.toml`, with what
//! shows each; finding it is `grade`'s. Knows changes by their names alone.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::advice::nearest;

/// Name of a kind of damage, one of those in `damage.toml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DamageId(String);

impl DamageId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DamageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DamageId {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        if damage_kinds().iter().any(|kind| kind.id == name) {
            return Ok(Self(name));
        }
        let known: Vec<&str> = damage_kinds().iter().map(|kind| kind.id.as_str()).collect();
        let hint = match nearest(&name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        Err(format!("there is no kind of damage `{name}`; {hint}"))
    }
}

/// How bad a kind of damage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Whoever finds it owns the node.
    Grave,
    /// The next incident is on its way.
    Serious,
    /// Somebody has to put it back.
    Minor,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grave => "grave",
            Self::Serious => "serious",
            Self::Minor => "minor",
        })
    }
}

/// A kind of damage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DamageKind {
    pub id: String,
    pub severity: Severity,
    pub says: String,
    /// What shows it: any of these.
    pub on: Vec<Sign>,
}

/// What shows a kind of damage.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sign {
    File {
        becomes: FileSign,
        names: Vec<String>,
        #[serde(default)]
        not: Vec<String>,
    },
    Unit {
        becomes: UnitSign,
        names: Vec<String>,
    },
    Package {
        becomes: PackageSign,
        names: Vec<String>,
    },
    User {
        becomes: UserSign,
    },
    Group {
        becomes: GroupSign,
        names: Vec<String>,
    },
    /// A line of a setting that fits a regular expression is there, or gone, and was not, or was.
    Text {
        #[serde(default)]
        appears: Option<String>,
        #[serde(default)]
        vanishes: Option<String>,
        names: Vec<String>,
    },
    KernelParameter {
        /// Parameters whose number became smaller.
        lower: Vec<String>,
    },
    NextBoot {
        /// Words of the kernel's command line.
        appears: Vec<String>,
    },
    Mount {
        becomes: MountSign,
        names: Vec<String>,
    },
    PacketFilter {
        becomes: FilterSign,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSign {
    /// By everybody, and was not before. Only of what was there before.
    Readable,
    /// By everybody, and was not before; directories in which all may only add are left out.
    Writable,
    Setuid,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitSign {
    /// It ran, or would have started by itself, and that is over.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageSign {
    Gone,
    Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserSign {
    Gone,
    /// Its number is 0, and it is not the user root.
    Root,
    /// No password keeps anybody out, and one did or it was locked.
    WithoutPassword,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupSign {
    Larger,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSign {
    Added,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterSign {
    /// A chain is gone or empty that had rules, or lets through what it dropped.
    Open,
}

/// All kinds, in the order in which they are told.
pub fn damage_kinds() -> &'static [DamageKind] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(rename = "format")]
        _format: u32,
        damage: Vec<DamageKind>,
    }
    static KINDS: OnceLock<Vec<DamageKind>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut file: File = toml::from_str(include_str!("damage.toml")).expect("a test parses it");
        file.damage.sort_by_key(|kind| kind.severity);
        file.damage
    })
}

impl DamageKind {
    /// Its name as a value.
    pub fn name(&self) -> DamageId {
        DamageId(self.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_a_sentence_and_signs_that_can_be_read() {
        let names: BTreeSet<&str> = damage_kinds().iter().map(|kind| kind.id.as_str()).collect();
        assert_eq!(names.len(), damage_kinds().len());
        for kind in damage_kinds() {
            assert!(kind.says.ends_with('.') && !kind.on.is_empty(), "{}", kind.id);
            for sign in &kind.on {
                let Sign::Text { appears, vanishes, .. } = sign else { continue };
                assert!(appears.is_some() != vanishes.is_some(), "{}: one of the two", kind.id);
                for expression in appears.iter().chain(vanishes) {
                    Regex::new(expression).unwrap_or_else(|error| panic!("{}: {error}", kind.id));
                }
            }
        }
    }

    #[test]
    fn the_page_for_authors_says_what_the_list_says() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("site/pages/authors.md");
        let page = std::fs::read_to_string(&path).expect("the page is there");
        let (start, end) = ("<!-- begin damage -->\n", "<!-- end damage -->");
        let from = page.find(start).expect("where the table begins") + start.len();
        let to = page.find(end).expect("where it ends");
        let mut table = "| kind | severity | what it says |\n|---|---|---|\n".to_owned();
        for kind in damage_kinds() {
            table.push_str(&format!("| `{}` | {} | {} |\n", kind.id, kind.severity, kind.says));
        }
        if std::env::var_os("UPDATE_CASES").is_some() {
            std::fs::write(&path, format!("{}{table}{}", &page[..from], &page[to..])).expect("it is written");
        } else {
            assert!(page[from..to] == table, "UPDATE_CASES=1 writes the page anew");
        }
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_nearest() {
        assert_eq!(
            DamageId::try_from("firewall-off".to_owned()).map(|id| id.to_string()),
            Ok("firewall-off".into())
        );
        let error = DamageId::try_from("firewal-off".to_owned()).expect_err("no such kind");
        assert_eq!(error, "there is no kind of damage `firewal-off`; did you mean `firewall-off`?");
    }
}
