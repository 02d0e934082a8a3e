//! What nodes do not do as real machines would, as one list for each kind of node: the fidelity page shows them, and a
//! rubric that asks for any of it is refused. Knows questions; knows no lab.

use std::sync::OnceLock;

use crashcart_facts::Question;
use serde::Deserialize;

/// What a node is made of, as far as it decides what can be believed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// Shares the host's kernel.
    Container,
    /// Has a kernel of its own, on a machine that is emulated or virtual.
    Vm,
}

impl NodeKind {
    /// As mistakes name such a node.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Container => "node",
            Self::Vm => "vm node",
        }
    }
}

/// One part of a machine that a node does not carry truthfully.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// As the page names it.
    pub what: String,
    /// What a node has in its place.
    pub here: String,
    /// What follows for labs.
    pub consequence: String,
    /// The kind of node that it is about.
    #[serde(default = "container")]
    pub nodes: NodeKind,
    /// Kinds of question that nobody may ask.
    #[serde(default)]
    questions: Vec<String>,
    /// Paths that nobody may ask about, with all below them.
    #[serde(default)]
    paths: Vec<String>,
    /// Paths that nobody may read; a `*` at the end stands for anything.
    #[serde(default)]
    contents: Vec<String>,
    /// Programs that no command may run.
    #[serde(default)]
    programs: Vec<String>,
}

fn container() -> NodeKind {
    NodeKind::Container
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: u32,
    surface: Vec<Surface>,
}

/// All of them, in the order of the page.
pub fn surfaces() -> &'static [Surface] {
    static SURFACES: OnceLock<Vec<Surface>> = OnceLock::new();
    SURFACES.get_or_init(|| {
        let file: File = toml::from_str(include_str!("fidelity.toml")).expect("a test parses it");
        file.surface
    })
}

/// Those of one kind of node.
pub fn surfaces_of(nodes: NodeKind) -> impl Iterator<Item = &'static Surface> {
    surfaces().iter().filter(move |surface| surface.nodes == nodes)
}

/// The surface that no question of this kind may ask such a node for.
pub(super) fn refuses_kind(kind: &str, nodes: NodeKind) -> Option<&'static Surface> {
    surfaces_of(nodes).find(|surface| surface.questions.iter().any(|refused| refused == kind))
}

/// The surface that a text of this question asks such a node for, and the word that names it.
pub(super) fn refuses_text<'t>(
    question: &Question,
    text: &'t str,
    nodes: NodeKind,
) -> Option<(&'t str, &'static Surface)> {
    let Question::Command { .. } = question else {
        let reads = matches!(question, Question::Text { .. } | Question::Log { .. });
        return surfaces_of(nodes)
            .find(|surface| surface.refuses_path(text, reads))
            .map(|found| (text, found));
    };
    // An argument may be a whole script: each of its words counts, in quotes or not.
    text.split([';', '|', '&', '(', ')', '{', '}', '`', '\n']).find_map(|part| {
        let mut words = part
            .split(|c: char| !(c.is_ascii_alphanumeric() || "/._-*=!".contains(c)))
            .filter(|w| !w.is_empty());
        let mut first = true;
        words.find_map(|word| {
            // Keywords and assignments stand before the program.
            let program = (first && !BEFORE_PROGRAMS.contains(&word) && !word.contains('=')).then_some(word);
            first = first && program.is_none();
            let program = program.or_else(|| word.contains("bin/").then_some(word));
            let name = program.map(|program| program.rsplit('/').next().unwrap_or(program));
            let refuses = |surface: &&Surface| {
                surface.refuses_path(word, true)
                    || name.is_some_and(|name| surface.programs.iter().any(|refused| refused == name))
            };
            surfaces_of(nodes).find(refuses).map(|surface| (word, surface))
        })
    })
}

/// What NVIDIA's library, asked through a wrapper from outside of a node, does not tell of real GPUs.
pub(super) const UNTOLD_OF_REAL: &[&str] = &[
    "accounting",
    "fabric",
    "fabrics",
    "flaws",
    "locked-clock-max-mhz",
    "locked-clock-min-mhz",
    "mig-devices",
    "mig-layout",
    "recoveries",
    "recovery",
    "remap-failed",
    "remap-pending",
    "remapped-rows",
    "worked-s",
];

/// Words of the shell that a program's name may follow.
const BEFORE_PROGRAMS: &[&str] =
    &["!", "command", "do", "elif", "else", "env", "exec", "if", "then", "time", "until", "while"];

impl Surface {
    fn refuses_path(&self, path: &str, reads: bool) -> bool {
        self.paths.iter().any(|refused| lies_below(path, refused))
            || (reads && self.contents.iter().any(|refused| lies_below(path, refused)))
    }
}

/// Whether a path is this one or below it; with a `*` at the end, whether it begins so. A `*` before the end stands
/// for the rest of one name.
fn lies_below(path: &str, refused: &str) -> bool {
    match refused.split_once('*') {
        Some((start, "")) => path.starts_with(start),
        Some((start, end)) => path
            .strip_prefix(start)
            .and_then(|rest| rest.find('/').map(|slash| &rest[slash..]))
            .is_some_and(|rest| lies_below(rest, end)),
        None => path.strip_prefix(refused).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write, fs, path::Path};

    use crashcart_facts::KINDS;
    use crashcart_hardware::{catalog::devices, profile::profiles};

    use super::*;

    fn command(script: &str) -> Question {
        Question::Command {
            argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
            user: None,
            stdin: String::new(),
            env: Default::default(),
            timeout_ms: 5000,
        }
    }

    fn word(question: &Question, text: &str) -> Option<String> {
        refuses_text(question, text, NodeKind::Container).map(|(word, _)| word.to_owned())
    }

    #[test]
    fn every_surface_is_refused_by_something_that_can_be_asked() {
        for surface in surfaces() {
            let Surface { what, questions, paths, contents, programs, .. } = surface;
            assert!(questions.len() + paths.len() + contents.len() + programs.len() > 0, "{what}");
            for kind in questions {
                assert!(
                    KINDS.iter().any(|(known, _)| known == kind),
                    "{what}: there is no question `{kind}`"
                );
            }
            assert!(paths.iter().chain(contents).all(|path| path.starts_with('/')), "{what}");
        }
    }

    #[test]
    fn words_of_a_script_are_found_wherever_they_stand() {
        let script = "before=$(/usr/sbin/sysctl -n vm.nr_hugepages); echo \"$before\"";
        assert_eq!(word(&command(script), script).as_deref(), Some("/usr/sbin/sysctl"));
        let script = "grep -c processor </proc/cpuinfo|cat";
        assert_eq!(word(&command(script), script).as_deref(), Some("/proc/cpuinfo"));
        let script = "/usr/bin/journalctl -k; mountpoint /scratch; cat /dev/nvidia-caps.txt.not";
        assert_eq!(word(&command(script), script).as_deref(), Some("/dev/nvidia-caps.txt.not"));
        let script = "if LC_ALL=C free -m; then exit 1; fi";
        assert_eq!(word(&command(script), script).as_deref(), Some("free"));
        let script = "echo /sys/modules free mount >/bootstrap; /usr/bin/mountpoint /home/free";
        assert_eq!(word(&command(script), script), None);
    }

    #[test]
    fn a_device_file_may_be_looked_at_and_not_read() {
        let path = "/dev/nvidia0";
        assert_eq!(word(&Question::Device { path: path.into() }, path), None);
        assert_eq!(word(&Question::File { path: path.into() }, path), None);
        assert_eq!(word(&Question::Text { path: path.into() }, path).as_deref(), Some(path));
    }

    #[test]
    fn a_kernel_of_its_own_may_be_asked_about_and_a_pace_of_its_own_may_not() {
        let refused = |kind: &str, nodes| refuses_kind(kind, nodes).map(|surface| surface.what.as_str());
        for kind in ["kernel-parameter", "module", "hugepages", "threads", "next-boot", "kernel-counter"] {
            assert_eq!(refused(kind, NodeKind::Container), Some("kernel"), "{kind}");
            assert_eq!(refused(kind, NodeKind::Vm), None, "{kind}");
        }
        for kind in ["gpu", "gpus"] {
            assert_eq!(refused(kind, NodeKind::Container), None, "{kind}");
            assert_eq!(refused(kind, NodeKind::Vm), None, "{kind}");
        }
        let of_vm = |path: &str| {
            refuses_text(&Question::Text { path: path.into() }, path, NodeKind::Vm)
                .map(|(word, _)| word.to_owned())
        };
        for path in ["/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "/sys/fs/resctrl/schemata"] {
            assert_eq!(of_vm(path).as_deref(), Some(path));
        }
        for path in
            ["/proc/meminfo", "/sys/devices/system/cpu/cpu3/online", "/sys/fs/cgroup/cpu.max", "/etc/fstab"]
        {
            assert_eq!(of_vm(path), None, "{path}");
        }
    }

    fn table(nodes: NodeKind) -> String {
        let mut table = "| what | here | consequence |\n|---|---|---|\n".to_owned();
        for Surface { what, here, consequence, .. } in surfaces_of(nodes) {
            writeln!(table, "| {what} | {here} | {consequence} |").expect("strings take it");
        }
        table
    }

    /// The generated parts of the page, each under the name of its markers.
    fn generated() -> [(&'static str, String); 3] {
        let mut figures = "| file | not confirmed |\n|---|---|\n".to_owned();
        let devices = devices().iter().map(|(name, device)| (name, &device.uncertain));
        let profiles = profiles().iter().map(|(name, profile)| (name, &profile.uncertain));
        for (name, uncertain) in devices.chain(profiles).filter(|(_, uncertain)| !uncertain.is_empty()) {
            let keys: Vec<String> = uncertain.iter().map(|key| format!("`{key}`")).collect();
            writeln!(figures, "| {name} | {} |", keys.join(", ")).expect("strings take it");
        }
        [("surfaces", table(NodeKind::Container)), ("vm-surfaces", table(NodeKind::Vm)), ("figures", figures)]
    }

    #[test]
    fn the_fidelity_page_says_what_the_list_and_the_catalogue_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("site/pages/fidelity.md");
        let page = fs::read_to_string(&path).expect("the page is there");
        let mut fresh = page.clone();
        for (name, text) in generated() {
            let (start, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
            let from = fresh.find(&start).unwrap_or_else(|| panic!("the page has {start}")) + start.len();
            let to = from + fresh[from..].find(&end).unwrap_or_else(|| panic!("the page has {end}"));
            fresh.replace_range(from..to, &text);
        }
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&path, &fresh).expect("the page can be written");
        } else {
            assert!(page == fresh, "UPDATE_CASES=1 writes the page anew");
        }
    }
}
