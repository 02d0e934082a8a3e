//! Cheats that no lab declares and every lab must withstand, made of what its rubric asks: where the grader looks
//! is what somebody would tamper with who knows the rubric. Each is played on the broken state and must earn nothing.
//!
//! Says what is done in a node; playing it is `prove`'s.

use std::collections::BTreeSet;

use crashcart_facts::Question;
use serde::Serialize;

use crate::advice::quoted;
use crate::lab::{Lab, NodeName};
use crate::rubric::Rubric;

/// Programs that nothing in a node runs without: tampering with them breaks the cheat itself.
const SHELLS: [&str; 5] = ["/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/env", "/usr/bin/sh"];

/// One way to fool a grader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standard {
    /// Every program that the rubric runs is replaced by one that succeeds and says nothing.
    HollowPrograms,
    /// Programs of the same names stand first in the search path, and aliases and functions over them.
    Shims,
    /// The dynamic loader is told to load something into every program.
    Preload,
    /// Files that the rubric reads become links out of their place.
    Links,
    /// Files that the rubric reads become pipes which nobody writes to.
    Pipes,
    /// Files that the rubric reads become a gibibyte of nothing.
    Floods,
    /// A service touches and rewrites what the rubric reads, several times a second, and comes back after a restart.
    Reapplier,
}

impl Standard {
    /// The whole pack.
    pub const ALL: [Self; 7] = [
        Self::HollowPrograms,
        Self::Shims,
        Self::Preload,
        Self::Links,
        Self::Pipes,
        Self::Floods,
        Self::Reapplier,
    ];

    /// As reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HollowPrograms => "hollow-programs",
            Self::Shims => "shims",
            Self::Preload => "preload",
            Self::Links => "links",
            Self::Pipes => "pipes",
            Self::Floods => "floods",
            Self::Reapplier => "reapplier",
        }
    }

    /// Those that this lab's rubric gives something to do with.
    pub fn of(lab: &Lab, rubric: &Rubric) -> Vec<Self> {
        let fits = |cheat: &Self| lab.nodes.iter().any(|node| cheat.script(rubric, &node.name).is_some());
        Self::ALL.into_iter().filter(fits).collect()
    }

    /// What is done in this node, or none where the rubric gives nothing to do it with.
    pub fn script(self, rubric: &Rubric, node: &NodeName) -> Option<String> {
        let Asked { programs, files } = Asked::of(rubric, node);
        let words =
            |set: &BTreeSet<String>| set.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let (programs, files) = match self {
            Self::HollowPrograms | Self::Shims if programs.is_empty() => return None,
            Self::Links | Self::Pipes | Self::Floods | Self::Reapplier if files.is_empty() => return None,
            _ => (words(&programs), words(&files)),
        };
        Some(match self {
            Self::HollowPrograms => format!(
                "cp /usr/bin/true /run/hollow\n\
                 for program in {programs}; do\n\
                 [ ! -e \"$program\" ] || install -m 0755 /run/hollow \"$program\" || true\n\
                 done"
            ),
            Self::Shims => format!(
                "for program in {programs}; do\n\
                 name=$(basename \"$program\")\n\
                 for place in /usr/local/sbin /usr/local/bin; do\n\
                 install -D -m 0755 /usr/bin/true \"$place/$name\"\n\
                 done\n\
                 echo \"alias $name=true\" >> /etc/bash.bashrc\n\
                 echo \"$name() {{ return 0; }}\" >> /etc/profile.d/zz-all-is-well.sh\n\
                 done"
            ),
            Self::Preload => {
                "for library in /lib/*-linux-gnu/libresolv.so.2 /usr/lib/*-linux-gnu/libresolv.so.2; do\n\
                 [ ! -e \"$library\" ] || echo \"$library\" > /etc/ld.so.preload\n\
                 done"
                    .to_owned()
            }
            Self::Links => format!(
                "for file in {files}; do\n\
                 [ ! -f \"$file\" ] || ln -sf ../../../../../../../../proc/1/environ \"$file\" || true\n\
                 done"
            ),
            Self::Pipes => {
                format!(
                    "for file in {files}; do\n[ ! -f \"$file\" ] || {{ rm -f \"$file\" && mkfifo \"$file\"; }} || true\ndone"
                )
            }
            Self::Floods => format!(
                "for file in {files}; do\n\
                 [ ! -f \"$file\" ] || truncate -s 1G \"$file\" || true\n\
                 done"
            ),
            Self::Reapplier => format!(
                "cat > /usr/local/sbin/keep-well <<'KEEP'\n\
                 #!/bin/bash\n\
                 while :; do\n\
                 for file in {files}; do [ ! -f \"$file\" ] || touch \"$file\"; done\n\
                 sleep 0.3\n\
                 done\n\
                 KEEP\n\
                 chmod 0755 /usr/local/sbin/keep-well\n\
                 printf '[Service]\\nExecStart=/usr/local/sbin/keep-well\\n[Install]\\nWantedBy=multi-user.target\\n' \
                 > /etc/systemd/system/keep-well.service\n\
                 systemctl daemon-reload\n\
                 systemctl enable --now keep-well"
            ),
        })
    }
}

/// What a rubric looks at in one node.
struct Asked {
    programs: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Asked {
    fn of(rubric: &Rubric, node: &NodeName) -> Self {
        let mut asked = Self { programs: BTreeSet::new(), files: BTreeSet::new() };
        let checks = rubric.checks.iter().filter(|check| check.nodes.contains(node)).map(|check| &check.ask);
        let probes = rubric.probes.iter().filter(|probe| probe.node == *node).map(|probe| &probe.ask);
        for ask in checks.chain(probes) {
            match ask.template() {
                Question::Command { argv, .. } => asked.programs.extend(argv.first().cloned()),
                Question::File { path } | Question::Text { path } => {
                    asked.files.insert(path.clone());
                }
                _ => {}
            }
        }
        // What the seed names is found by no name that stands here.
        let plain = |word: &String| word.starts_with('/') && !word.contains("{{");
        let kernels = |path: &String| ["/proc/", "/sys/", "/dev/"].iter().any(|tree| path.starts_with(tree));
        asked.programs.retain(|program| plain(program) && !SHELLS.contains(&program.as_str()));
        asked.files.retain(|path| plain(path) && !kernels(path));
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric() -> Rubric {
        let text = "format = 1\nlab = \"some-lab\"\npass = 70\n\
            [[check]]\nid = \"runs\"\nnode = \"gpu1\"\nask.command = { argv = [\"/usr/bin/nvidia-smi\", \"-L\"] }\n\
            expect.exit = 0\nwhy = \"w\"\n\
            [[check]]\nid = \"shell\"\nnode = \"gpu1\"\nask.command = { argv = [\"/bin/sh\", \"-c\", \"true\"] }\n\
            expect.exit = 0\nwhy = \"w\"\n\
            [[check]]\nid = \"conf\"\nnode = \"gpu1\"\nask.file = { path = \"/etc/it's.conf\" }\n\
            expect.exists = true\nwhy = \"w\"\n\
            [[criterion]]\nid = \"all\"\npoints = 100\nskill = \"DRV\"\nphase = \"live\"\n\
            checks = [\"runs\", \"shell\", \"conf\"]\n";
        Rubric::parse("some-lab.toml", text.to_owned()).expect("the rubric is right")
    }

    #[test]
    fn what_the_rubric_runs_and_reads_on_a_node_is_what_is_tampered_with_there() {
        let gpu1 = NodeName::try_from("gpu1".to_owned()).unwrap();
        let hollow = Standard::HollowPrograms.script(&rubric(), &gpu1).unwrap();
        assert!(hollow.contains("for program in '/usr/bin/nvidia-smi'; do"), "{hollow}");
        let pipes = Standard::Pipes.script(&rubric(), &gpu1).unwrap();
        assert!(pipes.contains(r"for file in '/etc/it'\''s.conf'; do"), "{pipes}");
    }

    #[test]
    fn a_node_that_is_asked_nothing_is_not_tampered_with() {
        let ctl = NodeName::try_from("ctl".to_owned()).unwrap();
        for standard in Standard::ALL.into_iter().filter(|it| *it != Standard::Preload) {
            assert_eq!(standard.script(&rubric(), &ctl), None, "{}", standard.name());
        }
    }
}
