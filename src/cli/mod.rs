//! The command line: one file per command. A command file is its arguments,
//! whose doc comments are the manual, one call into a verb, and one print.

pub mod app;
pub mod exit;
pub mod message;
pub mod output;
mod report;

mod bench;
mod brief;
mod check;
mod complete;
mod completions;
mod console;
mod demo;
mod doctor;
mod grade;
mod hands;
mod hint;
mod history;
mod home;
mod image;
mod lab;
mod list;
mod manual;
mod next;
mod pack;
mod path;
mod pause;
mod reset;
mod resume;
mod review;
mod rubric;
mod shell;
mod site;
mod start;
mod status;
mod stop;
mod takeover;
mod tape;
mod tmux;
mod unpack;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use app::App;
use exit::Exit;
use message::Failure;
use output::Output;

/// A broken GPU node to mend, and a grader that reads the state of the system.
///
/// Start with `crashcart demo` or `crashcart list`. With one attempt running, no command needs to be
/// told which; with several, name the lab or the attempt.
#[derive(Debug, Parser)]
#[command(name = "crashcart", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// Print data, and errors, as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Say only what was asked for
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Folder that holds labs/, graders/ and containers/
    #[arg(long, global = true, env = "CRASHCART_ROOT", value_name = "FOLDER", hide_env_values = true)]
    root: Option<PathBuf>,
    /// Labs of somebody else's: a folder, or a repository for git, with `#` and a branch, tag or commit behind it
    #[arg(
        long = "labs",
        global = true,
        env = "CRASHCART_LABS",
        value_name = "FOLDER|URL",
        hide_env_values = true
    )]
    collection: Option<String>,
    /// Agree to what the labs of `--labs` ask for, instead of being asked
    #[arg(long, global = true)]
    trust_labs: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Each command's own words stand with its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::Args),
    Demo(demo::Args),
    List(list::Args),
    Next(next::Args),
    Path(path::Args),
    Start(start::Args),
    Brief(brief::Args),
    Status(status::Args),
    Shell(shell::Args),
    Console(console::Args),
    Check(check::Args),
    Watch(watch::Args),
    Hint(hint::Args),
    Grade(grade::Args),
    Hands(hands::Args),
    Reset(reset::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Stop(stop::Args),
    History(history::Args),
    Report(review::Args),
    #[command(subcommand)]
    Image(image::Command),
    #[command(subcommand)]
    Lab(lab::Command),
    Pack(pack::Args),
    Unpack(unpack::Args),
    #[command(subcommand)]
    Rubric(rubric::Command),
    #[command(subcommand)]
    Site(site::Command),
    Bench(bench::Args),
    Completions(completions::Args),
    Manual(manual::Args),
}

/// Runs the command line of this process.
pub fn run() -> Exit {
    // A shell that completes a word is answered, and that is all.
    clap_complete::CompleteEnv::with_factory(command).var(complete::VARIABLE).complete();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not errors.
            if !error.use_stderr() {
                let _ = error.print();
                return Exit::Done;
            }
            let json = std::env::args_os().any(|argument| argument == "--json");
            let failure = message::of_arguments(&error);
            tell(&Output::detect(json, false), &failure);
            return failure.exit;
        }
    };
    let output = Output::detect(arguments.json, arguments.quiet);
    let mut app = App::new(output, arguments.root, arguments.collection, arguments.trust_labs);
    let result = match arguments.command {
        None if home::wanted(&output) => home::run(&mut app),
        None => next::run(&mut app, &next::Args::default()),
        Some(Command::Doctor(args)) => doctor::run(&mut app, &args),
        Some(Command::Demo(args)) => demo::run(&mut app, &args),
        Some(Command::List(args)) => list::run(&mut app, &args),
        Some(Command::Next(args)) => next::run(&mut app, &args),
        Some(Command::Path(args)) => path::run(&mut app, &args),
        Some(Command::Start(args)) => start::run(&mut app, &args),
        Some(Command::Brief(args)) => brief::run(&mut app, &args),
        Some(Command::Status(args)) => status::run(&mut app, &args),
        Some(Command::Shell(args)) => shell::run(&mut app, &args),
        Some(Command::Console(args)) => console::run(&mut app, &args),
        Some(Command::Check(args)) => check::run(&mut app, &args),
        Some(Command::Watch(args)) => watch::run(&mut app, &args),
        Some(Command::Hint(args)) => hint::run(&mut app, &args),
        Some(Command::Grade(args)) => grade::run(&mut app, &args),
        Some(Command::Hands(args)) => hands::run(&mut app, &args),
        Some(Command::Reset(args)) => reset::run(&mut app, &args),
        Some(Command::Pause(args)) => pause::run(&mut app, &args),
        Some(Command::Resume(args)) => resume::run(&mut app, &args),
        Some(Command::Stop(args)) => stop::run(&mut app, &args),
        Some(Command::History(args)) => history::run(&mut app, &args),
        Some(Command::Report(args)) => review::run(&mut app, &args),
        Some(Command::Image(command)) => image::run(&mut app, &command),
        Some(Command::Lab(command)) => lab::run(&mut app, &command),
        Some(Command::Pack(args)) => pack::run(&mut app, &args),
        Some(Command::Unpack(args)) => unpack::run(&mut app, &args),
        Some(Command::Rubric(command)) => rubric::run(&mut app, &command),
        Some(Command::Site(command)) => site::run(&mut app, &command),
        Some(Command::Bench(args)) => bench::run(&mut app, &args),
        Some(Command::Completions(args)) => completions::run(&mut app, &args),
        Some(Command::Manual(args)) => manual::run(&mut app, &args),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            tell(&output, &failure);
            failure.exit
        }
    }
}

/// Prints an error: for people on standard error, with `--json` as JSON on standard output.
fn tell(output: &Output, failure: &Failure) {
    if output.json {
        output.data(failure, |_| String::new());
    } else {
        // A reader that has gone away is no error of ours.
        let _ = write!(std::io::stderr().lock(), "{failure}");
    }
}

/// The whole command line, for completions and for the test that reads all help texts.
pub fn command() -> clap::Command {
    Arguments::command()
}
