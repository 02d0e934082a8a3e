//! Where a fact is read, in words, and how a person reads the same with the tools of a node. Knows the question
//! alone: no expectation, no answer.

use crashcart_facts::{LogOf, ProcessOf, Question, Transport};

/// Where a fact is read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// `the file /etc/fstab`, in words that continue "read from".
    pub source: String,
    /// A command that shows the same to a person in the node.
    pub by_hand: String,
}

/// Where the answer to this is read. `key` is what is picked out of a text.
pub fn place(question: &Question, key: Option<&str>) -> Place {
    let place = |source: String, by_hand: String| Place { source, by_hand };
    let word = shell_word;
    match question {
        Question::File { path } => place(format!("the file {path} itself"), format!("stat {}", word(path))),
        Question::Text { path } => match key.filter(|key| !key.is_empty()) {
            Some(key) => place(format!("`{key}` in the text of {path}"), format!("cat {}", word(path))),
            None => place(format!("the text of {path}"), format!("cat {}", word(path))),
        },
        Question::Find { under, name, sha256 } => {
            let places: Vec<String> = under.iter().map(|path| word(path)).collect();
            let what = match (name, sha256) {
                (Some(name), _) => format!("named {name}"),
                (None, Some(digest)) => format!("with the digest {digest:.12}…"),
                (None, None) => "of any name".to_owned(),
            };
            let by_name = name.as_ref().map(|name| format!(" -name {}", word(name))).unwrap_or_default();
            place(
                format!("the files {what} below {}", under.join(", ")),
                format!("find {}{by_name}", places.join(" ")),
            )
        }
        Question::Service { unit } => place(
            format!("the unit {unit}, as the service manager knows it"),
            format!("systemctl status {}", word(unit)),
        ),
        Question::Process(of) => place(format!("/proc: {}", processes(of)), list_processes(of)),
        Question::Port { port, protocol } => {
            let (name, flag) = match protocol {
                Transport::Tcp => ("tcp", "t"),
                Transport::Udp => ("udp", "u"),
            };
            place(
                format!("the kernel's table of sockets: who listens on {name} port {port}"),
                format!("ss -ln{flag}p 'sport = :{port}'"),
            )
        }
        Question::Package { name } => {
            place(format!("dpkg's database: the package {name}"), format!("dpkg -s {}", word(name)))
        }
        Question::User { name } => {
            place(format!("/etc/passwd and /etc/group: the user {name}"), format!("id {}", word(name)))
        }
        Question::Group { name } => {
            place(format!("/etc/group: the group {name}"), format!("getent group {}", word(name)))
        }
        Question::Mount { path } => place(
            format!("the mount that {path} lies on, and its fill"),
            format!("findmnt --target {0}; df -h {0}", word(path)),
        ),
        Question::Device { path } => {
            place(format!("the device file {path}"), format!("ls -l {}", word(path)))
        }
        Question::Module { name } => place(
            format!("/proc/modules and /sys/module: the module {name}"),
            format!("lsmod | grep {}", word(name)),
        ),
        Question::KernelParameter { name } => {
            place(format!("/proc/sys: the parameter {name}"), format!("sysctl {}", word(name)))
        }
        Question::KernelCommandLine {} => {
            place("/proc/cmdline, of the running kernel".into(), "cat /proc/cmdline".into())
        }
        Question::Cgroup { of, file } => match of.strip_prefix('/') {
            Some(path) => place(
                format!("the control group /{path}: {file}"),
                format!("cat {}", word(&format!("/sys/fs/cgroup/{path}/{file}"))),
            ),
            None => place(
                format!("the control group of {of}: {file}"),
                format!("systemctl show -p ControlGroup {}", word(of)),
            ),
        },
        Question::Limit { of, resource } => place(
            format!("/proc/PID/limits, `{resource}`, of the first of {}", processes(of)),
            "cat /proc/PID/limits".into(),
        ),
        Question::Log { of, .. } => match of {
            LogOf::Unit(unit) => {
                place(format!("the journal of {unit}"), format!("journalctl -u {}", word(unit)))
            }
            LogOf::Path(path) => place(format!("the last lines of {path}"), format!("tail {}", word(path))),
        },
        Question::Http { url, .. } => place(
            format!("the answer of {url}, asked from inside the node"),
            format!("curl -i {}", word(url)),
        ),
        Question::Command { argv, user, .. } => {
            let user = user.as_deref().unwrap_or("root");
            let program = argv.first().map_or("", String::as_str);
            let (what, by_hand) = match argv.get(1..) {
                // A script of the rubric's own, which is told line by line elsewhere.
                Some([flag, script]) if flag == "-c" && script.contains('\n') => {
                    ("a short script".to_owned(), format!("{program} -c '…'"))
                }
                _ => {
                    let words: Vec<String> = argv.iter().map(|argument| word(argument)).collect();
                    (format!("the program {program}"), words.join(" "))
                }
            };
            place(format!("what {what} says when {user} runs it"), format!("{by_hand}   (as {user})"))
        }
        Question::Gpu { index } => {
            place(format!("GPU {index}, asked of the hardware itself"), format!("nvidia-smi -q -i {index}"))
        }
        Question::Gpus {} => place("all GPUs, asked of the hardware itself".into(), "nvidia-smi".into()),
        Question::Hugepages { size_kib } => {
            let pool = format!("/sys/kernel/mm/hugepages/hugepages-{size_kib}kB");
            place(format!("{pool}, and the same of each NUMA node"), format!("grep . {pool}/*"))
        }
        Question::TransparentHugepages {} => {
            let folder = "/sys/kernel/mm/transparent_hugepage";
            place(folder.into(), format!("grep . {folder}/*"))
        }
        Question::Memory { of } => place(
            format!("/proc/PID/smaps and numa_maps of the first of {}", processes(of)),
            "cat /proc/PID/numa_maps".into(),
        ),
        Question::Threads { of } => place(
            format!("/proc/PID/task: the threads of {}", processes(of)),
            "ps -eLo pid,tid,cls,rtprio,ni,psr,comm".into(),
        ),
        Question::Processors {} => {
            place("/sys/devices/system: processors and NUMA nodes".into(), "lscpu".into())
        }
        Question::Interrupts { name } => {
            place(format!("/proc/interrupts: {name}"), format!("grep {} /proc/interrupts", word(name)))
        }
        Question::NextBoot {} => place(
            "GRUB's configuration and environment: what would boot next".into(),
            "cat /boot/grub/grub.cfg; grub-editenv list".into(),
        ),
        Question::ModuleFile { name, .. } => {
            place(format!("the module {name} on disk"), format!("modinfo {}", word(name)))
        }
        Question::Initramfs { release, member } => {
            let of = release.as_deref().unwrap_or("the running kernel");
            let what = member.as_ref().map(|member| format!("{member} in ")).unwrap_or_default();
            let file = release.as_deref().unwrap_or("$(uname -r)");
            place(format!("{what}the initramfs of {of}"), format!("lsinitramfs /boot/initrd.img-{file}"))
        }
        Question::Dkms { name } => {
            place(format!("DKMS: the module package {name}"), format!("dkms status {}", word(name)))
        }
        Question::KernelCounter { file, name } => {
            place(format!("`{name}` in {file}"), format!("grep {} {}", word(name), word(file)))
        }
        Question::BlockDevice { name } => {
            place(format!("/sys/block: the disk {name}"), "lsblk -o NAME,SERIAL,SIZE,MOUNTPOINTS".into())
        }
    }
}

fn processes(of: &ProcessOf) -> String {
    match of {
        ProcessOf::Unit(unit) => format!("the processes of {unit}"),
        ProcessOf::Exe(path) => format!("the processes that run {path}"),
        ProcessOf::Cmdline(part) => format!("the processes with `{part}` in their command line"),
    }
}

fn list_processes(of: &ProcessOf) -> String {
    match of {
        ProcessOf::Unit(unit) => format!("systemctl status {}", shell_word(unit)),
        ProcessOf::Exe(path) => format!("pgrep -af {}", shell_word(path)),
        ProcessOf::Cmdline(part) => format!("pgrep -af -- {}", shell_word(part)),
    }
}

/// A word as a shell reads it back.
fn shell_word(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    match !text.is_empty() && text.chars().all(safe) {
        true => text.to_owned(),
        false => crate::advice::quoted(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_where_to_look_and_with_what() {
        let case = |json: &str, key: Option<&str>, source: &str, by_hand: &str| {
            let question: Question = serde_json::from_str(json).expect("a question");
            let wanted = Place { source: source.into(), by_hand: by_hand.into() };
            assert_eq!(place(&question, key), wanted, "{json}");
        };
        case(r#"{"file":{"path":"/etc/x"}}"#, None, "the file /etc/x itself", "stat /etc/x");
        case(
            r#"{"text":{"path":"/etc/x y"}}"#,
            Some("a.b"),
            "`a.b` in the text of /etc/x y",
            "cat '/etc/x y'",
        );
        case(
            r#"{"process":{"cmdline":"it's"}}"#,
            None,
            "/proc: the processes with `it's` in their command line",
            r"pgrep -af -- 'it'\''s'",
        );
        case(
            r#"{"command":{"argv":["/bin/x","a b"],"user":"ada"}}"#,
            None,
            "what the program /bin/x says when ada runs it",
            "/bin/x 'a b'   (as ada)",
        );
        case(
            r#"{"command":{"argv":["/bin/sh","-c","\none\ntwo\n"]}}"#,
            None,
            "what a short script says when root runs it",
            "/bin/sh -c '…'   (as root)",
        );
        case(
            r#"{"port":{"port":53,"protocol":"udp"}}"#,
            None,
            "the kernel's table of sockets: who listens on udp port 53",
            "ss -lnup 'sport = :53'",
        );
    }
}
