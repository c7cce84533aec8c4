//! Entering a laboratory: the current program starts again inside fresh namespaces.
//!
//! The chain is `setpriv --pdeathsig KILL unshare … --kill-child` so that the death of any link, by SIGKILL too, kills the
//! first process of the inner PID namespace, and with it the kernel ends everything inside.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::{Error, LABORATORY, Lab, Result, install, output, search_path};

/// Says to a process that it is inside, and for which test.
const MARK: &str = "HANARE_LAB";

/// Whether this process was started by [`enter`] or [`inside`].
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

fn chain(mark: &str) -> Result<Command> {
    let program = std::env::current_exe().map_err(Error::system("finding the current program"))?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    // Root makes namespaces as it is; everybody else becomes root of a user namespace of their own.
    command.arg(if rustix::process::geteuid().is_root() { "-nmp" } else { "-Urnmp" });
    command.args(["--fork", "--kill-child", "--mount-proc", "--"]).arg(program);
    command.env(MARK, mark).env("PATH", search_path());
    Ok(command)
}

/// Runs the current program again with `arguments` inside fresh namespaces, with this process's standard streams, and waits
/// for its end. The inner process calls [`Lab::open`].
///
/// # Errors
/// [`Error::Missing`] if a tool is absent and cannot be installed; [`Error::Start`] if the chain cannot be started.
pub fn enter<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Result<ExitStatus> {
    install(LABORATORY)?;
    let mut command = chain("program")?;
    command.args(arguments);
    command.status().map_err(|source| Error::Start { command: output::spell(&command), source })
}

/// Laboratories of this process: beside each other, or one that is [`inside_alone`].
static BESIDE: RwLock<()> = RwLock::new(());

/// As [`inside`], while no other laboratory of this process runs: for what is measured in milliseconds.
///
/// # Panics
/// As [`inside`].
pub fn inside_alone(name: &str, limit: Duration, body: impl FnOnce(&Lab) -> Result<()>) {
    let _alone = (!is_inside()).then(|| BESIDE.write().unwrap_or_else(PoisonError::into_inner));
    enter_for(name, limit, body);
}

/// Runs `body` in a laboratory of its own: starts this test binary again inside fresh namespaces, for exactly the test `name`
/// (its path as `cargo test` prints it), and fails if that fails or takes longer than `limit`.
///
/// # Panics
/// If a tool is missing (a missing tool is a failed proof, not a skipped one), if no test of that name ran, or if it failed.
pub fn inside(name: &str, limit: Duration, body: impl FnOnce(&Lab) -> Result<()>) {
    let _beside = (!is_inside()).then(|| BESIDE.read().unwrap_or_else(PoisonError::into_inner));
    enter_for(name, limit, body);
}

#[expect(clippy::panic, reason = "a failed end-to-end test has to fail the test that called it")]
fn enter_for(name: &str, limit: Duration, body: impl FnOnce(&Lab) -> Result<()>) {
    if let Some(mark) = std::env::var_os(MARK) {
        assert_eq!(mark, name, "the name given to `inside` is not this test's");
        let outcome = Lab::open().and_then(|lab| {
            let outcome = body(&lab);
            if outcome.is_err() || std::thread::panicking() {
                lab.tell_logs();
            }
            outcome
        });
        if let Err(error) = outcome {
            panic!("{}", chain_of(&error));
        }
        return;
    }
    let outcome = install(LABORATORY).and_then(|()| chain(name)).and_then(|mut command| {
        command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
        output::run(&mut command, "", limit)
    });
    match outcome {
        Ok(output) if output.good() && output.stdout.contains("1 passed") => {
            // The figures that a test prints are part of the run's record.
            // The harness writes the test's name before the first of them.
            for (_, figure) in output.stdout.lines().filter_map(|line| line.split_once("measured:")) {
                tell(&format!("measured:{figure}"));
            }
        }
        Ok(output) => panic!(
            "{name} failed in its laboratory ({}):\n{}\n{}",
            output
                .status
                .code()
                .map_or_else(|| format!("signal {:?}", output.status.signal()), |code| code.to_string()),
            output.stdout,
            output.stderr
        ),
        Err(error) => panic!("{}", chain_of(&error)),
    }
}

#[expect(clippy::print_stdout, reason = "the test harness shows it under the test's name")]
fn tell(line: &str) {
    println!("{line}");
}

fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
