//! The real binary as PID 1 of a container of the local Docker engine.

#[path = "node/gpus.rs"]
mod gpus;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crashcart_facts::{
    Asked, End, Envelope, Fact, Hello, LogOf, ProcessOf, Question, Ran, Reading, Reply, Request, Script,
    Transport,
};

const PACKAGES: &str = "munge python3 gdb procps";

fn docker(words: &[&str]) -> Output {
    Command::new("docker").args(words).stdin(Stdio::null()).output().expect("docker can be run")
}

fn succeed(words: &[&str]) -> String {
    let output = docker(words);
    assert!(output.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The image of the test node.
fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(build_image)
}

fn build_image() -> String {
    let answers = Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success());
    assert!(answers, "no container engine answers: get one with `cargo run --release -- doctor --fix`");
    let listed = succeed(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "crashcart/debian-base"]);
    let Some(base) = listed.lines().next() else {
        panic!("there is no Debian base yet: make it with `cargo run --release -- image build base`");
    };
    let tag = "crashcart-agent-test:latest";
    let recipe = format!(
        "FROM {base}\n\
         RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {PACKAGES}\n\
         RUN ln -sf /.crashcart/agent /usr/bin/systemctl && ln -sf /.crashcart/agent /usr/bin/journalctl\n\
         RUN useradd -m ada\n"
    );
    let mut build = Command::new("docker")
        .args(["build", "-q", "-t", tag, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("docker can be run");
    build.stdin.take().expect("piped").write_all(recipe.as_bytes()).expect("written");
    assert!(build.wait().expect("waited").success(), "the test image builds");
    tag.to_owned()
}

/// The agent as nodes get it: static, readable by root alone.
fn agent() -> &'static Path {
    static AGENT: OnceLock<PathBuf> = OnceLock::new();
    AGENT.get_or_init(|| {
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let build = Command::new(env!("CARGO"))
            .args(["build", "-q", "-p", "crashcart-agent", "--target", &triple])
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo can be run");
        assert!(build.success(), "the static agent builds");
        // target/debug/crashcart-agent, as this test's own build left it.
        let target =
            Path::new(env!("CARGO_BIN_EXE_crashcart-agent")).ancestors().nth(2).expect("lies in a target");
        target.join(triple).join("debug/crashcart-agent")
    })
}

struct Node {
    name: String,
}

impl Drop for Node {
    fn drop(&mut self) {
        docker(&["rm", "-f", "-v", &self.name]);
    }
}

impl Node {
    /// A node that has come up.
    fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same, with more words for `docker create`.
    fn start_with(more: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let image = image();
        let name =
            format!("crashcart-agent-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut create = vec!["create", "--name", &name, "--hostname", "node"];
        create.extend(["--tmpfs", "/run:exec", "--tmpfs", "/tmp:exec", "--network", "none"]);
        create.extend(more);
        create.extend(["--entrypoint", "/.crashcart/agent", image, "init"]);
        succeed(&create);
        let node = Self { name };
        let folder = tempfile::tempdir().expect("a temporary directory");
        let delivered = folder.path().join(".crashcart");
        std::fs::create_dir(&delivered).expect("made");
        std::fs::copy(agent(), delivered.join("agent")).expect("copied");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(delivered.join("agent"), executable).expect("set");
        succeed(&["cp", delivered.to_str().expect("plain"), &format!("{}:/", node.name)]);
        succeed(&["start", &node.name]);
        let began = Instant::now();
        assert!(node.hello().settled, "{:?}", node.sh("journalctl"));
        // Half of what `hello` waits at most: it must answer when the node is up, not when its time is.
        assert!(began.elapsed() < Duration::from_secs(5), "hello waited longer than the node took");
        node
    }

    /// Root's shell in the node: exit status and everything printed.
    fn sh(&self, script: &str) -> (i32, String) {
        let output = docker(&["exec", &self.name, "/bin/bash", "-c", &format!("exec 2>&1; {script}")]);
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn relay(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["exec", "-i", "-u", "65534", &self.name, "/.crashcart/agent", "call"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn call(&self, request: Request) -> Reply {
        let mut relay = self.relay().spawn().expect("docker can be run");
        let text = serde_json::to_vec(&Envelope::new(request)).expect("requests serialise");
        relay.stdin.take().expect("piped").write_all(&text).expect("written");
        let output = relay.wait_with_output().expect("waited");
        assert!(output.status.success(), "the relay delivers: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a reply")
    }

    fn hello(&self) -> Hello {
        match self.call(Request::Hello { wait_ms: 10_000 }) {
            Reply::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    fn run(&self, text: &str, timeout_ms: u32) -> Ran {
        let env = [("CC_NODE".to_owned(), "node".to_owned())].into();
        match self.call(Request::Run(Script { text: text.into(), env, timeout_ms })) {
            Reply::Ran(ran) => ran,
            other => panic!("{other:?}"),
        }
    }

    fn batch(&self, requests: Vec<Request>) -> Vec<Reply> {
        match self.call(Request::Batch(requests)) {
            Reply::Batch(replies) => replies,
            other => panic!("{other:?}"),
        }
    }

    fn collect(&self, questions: Vec<Question>, budget_ms: u32) -> Vec<Reading> {
        let asked = questions.into_iter().map(|question| Asked { question, again_after_ms: 0 }).collect();
        match self.call(Request::Collect { asked, budget_ms }) {
            Reply::Collected { answers } => answers.into_iter().map(|answer| answer.reading).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Asks until the answer is as wanted, for at most twenty seconds; gives the last answer.
    fn ask_until(&self, question: Question, wanted: impl Fn(&Fact) -> bool) -> Fact {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let fact = self.ask(question.clone());
            if wanted(&fact) || Instant::now() > deadline {
                return fact;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&self, question: Question) -> Fact {
        match self.collect(vec![question], 10_000).remove(0) {
            Reading::Known(fact) => fact,
            other => panic!("{other:?}"),
        }
    }
}

fn munge() -> Question {
    Question::Service { unit: "munge".into() }
}

#[test]
fn root_of_the_node_can_neither_kill_nor_trace_nor_read_pid_1() {
    let node = Node::start();
    let before = node.hello();
    let attack = include_str!("attack.py");
    let (status, worked) =
        node.sh(&format!("cat > /root/attack.py <<'EOF'\n{attack}\nEOF\npython3 /root/attack.py"));
    assert_eq!((status, worked.trim()), (0, ""), "an attack worked");
    // The agent's own file cannot be read by the relay's user, so the relay cannot be dumped either.
    let as_relay = docker(&["exec", "-u", "65534", &node.name, "cat", "/.crashcart/agent"]);
    assert!(!as_relay.status.success());
    assert_eq!(node.hello().boot_id, before.boot_id, "it is the same PID 1");
    let ran = node.run("kill -KILL 1; kill -STOP 1; kill -TERM 1; echo still here", 5_000);
    assert_eq!(ran.stdout, "still here\n");
}

#[test]
fn a_killed_relay_or_worker_hurts_nobody_else() {
    let node = Node::start();
    // The worker of this very request: the script's parent.
    let killed = node.call(Request::Run(Script {
        text: "kill -KILL $PPID".into(),
        env: [].into(),
        timeout_ms: 5_000,
    }));
    let Reply::Refused { why } = killed else { panic!("{killed:?}") };
    assert!(why.contains("killed by signal 9"), "{why}");
    // A stopped worker is ended when its time is up, and what it found is kept.
    let command = Question::Command {
        argv: vec!["/bin/sh".into(), "-c".into(), "kill -STOP $PPID; sleep 30".into()],
        user: None,
        stdin: String::new(),
        env: [].into(),
        timeout_ms: 20_000,
    };
    let began = Instant::now();
    let file = Question::File { path: "/etc/passwd".into() };
    let readings = node.collect(vec![file.clone(), command, file], 1_000);
    assert!(matches!(readings[0], Reading::Known(Fact::File(_))), "{readings:?}");
    assert!(
        matches!(readings[1], Reading::Unreadable { .. })
            && matches!(readings[2], Reading::Unreadable { .. })
    );
    assert!(began.elapsed() < Duration::from_secs(8));
    assert_eq!(node.sh("pgrep -x sleep").1, "", "what the command started is gone");
    // A relay killed in the middle.
    let mut relay = node.relay().spawn().expect("docker can be run");
    let request = Request::Run(Script { text: "sleep 2".into(), env: [].into(), timeout_ms: 5_000 });
    let text = serde_json::to_vec(&Envelope::new(request)).expect("requests serialise");
    relay.stdin.take().expect("piped").write_all(&text).expect("written");
    std::thread::sleep(Duration::from_millis(500));
    node.sh("pkill -KILL -f 'agent call'");
    assert!(!relay.wait().expect("waited").success());
    assert!(node.hello().settled);
}

#[test]
fn a_node_is_taken_stock_of_whatever_lies_in_it() {
    let node = Node::start();
    let stock = |budget_ms: u32| match node.call(Request::Inventory { budget_ms }) {
        Reply::Inventory(inventory) => *inventory,
        other => panic!("{other:?}"),
    };
    let before = stock(10_000);
    assert!(before.cut.is_empty(), "{:?}", before.cut);
    assert!(before.files["/etc/munge/munge.key"].sha256.is_some());
    assert!(before.files["/usr/bin/munge"].changed_ns > 0);
    assert_eq!(before.packages["munge"].status, "install ok installed");
    assert_eq!(
        (before.units["munge.service"].enabled.as_str(), before.users["ada"].password.as_str()),
        ("enabled", "locked")
    );
    assert!(before.programs.contains_key("/usr/sbin/munged as munge"), "{:?}", before.programs);
    assert!(!before.programs.keys().any(|name| name.contains(".crashcart")), "{:?}", before.programs);
    let attack = "set -e; cd /etc
        chmod 0644 munge/munge.key; mkfifo fifo; ln -s loop loop; ln -s /proc/1/root up; truncate -s 1T giant
        printf x > $'odd\\nname'; systemctl mask munge; echo /nowhere.so > ld.so.preload; usermod --password '' ada
        mkdir /home/many; cd /home/many; seq 40000 | xargs touch
        mkdir -p /root/$(seq --separator=/ 60)";
    let (status, said) = node.sh(attack);
    assert_eq!(status, 0, "{said}");
    let after = stock(10_000);
    let cut: Vec<&str> = after.cut.keys().map(String::as_str).collect();
    assert_eq!(cut, ["/home", "/root"]);
    assert_eq!(after.files["/etc/munge/munge.key"].mode, 0o644);
    assert_eq!(
        (after.units["munge.service"].enabled.as_str(), after.users["ada"].password.as_str()),
        ("masked", "empty")
    );
    assert_eq!(after.texts["/etc/ld.so.preload"], "/nowhere.so\n");
    for name in ["/etc/fifo", "/etc/loop", "/etc/up", "/etc/giant", "/etc/odd\nname"] {
        assert!(after.files.contains_key(name), "{name}");
    }
    assert!(!after.files.keys().any(|path| path.starts_with("/etc/up/")));
    // With no time at all it still answers, and says what it left out.
    assert!(stock(0).cut.contains_key("/etc"));
}

#[test]
fn a_batch_is_done_in_order_and_ends_where_something_fails() {
    let node = Node::start();
    let run = |text: &str| Request::Run(Script { text: text.into(), env: [].into(), timeout_ms: 5_000 });
    let collect = |question: Question| Request::Collect {
        asked: vec![Asked { question, again_after_ms: 0 }],
        budget_ms: 5_000,
    };
    let file = || collect(Question::File { path: "/root/made".into() });
    assert_eq!(node.batch(vec![]), []);
    // Services as they are now, not as they were when the batch began.
    let service = || collect(Question::Service { unit: "batched.service".into() });
    let unit = "printf '[Service]\\nExecStart=/bin/sleep 1000\\n' > /etc/systemd/system/batched.service\n\
                systemctl daemon-reload\nsystemctl start batched\ntouch /root/made";
    let replies = node.batch(vec![
        Request::Hello { wait_ms: 10_000 },
        file(),
        run(unit),
        Request::Hello { wait_ms: 10_000 },
        file(),
        service(),
    ]);
    let [Reply::Hello(_), before, Reply::Ran(ran), Reply::Hello(_), after, service] = &replies[..] else {
        panic!("{replies:?}")
    };
    assert_eq!(ran.end, End::Exit(0), "{ran:?}");
    let exists = |reply: &Reply| match reply {
        Reply::Collected { answers } => match &answers[0].reading {
            Reading::Known(Fact::File(file)) => file.exists,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert!(!exists(before) && exists(after));
    let Reply::Collected { answers } = service else { panic!("{service:?}") };
    assert!(
        matches!(&answers[0].reading, Reading::Known(Fact::Service(service)) if service.active == "active"),
        "{answers:?}"
    );
    let replies = node.batch(vec![run("echo first"), run("echo second; exit 3"), run("touch /root/never")]);
    let [Reply::Ran(first), Reply::Ran(second)] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((first.stdout.as_str(), second.end), ("first\n", End::Exit(3)));
    let replies = node.batch(vec![run("kill -KILL $PPID"), run("touch /root/never")]);
    assert!(
        matches!(&replies[..], [Reply::Refused { why }] if why.contains("killed by signal 9")),
        "{replies:?}"
    );
    assert_ne!(node.sh("ls /root/never").0, 0);
    let nested = node.call(Request::Batch(vec![run("touch /root/never"), Request::Batch(vec![])]));
    assert!(matches!(nested, Reply::Refused { .. }), "{nested:?}");
    assert_ne!(node.sh("ls /root/never").0, 0);
}

#[test]
fn a_second_reading_sees_what_has_become_of_a_service_meanwhile() {
    let node = Node::start();
    let unit = "printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=/bin/sleep 0.1\\nRestart=always\\n\
                RestartSec=0\\n' > /etc/systemd/system/restless.service\n\
                systemctl daemon-reload\nsystemctl start restless";
    assert_eq!(node.run(unit, 10_000).end, End::Exit(0));
    let asked = vec![Asked {
        question: Question::Service { unit: "restless.service".into() },
        again_after_ms: 3_000,
    }];
    let Reply::Collected { answers } = node.call(Request::Collect { asked, budget_ms: 20_000 }) else {
        panic!("no answers")
    };
    let restarts = |reading: &Reading| match reading {
        Reading::Known(Fact::Service(service)) => service.restarts,
        other => panic!("{other:?}"),
    };
    let again = answers[0].again.as_ref().expect("it was asked twice");
    assert!(restarts(again) > restarts(&answers[0].reading), "{answers:?}");
}

#[test]
fn scripts_run_whole_and_die_whole() {
    let node = Node::start();
    let ran = node.run("echo \"$CC_NODE $HOME\"; echo err >&2; false; echo not reached", 5_000);
    assert_eq!((ran.end, ran.stdout.as_str(), ran.stderr.as_str()), (End::Exit(1), "node /root\n", "err\n"));
    let ran = node.run("cat <<'X' | wc -l\na\nb\nX\necho \"${NOT_SET}\"", 5_000);
    assert!(
        matches!(ran.end, End::Exit(code) if code != 0) && ran.stderr.contains("unbound variable"),
        "{ran:?}"
    );
    // bash counts the script's own lines, and nothing of it stays open in what it starts.
    assert!(ran.stderr.contains("line 5:") || ran.stderr.contains("line 4:"), "{}", ran.stderr);
    let ran = node.run("ls -l /proc/self/fd | grep -c memfd || true", 5_000);
    assert_eq!(ran.stdout, "0\n");
    let ran = node.run("sleep 600 & (setsid sleep 601 &); (yes || true) | head -c 1000000; sleep 602", 700);
    assert_eq!((ran.end, ran.stdout.len()), (End::TimedOut, crashcart_facts::TEXT_LIMIT));
    assert_eq!(node.sh("pgrep -x sleep").1, "", "a script that ran out of time leaves nothing");
    let ran = node.run("(setsid sleep 603 >/dev/null 2>&1 &)", 5_000);
    assert_eq!(ran.end, End::Exit(0));
    assert_ne!(node.sh("pgrep -x sleep").1, "", "what a script leaves running stays");
}

#[test]
fn munge_of_the_real_package_starts_restarts_and_fails_in_its_own_words() {
    let node = Node::start();
    let Fact::Service(first) = node.ask(munge()) else { panic!() };
    assert!(first.known && first.main_pid.is_some(), "{first:?}");
    assert_eq!((first.active.as_str(), first.enabled.as_str()), ("active", "enabled"));
    assert_eq!(first.exe.as_deref(), Some("/usr/sbin/munged"));
    assert_eq!(node.sh("munge -n | unmunge >/dev/null").0, 0);

    assert_eq!(node.sh("systemctl restart munge"), (0, String::new()));
    let Fact::Service(second) = node.ask(munge()) else { panic!() };
    assert!(second.main_pid != first.main_pid && second.started_at_ms > first.started_at_ms);

    let (status, said) = node.sh("chmod 0644 /etc/munge/munge.key; systemctl restart munge");
    assert_eq!(
        (status, said.as_str()),
        (
            1,
            "Job for munge.service failed because the control process exited with error code.\n\
             See \"systemctl status munge.service\" and \"journalctl -xeu munge.service\" for details.\n"
        )
    );
    let words = "Keyfile is insecure";
    let (status, said) = node.sh("systemctl status munge");
    assert!(status == 3 && said.contains(words) && said.contains("code=exited, status=1/FAILURE"), "{said}");
    assert!(node.sh("journalctl -xeu munge").1.contains(words));
    let Fact::Log(log) = node.ask(Question::Log { of: LogOf::Unit("munge".into()), within_s: 60 }) else {
        panic!()
    };
    assert!(log.text.contains(words));
    let Fact::Service(failed) = node.ask(munge()) else { panic!() };
    assert_eq!(
        (failed.active.as_str(), failed.result.as_str(), failed.main_pid),
        ("failed", "exit-code", None)
    );
    assert_eq!(node.sh("systemctl is-active munge"), (3, "failed\n".into()));
    assert_eq!(node.hello().failed_units, ["munge.service"]);
    let (status, said) = node.sh("systemctl start nonsense");
    assert_eq!(
        (status, said.as_str()),
        (5, "Failed to start nonsense.service: Unit nonsense.service not found.\n")
    );
    assert_eq!(node.sh("systemctl status nonsense").0, 4);
    assert_eq!(
        node.sh("chmod 0600 /etc/munge/munge.key; systemctl start munge; systemctl is-active munge").1,
        "active\n"
    );
}

#[test]
fn units_of_the_learner_obey_drop_ins_masks_and_restart_policy() {
    let node = Node::start();
    let (status, said) = node.sh(
        "cat > /etc/systemd/system/web.service <<'X'\n\
         [Unit]\nDescription=A page\n\
         [Service]\nUser=ada\nStateDirectory=web\nWorkingDirectory=/var/lib/web\nEnvironment=PORT=7000\nLimitNOFILE=512\n\
         ExecStartPre=/bin/sh -c 'echo hello > index.html'\n\
         ExecStart=/usr/bin/python3 -u -m http.server ${PORT}\nRestart=always\nRestartSec=100ms\n\
         [Install]\nWantedBy=multi-user.target\nX\n\
         systemctl enable --now web",
    );
    assert_eq!(status, 0, "{said}");
    let page = |port: u16| Question::Http { url: format!("http://localhost:{port}/"), timeout_ms: 3_000 };
    let answers = |fact: &Fact| matches!(fact, Fact::Http(http) if http.answered);
    let Fact::Http(http) = node.ask_until(page(7000), answers) else { panic!() };
    assert_eq!((http.status, http.body.as_str()), (Some(200), "hello\n"), "{http:?}");
    let Fact::Port(port) = node.ask(Question::Port { port: 7000, protocol: Transport::Tcp }) else {
        panic!()
    };
    assert!(port.listening && port.pid.is_some(), "{port:?}");
    assert!(port.exe.is_some_and(|exe| exe.starts_with("/usr/bin/python3")));
    let Fact::Process(processes) = node.ask(Question::Process(ProcessOf::Unit("web".into()))) else {
        panic!()
    };
    assert_eq!((processes.count, processes.users), (1, vec!["ada".to_owned()]));
    let limit = Question::Limit { of: ProcessOf::Unit("web".into()), resource: "Max open files".into() };
    let Fact::Limit(limit) = node.ask(limit) else { panic!() };
    assert_eq!(limit.soft.as_deref(), Some("512"));

    node.sh("pkill -KILL -f http.server");
    let back = |fact: &Fact| matches!(fact, Fact::Service(web) if web.active == "active" && web.restarts > 0);
    let Fact::Service(service) = node.ask_until(Question::Service { unit: "web".into() }, back) else {
        panic!()
    };
    assert_eq!((service.active.as_str(), service.restarts), ("active", 1));

    // A drop-in counts after daemon-reload, and a warning says so before.
    let drop_in = "mkdir -p /etc/systemd/system/web.service.d; printf '[Service]\\nEnvironment=PORT=7001\\n' > /etc/systemd/system/web.service.d/port.conf";
    let (_, said) = node.sh(&format!("{drop_in}; systemctl restart web"));
    assert!(said.contains("Run 'systemctl daemon-reload' to reload units."), "{said}");
    node.sh("systemctl daemon-reload; systemctl restart web");
    let Fact::Http(http) = node.ask_until(page(7001), answers) else { panic!() };
    assert_eq!(http.status, Some(200), "{http:?}");

    let (_, said) = node.sh("systemctl mask --now web; systemctl is-enabled web; systemctl start web");
    assert!(said.contains("masked") || said.contains("already exists"), "{said}");
    // Everything of a service dies with it, whatever it forked and however it hid.
    let (status, said) = node.sh(
        "printf '[Service]\\nType=forking\\nExecStart=/bin/sh -c \"(setsid env -i sleep 700 &) ; (setsid sleep 701 &)\"\\n' \
         > /etc/systemd/system/hide.service; systemctl start hide; \
         for try in $(seq 200); do [ \"$(pgrep -xc sleep)\" = 2 ] && break; /usr/bin/perl -e 'select(undef, undef, undef, 0.05)'; done; \
         pgrep -xc sleep; systemctl stop hide; pgrep -xc sleep",
    );
    assert_eq!((status, said.as_str()), (1, "2\n0\n"), "{said}");
}

#[test]
fn a_restarted_node_comes_back_with_its_services() {
    let node = Node::start();
    let before = node.hello();
    node.sh("echo kept > /etc/kept; echo gone > /run/gone; systemctl restart munge");
    let began = Instant::now();
    succeed(&["restart", &node.name]);
    let took = began.elapsed();
    let after = node.hello();
    assert!(after.boot_id != before.boot_id && after.booted_at_ms > before.booted_at_ms);
    assert!(after.failed_units.is_empty(), "{after:?}");
    let Fact::Service(munge) = node.ask(munge()) else { panic!() };
    assert_eq!(munge.active, "active");
    assert_eq!(node.sh("cat /etc/kept /run/gone 2>/dev/null").1, "kept\n");
    assert!(node.sh("journalctl -u munge").1.contains("-- Boot"), "the log of the boot before is kept");
    // The engine's own work is most of this; a service manager that hangs would take its ten seconds.
    assert!(took < Duration::from_secs(5), "a restart took {took:?}");
}

#[test]
fn planted_secrets_are_their_owners_alone_and_leave_no_trace() {
    let node = Node::start();
    let path = "/var/lib/token/one".to_owned();
    let plant = Request::Plant { path: path.clone(), text: "secret".into(), owner: "ada".into() };
    assert_eq!(node.call(plant), Reply::Planted);
    let Fact::File(file) = node.ask(Question::File { path: path.clone() }) else { panic!() };
    assert_eq!((file.mode.as_str(), file.owner.as_str(), file.size), ("0400", "ada", 6));
    assert_eq!(node.call(Request::Unplant { path }), Reply::Unplanted);
    assert_ne!(node.sh("ls /var/lib/token").0, 0);
    let nobody = Request::Plant { path: "/var/lib/t/x".into(), text: "x".into(), owner: "nosuchuser".into() };
    assert!(matches!(node.call(nobody), Reply::Refused { .. }));
    // Ordinary users of the node are not answered.
    let (_, said) = node.sh(
        "su ada -c 'python3 -c \"import socket; s=socket.socket(socket.AF_UNIX); s.connect(chr(0)+\\\"crashcart-agent\\\"); \
         s.send(b\\\"{\\\\\\\"protocol\\\\\\\":2,\\\\\\\"request\\\\\\\":{\\\\\\\"unplant\\\\\\\":{\\\\\\\"path\\\\\\\":\\\\\\\"/etc/x/y\\\\\\\"}}}\\\"); s.shutdown(1); print(s.recv(999))\"'",
    );
    assert!(said.contains("only the host and root may ask"), "{said}");
}
