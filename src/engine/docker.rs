//! The engine by the Docker API: Docker 20.10 and later, or Podman's socket.
//!
//! Translates [`Engine`]'s calls into requests and the engine's refusals into
//! [`EngineError`]s. Which engine to use is [`super::find`]'s business, and what
//! the containers are for nobody's here.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as ApiError;
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{
    ContainerCreateBody, ContainerSummaryStateEnum, DeviceMapping, DeviceRequest, EndpointIpamConfig,
    EndpointSettings, ExecConfig, HostConfig, HostConfigLogConfig, Ipam, IpamConfig, Mount, MountType,
    MountVolumeOptions, NetworkCreateRequest, NetworkingConfig, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum, SystemInfo, SystemInfoCgroupVersionEnum, VolumeCreateRequest,
};
use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;
use tokio_util::io::ReaderStream;

use super::find::{self, Address, Endpoint, Surroundings};
use super::{
    About, Access, Build, Cause, Condition, ContainerId, ContainerSpec, Ends, Engine, EngineError, Exec,
    ExecOutput, Found, FoundKind, ImageInfo, Inflow, LABEL_KIND, Labels, NO_NETWORK, Network, NetworkSpec,
    Outflow, Progress, Said, Terminal, WindowSize, hijack, subnet,
};

/// Longest that the engine may take until it begins to answer. Stopping a container takes
/// its grace period; nothing else that we ask comes near this.
const ANSWER_WITHIN: Duration = Duration::from_secs(180);
/// The same for the first call, so that a hung engine is noticed.
const FIRST_ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// The same where gigabytes go to a slow disk before the answer comes.
const MANY_BYTES_WITHIN: Duration = Duration::from_secs(2 * 60 * 60);
/// Bytes that are handed to an engine at once.
const PIECE: usize = 256 * 1024;
/// Lines of a failed build to keep for the error.
const BUILD_LOG_LINES: usize = 20;
/// Bytes of standard error kept from a program in a container.
const STDERR_LIMIT: usize = 64 * 1024;
/// How long another crashcart may take to fill a volume; a carrier that stands longer was left behind.
const CARRIER_WITHIN: Duration = Duration::from_secs(20);
/// Address ranges to try before giving up.
const RANGES_TRIED: usize = 256;

/// An engine that speaks the Docker API.
pub struct DockerEngine {
    docker: Docker,
    endpoint: Endpoint,
    /// What `info` says, asked once.
    info: OnceCell<SystemInfo>,
}

impl DockerEngine {
    /// Connects to the engine that this process's surroundings name.
    pub async fn connect() -> Result<Self, EngineError> {
        Self::connect_to(find::find(&Surroundings::here())?).await
    }

    /// Connects to an engine and agrees on an API version.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, EngineError> {
        let unreachable =
            |source: Cause| EngineError::Unreachable { endpoint: endpoint.address.to_string(), source };
        let answer_s = ANSWER_WITHIN.as_secs();
        let version = bollard::API_DEFAULT_VERSION;
        let docker = match &endpoint.address {
            Address::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), answer_s, version),
            Address::Tcp(host) => Docker::connect_with_http(&format!("tcp://{host}"), answer_s, version),
            Address::Tls { host, ca, cert, key } => {
                Docker::connect_with_ssl(&format!("tcp://{host}"), key, cert, ca, answer_s, version)
            }
        }
        .map_err(|error| unreachable(Box::new(error)))?;
        let docker = match tokio::time::timeout(FIRST_ANSWER_WITHIN, docker.negotiate_version()).await {
            Ok(docker) => docker.map_err(|error| explain(&endpoint, "say its version", None, error))?,
            Err(_) => {
                let silence = format!("it did not answer within {} s", FIRST_ANSWER_WITHIN.as_secs());
                return Err(unreachable(Box::new(Said(silence))));
            }
        };
        // bollard agrees on a version but sends requests without one, which means "your newest".
        let version = docker.client_version();
        let docker = docker.with_request_modifier(move |mut request| {
            let versioned = request.uri().to_string().replacen(
                request.uri().path(),
                &format!("/v{version}{}", request.uri().path()),
                1,
            );
            if let Ok(uri) = versioned.parse() {
                *request.uri_mut() = uri;
            }
            request
        });
        Ok(Self { docker, endpoint, info: OnceCell::new() })
    }

    /// Where the engine is and why it was chosen.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn explain(&self, what: &str, name: &str, error: ApiError) -> EngineError {
        explain(&self.endpoint, what, Some(name), error)
    }

    async fn info(&self) -> Result<&SystemInfo, EngineError> {
        self.info
            .get_or_try_init(|| async {
                self.docker
                    .info()
                    .await
                    .map_err(|error| explain(&self.endpoint, "describe itself", None, error))
            })
            .await
    }

    /// Waits until a container that is being removed by somebody else has gone.
    async fn await_gone(&self, id: &str) -> Result<(), EngineError> {
        for _ in 0..100 {
            match self.docker.inspect_container(id, None::<query::InspectContainerOptions>).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => return Ok(()),
                Err(error) => return Err(self.explain("remove a container", id, error)),
            }
        }
        let source = Box::new(Said("its removal has been in progress for more than 10 s".into()));
        Err(EngineError::Refused { what: format!("remove the container `{id}`"), status: 409, source })
    }

    async fn exit_code(&self, exec: &str, program: &str) -> Result<i64, EngineError> {
        let mut wait = Duration::from_millis(1);
        loop {
            let about = self
                .docker
                .inspect_exec(exec)
                .await
                .map_err(|error| self.explain("say how a program ended", program, error))?;
            if let (Some(code), Some(false) | None) = (about.exit_code, about.running) {
                return Ok(code);
            }
            // The output ends a moment before the engine has noted the exit status.
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_millis(50));
        }
    }

    async fn prepare(&self, id: &ContainerId, exec: &Exec, tty: bool) -> Result<String, EngineError> {
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(!tty),
            tty: Some(tty),
            env: Some(environment(&exec.env)),
            cmd: Some(exec.argv.clone()),
            user: Some(exec.user.clone()),
            privileged: Some(false),
            ..ExecConfig::default()
        };
        let created = self.docker.create_exec(&id.0, config).await;
        Ok(created
            .map_err(|error| self.explain(&format!("run `{}` in a container", program(exec)), &id.0, error))?
            .id)
    }

    async fn run(&self, exec_id: &str, exec: &Exec) -> Result<(Vec<u8>, Vec<u8>), EngineError> {
        let what = format!("run `{}` in a container", program(exec));
        let started = self.docker.start_exec(exec_id, None::<StartExecOptions>).await;
        let (mut output, mut input) = match started.map_err(|error| self.explain(&what, exec_id, error))? {
            StartExecResults::Attached { output, input } => (output, input),
            StartExecResults::Detached => unreachable!("we asked for an attached start"),
        };
        let all_sent = AtomicBool::new(false);
        let send = async {
            // A program that ends without reading all of its input is no error.
            let sent = input.write_all(&exec.stdin).await;
            let _ = input.shutdown().await;
            all_sent.store(sent.is_ok(), Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        let receive = async {
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            while let Some(chunk) = output.next().await {
                let chunk = match chunk {
                    // Podman resets the connection when there is input that nobody will read.
                    Err(ApiError::IOError { err })
                        if err.kind() == std::io::ErrorKind::ConnectionReset
                            && !all_sent.load(Ordering::Relaxed) =>
                    {
                        break;
                    }
                    other => other.map_err(|error| self.explain(&what, exec_id, error))?,
                };
                match chunk {
                    LogOutput::StdErr { message } => {
                        let room = STDERR_LIMIT.saturating_sub(stderr.len());
                        stderr.extend_from_slice(&message[..message.len().min(room)]);
                    }
                    LogOutput::StdOut { message } | LogOutput::Console { message } => {
                        if stdout.len() + message.len() > exec.output_limit {
                            return Err(EngineError::TooMuchOutput {
                                program: program(exec),
                                limit: exec.output_limit,
                            });
                        }
                        stdout.extend_from_slice(&message);
                    }
                    LogOutput::StdIn { .. } => {}
                }
            }
            Ok((stdout, stderr))
        };
        tokio::select! {
            biased;
            received = receive => received,
            () = send => unreachable!("sending never ends by itself"),
        }
    }

    async fn terminal(&self, exec_id: &str) -> Result<Ends, EngineError> {
        let what = "open a terminal in a container";
        let path = format!("/v{}/exec/{exec_id}/start", self.docker.client_version());
        let body = r#"{"Detach":false,"Tty":true}"#;
        let ends = match &self.endpoint.address {
            Address::Unix(socket) => hijack::unix(socket, &path, body).await,
            Address::Tcp(host) => hijack::tcp(host, &path, body).await,
            Address::Tls { .. } => {
                let options = StartExecOptions { tty: true, ..StartExecOptions::default() };
                let started = self.docker.start_exec(exec_id, Some(options)).await;
                match started.map_err(|error| self.explain(what, exec_id, error))? {
                    StartExecResults::Attached { mut output, input } => {
                        let (read, mut write) = tokio::io::duplex(64 * 1024);
                        tokio::spawn(async move {
                            while let Some(Ok(chunk)) = output.next().await {
                                if write.write_all(&chunk.into_bytes()).await.is_err() {
                                    break;
                                }
                            }
                        });
                        Ok((Box::pin(read) as Pin<Box<dyn AsyncRead + Send>>, input))
                    }
                    StartExecResults::Detached => unreachable!("we asked for an attached start"),
                }
            }
        };
        ends.map_err(|source| EngineError::Lost { what: what.into(), source: Box::new(source) })
    }

    async fn upload(&self, id: &str, path: &str, tar: Inflow) -> Result<(), EngineError> {
        let options = query::UploadToContainerOptionsBuilder::default().path(path).build();
        let body = bollard::body_try_stream(ReaderStream::with_capacity(tar, PIECE));
        self.patient()
            .upload_to_container(id, Some(options), body)
            .await
            .map_err(|error| self.explain(&format!("unpack files below `{path}`"), id, error))
    }

    /// For calls that are answered once very many bytes were taken.
    fn patient(&self) -> Docker {
        self.docker.clone().with_timeout(MANY_BYTES_WITHIN)
    }

    /// Passes on what an engine sends.
    async fn pass_on(
        &self,
        what: &str,
        name: &str,
        pieces: impl futures_util::Stream<Item = Result<Bytes, ApiError>>,
        mut to: Outflow,
    ) -> Result<(), EngineError> {
        let mut pieces = std::pin::pin!(pieces);
        let lost = |source| EngineError::Lost { what: what.to_owned(), source: Box::new(source) };
        while let Some(piece) = pieces.next().await {
            to.write_all(&piece.map_err(|error| self.explain(what, name, error))?).await.map_err(lost)?;
        }
        to.shutdown().await.map_err(lost)
    }

    /// Whether the files below `path` are those of a tar already, byte for byte.
    async fn holds(&self, id: &str, path: &str, tar: &[u8]) -> Result<bool, EngineError> {
        let options = query::DownloadFromContainerOptionsBuilder::default().path(path).build();
        let pieces: Result<Vec<Bytes>, ApiError> =
            self.docker.download_from_container(id, Some(options)).try_collect().await;
        let found =
            pieces.map_err(|error| self.explain(&format!("read the files below `{path}`"), id, error))?;
        Ok(files_of(&found.concat(), 1) == files_of(tar, 0))
    }

    /// Makes the one container that fills a volume. Its name is the lock of the volume, for every
    /// crashcart on this engine: files that nodes run from are never written twice at once.
    async fn carrier(
        &self,
        name: &str,
        image: &str,
        body: ContainerCreateBody,
    ) -> Result<String, EngineError> {
        let began = std::time::Instant::now();
        loop {
            let options = query::CreateContainerOptionsBuilder::default().name(name).build();
            match self.docker.create_container(Some(options), body.clone()).await {
                Ok(created) => return Ok(created.id),
                Err(ApiError::DockerResponseServerError { status_code: 409, .. }) => {}
                // Podman's word for the same.
                Err(ApiError::DockerResponseServerError { status_code: 500, message })
                    if message.contains("already in use") => {}
                Err(error) => {
                    return Err(self.explain(&format!("make the container `{name}`"), image, error));
                }
            }
            if began.elapsed() > CARRIER_WITHIN {
                self.remove(&ContainerId(name.to_owned())).await?;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Docker says it as the kernel does, Podman as Go does.
fn architecture(said: &str) -> String {
    match said {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
    .to_owned()
}

/// Bytes that can still be written where a folder of this machine is, for those who are not root.
fn free_bytes(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of memory that this machine could give now.
fn memory_available() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable` of /proc/meminfo, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Files of a tar with their contents, by their paths without so many leading parts.
fn files_of(tar: &[u8], leading: usize) -> HashMap<PathBuf, (u32, Vec<u8>)> {
    let mut files = HashMap::new();
    let mut archive = tar::Archive::new(tar);
    for mut entry in archive.entries().into_iter().flatten().flatten() {
        let (Ok(path), Ok(mode)) = (entry.path().map(|path| path.into_owned()), entry.header().mode()) else {
            continue;
        };
        let mut content = Vec::new();
        if entry.header().entry_type().is_file()
            && std::io::Read::read_to_end(&mut entry, &mut content).is_ok()
        {
            files.insert(path.components().skip(leading).collect(), (mode & 0o7777, content));
        }
    }
    files
}

#[async_trait]
impl Engine for DockerEngine {
    async fn about(&self) -> Result<About, EngineError> {
        let info = self.info().await?;
        let version =
            self.docker.version().await.map_err(|error| self.explain("say its version", "", error))?;
        let podman = version
            .components
            .iter()
            .flatten()
            .find(|component| component.name.to_lowercase().contains("podman"))
            .map(|component| component.version.clone());
        let number = version.version.unwrap_or_else(|| "of unknown version".into());
        let endpoint = self.endpoint.address.to_string();
        let is_here = endpoint.starts_with("unix://");
        let data_root = info.docker_root_dir.clone().map(PathBuf::from);
        Ok(About {
            name: match podman {
                Some(number) => format!("Podman {number}"),
                None => format!("Docker {number}"),
            },
            api: self.docker.client_version().to_string(),
            endpoint,
            chosen_by: self.endpoint.chosen_by.clone(),
            cpus: info.ncpu.and_then(|cpus| u32::try_from(cpus).ok()).unwrap_or(0),
            memory_bytes: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
            memory_available_bytes: is_here.then(memory_available).flatten(),
            architecture: architecture(info.architecture.as_deref().unwrap_or_default()),
            storage_driver: info.driver.clone().unwrap_or_default(),
            disk_limits: disk_limits(info),
            cgroup_version: match info.cgroup_version {
                Some(SystemInfoCgroupVersionEnum::_2) => 2,
                _ => 1,
            },
            rootless: info.security_options.iter().flatten().any(|option| option.contains("rootless")),
            data_free_bytes: data_root.as_deref().filter(|_| is_here).and_then(free_bytes),
            data_root,
        })
    }

    async fn image(&self, tag: &str) -> Result<Option<ImageInfo>, EngineError> {
        match self.docker.inspect_image(tag).await {
            Ok(image) => Ok(Some(ImageInfo {
                id: image.id.unwrap_or_default(),
                tags: image.repo_tags.unwrap_or_default(),
                size_bytes: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                created_at_s: image
                    .created
                    .and_then(|date| date.parse::<jiff::Timestamp>().ok())
                    .map_or(0, |date| date.as_second()),
                labels: image
                    .config
                    .and_then(|config| config.labels)
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
            })),
            Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(self.explain(&format!("look at the image `{tag}`"), tag, error)),
        }
    }

    async fn build_image(&self, build: Build, progress: &dyn Progress) -> Result<(), EngineError> {
        let options = query::BuildImageOptionsBuilder::default()
            .dockerfile("Containerfile")
            .t(&build.tag)
            // Containers of steps go away when they end, and when the client does.
            .rm(true)
            .forcerm(true)
            .labels(&build.labels.into_iter().collect::<HashMap<_, _>>())
            .buildargs(&build.arguments.into_iter().collect::<HashMap<_, _>>())
            .build();
        let mut step = String::from("read the Containerfile");
        let mut log = VecDeque::with_capacity(BUILD_LOG_LINES);
        let mut partial = String::new();
        let hear = |line: &str, step: &mut String, log: &mut VecDeque<String>| {
            if line.trim().is_empty() || is_chatter(line) {
                return;
            }
            if let Some((done, of, what)) = parse_step(line) {
                *step = what.to_owned();
                log.clear();
                progress.step(done, of, what);
            } else {
                if log.len() == BUILD_LOG_LINES {
                    log.pop_front();
                }
                log.push_back(line.to_owned());
                progress.line(line);
            }
        };
        let mut events =
            self.docker.build_image(options, None, Some(bollard::body_full(build.context.into())));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    partial.push_str(&event.stream.or(event.status).unwrap_or_default());
                    // Output comes in pieces that know no lines, with \r where a program draws a bar.
                    while let Some(end) = partial.find(['\n', '\r']) {
                        let line: String = partial.drain(..=end).collect();
                        hear(&plain(&line), &mut step, &mut log);
                    }
                }
                Err(ApiError::DockerStreamError { error }) => {
                    hear(&plain(&partial), &mut step, &mut log);
                    error.lines().for_each(|line| hear(&plain(line), &mut step, &mut log));
                    return Err(EngineError::BuildFailed { tag: build.tag, step, log: log.into() });
                }
                Err(ApiError::DockerResponseServerError { status_code: 400 | 500, message }) => {
                    return Err(EngineError::BuildFailed { tag: build.tag, step, log: vec![message] });
                }
                Err(error) => {
                    return Err(self.explain(&format!("build the image `{}`", build.tag), &build.tag, error));
                }
            }
        }
        hear(&plain(&partial), &mut step, &mut log);
        // A stream that merely stops is an engine that stopped; only the tag is proof.
        match self.image(&build.tag).await? {
            Some(_) => Ok(()),
            None => Err(EngineError::Lost {
                what: format!("build the image `{}`", build.tag),
                source: Box::new(Said(format!("its messages ended at the step `{step}`"))),
            }),
        }
    }

    async fn pull_image(
        &self,
        reference: &str,
        tag: &str,
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        let failed = |source: Cause| EngineError::PullFailed { reference: reference.to_owned(), source };
        let (repository, version) = split_tag(reference);
        let options = query::CreateImageOptionsBuilder::default().from_image(repository).tag(version).build();
        let mut events = self.docker.create_image(Some(options), None, None);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    if let Some(error) = event.error_detail.and_then(|detail| detail.message) {
                        return Err(failed(Box::new(Said(error))));
                    }
                    if let Some(status) = event.status {
                        progress.line(&match event.id {
                            Some(id) => format!("{id}: {status}"),
                            None => status,
                        });
                    }
                }
                Err(
                    ApiError::DockerStreamError { error }
                    | ApiError::DockerResponseServerError { message: error, .. },
                ) => {
                    return Err(failed(Box::new(Said(error))));
                }
                Err(error) => return Err(self.explain(&format!("pull `{reference}`"), reference, error)),
            }
        }
        let (repository, version) = split_tag(tag);
        let options = query::TagImageOptionsBuilder::default().repo(repository).tag(version).build();
        self.docker
            .tag_image(reference, Some(options))
            .await
            .map_err(|error| self.explain(&format!("tag `{reference}`"), reference, error))
    }

    async fn import_image(
        &self,
        tar: PathBuf,
        tag: &str,
        labels: &Labels,
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        let unreadable = |source| EngineError::Unreadable { path: tar.clone(), source };
        let file = tokio::fs::File::open(&tar).await.map_err(unreadable)?;
        let size = file.metadata().await.map_err(unreadable)?.len();
        progress.line(&format!("importing {} MiB", size / (1024 * 1024)));
        let bytes = futures_util::stream::try_unfold(file, |mut file| async move {
            let mut chunk = Vec::with_capacity(256 * 1024);
            let length = file.read_buf(&mut chunk).await?;
            Ok::<_, std::io::Error>((length > 0).then(|| (Bytes::from(chunk), file)))
        });
        let (repository, version) = split_tag(tag);
        let options = query::CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(repository)
            .tag(version)
            .changes(labels.iter().map(|(name, value)| format!("LABEL {name}={value:?}")).collect())
            .build();
        let what = format!("import the image `{tag}`");
        let mut events = self.docker.create_image(Some(options), Some(bollard::body_try_stream(bytes)), None);
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| self.explain(&what, tag, error))?;
            if let Some(error) = event.error_detail.and_then(|detail| detail.message) {
                return Err(EngineError::Refused { what, status: 200, source: Box::new(Said(error)) });
            }
        }
        match self.image(tag).await? {
            Some(_) => Ok(()),
            None => {
                Err(EngineError::Lost { what, source: Box::new(Said("its messages ended too soon".into())) })
            }
        }
    }

    async fn save_images(&self, tags: &[String], tar: Outflow) -> Result<(), EngineError> {
        let names: Vec<&str> = tags.iter().map(String::as_str).collect();
        let docker = self.patient();
        let pieces = docker.export_images(&names);
        self.pass_on("hand out images", &names.join(", "), pieces, tar).await
    }

    async fn load_images(&self, tar: Inflow) -> Result<(), EngineError> {
        let options = query::ImportImageOptionsBuilder::default().quiet(false).build();
        let docker = self.patient();
        let body = bollard::body_try_stream(ReaderStream::with_capacity(tar, PIECE));
        let mut events = docker.import_image(options, body, None);
        while let Some(event) = events.next().await {
            event.map_err(|error| explain(&self.endpoint, "take images in", None, error))?;
        }
        Ok(())
    }

    async fn images(&self) -> Result<Vec<ImageInfo>, EngineError> {
        let filters = HashMap::from([("label", vec![LABEL_KIND])]);
        let options = query::ListImagesOptionsBuilder::default().filters(&filters).build();
        let images = self
            .docker
            .list_images(Some(options))
            .await
            .map_err(|error| self.explain("list images", "", error))?;
        Ok(images
            .into_iter()
            .map(|image| ImageInfo {
                id: image.id,
                tags: image.repo_tags.into_iter().filter(|tag| tag != "<none>:<none>").collect(),
                size_bytes: u64::try_from(image.size).unwrap_or(0),
                created_at_s: image.created,
                labels: image.labels.into_iter().collect(),
            })
            .collect())
    }

    async fn remove_image(&self, id: &str) -> Result<(), EngineError> {
        match self.docker.remove_image(id, None::<query::RemoveImageOptions>, None).await {
            Ok(_) | Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.explain(&format!("remove the image `{id}`"), id, error)),
        }
    }

    async fn fill_volume(
        &self,
        name: &str,
        labels: &Labels,
        carrier: &Labels,
        image: &str,
        tar: Vec<u8>,
    ) -> Result<(), EngineError> {
        let volume = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let what = format!("make the volume `{name}`");
        self.docker.create_volume(volume).await.map_err(|error| self.explain(&what, name, error))?;
        // Looking into a volume means reading all of it.
        if files_of(&tar, 0).is_empty() {
            return Ok(());
        }
        let at = "/crashcart-volume";
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // Never run: an image without a command of its own would be refused.
            cmd: Some(vec!["/nothing".into()]),
            labels: Some(carrier.clone().into_iter().collect()),
            network_disabled: Some(true),
            host_config: Some(HostConfig {
                mounts: Some(vec![volume_mount(name, at, false)]),
                network_mode: Some("none".into()),
                cap_drop: Some(vec!["ALL".into()]),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let carrier = self.carrier(&format!("{name}-carrier"), image, body).await?;
        let filled = match self.holds(&carrier, at, &tar).await {
            // Nodes may be running from it: what is there already is not written again.
            Ok(true) => Ok(()),
            Ok(false) => self.upload(&carrier, at, Box::pin(std::io::Cursor::new(tar))).await,
            Err(error) => Err(error),
        };
        let removed = self.remove(&ContainerId(carrier)).await;
        filled.and(removed)
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<Network, EngineError> {
        let routes = std::fs::read_to_string("/proc/net/route")
            .map(|text| subnet::parse_routes(&text))
            .unwrap_or_default();
        let mut options = HashMap::new();
        if !spec.outside {
            // Without an address on the bridge, nodes reach not even this machine's own services.
            options.insert("com.docker.network.bridge.inhibit_ipv4".to_owned(), "true".to_owned());
        }
        let mut last: Cause = Box::new(Said("this machine routes all of them elsewhere".into()));
        let mut tried = 0;
        for range in subnet::candidates(&spec.name, spec.hosts, &routes).take(RANGES_TRIED) {
            tried += 1;
            let request = NetworkCreateRequest {
                name: spec.name.clone(),
                driver: Some("bridge".into()),
                internal: Some(!spec.outside),
                ipam: Some(Ipam {
                    config: Some(vec![IpamConfig {
                        subnet: Some(range.to_string()),
                        ..IpamConfig::default()
                    }]),
                    ..Ipam::default()
                }),
                options: Some(options.clone()),
                labels: Some(spec.labels.clone().into_iter().collect()),
                ..NetworkCreateRequest::default()
            };
            match self.docker.create_network(request).await {
                Ok(created) => {
                    let (name, base, prefix) = (spec.name.clone(), range.base, range.prefix);
                    return Ok(Network { id: created.id, name, base, prefix });
                }
                // Docker: "Pool overlaps with other one on this address space" (403), or "networks
                // have overlapping IPv4"; Podman: "subnet … is already used on the host or by another config".
                Err(ApiError::DockerResponseServerError { message, .. })
                    if message.contains("overlap") || message.contains("already used") =>
                {
                    last = Box::new(Said(message));
                }
                Err(error) => {
                    return Err(self.explain(
                        &format!("make the network `{}`", spec.name),
                        &spec.name,
                        error,
                    ));
                }
            }
        }
        Err(EngineError::NoRange { name: spec.name.clone(), tried, source: last })
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let quota = disk_limits(self.info().await?);
        let options = query::CreateContainerOptionsBuilder::default().name(&spec.name).build();
        self.docker
            .create_container(Some(options), container_body(spec, quota, grantable(&self.endpoint.address)))
            .await
            .map(|created| ContainerId(created.id))
            .map_err(|error| self.explain(&format!("make the container `{}`", spec.name), &spec.image, error))
    }

    async fn start(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.docker
            .start_container(&id.0, None::<query::StartContainerOptions>)
            .await
            .map_err(|error| self.explain("start a container", &id.0, error))
    }

    async fn stop(&self, id: &ContainerId, grace_s: u32) -> Result<(), EngineError> {
        let options = query::StopContainerOptionsBuilder::default().t(seconds(grace_s)).build();
        self.docker
            .stop_container(&id.0, Some(options))
            .await
            .map_err(|error| self.explain("stop a container", &id.0, error))
    }

    async fn restart(&self, id: &ContainerId, grace_s: u32) -> Result<(), EngineError> {
        let options = query::RestartContainerOptionsBuilder::default().t(seconds(grace_s)).build();
        self.docker
            .restart_container(&id.0, Some(options))
            .await
            .map_err(|error| self.explain("restart a container", &id.0, error))
    }

    async fn pause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.docker
            .pause_container(&id.0)
            .await
            .map_err(|error| self.explain("pause a container", &id.0, error))
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.docker
            .unpause_container(&id.0)
            .await
            .map_err(|error| self.explain("unpause a container", &id.0, error))
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), EngineError> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(&id.0, Some(options)).await {
            Ok(()) | Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(ApiError::DockerResponseServerError { status_code: 409, message })
                if message.contains("in progress") =>
            {
                self.await_gone(&id.0).await
            }
            Err(error) => Err(self.explain("remove a container", &id.0, error)),
        }
    }

    async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        match self.docker.remove_network(id).await {
            Ok(()) | Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.explain(&format!("remove the network `{id}`"), id, error)),
        }
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        match self.docker.remove_volume(name, None::<query::RemoveVolumeOptions>).await {
            Ok(()) | Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(self.explain(&format!("remove the volume `{name}`"), name, error)),
        }
    }

    async fn exec(&self, id: &ContainerId, exec: Exec) -> Result<ExecOutput, EngineError> {
        let work = async {
            let exec_id = self.prepare(id, &exec, false).await?;
            let (stdout, stderr) = self.run(&exec_id, &exec).await?;
            let code = self.exit_code(&exec_id, &program(&exec)).await?;
            Ok(ExecOutput { code, stdout, stderr })
        };
        match tokio::time::timeout(Duration::from_millis(exec.timeout_ms.into()), work).await {
            Ok(done) => done,
            Err(_) => Err(EngineError::TimedOut { program: program(&exec), ms: exec.timeout_ms }),
        }
    }

    async fn attach(
        &self,
        id: &ContainerId,
        exec: Exec,
        size: WindowSize,
    ) -> Result<Box<dyn Terminal>, EngineError> {
        let exec_id = self.prepare(id, &exec, true).await?;
        let ends = self.terminal(&exec_id).await?;
        let terminal = DockerTerminal {
            engine: Self {
                docker: self.docker.clone(),
                endpoint: self.endpoint.clone(),
                info: OnceCell::new(),
            },
            exec_id,
            program: program(&exec),
            ends: Mutex::new(Some(ends)),
        };
        // The stream opens a moment before the program has its terminal.
        let mut wait = Duration::from_millis(5);
        for _ in 0..7 {
            if terminal.resize(size).await.is_ok() {
                break;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(Box::new(terminal))
    }

    async fn copy_in(&self, id: &ContainerId, path: &str, tar: Inflow) -> Result<(), EngineError> {
        self.upload(&id.0, path, tar).await
    }

    async fn copy_out(&self, id: &ContainerId, path: &str, tar: Outflow) -> Result<(), EngineError> {
        let options = query::DownloadFromContainerOptionsBuilder::default().path(path).build();
        let docker = self.patient();
        let pieces = docker.download_from_container(&id.0, Some(options));
        self.pass_on(&format!("read the files below `{path}`"), path, pieces, tar).await
    }

    async fn logs(&self, id: &ContainerId, lines: u32) -> Result<String, EngineError> {
        let options =
            query::LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let chunks: Vec<LogOutput> = self
            .docker
            .logs(&id.0, Some(options))
            .try_collect()
            .await
            .map_err(|error| self.explain("give a container's log", &id.0, error))?;
        let bytes: Vec<u8> = chunks.into_iter().flat_map(LogOutput::into_bytes).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn list(&self, labels: &Labels) -> Result<Vec<Found>, EngineError> {
        let filters = HashMap::from([(
            "label",
            labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
        )]);
        let containers = query::ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let networks = query::ListNetworksOptionsBuilder::default().filters(&filters).build();
        let volumes = query::ListVolumesOptionsBuilder::default().filters(&filters).build();
        let (containers, networks, volumes) = tokio::try_join!(
            self.docker.list_containers(Some(containers)),
            self.docker.list_networks(Some(networks)),
            self.docker.list_volumes(Some(volumes)),
        )
        .map_err(|error| self.explain("list what it holds", "", error))?;
        let containers = containers.into_iter().map(|container| Found {
            kind: FoundKind::Container(condition(container.state)),
            id: container.id.unwrap_or_default(),
            name: container
                .names
                .and_then(|names| names.into_iter().next())
                .map(|name| name.trim_start_matches('/').to_owned())
                .unwrap_or_default(),
            labels: container.labels.unwrap_or_default().into_iter().collect(),
        });
        let networks = networks.into_iter().map(|network| Found {
            kind: FoundKind::Network,
            id: network.id.unwrap_or_default(),
            name: network.name.unwrap_or_default(),
            labels: network.labels.unwrap_or_default().into_iter().collect(),
        });
        let volumes = volumes.volumes.unwrap_or_default().into_iter().map(|volume| Found {
            kind: FoundKind::Volume,
            id: volume.name.clone(),
            name: volume.name,
            labels: volume.labels.into_iter().collect(),
        });
        Ok(containers.chain(networks).chain(volumes).collect())
    }
}

/// A program on a terminal, by the engine's exec.
struct DockerTerminal {
    engine: DockerEngine,
    exec_id: String,
    program: String,
    /// Locked by nobody: it makes of two ends that are `Send` something that is `Sync`.
    ends: Mutex<Option<Ends>>,
}

#[async_trait]
impl Terminal for DockerTerminal {
    fn split(&mut self) -> Ends {
        let ends = self.ends.get_mut().expect("a lock that nobody takes is not poisoned");
        ends.take().expect("a terminal is split once")
    }

    async fn resize(&self, size: WindowSize) -> Result<(), EngineError> {
        self.engine
            .docker
            .resize_exec(&self.exec_id, ResizeExecOptions { height: size.rows, width: size.columns })
            .await
            .map_err(|error| self.engine.explain("resize a terminal", &self.program, error))
    }

    async fn wait(&self) -> Result<i64, EngineError> {
        self.engine.exit_code(&self.exec_id, &self.program).await
    }
}

/// What a container is made of, in the engine's words.
fn container_body(spec: &ContainerSpec, quota: bool, most: Option<Grantable>) -> ContainerCreateBody {
    let ulimit = |name: &str, soft: i64, hard: i64| ResourcesUlimits {
        name: Some(name.into()),
        soft: Some(soft),
        hard: Some(hard),
    };
    let disk = i64::try_from(spec.limits.disk_bytes).unwrap_or(i64::MAX);
    // Where a core goes is this machine's `kernel.core_pattern`: outside of the node. None are made.
    let mut ulimits = vec![ulimit("core", 0, 0)];
    if let Some(most) = most {
        // What systemd gives services and logins on Debian, as far as this machine can; of memory that may be
        // locked also as the hardest limit, so that a node is the same on every machine.
        ulimits.push(ulimit("nofile", most.open_files.min(1024), most.open_files.min(524_288)));
        let locked = most.locked_bytes.min(LOCKED_BYTES);
        ulimits.push(ulimit("memlock", locked, locked));
    }
    if !quota {
        // The second best: no single file grows past the limit.
        ulimits.push(ulimit("fsize", disk, disk));
    }
    let memory = i64::try_from(spec.limits.memory_bytes).unwrap_or(i64::MAX);
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(spec.address.to_string()),
            ..EndpointIpamConfig::default()
        }),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        hostname: Some(spec.hostname.clone()),
        // Replaces an image's own entry point; what follows it comes from `cmd`.
        entrypoint: spec.argv.first().map(|program| vec![program.clone()]),
        cmd: Some(spec.argv.iter().skip(1).cloned().collect()),
        env: Some(pairs(&spec.env)),
        user: Some("0:0".into()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        stop_signal: Some("SIGTERM".into()),
        host_config: Some(HostConfig {
            privileged: Some(false),
            cap_drop: Some(vec!["ALL".into()]),
            cap_add: Some(spec.capabilities.clone()),
            // `no-new-privileges` is left out on purpose: it would take `sudo`, `su` and set-uid
            // helpers from the node's own users, and labs are about those. What a set-uid program
            // can gain is bounded by the list above, for the bounding set holds nothing else.
            security_opt: None,
            memory: Some(memory),
            // The sum of memory and swap: no swap.
            memory_swap: Some(memory),
            nano_cpus: Some(i64::from(spec.limits.cpu_milli) * 1_000_000),
            pids_limit: Some(i64::from(spec.limits.pids)),
            ulimits: Some(ulimits),
            storage_opt: quota.then(|| HashMap::from([("size".to_owned(), disk.to_string())])),
            shm_size: Some(i64::try_from(spec.shm_bytes).unwrap_or(i64::MAX)),
            tmpfs: Some(
                spec.tmpfs.iter().map(|(path, bytes)| (path.clone(), tmpfs_options(path, *bytes))).collect(),
            ),
            mounts: Some(
                spec.volumes
                    .iter()
                    .map(|mount| volume_mount(&mount.volume, &mount.path, mount.access == Access::Read))
                    .collect(),
            ),
            devices: Some(
                spec.devices
                    .iter()
                    .map(|path| DeviceMapping {
                        path_on_host: Some(path.clone()),
                        path_in_container: Some(path.clone()),
                        cgroup_permissions: Some("rw".into()),
                    })
                    .collect(),
            ),
            network_mode: Some(spec.network.clone()),
            extra_hosts: Some(spec.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()),
            // Engines before 25 hand lookups that they cannot answer to this machine's resolver even
            // from a closed network (CVE-2024-29018). The node's own loopback refuses them at once.
            dns: (!spec.outside).then(|| vec!["127.0.0.1".into()]),
            // They do not pass the refusal on; without these a lookup would hang for 20 s.
            dns_options: (!spec.outside).then(|| vec!["timeout:1".into(), "attempts:1".into()]),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".into()),
                config: Some(HashMap::from([
                    ("max-size".to_owned(), "1m".to_owned()),
                    ("max-file".to_owned(), "1".to_owned()),
                ])),
            }),
            init: Some(false),
            // What `docker run --gpus all` asks for.
            device_requests: spec.gpus.then(|| {
                vec![DeviceRequest {
                    count: Some(-1),
                    capabilities: Some(vec![vec!["gpu".into()]]),
                    ..DeviceRequest::default()
                }]
            }),
            ..HostConfig::default()
        }),
        networking_config: (spec.network != NO_NETWORK).then(|| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(spec.network.clone(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

/// Bytes that a process of a node may lock in memory: systemd's `DefaultLimitMEMLOCK`.
const LOCKED_BYTES: i64 = 8 << 20;

/// The hard limits up to which an engine can grant some.
struct Grantable {
    open_files: i64,
    locked_bytes: i64,
}

/// What an engine on this machine can grant; none for one elsewhere.
///
/// An engine refuses to start a container with more than its own hard limits. Those cannot
/// be asked for; but a service's are no lower than a login's, and one that we started has ours.
fn grantable(address: &Address) -> Option<Grantable> {
    use rustix::process::{Resource, getrlimit};
    let Address::Unix(_) = address else { return None };
    let hard = |of| getrlimit(of).maximum.map_or(i64::MAX, |hard| i64::try_from(hard).unwrap_or(i64::MAX));
    Some(Grantable { open_files: hard(Resource::Nofile), locked_bytes: hard(Resource::Memlock) })
}

/// Mount options as systemd has them on Debian: `/run` belongs to root and runs nothing,
/// other places are free to all, as `/tmp` is.
fn tmpfs_options(path: &str, bytes: u64) -> String {
    match path {
        "/run" => format!("rw,noexec,nosuid,nodev,mode=755,size={bytes}"),
        _ => format!("rw,exec,nosuid,nodev,mode=1777,size={bytes}"),
    }
}

fn volume_mount(name: &str, path: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_owned()),
        target: Some(path.to_owned()),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

/// Whether the storage driver can hold a container to a size. Of overlay file systems only
/// XFS mounted with project quotas can, which is seen on this machine's own mounts.
fn disk_limits(info: &SystemInfo) -> bool {
    match info.driver.as_deref() {
        Some("btrfs" | "zfs") => true,
        Some("overlay2") => {
            let on_xfs = info
                .driver_status
                .iter()
                .flatten()
                .any(|pair| matches!(pair.as_slice(), [name, value] if name == "Backing Filesystem" && value == "xfs"));
            on_xfs
                && info.docker_root_dir.as_deref().is_some_and(|root| {
                    std::fs::read_to_string("/proc/self/mountinfo")
                        .is_ok_and(|mounts| has_project_quota(&mounts, root))
                })
        }
        _ => false,
    }
}

/// Whether the mount that holds `path` has project quotas on.
fn has_project_quota(mountinfo: &str, path: &str) -> bool {
    mountinfo
        .lines()
        .filter_map(|line| Some((line.split(' ').nth(4)?, line)))
        .filter(|(at, _)| Path::new(path).starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .is_some_and(|(_, line)| line.split([' ', ',']).any(|option| matches!(option, "prjquota" | "pquota")))
}

fn condition(state: Option<ContainerSummaryStateEnum>) -> Condition {
    match state {
        Some(ContainerSummaryStateEnum::CREATED) => Condition::Created,
        Some(ContainerSummaryStateEnum::PAUSED) => Condition::Paused,
        Some(
            ContainerSummaryStateEnum::RUNNING
            | ContainerSummaryStateEnum::RESTARTING
            | ContainerSummaryStateEnum::STOPPING,
        ) => Condition::Running,
        _ => Condition::Exited,
    }
}

/// The step that a line of a build announces: `Step 3/7 : RUN …` (Docker), `STEP 3/7: RUN …` (Podman).
fn parse_step(line: &str) -> Option<(u32, u32, &str)> {
    let rest = line.strip_prefix("Step ").or_else(|| line.strip_prefix("STEP "))?;
    let (numbers, what) = rest.split_once(':')?;
    let (done, of) = numbers.trim().split_once('/')?;
    Some((done.parse().ok()?, of.parse().ok()?, what.trim()))
}

/// A line of a program's output without its end and its colours (the engine paints errors red).
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("\u{1b}[") {
        text.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        // Parameters, then one final byte.
        rest = match sequence.find(|c: char| ('@'..='~').contains(&c)) {
            Some(end) => &sequence[end + 1..],
            None => "",
        };
    }
    text.push_str(rest);
    text.trim_end_matches(['\n', '\r']).to_owned()
}

/// What the engine says of its own doings while it builds; of no use to somebody who looks for an error.
fn is_chatter(line: &str) -> bool {
    line.starts_with(" ---> ")
        || line.starts_with("--> ")
        || line.starts_with("Removing intermediate container ")
}

/// Repository and tag of a reference; a registry's port is no tag.
fn split_tag(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    map.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// The environment of an exec. Engines put that of the container below it, and a name without a value
/// takes a variable out of there (Podman empties it).
fn environment(map: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    pairs(map).into_iter().chain(crashcart_facts::SECRET_VARIABLES.map(str::to_owned)).collect()
}

fn program(exec: &Exec) -> String {
    exec.argv.first().cloned().unwrap_or_default()
}

fn seconds(grace_s: u32) -> i32 {
    i32::try_from(grace_s).unwrap_or(i32::MAX)
}

/// What an error of the API means to us. `name` is that of the thing that a 404 speaks of.
fn explain(endpoint: &Endpoint, what: &str, name: Option<&str>, error: ApiError) -> EngineError {
    match error {
        ApiError::DockerResponseServerError { status_code: 404, .. } if name.is_some() => {
            EngineError::Gone { name: name.unwrap_or_default().to_owned() }
        }
        ApiError::DockerResponseServerError { status_code, message } => EngineError::Refused {
            what: what.to_owned(),
            // Where Docker says 409, Podman says 500 and these words.
            status: if message.contains("container state improper") { 409 } else { status_code },
            source: Box::new(Said(match message.trim() {
                "" => format!("it answered with HTTP status {status_code} and no word"),
                words => words.to_owned(),
            })),
        },
        ApiError::DockerStreamError { error } => {
            EngineError::Refused { what: what.to_owned(), status: 200, source: Box::new(Said(error)) }
        }
        ApiError::SocketNotFoundError(path) => EngineError::NotFound { tried: vec![path] },
        ApiError::HyperLegacyError { err } if err.is_connect() => {
            let kind = io_kind(&err);
            match (&endpoint.address, kind) {
                (Address::Unix(path), Some(kind)) => find::unix_error(path, kind.into()),
                _ => {
                    EngineError::Unreachable { endpoint: endpoint.address.to_string(), source: Box::new(err) }
                }
            }
        }
        ApiError::RequestTimeoutError => EngineError::Lost {
            what: what.to_owned(),
            source: Box::new(Said(format!("it did not answer within {} s", ANSWER_WITHIN.as_secs()))),
        },
        error => EngineError::Lost { what: what.to_owned(), source: Box::new(error) },
    }
}

/// Kind of the I/O error at the bottom of a chain.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_docker_and_podman_builds_are_read() {
        let case = |line, wanted| assert_eq!(parse_step(line), wanted, "{line}");
        case("Step 3/7 : RUN apt-get update: now", Some((3, 7, "RUN apt-get update: now")));
        case("STEP 1/2: FROM scratch", Some((1, 2, "FROM scratch")));
        case("Step by step", None);
        case(" ---> Running in 0123456789ab", None);
    }

    #[test]
    fn colours_are_taken_out_of_a_builds_output() {
        let case = |line, wanted: &str| assert_eq!(plain(line), wanted);
        case("\u{1b}[91mno such thing\n", "no such thing");
        case("\u{1b}[0mdone\u{1b}[1;31m!\r", "done!");
        case("cut \u{1b}[", "cut ");
        case("plain\n", "plain");
    }

    #[test]
    fn the_kernel_is_asked_what_memory_is_available() {
        let text = "MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available(text), Some(2 << 20));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn a_registry_port_is_no_tag() {
        let case = |reference, wanted| assert_eq!(split_tag(reference), wanted, "{reference}");
        case("debian:trixie-slim", ("debian", "trixie-slim"));
        case("registry.example:5000/debian", ("registry.example:5000/debian", "latest"));
        case("registry.example:5000/debian:12", ("registry.example:5000/debian", "12"));
    }

    #[test]
    fn project_quotas_are_looked_for_on_the_mount_that_holds_the_engines_data() {
        let mounts = "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
                      30 22 8:2 / /var/lib rw,relatime shared:1 - xfs /dev/sda2 rw,attr2,prjquota\n";
        assert!(has_project_quota(mounts, "/var/lib/docker"));
        assert!(!has_project_quota(mounts, "/srv/docker"));
    }
}
