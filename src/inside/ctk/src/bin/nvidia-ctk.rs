//! The program that whoever runs containers types.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ctk::generate::{self, Strategy, Wanted};
use ctk::list;
use ctk::log::Log;
use ctk::spec;

/// Tools to configure the NVIDIA Container Toolkit
#[derive(Debug, Parser)]
#[command(name = "nvidia-ctk", display_name = "NVIDIA Container Toolkit CLI version", version = ctk::VERSION)]
struct Arguments {
    /// Enable debug-level logging
    #[arg(short, long, env = "NVIDIA_CTK_DEBUG", global = true)]
    debug: bool,
    /// Suppress all output except for errors; overrides --debug
    #[arg(long, env = "NVIDIA_CTK_QUIET", global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provide tools for interacting with Container Device Interface specifications
    Cdi {
        #[command(subcommand)]
        command: Cdi,
    },
}

#[derive(Debug, Subcommand)]
enum Cdi {
    /// Generate CDI specifications for use with CDI-enabled runtimes
    Generate(Generate),
    /// List the available CDI devices
    List {
        /// Specify the directories to scan for CDI specifications
        #[arg(long, value_name = "DIR", env = "NVIDIA_CTK_CDI_SPEC_DIRS", value_delimiter = ',')]
        spec_dir: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct Generate {
    /// Specify the file to output the generated CDI specification to. If this is '' the specification is output to STDOUT
    #[arg(
        long,
        value_name = "FILE",
        default_value = "",
        hide_default_value = true,
        env = "NVIDIA_CTK_CDI_OUTPUT_FILE_PATH",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    output: PathBuf,
    /// The output format for the generated spec [json | yaml]. This overrides the format defined by the output file
    /// extension (if specified)
    #[arg(long, ignore_case = true)]
    format: Option<Format>,
    /// The mode to use when discovering the available entities. If mode is set to 'auto' the mode will be determined based
    /// on the system configuration
    #[arg(long, visible_alias = "discovery-mode", ignore_case = true, default_value = "auto")]
    mode: Mode,
    /// Specify the strategy for generating device names. If this is specified multiple times, the devices will be
    /// duplicated for each strategy. One of [index | uuid | type-index]
    #[arg(
        long,
        value_name = "STRATEGY",
        value_delimiter = ',',
        default_values = ["index", "uuid"],
        value_parser = |word: &str| Strategy::of(word).ok_or(format!("invalid device name strategy: {word}"))
    )]
    device_name_strategy: Vec<Strategy>,
    /// The vendor string to use for the generated CDI specification
    #[arg(long, visible_alias = "cdi-vendor", default_value = "nvidia.com", value_parser = checked(list::vendor_is_valid))]
    vendor: String,
    /// The class string to use for the generated CDI specification
    #[arg(long, visible_alias = "cdi-class", default_value = "gpu", value_parser = checked(list::class_is_valid))]
    class: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    Auto,
    Nvml,
}

fn checked(
    check: fn(&str) -> Result<(), String>,
) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |word| check(word).map(|()| word.to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = Log::new(arguments.debug, arguments.quiet);
    let Command::Cdi { command } = arguments.command;
    let done = match command {
        Cdi::Generate(asked) => generate(&asked, &log),
        Cdi::List { spec_dir } => show(spec_dir, &log),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log.error(&why);
            ExitCode::FAILURE
        }
    }
}

fn generate(asked: &Generate, log: &Log) -> Result<(), String> {
    let implied = asked.output.extension().and_then(|ending| ending.to_str()).and_then(|ending| match ending
        .to_lowercase()
        .as_str()
    {
        "json" => Some(Format::Json),
        "yaml" | "yml" => Some(Format::Yaml),
        _ => None,
    });
    let format = asked.format.or(implied).unwrap_or(Format::Yaml);
    if implied.is_some_and(|implied| implied != format) {
        let word = |format| format!("{format:?}").to_lowercase();
        log.warning(&format!(
            "Requested output format {:?} does not match format implied by output file name: {:?}",
            word(format),
            implied.map(word).unwrap_or_default()
        ));
    }
    if asked.mode == Mode::Auto {
        log.info("Auto-detected mode as 'nvml'");
    }
    let wanted = Wanted {
        vendor: asked.vendor.clone(),
        class: asked.class.clone(),
        names: asked.device_name_strategy.clone(),
    };
    let spec = generate::found()
        .and_then(|found| generate::spec(&found, &wanted, Path::new("/"), log))
        .map_err(|why| format!("failed to generate CDI spec: {why}"))?;
    log.info(&format!("Generated CDI spec with version {}", spec::VERSION));
    let text = match format {
        Format::Yaml => spec.yaml(),
        Format::Json => spec.json(),
    };
    if asked.output.as_os_str().is_empty() {
        let failed = |error| format!("failed to write CDI spec to STDOUT: {error}");
        return std::io::stdout().write_all(text.as_bytes()).map_err(failed);
    }
    save(&asked.output, &text).map_err(|error| format!("failed to write CDI spec: {error}"))
}

/// All of it or nothing, readable for everybody: rootless runtimes read it as their user.
fn save(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let new = path.with_file_name(name);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.set_permissions(fs::Permissions::from_mode(0o644)))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

fn show(folders: Vec<PathBuf>, log: &Log) -> Result<(), String> {
    let folders = match folders.is_empty() {
        true => list::FOLDERS.map(PathBuf::from).to_vec(),
        false => folders,
    };
    let listed = list::list(&folders);
    if !listed.errors.is_empty() {
        log.warning("The following registry errors were reported:");
        for (path, errors) in &listed.errors {
            log.warning(&format!("{}: [{}]", path.display(), errors.join(" ")));
        }
    }
    log.info(&format!("Found {} CDI devices", listed.devices.len()));
    let text: String = listed.devices.iter().map(|name| format!("{name}\n")).collect();
    // Who stops reading has read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
