//! `cargo xtask test`: everything that CI runs, one step after the other, and a table of what came of it.

mod bound;
mod fuzz;
mod mutations;

use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::repository;

/// How much to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only what needs neither namespaces nor minutes: format, lints, unit tests
    #[arg(long, conflicts_with = "long")]
    fast: bool,
    /// More repetitions, longer outages, longer fuzzing
    #[arg(long)]
    long: bool,
    /// Only virtual machines, and all that there is to do with them
    #[arg(long, conflicts_with_all = ["fast", "long"])]
    vm: bool,
    /// Only the steps whose names contain one of these
    #[arg(value_name = "STEP")]
    only: Vec<String>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Good,
    Failed(String),
    /// Could not be judged, and why. Never counts as good: the run fails, unless its step may be left open (`MAY_BE_OPEN`).
    NotEvaluated(String),
}

type Step = (&'static str, fn(&Options) -> Outcome);

const FAST: &[Step] = &[("format", format), ("lints", lints), ("unit tests", unit_tests)];
const FULL: &[Step] = &[
    ("tools", tools),
    ("format", format),
    ("lints", lints),
    ("licences, bans, sources", deny),
    (MAY_BE_OPEN, advisories),
    ("documentation", documentation),
    ("unit tests", unit_tests),
    ("virtual time", virtual_time),
    ("browser", browser),
    ("end to end", end_to_end),
    ("erasing", erasing),
    ("virtual machine", virtual_machine),
    ("fuzzing", fuzz::fuzz),
    ("mutations", mutations::mutations),
];
const MACHINES: &[Step] = &[("virtual machines", virtual_machine)];
/// A quarter of an hour: it builds the audit anew for each way to break it.
const LONG_ONLY: &str = "mutations";
/// Their database is somebody else's machine, which need not be in reach; all others need only this machine.
const MAY_BE_OPEN: &str = "advisories";

pub(crate) fn run(options: &Options) -> ExitCode {
    let steps = if options.fast {
        FAST
    } else if options.vm {
        MACHINES
    } else {
        FULL
    };
    let start = Instant::now();
    let mut table = Vec::new();
    for (name, step) in steps {
        let is_named = options.only.iter().any(|word| name.contains(word.as_str()));
        let is_meant = options.only.is_empty() && (options.long || *name != LONG_ONLY);
        if !(is_named || is_meant) {
            continue;
        }
        say(&format!("\n=== {name} ==="));
        let begun = Instant::now();
        table.push((*name, step(options), begun.elapsed()));
    }
    say(&summary(&table, start.elapsed()));
    if passed(&table) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether all that was to be run was judged, and is good. Nothing at all is not.
fn passed(table: &[(&str, Outcome, Duration)]) -> bool {
    table.iter().any(|(_, outcome, _)| *outcome == Outcome::Good)
        && table.iter().all(|(name, outcome, _)| match outcome {
            Outcome::Good => true,
            Outcome::Failed(_) => false,
            Outcome::NotEvaluated(_) => *name == MAY_BE_OPEN,
        })
}

fn summary(table: &[(&str, Outcome, Duration)], total: Duration) -> String {
    let mut text = String::from("\n");
    for (name, outcome, took) in table {
        let verdict = match outcome {
            Outcome::Good => "good".to_owned(),
            Outcome::Failed(why) => format!("FAILED: {why}"),
            Outcome::NotEvaluated(why) => format!("not evaluated: {why}"),
        };
        let _infallible = writeln!(text, "{name:<24} {:>6.0} s  {verdict}", took.as_secs_f64());
    }
    let _infallible = write!(text, "{:<24} {:>6.0} s", "all", total.as_secs_f64());
    text
}

#[expect(clippy::print_stderr, reason = "this program's talk")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Runs a command with this terminal as its own.
fn outcome(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Outcome::Good,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn tools(_: &Options) -> Outcome {
    let needed = [hanare_lab::LABORATORY, hanare_lab::TESTS, hanare_lab::MACHINES, hanare_lab::WIPE].concat();
    match hanare_lab::install(&needed) {
        Ok(()) => Outcome::Good,
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

fn format(_: &Options) -> Outcome {
    component("fmt", "rustfmt");
    let own = outcome(repository::cargo().args(["fmt", "--all", "--check"]));
    // A workspace of its own.
    let fuzzing = ["fmt", "--manifest-path", "tests/fuzz/Cargo.toml", "--check"];
    if own == Outcome::Good { outcome(repository::cargo().args(fuzzing)) } else { own }
}

fn lints(_: &Options) -> Outcome {
    component("clippy", "clippy");
    outcome(repository::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

/// A minimal Rust installation lacks them; where rustup is, it brings them.
fn component(subcommand: &str, name: &str) {
    let there =
        repository::cargo().args([subcommand, "--version"]).output().is_ok_and(|said| said.status.success());
    if !there {
        let _checked_by_its_use = Command::new("rustup").args(["component", "add", name]).status();
    }
}

fn unit_tests(_: &Options) -> Outcome {
    outcome(repository::cargo().args([
        "test",
        "--workspace",
        "--locked",
        "--no-fail-fast",
        "--exclude",
        "hanare-e2e",
        "--exclude",
        "hanare-vm",
        "--exclude",
        "hanare-wipe-tests",
    ]))
}

/// The report's page in chromium and its `JUnit` in junitparser, which only this step wants.
fn browser(_: &Options) -> Outcome {
    if let Err(error) = hanare_lab::install(hanare_lab::BROWSER) {
        return Outcome::Failed(error.to_string());
    }
    let cargo = ["test", "--package", "hanare", "--test", "reports", "--locked", "--", "--ignored"];
    outcome(repository::cargo().args(cargo))
}

/// In an invocation of its own, so that the feature never reaches a shipped binary.
fn virtual_time(_: &Options) -> Outcome {
    outcome(repository::cargo().args([
        "test",
        "--package",
        "hanare-wire",
        "--features",
        "mock-instant",
        "--locked",
    ]))
}

/// An S3 server to keep work data in. It is AGPL: a process of its own in a test, and no dependency.
const GARAGE: &[&str] =
    &["--debug", "--version", "2.5.0", "--no-default-features", "--features", "bundled-libs,sqlite"];

/// The shipped command on real TUN devices, beside real peers.
fn end_to_end(options: &Options) -> Outcome {
    if let Err(bad) = installed("boringtun-cli", &[]) {
        return bad;
    }
    if options.long
        && let Err(bad) = installed("garage", GARAGE)
    {
        return bad;
    }
    // The whole workspace, although one package would do: another selection means other features of the same
    // dependencies, and all of them built once more.
    let built = outcome(repository::cargo().args(["build", "--workspace", "--locked"]));
    if built != Outcome::Good {
        return built;
    }
    let threads = laboratories().to_string();
    let mut command = repository::cargo();
    command.args([
        "test",
        "--workspace",
        "--test",
        "e2e",
        "--locked",
        "--no-fail-fast",
        "--",
        "--test-threads",
        &threads,
        "--show-output",
    ]);
    if options.long {
        command.env("HANARE_LONG", "1");
    }
    outcome(&mut command)
}

/// How many laboratories at once. What they do most is to wait, for a second that is promised or a line that is down: each core carries
/// two. What is measured in milliseconds is measured alone (`inside_alone`), and more than eight of them want much memory.
fn laboratories() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().saturating_mul(2)).min(8)
}

/// The shipped command on real file systems in loop images, which only root can mount.
fn erasing(options: &Options) -> Outcome {
    if !hanare_lab::is_root() {
        return Outcome::NotEvaluated("only root can mount disk images".to_owned());
    }
    let built = outcome(repository::cargo().args(["build", "--workspace", "--locked"]));
    if built != Outcome::Good {
        return built;
    }
    // The whole workspace, for the reason given above.
    let mut command = repository::cargo();
    command.args(["test", "--workspace", "--test", "wipe", "--locked", "--no-fail-fast", "--"]);
    command.args(["--test-threads=2", "--show-output"]);
    if options.long {
        command.env("HANARE_LONG", "1");
    }
    outcome(&mut command)
}

/// A guest's disk takes minutes to make and each of its boots up to one on a busy machine.
const ONE_MACHINE: Duration = Duration::from_mins(25);
const ALL_MACHINES: Duration = Duration::from_hours(2);

/// The shipped command and its units on a kernel of their own: one test of two boots, or all of them with `--vm`.
fn virtual_machine(options: &Options) -> Outcome {
    if !hanare_lab::is_root() {
        return Outcome::NotEvaluated("only root can make a guest's disk".to_owned());
    }
    if std::env::consts::ARCH != "x86_64" {
        return Outcome::NotEvaluated("the guest is an amd64 machine, this is another".to_owned());
    }
    if let Err(error) = hanare_lab::install(hanare_lab::MACHINES) {
        return Outcome::Failed(error.to_string());
    }
    let built = outcome(repository::cargo().args(["build", "--workspace", "--locked"]));
    if built != Outcome::Good {
        return built;
    }
    let mut command = repository::cargo();
    command.args(["test", "--workspace", "--test", "vm", "--locked", "--no-fail-fast", "--"]);
    // Two guests at once would each be half as fast, and a second is promised.
    command.args(["--test-threads=1", "--show-output"]);
    if !options.vm {
        command.arg("shortest");
    }
    bound::bounded(&command, if options.vm { ALL_MACHINES } else { ONE_MACHINE })
}

fn documentation(_: &Options) -> Outcome {
    outcome(
        repository::cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Installs a program from the registry below `target/`, once.
fn installed(name: &str, arguments: &[&str]) -> Result<std::path::PathBuf, Outcome> {
    let program = repository::tools().join("bin").join(name);
    if !program.is_file() {
        say(&format!("installing {name}, once"));
        let mut command = repository::cargo();
        command
            .args(["install", "--quiet", "--locked", name, "--root"])
            .arg(repository::tools())
            .args(arguments);
        // The tool's own speed does not matter here, the time to build it does.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        match outcome(&mut command) {
            Outcome::Good => {}
            bad @ (Outcome::Failed(_) | Outcome::NotEvaluated(_)) => return Err(bad),
        }
    }
    Ok(program)
}

fn deny(_: &Options) -> Outcome {
    match installed("cargo-deny", &["--debug"]) {
        Ok(program) => {
            let mut command = Command::new(program);
            outcome(command.current_dir(repository::top()).args(["check", "licenses", "bans", "sources"]))
        }
        Err(bad) => bad,
    }
}

/// Advisories are judged only where their database can be reached: an old copy or none at all must not look like a pass.
fn advisories(_: &Options) -> Outcome {
    let program = match installed("cargo-deny", &["--debug"]) {
        Ok(program) => program,
        Err(bad) => return bad,
    };
    let mut fetch = Command::new(&program);
    let fetched = fetch.current_dir(repository::top()).args(["fetch", "db"]).output();
    if !fetched.is_ok_and(|said| said.status.success()) {
        return Outcome::NotEvaluated("the advisory database cannot be reached".to_owned());
    }
    outcome(Command::new(program).current_dir(repository::top()).args([
        "check",
        "--disable-fetch",
        "advisories",
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_evaluated_is_said() {
        let table = [
            ("one", Outcome::Good, Duration::from_secs(1)),
            ("two", Outcome::NotEvaluated("no network".to_owned()), Duration::from_secs(2)),
        ];
        let text = summary(&table, Duration::from_secs(3));
        assert!(text.contains("not evaluated: no network"), "{text}");
    }

    #[test]
    fn only_advisories_may_be_left_open() {
        let open = || Outcome::NotEvaluated("why".to_owned());
        for (name, outcome, good) in [
            ("erasing", Outcome::Good, true),
            ("erasing", Outcome::Failed("why".to_owned()), false),
            ("erasing", open(), false),
            ("virtual machine", open(), false),
            ("advisories", open(), true),
            ("advisories", Outcome::Failed("why".to_owned()), false),
        ] {
            let table = [("format", Outcome::Good, Duration::ZERO), (name, outcome, Duration::ZERO)];
            assert_eq!(passed(&table), good, "{table:?}");
        }
        assert!(!passed(&[]), "no step has this name");
        assert!(!passed(&[("advisories", open(), Duration::ZERO)]), "nothing was judged");
        assert!(FULL.iter().any(|(name, _)| *name == MAY_BE_OPEN));
    }
}
