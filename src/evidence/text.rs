//! Picks a key out of a text, the way the program that owns the file would read it: the last of several
//! assignments wins, sections and quotes and resets mean what they mean there.
//!
//! The texts come from a node, so they may be anything: nothing here panics, follows an include,
//! or does more work than the text is long (a YAML text that would grow through its aliases is given up).

mod env;
mod fstab;
mod ini;
mod limits;
mod lines;
mod path;
mod slurm;
mod sysctl;
mod unit;
mod yaml;

use serde::Deserialize;
use serde_json::Value;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// `[section]` and `key = value`, as Python's configparser reads it. Key: `section.key` or `key`.
    Ini,
    /// Key: `table.list.0.name`; a part with a dot in it goes in double quotes.
    Toml,
    /// Key: as for TOML.
    Json,
    /// Key: as for TOML. Several documents in one text are searched one after the other.
    Yaml,
    /// A systemd unit file or drop-in. Key: `Section.Key`. An empty assignment forgets all before it.
    Unit,
    /// sysctl.d. Key: `vm.nr_hugepages`.
    Sysctl,
    /// limits.d. Key: `DOMAIN TYPE ITEM`.
    Limits,
    /// slurm.conf, gres.conf, cgroup.conf. Key: `Key`, or `NodeName=gpu1.CPUs` for one item of a node's line.
    Slurm,
    /// `KEY=value` with the shell's quotes. Key: `KEY`.
    Env,
    /// Key: `MOUNTPOINT.options`; also `device`, `type`, `dump`, `pass`, and `options.NAME` for one option.
    Fstab,
    /// Lines that are neither empty nor a comment. Key: the words that a line begins with; none for all lines.
    Lines,
}

/// What was found under a key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// What counts for the program that owns the file: usually the last value. None where the key is absent.
    pub value: Option<Value>,
    /// All values, in the order of the file.
    pub values: Vec<Value>,
    /// Why the text could not be read at all.
    pub problem: Option<String>,
}

impl Found {
    /// The key is there.
    pub fn present(&self) -> bool {
        self.value.is_some()
    }

    fn last(values: Vec<String>) -> Self {
        let values: Vec<Value> = values.into_iter().map(Value::String).collect();
        Self { value: values.last().cloned(), values, problem: None }
    }

    fn unreadable(problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..Self::default() }
    }

    /// One value of a structured text; a list is its own values.
    fn structured(value: Option<&Value>) -> Self {
        match value {
            None => Self::default(),
            Some(Value::Array(items)) => {
                Self { value: Some(Value::Array(items.clone())), values: items.clone(), problem: None }
            }
            Some(one) => Self { value: Some(one.clone()), values: vec![one.clone()], problem: None },
        }
    }
}

/// Finds `key` in `text`. An empty key means all lines, and nothing in the other syntaxes.
pub fn pick(syntax: Syntax, key: &str, text: &str) -> Found {
    // Editors of some systems put a mark before the first character; no reader counts it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match syntax {
        Syntax::Ini => Found::last(ini::values(key, text)),
        Syntax::Unit => Found::last(unit::values(key, text)),
        Syntax::Sysctl => Found::last(sysctl::values(key, text)),
        Syntax::Limits => Found::last(limits::values(key, text)),
        Syntax::Slurm => Found::last(slurm::values(key, text)),
        Syntax::Env => Found::last(env::values(key, text)),
        Syntax::Lines => Found::last(lines::values(key, text)),
        Syntax::Fstab => fstab::find(key, text),
        Syntax::Json => match serde_json::from_str::<Value>(text) {
            Ok(value) => Found::structured(path::follow(&value, key)),
            Err(error) => Found::unreadable(format!("no JSON: {error}")),
        },
        Syntax::Toml => match toml::from_str::<toml::Table>(text) {
            Ok(table) => {
                let value = serde_json::to_value(table).unwrap_or_default();
                Found::structured(path::follow(&value, key))
            }
            Err(error) => Found::unreadable(format!("no TOML: {}", error.message().replace('\n', ", "))),
        },
        Syntax::Yaml => yaml::find(key, text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(syntax: Syntax, text: &str, key: &str, values: Value) {
        let found = pick(syntax, key, text);
        assert_eq!(Value::Array(found.values.clone()), values, "{syntax:?} {key} in\n{text}");
        assert_eq!(found.present(), found.value.is_some());
    }

    /// One value, or none.
    fn value(syntax: Syntax, text: &str, key: &str, value: Value) {
        let found = pick(syntax, key, text);
        assert_eq!(found.value.unwrap_or(Value::Null), value, "{syntax:?} {key} in\n{text}");
    }

    #[test]
    fn ini_is_read_as_configparser_reads_it() {
        let text = "top = 1\n[loader]\nPrefetch = 2\nprefetch: 4\n# prefetch = 9\n; prefetch = 9\npath = a\n  b\n\
                    [a.b]\nc = x ; kept\n[DEFAULT]\nretries = 3\n[empty]\nnothing =\n";
        case(Syntax::Ini, text, "loader.prefetch", json!(["2", "4"]));
        value(Syntax::Ini, text, "loader.prefetch", json!("4"));
        value(Syntax::Ini, text, "LOADER.prefetch", json!(null));
        value(Syntax::Ini, text, "loader.path", json!("a\nb"));
        value(Syntax::Ini, text, "a.b.c", json!("x ; kept"));
        value(Syntax::Ini, text, "top", json!("1"));
        value(Syntax::Ini, text, "loader.retries", json!("3"));
        value(Syntax::Ini, text, "nowhere.retries", json!(null));
        value(Syntax::Ini, text, "empty.nothing", json!(""));
        value(Syntax::Ini, "\u{feff}[s]\r\nk=v\r\n", "s.k", json!("v"));
    }

    #[test]
    fn structured_texts_keep_their_types() {
        let toml = "[registry]\nmirrors = [\"a\", \"b\"]\nlimit = 3\n[\"host.name\"]\nport = 80\n";
        case(Syntax::Toml, toml, "registry.mirrors", json!(["a", "b"]));
        value(Syntax::Toml, toml, "registry.limit", json!(3));
        value(Syntax::Toml, toml, "registry.mirrors.1", json!("b"));
        value(Syntax::Toml, toml, "\"host.name\".port", json!(80));
        let text = r#"{"default-runtime": "nvidia", "runtimes": {"nvidia": {"path": "x"}}, "n": null}"#;
        value(Syntax::Json, text, "runtimes.nvidia.path", json!("x"));
        value(Syntax::Json, text, "runtimes.runc", json!(null));
        assert!(pick(Syntax::Json, "n", text).present(), "a null is there");
        let yaml = "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n---\nb: {y: 4}\n";
        case(Syntax::Yaml, yaml, "b.y", json!([3, 4]));
        value(Syntax::Yaml, yaml, "b.x", json!(1));
        value(Syntax::Yaml, "a: yes\nb: '8'\n1: one\n", "b", json!("8"));
        value(Syntax::Yaml, "a: yes\n1: one\n", "1", json!("one"));
        value(Syntax::Yaml, "a: !secret x\n", "a", json!("x"));
        for (syntax, word) in [(Syntax::Json, "JSON"), (Syntax::Toml, "TOML"), (Syntax::Yaml, "YAML")] {
            let found = pick(syntax, "a", "{\"a\": [");
            assert!(found.problem.is_some_and(|problem| problem.starts_with(&format!("no {word}: "))));
            assert!(found.value.is_none());
        }
    }

    #[test]
    fn unit_files_forget_what_an_empty_assignment_resets() {
        let text = "[Unit]\nAfter=a\n[Service]\nExecStart=/bin/a\nExecStart=\n# ExecStart=/bin/x\nExecStart = /bin/b \\\n\
                    # in between\n  --flag\nEnvironment=A=1 B=2\nEnvironment=C=3\nLimitMEMLOCK=\n";
        case(Syntax::Unit, text, "Service.ExecStart", json!(["/bin/b    --flag"]));
        case(Syntax::Unit, text, "Service.Environment", json!(["A=1 B=2", "C=3"]));
        value(Syntax::Unit, text, "Service.LimitMEMLOCK", json!(null));
        value(Syntax::Unit, text, "Unit.ExecStart", json!(null));
        value(Syntax::Unit, text, "After", json!(null));
        value(Syntax::Unit, "[Service]\nType=notify\\", "Service.Type", json!("notify"));
    }

    #[test]
    fn sysctl_names_may_have_dots_or_slashes() {
        let text = "# vm.swappiness = 1\n; x\nvm.swappiness=10\n-vm/swappiness = 20\nnet.ipv4.tcp_rmem = 4096\t87380 6291456\n\
                    net/ipv4/conf/eth0.5/forwarding = 1\nkernel.broken\n";
        case(Syntax::Sysctl, text, "vm.swappiness", json!(["10", "20"]));
        value(Syntax::Sysctl, text, "net.ipv4.tcp_rmem", json!("4096\t87380 6291456"));
        value(Syntax::Sysctl, text, "net.ipv4.conf.eth0/5.forwarding", json!("1"));
        value(Syntax::Sysctl, text, "kernel.broken", json!(null));
    }

    #[test]
    fn limits_apply_to_soft_and_hard_with_a_dash() {
        let text = "* soft memlock 64\n@gpu - memlock unlimited # all\n*\thard\tnofile\t1024\n#* soft memlock 1\n* soft memlock\n";
        value(Syntax::Limits, text, "* soft memlock", json!("64"));
        value(Syntax::Limits, text, "@gpu hard memlock", json!("unlimited"));
        value(Syntax::Limits, text, "* hard nofile", json!("1024"));
        value(Syntax::Limits, text, "* memlock", json!(null));
    }

    #[test]
    fn slurm_keys_have_no_case_and_nodes_have_lines() {
        let text = "# AuthType=auth/none\nauthtype=auth/munge # yes\nSlurmctldParameters=a,\\\nb\n\
                    AccountingStorageTRES=gres/gpu\nComment=\"two words\"\nPrologFlags=x\\#y\n\
                    NodeName=DEFAULT Sockets=2\nNodeName=gpu[1-3,07-09] CPUs=8 RealMemory = 1024 State=UNKNOWN\n\
                    NodeName=login,rack[1-2]node[1-4] CPUs=4\nPartitionName=debug Nodes=gpu[1-3] Default=YES\n";
        value(Syntax::Slurm, text, "AuthType", json!("auth/munge"));
        value(Syntax::Slurm, text, "slurmctldparameters", json!("a,b"));
        value(Syntax::Slurm, text, "Comment", json!("two words"));
        value(Syntax::Slurm, text, "PrologFlags", json!("x#y"));
        value(Syntax::Slurm, text, "NodeName=gpu2.CPUs", json!("8"));
        value(Syntax::Slurm, text, "NodeName=gpu08.realmemory", json!("1024"));
        value(Syntax::Slurm, text, "NodeName=gpu2.Sockets", json!("2"));
        value(Syntax::Slurm, text, "NodeName=gpu8.CPUs", json!(null));
        value(Syntax::Slurm, text, "NodeName=rack2node3.CPUs", json!("4"));
        value(Syntax::Slurm, text, "NodeName=login.CPUs", json!("4"));
        value(Syntax::Slurm, text, "NodeName=rack3node3.CPUs", json!(null));
        value(Syntax::Slurm, text, "NodeName=gpu[1-3,07-09].State", json!("UNKNOWN"));
        value(Syntax::Slurm, text, "PartitionName=debug.Default", json!("YES"));
        value(Syntax::Slurm, text, "NodeName=gpu2", json!("gpu[1-3,07-09]"));
        value(Syntax::Slurm, text, "CPUs", json!(null));
        value(Syntax::Slurm, "Name=gpu File=/dev/nvidia[0-3]\n", "Name=gpu.File", json!("/dev/nvidia[0-3]"));
    }

    #[test]
    fn environment_files_have_the_shells_quotes() {
        let text = "# X=0\nexport A='one two'\nB=\"say \\\"hi\\\" \\n\"\nC=plain # note\nD=a#b\nE=\nF=two words\nG='it'\"'\"'s'\n\
                    H=\"two\nlines\"\nI=a\\ b\nA=again\nnot an assignment\n1X=no\nJ=last";
        case(Syntax::Env, text, "A", json!(["one two", "again"]));
        value(Syntax::Env, text, "B", json!("say \"hi\" \\n"));
        value(Syntax::Env, text, "C", json!("plain"));
        value(Syntax::Env, text, "D", json!("a#b"));
        value(Syntax::Env, text, "E", json!(""));
        value(Syntax::Env, text, "F", json!("two words"));
        value(Syntax::Env, text, "G", json!("it's"));
        value(Syntax::Env, text, "H", json!("two\nlines"));
        value(Syntax::Env, text, "I", json!("a b"));
        value(Syntax::Env, text, "J", json!("last"));
        value(Syntax::Env, text, "X", json!(null));
        value(Syntax::Env, text, "1X", json!(null));
    }

    #[test]
    fn fstab_fields_and_options_have_names() {
        let text = "# none /dev/shm tmpfs size=1M\ntmpfs /dev/shm tmpfs defaults,size=64M,nodev 0 0\nUUID=1 /my\\040data.d ext4\n";
        value(Syntax::Fstab, text, "/dev/shm.options", json!("defaults,size=64M,nodev"));
        case(Syntax::Fstab, text, "/dev/shm.options", json!(["defaults", "size=64M", "nodev"]));
        value(Syntax::Fstab, text, "/dev/shm.options.size", json!("64M"));
        value(Syntax::Fstab, text, "/dev/shm.options.nodev", json!(""));
        value(Syntax::Fstab, text, "/dev/shm.options.noexec", json!(null));
        value(Syntax::Fstab, text, "/dev/shm.type", json!("tmpfs"));
        value(Syntax::Fstab, text, "/my data.d.options", json!("defaults"));
        value(Syntax::Fstab, text, "/my data.d.pass", json!("0"));
        value(Syntax::Fstab, text, "/home.options", json!(null));
    }

    #[test]
    fn lines_may_have_words_for_keys() {
        let text = "# a\n\noptions nvidia A=1\n options  nvidia B=2\nblacklist nouveau\noptionsnvidia\n";
        case(Syntax::Lines, text, "options nvidia", json!(["A=1", "B=2"]));
        case(Syntax::Lines, text, "blacklist nouveau", json!([""]));
        case(
            Syntax::Lines,
            text,
            "",
            json!(["options nvidia A=1", "options  nvidia B=2", "blacklist nouveau", "optionsnvidia"]),
        );
        value(Syntax::Lines, text, "softdep", json!(null));
    }

    const ALL: [Syntax; 11] = [
        Syntax::Ini,
        Syntax::Toml,
        Syntax::Json,
        Syntax::Yaml,
        Syntax::Unit,
        Syntax::Sysctl,
        Syntax::Limits,
        Syntax::Slurm,
        Syntax::Env,
        Syntax::Fstab,
        Syntax::Lines,
    ];

    /// Not random: the same texts every time, made of what each syntax treats specially.
    fn hostile_texts() -> impl Iterator<Item = String> {
        let pieces = [
            "a",
            "=",
            ":",
            "[",
            "]",
            "\\",
            "\n",
            "\"",
            "'",
            "#",
            ";",
            " ",
            "\t",
            "\r",
            ".",
            ",",
            "-",
            "{",
            "}",
            "&x ",
            "*x ",
            "<<: ",
            "é",
            "\u{0}",
            "\u{1b}[31m",
            "NodeName=",
            "[1-9",
            "\\040",
            "---\n",
            "Service",
            "export ",
            "0",
        ];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        (0..4000).map(move |_| {
            let mut text = String::new();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut bits = state;
            for _ in 0..(state % 24) {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(bits >> 33) as usize % pieces.len()]);
            }
            text
        })
    }

    #[test]
    fn no_text_makes_a_reader_panic() {
        for text in hostile_texts() {
            for syntax in ALL {
                for key in [
                    "a",
                    "a.a",
                    "Service.a",
                    "NodeName=a.a",
                    "a a a",
                    "a.options",
                    "",
                    ".",
                    "\"",
                    "a.options.",
                    "=",
                ] {
                    pick(syntax, key, &text);
                    // A key may come from a parameter, so it may be anything too.
                    pick(syntax, &text, key);
                }
            }
        }
    }

    #[test]
    fn texts_that_would_grow_or_go_on_without_end_are_given_up() {
        // 128 KiB, the size limit of a reading is 256 KiB.
        let long = 128 * 1024;
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let before = i - 1;
            bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{before}"); 10].join(",")));
        }
        let wide = format!("a: &a [{}]\nb: [{}]\n", "x,".repeat(20_000), "*a,".repeat(20_000));
        let deep = "[".repeat(long);
        let texts = [
            bomb,
            wide,
            format!("a: &a {}\nb: [{}]\n", "y".repeat(60_000), "*a,".repeat(20_000)),
            deep.clone(),
            format!("a = {deep}"),
            format!("a: {}", "{a: ".repeat(10_000)),
            format!("NodeName={}", "a[1-9999999],".repeat(9_000)),
            format!("NodeName={} CPUs=1", "a[1-99]".repeat(18_000)),
            "\\\n".repeat(long / 2),
            "A='".repeat(long / 3),
            "a=\n ".repeat(long / 4),
            "[a]\na=b\n".repeat(long / 8),
            "\\#".repeat(long / 2),
            "\\040".repeat(long / 4),
            "- ".repeat(long / 2),
            "? ".repeat(long / 2),
            "a: ".repeat(long / 3),
            "---\n".repeat(long / 4),
        ];
        for text in &texts {
            for syntax in ALL {
                for key in ["b", "a.0", "NodeName=a11111111111.CPUs", "Service.a", "a.a"] {
                    let begun = std::time::Instant::now();
                    let found = pick(syntax, key, text);
                    assert!(found.values.len() <= long);
                    // A tenth of it is usual in an unoptimised build on a busy machine.
                    let (took, start) = (begun.elapsed(), text.chars().take(20).collect::<String>());
                    assert!(took.as_secs() < 5, "{syntax:?} took {took:?} for {start}");
                }
            }
        }
    }
}
