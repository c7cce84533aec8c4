//! From arguments to exit status: parse, run, say what went wrong.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, Args, FromArgMatches as _, Parser};
use tracing_subscriber::filter::LevelFilter;

use crate::commands::Command;
use crate::context::{Context, Outcome};
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guards::Guards;
use crate::help;
use crate::output::{PrintError, Printer};
use crate::voice::{Language, Voice};

/// A link of this name is `hanare device`: wg-quick starts a program with the interface's name as the only argument.
const DEVICE_LINK: &str = "hanare-device";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "hanare", version, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags of all commands.
#[derive(Debug, Args)]
struct Globals {
    #[arg(long, global = true, value_name = "ja|en")]
    lang: Option<Language>,
    #[arg(long, global = true)]
    json: bool,
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/lib/hanare")]
    state: PathBuf,
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/hanare")]
    runtime: PathBuf,
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

/// Runs the program with these arguments, its own name first.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    main_with(arguments, Guards::default())
}

/// The same with other guards; only a test's binary has any.
#[must_use]
pub fn main_with(arguments: impl Iterator<Item = OsString>, guards: Guards) -> ExitCode {
    let arguments = as_device(arguments.collect());
    let (language, json) = glance(&arguments);
    let language = language.unwrap_or_else(environment::language);
    on_panic(language, json);
    // The words of the help only for those who read them.
    let matches = help::grammar()
        .try_get_matches_from(&arguments)
        .or_else(|_| help::command(language).try_get_matches_from(&arguments));
    let matches = match matches {
        Ok(matches) => matches,
        Err(error) => return not_run(&error, &arguments, language, json),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => run(cli, language, guards),
        Err(error) => not_run(&error, &arguments, language, json),
    }
}

fn run(cli: Cli, language: Language, guards: Guards) -> ExitCode {
    let Cli { globals, command } = cli;
    let Globals { lang: _, json, state, runtime, verbose, quiet } = globals;
    let is_service = command.is_service();
    log(verbose, quiet, is_service);
    if is_service {
        hanare_host::memory::forget_start();
    }
    let context = Context {
        inherited: inherited(language, &state, &runtime, json, verbose, quiet),
        out: Printer::new(Voice::new(language), json, quiet),
        state,
        runtime,
        guards,
    };
    end(&context.out, command.run(&context))
}

fn end(out: &Printer, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if failure.exit != Exit::Good {
                out.failure(&failure);
            }
            failure.exit.into()
        }
    }
}

/// Help and version are data; everything else that stops the parser is wrong usage.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other kind, also a new one, is wrong usage")]
fn not_run(error: &clap::Error, arguments: &[OsString], language: Language, json: bool) -> ExitCode {
    use clap::error::ErrorKind;
    let out = Printer::new(Voice::new(language), json, false);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match out.data(&error.to_string()) {
            Ok(()) | Err(PrintError::NobodyReads) => Exit::Good.into(),
            Err(error @ (PrintError::Write(_) | PrintError::Json(_))) => end(&out, Err(error.into())),
        },
        _ => end(&out, Err(help::usage_failure(error, arguments, out.voice()))),
    }
}

/// What must be known before the parser speaks: the language, and whether an error is a document.
fn glance(arguments: &[OsString]) -> (Option<Language>, bool) {
    let mut words =
        arguments.iter().skip(1).filter_map(|word| word.to_str()).take_while(|word| *word != "--");
    let (mut language, mut json) = (None, false);
    while let Some(word) = words.next() {
        if word == "--json" {
            json = true;
        } else if word == "--lang" {
            language = words.next().and_then(|tag| tag.parse().ok());
        } else if let Some(tag) = word.strip_prefix("--lang=") {
            language = tag.parse().ok();
        }
    }
    (language, json)
}

fn as_device(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let name = arguments.first().map(Path::new).and_then(Path::file_name);
    if name == Some(OsStr::new(DEVICE_LINK)) {
        arguments.insert(1, OsString::from("device"));
    }
    arguments
}

/// The flags that make another process of this program talk, log and find its files alike.
fn inherited(
    language: Language,
    state: &Path,
    runtime: &Path,
    json: bool,
    verbose: u8,
    quiet: bool,
) -> Vec<OsString> {
    let mut flags: Vec<OsString> = vec!["--lang".into(), language.tag().into()];
    flags.extend(["--state".into(), state.into(), "--runtime".into(), runtime.into()]);
    flags.extend(json.then(|| OsString::from("--json")));
    flags.extend((0..verbose).map(|_| OsString::from("-v")));
    flags.extend(quiet.then(|| OsString::from("-q")));
    flags
}

/// A service tells changes of state in the journal; a command tells warnings only.
fn log(verbose: u8, quiet: bool, service: bool) {
    let level = match (quiet, verbose, service) {
        (true, _, _) => LevelFilter::ERROR,
        (false, 0, false) => LevelFilter::WARN,
        (false, 0, true) | (false, 1, false) => LevelFilter::INFO,
        (false, 1, true) | (false, 2, _) => LevelFilter::DEBUG,
        (false, _, _) => LevelFilter::TRACE,
    };
    let colour = std::io::IsTerminal::is_terminal(&std::io::stderr()) && !environment::no_color();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
    // A second subscriber can only be a test's.
    let _ = subscriber.with_ansi(colour).with_target(false).try_init();
}

/// A panic is our bug: it is said as one, and ends with the status of one.
fn on_panic(language: Language, json: bool) {
    std::panic::set_hook(Box::new(move |info| {
        let out = Printer::new(Voice::new(language), json, false);
        out.failure(&Failure::new(Exit::Bug, "bug").reported("cause-panic", info));
        #[expect(clippy::exit, reason = "a panicked process has nothing left to clean up")]
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn language_and_json_are_known_before_the_parser_speaks() {
        assert_eq!(glance(&words("hanare --lang ja nonsense --json")), (Some(Language::Japanese), true));
        assert_eq!(glance(&words("hanare --lang=en up")), (Some(Language::English), false));
        assert_eq!(glance(&words("hanare up -- --json")), (None, false));
    }

    #[test]
    fn a_link_named_hanare_device_is_the_device() {
        assert_eq!(
            as_device(words("/usr/bin/hanare-device wg0")),
            words("/usr/bin/hanare-device device wg0")
        );
        assert_eq!(as_device(words("hanare up")), words("hanare up"));
    }
}
