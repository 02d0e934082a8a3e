//! The program that container runtimes run because a specification says so.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ctk::hook;
use ctk::log::Log;

/// Command to structure files for usage inside a container, called as hooks from a container runtime, defined in a CDI yaml file
#[derive(Debug, Parser)]
#[command(name = "nvidia-cdi-hook", display_name = "NVIDIA CDI Hook version", version = ctk::VERSION)]
struct Arguments {
    /// Enable debug-level logging
    #[arg(short, long, env = "NVIDIA_CDI_DEBUG", global = true)]
    debug: bool,
    /// Suppress all output except for errors; overrides --debug
    #[arg(long, env = "NVIDIA_CDI_QUIET", global = true)]
    quiet: bool,
    #[command(subcommand)]
    hook: Hook,
}

#[derive(Debug, Subcommand)]
enum Hook {
    /// Update ldcache in a container by running ldconfig
    UpdateLdcache {
        /// Specify a folder to add to /etc/ld.so.conf before updating the ld cache
        #[arg(long, value_name = "FOLDER")]
        folder: Vec<String>,
        /// Specify the path to the ldconfig program
        #[arg(long, value_name = "PATH", default_value = "/sbin/ldconfig")]
        ldconfig_path: PathBuf,
        #[command(flatten)]
        container: Container,
    },
    /// A hook to create symlinks in the container
    CreateSymlinks {
        /// Specify a specific link to create. The link is specified as target::link. If the link exists in the container
        /// root, it is removed
        #[arg(long, value_name = "TARGET::LINK")]
        link: Vec<String>,
        #[command(flatten)]
        container: Container,
    },
    /// Set the permissions of folders in the container by running chmod. The container root is prefixed to the specified
    /// paths
    Chmod {
        /// Specify a path to apply the specified mode to
        #[arg(long, value_name = "PATH")]
        path: Vec<String>,
        /// Specify the file mode
        #[arg(long, value_name = "MODE", value_parser = octal)]
        mode: u32,
        #[command(flatten)]
        container: Container,
    },
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(Debug, Args)]
struct Container {
    /// Specify the path to the OCI container spec. If empty or '-' the spec will be read from STDIN
    #[arg(long, value_name = "PATH")]
    container_spec: Option<PathBuf>,
}

fn octal(word: &str) -> Result<u32, String> {
    match u32::from_str_radix(word, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err("a file mode is up to 7777".into()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = Log::new(arguments.debug, arguments.quiet);
    let root = |container: &Container| hook::container_root(container.container_spec.as_deref());
    let done = match &arguments.hook {
        Hook::UpdateLdcache { folder, ldconfig_path, container } => {
            root(container).and_then(|root| hook::update_ldcache(&root, ldconfig_path, folder))
        }
        Hook::CreateSymlinks { link, container } => {
            root(container).and_then(|root| hook::create_symlinks(&root, link))
        }
        Hook::Chmod { path, mode, container } => {
            root(container).and_then(|root| hook::chmod(&root, *mode, path))
        }
        // A specification of a newer toolkit must not keep containers from starting.
        Hook::Other(words) => {
            let name = words.first().map_or("", String::as_str);
            log.warning(&format!("Unsupported CDI hook: {name}"));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log.error(&why);
            ExitCode::FAILURE
        }
    }
}
