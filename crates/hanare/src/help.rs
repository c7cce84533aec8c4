//! Help in the person's language: clap's tree, with every text from the catalogue.

use std::ffi::OsString;

use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::program::Cli;
use crate::voice::{Language, Voice};

/// The width that help is wrapped at: narrower than a terminal of 100 columns, as tables are.
const WIDTH: usize = 100;
/// Behind every other option.
const LAST: usize = 1000;

/// The command line's tree with everything that a person reads in `language`.
#[must_use]
pub fn command(language: Language) -> Command {
    let tree = grammar().styles(Styles::plain()).max_term_width(WIDTH);
    translate(tree, &Voice::new(language), "hanare")
}

/// The same tree without a word of help: it takes the same lines, and is made in a fraction of the time and memory.
pub(crate) fn grammar() -> Command {
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
    ours(Cli::command()).arg(version.display_order(LAST))
}

/// Takes clap's own, English, words out.
fn ours(command: Command) -> Command {
    command
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .args_override_self(true)
        .disable_version_flag(true)
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).display_order(LAST))
        .mut_subcommands(|sub| if sub.is_hide_set() { sub } else { ours(sub) })
}

/// The id of a subcommand's message, from its path such as `hanare hq init`.
pub(crate) fn message_id(path: &str) -> String {
    format!("cmd-{}", path.replace(' ', "-"))
}

fn translate(command: Command, voice: &Voice, path: &str) -> Command {
    let id = message_id(path);
    let has_subcommands = command.has_subcommands();
    let has_values = command.get_subcommands().next().is_none();
    let mut command = command.about(voice.say(&id)).help_template(template(voice));
    if has_subcommands {
        command = command
            .subcommand_help_heading(voice.say("help-commands"))
            .subcommand_value_name(voice.say("help-command"));
    }
    let long = voice.part(&id, "long", &[]);
    let example = voice.part(&id, "example", &[]).map(|example| {
        let lines: Vec<String> = example.lines().map(|line| format!("  {line}")).collect();
        format!("{}\n{}", voice.say("help-examples"), lines.join("\n"))
    });
    command = command.after_help(long.into_iter().chain(example).collect::<Vec<_>>().join("\n\n"));
    command = command.mut_args(|arg| argument(arg, voice, &id));
    command = command.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        if sub.is_hide_set() { sub } else { translate(sub, voice, &path) }
    });
    let usage = usage(&command, voice, path, has_values);
    command.override_usage(usage)
}

fn argument(arg: Arg, voice: &Voice, id: &str) -> Arg {
    let name = arg.get_id().to_string();
    let global = arg.is_global_set() || name == "help" || name == "version";
    let help = if global { voice.part("cmd-hanare", &name, &[]) } else { voice.part(id, &name, &[]) };
    let heading = if global {
        "help-globals"
    } else if arg.is_positional() {
        "help-arguments"
    } else {
        "help-options"
    };
    let arg = arg.help(help.unwrap_or_default()).help_heading(voice.say(heading));
    if arg.get_action().takes_values() {
        // Defaults and possible values are in the texts: clap's own brackets are English.
        arg.hide_default_value(true).hide_possible_values(true)
    } else {
        arg
    }
}

fn template(voice: &Voice) -> String {
    format!("{{about-with-newline}}\n{} {{usage}}\n\n{{all-args}}{{after-help}}", voice.say("help-usage"))
}

/// The usage line, with clap's one English word in the person's language.
fn usage(command: &Command, voice: &Voice, path: &str, has_values: bool) -> String {
    let options = format!("[{}]", voice.say("help-options-word"));
    if !has_values {
        return format!("{path} {options} <{}>", voice.say("help-command"));
    }
    let mut words = vec![path.to_owned(), options];
    let shown = || command.get_arguments().filter(|arg| !arg.is_hide_set());
    for arg in shown().filter(|arg| !arg.is_positional() && arg.is_required_set()) {
        words.push(format!("--{} {}", arg.get_long().unwrap_or_default(), value_names(arg)));
    }
    for arg in shown().filter(|arg| arg.is_positional()) {
        let names = value_names(arg);
        let optional = format!("[{}]", names.trim_matches(['<', '>']));
        words.push(if arg.is_required_set() { names } else { optional });
    }
    words.join(" ")
}

fn value_names(arg: &Arg) -> String {
    let upper = arg.get_id().as_str().to_uppercase();
    let names: Vec<String> = match arg.get_value_names() {
        Some(names) => names.iter().map(|name| format!("<{name}>")).collect(),
        None => vec![format!("<{upper}>")],
    };
    names.join(" ")
}

/// Wrong usage in the person's language.
#[expect(clippy::wildcard_enum_match_arm, reason = "clap adds kinds; a new one is told in its own words")]
pub(crate) fn usage_failure(error: &clap::Error, arguments: &[OsString], voice: &Voice) -> Failure {
    let context = |kind| error.get(kind).map(context_text).unwrap_or_default();
    let wrong = |code| Failure::new(Exit::Usage, code).with("command", command_path(arguments));
    match error.kind() {
        ErrorKind::UnknownArgument => {
            wrong("usage-unknown-argument").with("argument", context(ContextKind::InvalidArg))
        }
        ErrorKind::InvalidSubcommand => {
            wrong("usage-unknown-command").with("argument", context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            wrong("usage-missing-command")
        }
        ErrorKind::MissingRequiredArgument => {
            wrong("usage-missing-argument").with("argument", context(ContextKind::InvalidArg))
        }
        ErrorKind::ArgumentConflict => wrong("usage-conflict")
            .with("argument", context(ContextKind::InvalidArg))
            .with("other", context(ContextKind::PriorArg)),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::InvalidUtf8 => {
            let value = context(ContextKind::InvalidValue);
            let argument = context(ContextKind::InvalidArg);
            let reason = std::error::Error::source(error).map_or_else(
                || voice.say("value-not-allowed"),
                |source| foreign::value_reason(source, voice),
            );
            wrong(if value.is_empty() { "usage-no-value" } else { "usage-value" })
                .with("argument", argument)
                .with("value", value)
                .with("reason", reason)
        }
        _ => wrong("usage").reported("cause-usage", error.to_string().lines().next().unwrap_or_default()),
    }
}

/// The subcommand that was meant, as far as the words name one: `hanare room add`.
fn command_path(arguments: &[OsString]) -> String {
    let tree = Cli::command();
    let (mut command, mut path) = (&tree, vec!["hanare"]);
    let mut words = arguments.iter().skip(1).filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        if ["--lang", "--state", "--runtime"].contains(&word) {
            words.next();
        } else if let Some(sub) = command.find_subcommand(word) {
            (command, path) = (sub, [path.as_slice(), &[word]].concat());
        } else if !word.starts_with('-') {
            break;
        }
    }
    path.join(" ")
}

fn context_text(value: &ContextValue) -> String {
    let text = value.to_string();
    text.trim().to_owned()
}
