//! What [`DockerEngine`] promises, tried on the engine of this machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use crashcart::advice::NextStep;
use crashcart::engine::docker::DockerEngine;
use crashcart::engine::{
    Build, Condition, ContainerId, ContainerSpec, Engine, EngineError, Exec, Found, FoundKind, LABEL_KIND,
    Labels, Limits, Mount, Network, NetworkSpec, Outflow, Progress, Silent, WindowSize,
};
use crashcart::image::{base, progress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MIB: u64 = 1024 * 1024;

/// The engine of this machine. A machine without one fails the test, loudly.
pub async fn engine() -> DockerEngine {
    match DockerEngine::connect().await {
        Ok(engine) => engine,
        Err(error) => panic!(
            "this test needs a container engine: {}\n\
             next: run `cargo run --release -- doctor --fix` ({})",
            chain(&error),
            error.next_step()
        ),
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The Debian base, made where it is not there yet.
pub async fn base(engine: &DockerEngine) -> String {
    let progress = progress::Lines::to(Box::new(std::io::stderr()));
    match base::ensure(engine, &state(), &progress).await {
        Ok(tag) => tag,
        Err(error) => {
            panic!("this test needs the Debian base: {}\nnext: {}", chain(&error), error.next_step())
        }
    }
}

/// A state directory that all tests of this run of the suite share, for locks to work between them.
pub fn state() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("state")
}

/// A name that no other test uses, and that says where a leftover is from.
pub fn unique(what: &str) -> String {
    format!("crashcart-test-{what}-{:08x}", rand::random::<u32>())
}

/// Things in the engine under a label of their own; removed at the end of a test.
struct Bench {
    engine: DockerEngine,
    base: String,
    name: String,
}

impl Bench {
    async fn new(what: &str) -> Self {
        let engine = engine().await;
        Self { base: base(&engine).await, engine, name: unique(what) }
    }

    fn labels(&self) -> Labels {
        Labels::from([(LABEL_KIND.into(), "test".into()), ("crashcart.test".into(), self.name.clone())])
    }

    async fn network(&self, outside: bool) -> Network {
        let spec = NetworkSpec { name: self.name.clone(), labels: self.labels(), outside, hosts: 4 };
        self.engine.create_network(&spec).await.expect("a network")
    }

    fn spec(&self, network: &Network, node: &str, n: u8) -> ContainerSpec {
        ContainerSpec {
            name: format!("{}-{node}", self.name),
            hostname: node.into(),
            image: self.base.clone(),
            labels: self.labels(),
            argv: ["/bin/sleep", "600"].map(String::from).into(),
            env: BTreeMap::from([("CC_TEST".into(), "1".into())]),
            network: network.name.clone(),
            address: network.address(n),
            hosts: BTreeMap::from([("one".into(), network.address(0)), ("two".into(), network.address(1))]),
            outside: false,
            volumes: Vec::new(),
            devices: Vec::new(),
            tmpfs: BTreeMap::from([("/run".into(), 8 * MIB), ("/tmp".into(), 16 * MIB)]),
            shm_bytes: 32 * MIB,
            limits: Limits { memory_bytes: 128 * MIB, cpu_milli: 500, pids: 64, disk_bytes: 64 * MIB },
            capabilities: vec!["CHOWN".into(), "SETUID".into(), "SETGID".into()],
            gpus: false,
        }
    }

    async fn node(&self, spec: &ContainerSpec) -> ContainerId {
        let id = self.engine.create(spec).await.expect("a container");
        self.engine.start(&id).await.expect("a start");
        id
    }

    async fn found(&self) -> Vec<Found> {
        self.engine.list(&Labels::from([("crashcart.test".into(), self.name.clone())])).await.expect("a list")
    }

    async fn sh(&self, id: &ContainerId, script: &str) -> (i64, String) {
        let output = self.engine.exec(id, shell(script)).await.expect("an exec");
        (output.code, format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    /// Removes all of it and sees that it is gone.
    async fn done(self) {
        let found = self.found().await;
        for thing in found.iter().filter(|thing| matches!(thing.kind, FoundKind::Container(_))) {
            self.engine.remove(&ContainerId(thing.id.clone())).await.expect("a removal");
        }
        for thing in &found {
            match thing.kind {
                FoundKind::Container(_) => {}
                FoundKind::Network => self.engine.remove_network(&thing.id).await.expect("a removal"),
                FoundKind::Volume => self.engine.remove_volume(&thing.id).await.expect("a removal"),
            }
        }
        assert_eq!(self.found().await, []);
    }
}

fn exec(argv: &[&str]) -> Exec {
    Exec {
        argv: argv.iter().map(|word| (*word).into()).collect(),
        user: "root".into(),
        env: BTreeMap::new(),
        stdin: Vec::new(),
        output_limit: 8 * 1024 * 1024,
        timeout_ms: 20_000,
    }
}

fn shell(script: &str) -> Exec {
    exec(&["/bin/sh", "-c", script])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let about = engine().await.about().await.expect("about");
    assert!(about.name.starts_with("Docker ") || about.name.starts_with("Podman "), "{}", about.name);
    assert!(about.cpus > 0 && about.memory_bytes > 0, "{about:?}");
    assert!(matches!(about.cgroup_version, 1 | 2));
}

#[tokio::test]
async fn a_program_gets_its_input_and_gives_output_and_status() {
    let bench = Bench::new("exec").await;
    let network = bench.network(false).await;
    let id = bench.node(&bench.spec(&network, "one", 0)).await;

    let echo = Exec { stdin: b"in".repeat(200_000), ..shell("cat; printf err >&2; exit 7") };
    let output = bench.engine.exec(&id, echo).await.expect("an exec");
    assert_eq!((output.code, output.stdout.len(), text(&output.stderr)), (7, 400_000, "err".into()));

    let unread = Exec { stdin: vec![b'x'; 4 * 1024 * 1024], ..exec(&["/bin/true"]) };
    assert_eq!(bench.engine.exec(&id, unread).await.expect("an exec").code, 0);

    let user = Exec {
        user: "65534".into(),
        env: BTreeMap::from([("A".into(), "b c".into())]),
        ..shell("id -u; echo $A $CC_TEST")
    };
    assert_eq!(text(&bench.engine.exec(&id, user).await.expect("an exec").stdout), "65534\nb c 1");

    let loud = Exec { output_limit: 1000, ..shell("yes") };
    assert!(matches!(
        bench.engine.exec(&id, loud).await,
        Err(EngineError::TooMuchOutput { limit: 1000, .. })
    ));
    let slow = Exec { timeout_ms: 300, ..exec(&["/bin/sleep", "30"]) };
    assert!(matches!(bench.engine.exec(&id, slow).await, Err(EngineError::TimedOut { ms: 300, .. })));
    let missing = bench.engine.exec(&id, exec(&["/no/such/program"])).await.expect("an exec");
    assert!(matches!(missing.code, 126 | 127), "{}", missing.code);

    let gone = ContainerId("crashcart-test-nothing".into());
    assert!(matches!(bench.engine.exec(&gone, shell("true")).await, Err(EngineError::Gone { .. })));
    bench.done().await;
}

#[tokio::test]
async fn nodes_reach_each_other_by_name_and_nothing_else() {
    let bench = Bench::new("net").await;
    let network = bench.network(false).await;
    let one = bench.node(&bench.spec(&network, "one", 0)).await;
    let two = bench.node(&bench.spec(&network, "two", 1)).await;

    assert_eq!(
        bench.sh(&one, "hostname; getent hosts two | cut -d' ' -f1").await.1,
        format!("one\n{}", network.address(1))
    );
    let listener = "exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 7777, Listen => 1, ReuseAddr => 1); \
                    open F, \">/run/ready\"; close F; $c = $s->accept; print $c \"hello\\n\"'";
    let dial = |host: &str, port: u16| {
        format!(
            "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => \"{host}\", PeerPort => {port}, Timeout => 3) or die \"$@\\n\"; print <$s>'"
        )
    };
    let until = format!(
        "i=0; until {} 2>/dev/null; do i=$((i+1)); [ $i -lt 50 ] || exit 1; sleep 0.1; done",
        dial("two", 7777)
    );
    let (heard, said) = tokio::join!(bench.engine.exec(&two, shell(listener)), bench.sh(&one, &until));
    assert_eq!(heard.expect("an exec").code, 0);
    assert_eq!(said, (0, "hello".into()));

    // This machine's own side of the bridge, and an address outside.
    let engine_side = std::net::Ipv4Addr::from(u32::from(network.base) + 1).to_string();
    for place in [engine_side.as_str(), "192.0.2.1", "1.1.1.1"] {
        let (code, said) = bench.sh(&one, &dial(place, 22)).await;
        assert!(code != 0 && !said.contains("SSH"), "{place} answered: {said}");
    }
    let started = Instant::now();
    let (code, _) = bench.sh(&one, "getent hosts deb.debian.org").await;
    assert_ne!(code, 0, "a name outside was looked up");
    assert!(started.elapsed().as_secs() < 4, "a lookup outside takes {:?} to fail", started.elapsed());
    bench.done().await;
}

#[tokio::test]
async fn limits_and_rights_are_as_asked_for() {
    let bench = Bench::new("limits").await;
    let network = bench.network(false).await;
    let id = bench.node(&bench.spec(&network, "one", 0)).await;
    let (_, said) = bench
        .sh(
            &id,
            "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; \
             cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; \
             ulimit -n; [ $(ulimit -Hn) -le 524288 ]; echo $?; ulimit -c; \
             df -B1 --output=size /dev/shm /run /tmp | tail -n +2 | tr -d ' '; \
             stat -c %a /run /tmp; \
             grep -E 'CapBnd|NoNewPrivs' /proc/self/status",
        )
        .await;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "134217728",
            "64",
            "1024",
            "0",
            "0",
            "33554432",
            "8388608",
            "16777216",
            "755",
            "1777",
            // CHOWN is capability 0, SETGID 6, SETUID 7.
            "CapBnd:\t00000000000000c1",
            "NoNewPrivs:\t0",
        ],
        "{said}"
    );
    let about = bench.engine.about().await.expect("about");
    let (code, _) = bench.sh(&id, "dd if=/dev/zero of=/big bs=1M count=100 2>/dev/null").await;
    assert_ne!(code, 0, "100 MiB fitted into 64 MiB (quota: {})", about.disk_limits);
    bench.done().await;
}

#[tokio::test]
async fn a_container_lives_through_its_conditions_and_is_found_in_each() {
    let bench = Bench::new("life").await;
    let network = bench.network(false).await;
    let spec = bench.spec(&network, "one", 0);
    let id = bench.engine.create(&spec).await.expect("a container");
    // Docker 26 lists from a copy that lags a moment behind.
    let condition = async |wanted| {
        let mut found = Vec::new();
        for _ in 0..20 {
            found = bench.found().await;
            assert!(found.iter().any(|thing| thing.kind == FoundKind::Network && thing.name == network.name));
            if found.iter().any(|thing| thing.kind == FoundKind::Container(wanted) && thing.name == spec.name)
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{wanted:?}: {found:?}");
    };
    condition(Condition::Created).await;
    bench.engine.start(&id).await.expect("a start");
    bench.engine.start(&id).await.expect("a second start is no error");
    condition(Condition::Running).await;
    bench.engine.pause(&id).await.expect("a pause");
    condition(Condition::Paused).await;
    bench.engine.unpause(&id).await.expect("an unpause");
    assert_eq!(bench.sh(&id, "echo kept > /root/file; echo lost > /run/file").await.0, 0);
    bench.engine.restart(&id, 0).await.expect("a restart");
    assert_eq!(bench.sh(&id, "cat /root/file; ls /run/file 2>/dev/null").await.1, "kept");
    bench.engine.stop(&id, 0).await.expect("a stop");
    condition(Condition::Exited).await;
    let stopped = bench.engine.exec(&id, shell("true")).await;
    assert!(matches!(stopped, Err(EngineError::Refused { status: 409, .. })), "{stopped:?}");
    // Two at once, one of which comes too late.
    let (first, second) = tokio::join!(bench.engine.remove(&id), bench.engine.remove(&id));
    first.and(second).expect("removals");
    bench.engine.remove(&id).await.expect("removing what is gone is no error");
    bench.engine.remove_network("crashcart-test-nothing").await.expect("no error");
    bench.engine.remove_volume("crashcart-test-nothing").await.expect("no error");
    bench.engine.remove_image("crashcart-test-nothing").await.expect("no error");
    bench.done().await;
}

#[tokio::test]
async fn a_terminal_has_a_size_and_keeps_every_byte() {
    let bench = Bench::new("tty").await;
    let network = bench.network(false).await;
    let id = bench.node(&bench.spec(&network, "one", 0)).await;
    let size = WindowSize { columns: 99, rows: 33 };
    let shell = Exec { env: BTreeMap::from([("PS1".into(), "> ".into())]), ..exec(&["/bin/sh"]) };
    let mut terminal = bench.engine.attach(&id, shell, size).await.expect("a terminal");
    let (mut read, mut write) = terminal.split();
    write.write_all(b"stty size\n").await.expect("a write");
    let mut seen = Vec::new();
    let mut wait_for =
        async |wanted: &[u8], write: &mut (dyn tokio::io::AsyncWrite + Send + Unpin), send: &[u8]| {
            write.write_all(send).await.expect("a write");
            tokio::time::timeout(std::time::Duration::from_secs(10), async {
                while !seen.windows(wanted.len()).any(|bytes| bytes == wanted) {
                    let read = read.read_buf(&mut seen).await.expect("a read");
                    assert_ne!(read, 0, "the terminal ended: {}", String::from_utf8_lossy(&seen));
                }
            })
            .await
            .unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", String::from_utf8_lossy(&seen)));
        };
    wait_for(b"33 99", &mut write, b"").await;
    terminal.resize(WindowSize { columns: 70, rows: 20 }).await.expect("a resize");
    wait_for(b"20 70", &mut write, b"stty size\n").await;
    // Bytes below 3 at the start of a chunk would be headers where output is multiplexed.
    wait_for(b"\x01\x00\x02END", &mut write, b"printf '\\001\\000\\002E''ND'\n").await;
    wait_for(b"exit", &mut write, b"exit 5\n").await;
    assert_eq!(terminal.wait().await.expect("a status"), 5);
    bench.done().await;
}

#[tokio::test]
async fn volumes_are_filled_without_running_anything_and_are_read_only_in_nodes() {
    let bench = Bench::new("volume").await;
    let network = bench.network(false).await;
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o711);
    tar.append_data(&mut header, "agent", &b"abc"[..]).expect("an entry");
    let tar = tar.into_inner().expect("a tar");
    for _ in 0..2 {
        bench
            .engine
            .fill_volume(&bench.name, &bench.labels(), &bench.labels(), &bench.base, tar.clone())
            .await
            .expect("a filled volume");
    }
    let found = bench.found().await;
    assert_eq!(found.iter().filter(|thing| thing.kind == FoundKind::Volume).count(), 1);
    assert_eq!(found.len(), 2, "a container that filled the volume is left: {found:?}");

    let spec = ContainerSpec {
        volumes: vec![Mount::read(&bench.name, "/.crashcart")],
        ..bench.spec(&network, "one", 0)
    };
    let id = bench.node(&spec).await;
    let (_, said) = bench
        .sh(&id, "cat /.crashcart/agent; echo; stat -c %a:%u /.crashcart/agent; touch /.crashcart/x 2>&1")
        .await;
    assert!(said.starts_with("abc\n711:0\n") && said.ends_with("Read-only file system"), "{said}");

    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o600);
    tar.append_data(&mut header, "dir/file", &b"ok"[..]).expect("an entry");
    let tar = tar.into_inner().expect("a tar");
    bench.engine.copy_in(&id, "/root", Box::pin(std::io::Cursor::new(tar))).await.expect("a copy");
    assert_eq!(bench.sh(&id, "cat /root/dir/file").await.1, "ok");
    bench.done().await;
}

/// Reads all that an engine writes.
async fn written<E: std::fmt::Debug>(work: impl AsyncFnOnce(Outflow) -> Result<(), E>) -> Result<Vec<u8>, E> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let read = async {
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.expect("a pipe");
        bytes
    };
    let (worked, bytes) = tokio::join!(work(Box::pin(near)), read);
    worked.map(|()| bytes)
}

#[tokio::test]
async fn images_go_out_of_an_engine_and_into_one_with_name_and_labels() {
    let bench = Bench::new("pack").await;
    let tag = format!("crashcart-test/{}:1", bench.name);
    let mut context = tar::Builder::new(Vec::new());
    let text = format!("FROM {}\nLABEL crashcart.test=kept\n", bench.base);
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    context.append_data(&mut header, "Containerfile", text.as_bytes()).expect("an entry");
    let build = Build {
        tag: tag.clone(),
        labels: Labels::from([("crashcart.test".into(), bench.name.clone())]),
        context: context.into_inner().expect("a tar"),
        arguments: BTreeMap::new(),
    };
    bench.engine.build_image(build, &Silent).await.expect("an image");
    let tags = [tag.clone()];
    let tar = written(async |to| bench.engine.save_images(&tags, to).await).await.expect("a tar");
    bench.engine.remove_image(&tag).await.expect("a removal");
    assert!(bench.engine.image(&tag).await.expect("an answer").is_none());
    bench.engine.load_images(Box::pin(std::io::Cursor::new(tar.clone()))).await.expect("it is taken");
    let image = bench.engine.image(&tag).await.expect("an answer").expect("it is back");
    assert_eq!(image.labels["crashcart.test"], bench.name);
    bench.engine.remove_image(&tag).await.expect("a removal");
    // Cut short: refused, and nothing half is there.
    let cut = tar[..tar.len() / 2].to_vec();
    bench.engine.load_images(Box::pin(std::io::Cursor::new(cut))).await.expect_err("half a tar");
    assert!(bench.engine.image(&tag).await.expect("an answer").is_none());
    bench.done().await;
}

#[tokio::test]
async fn files_go_in_and_out_of_a_container_that_never_runs() {
    let bench = Bench::new("files").await;
    let network = bench.network(false).await;
    let id = bench.engine.create(&bench.spec(&network, "one", 0)).await.expect("a container");
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o600);
    tar.append_data(&mut header, "file", &b"ok"[..]).expect("an entry");
    let tar = tar.into_inner().expect("a tar");
    bench.engine.copy_in(&id, "/srv", Box::pin(std::io::Cursor::new(tar))).await.expect("a copy");
    let back = written(async |to| bench.engine.copy_out(&id, "/srv", to).await).await.expect("a tar");
    let mut archive = tar::Archive::new(back.as_slice());
    let paths: Vec<PathBuf> = archive
        .entries()
        .expect("entries")
        .map(|entry| entry.expect("an entry").path().expect("a path").into_owned())
        .collect();
    assert_eq!(paths, [PathBuf::from("srv/"), PathBuf::from("srv/file")]);
    let gone = written(async |to| bench.engine.copy_out(&id, "/srv/none", to).await).await;
    assert!(matches!(gone, Err(EngineError::Gone { .. })), "{gone:?}");
    bench.done().await;
}

#[tokio::test]
async fn the_first_process_is_heard() {
    let bench = Bench::new("logs").await;
    let network = bench.network(false).await;
    let spec = ContainerSpec {
        argv: ["/bin/sh", "-c", "echo a; echo b >&2; echo c; exec sleep 600"].map(String::from).into(),
        ..bench.spec(&network, "one", 0)
    };
    let id = bench.node(&spec).await;
    let mut log = String::new();
    for _ in 0..50 {
        log = bench.engine.logs(&id, 2).await.expect("a log");
        if log.contains('c') {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(log.lines().count(), 2, "{log}");
    bench.done().await;
}

/// Keeps what it hears.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn step(&self, done: u32, of: u32, what: &str) {
        self.0.lock().expect("no poison").push(format!("{done}/{of} {what}"));
    }
    fn line(&self, line: &str) {
        self.0.lock().expect("no poison").push(line.into());
    }
}

fn build(tag: &str, containerfile: &str, labels: Labels) -> Build {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(containerfile.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "Containerfile", containerfile.as_bytes()).expect("an entry");
    Build {
        tag: tag.into(),
        labels,
        context: tar.into_inner().expect("a tar"),
        arguments: BTreeMap::from([("WHO".into(), "ada".into())]),
    }
}

#[tokio::test]
async fn an_image_is_built_step_by_step_and_labelled() {
    let bench = Bench::new("build").await;
    let tag = format!("{}:1", bench.name);
    let heard = Heard::default();
    let file =
        format!("FROM {}\nARG WHO\nRUN echo \"hello $WHO\" | tee /made; : {}\n", bench.base, bench.name);
    bench.engine.build_image(build(&tag, &file, bench.labels()), &heard).await.expect("a build");
    let heard = heard.0.into_inner().expect("no poison");
    assert!(heard.iter().any(|line| line.starts_with("3/") && line.contains("RUN echo")), "{heard:#?}");
    assert!(heard.iter().any(|line| line == "hello ada"), "{heard:#?}");
    let image = bench.engine.image(&tag).await.expect("an answer").expect("an image");
    assert_eq!(image.labels.get("crashcart.test"), Some(&bench.name));
    assert!(image.created_at_s > 1_600_000_000);
    let ours = bench.engine.images().await.expect("images");
    assert!(ours.iter().any(|image| image.tags.iter().any(|found| found.ends_with(&tag))), "{ours:#?}");
    bench.engine.remove_image(&tag).await.expect("a removal");
    assert!(bench.engine.image(&tag).await.expect("an answer").is_none());
    bench.done().await;
}

#[tokio::test]
async fn a_failed_build_names_its_step_and_its_last_words() {
    let bench = Bench::new("badbuild").await;
    let tag = format!("{}:1", bench.name);
    let file =
        format!("FROM {}\nRUN seq 1 50; sleep 0.3; echo no such thing >&2; sleep 0.3; exit 3\n", bench.base);
    let error =
        bench.engine.build_image(build(&tag, &file, bench.labels()), &Silent).await.expect_err("a failure");
    let EngineError::BuildFailed { step, log, .. } = error else { panic!("{error:?}") };
    assert!(step.starts_with("RUN seq 1 50"), "{step}");
    assert!(log.len() <= 20 && log.iter().any(|line| line == "no such thing"), "{log:#?}");
    assert!(
        log.last().is_some_and(|line| line.contains("non-zero code: 3") || line.contains("exit status 3")),
        "{log:#?}"
    );
    assert!(bench.engine.image(&tag).await.expect("an answer").is_none());

    let error = bench
        .engine
        .build_image(build(&tag, &format!("FROM {}\nNONSENSE\n", bench.base), bench.labels()), &Silent)
        .await
        .expect_err("a failure");
    assert!(
        matches!(&error, EngineError::BuildFailed { log, .. } if log.iter().any(|line| line.to_lowercase().contains("nonsense"))),
        "{error:?}"
    );
    bench.done().await;
}

#[tokio::test]
async fn a_build_that_is_cut_off_leaves_no_container_behind() {
    let bench = Bench::new("cutbuild").await;
    let tag = format!("{}:1", bench.name);
    let marker = format!("sleep 86{}", rand::random::<u16>());
    let file = format!("FROM {}\nLABEL crashcart.test={}\nRUN {marker}\n", bench.base, bench.name);
    let heard = std::sync::Arc::new(Heard::default());
    let (engine, hears) = (engine().await, heard.clone());
    let labels = bench.labels();
    let job = tokio::spawn(async move { engine.build_image(build(&tag, &file, labels), &*hears).await });
    let running =
        async || bench.found().await.iter().any(|thing| matches!(thing.kind, FoundKind::Container(_)));
    let began = || heard.0.lock().expect("no poison").iter().any(|line| line.contains(&marker));
    for _ in 0..200 {
        if began() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(began(), "the build never came to its step: {:?}", heard.0);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    job.abort();
    for _ in 0..200 {
        if !running().await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!running().await, "the step's container is still there");
    bench.done().await;
}
