//! `cargo xtask bench audit`: the whole local endpoint view beside lynis, what it starts and holds, and the commands on reports.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use super::measure::Figure;
use super::table::{Sample, Subject, Table};
use super::{Failure, build, print, release, say};
use crate::repository;

/// How to measure the audit.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask bench audit --rounds 3")]
pub(super) struct Audit {
    /// How often everybody has a turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Without lynis, which takes most of a minute each time
    #[arg(long)]
    alone: bool,
    /// One JSON document on stdout instead of a table
    #[arg(long)]
    json: bool,
    /// Do not build: what was built before is measured
    #[arg(long)]
    built: bool,
}

const SUBJECT: Subject = Subject {
    schema: "hanare.bench.audit/1",
    bases: &[OURS],
    // Of nothing started there is no ratio.
    is_compared: |test| test == ENDPOINT,
};
const OURS: &str = "hanare";
const ENDPOINT: &str = "endpoint";
const SITE: &str = "version = 1\noffice = \"kofu\"\n";

pub(super) fn run(audit: &Audit) -> Result<ExitCode, Failure> {
    // Only root sees all of a machine, and lynis asks less of it otherwise.
    if !hanare_lab::is_root() {
        return Err("only root sees the whole machine".into());
    }
    hanare_lab::install(if audit.alone { hanare_lab::LABORATORY } else { hanare_lab::AUDITORS })?;
    if !audit.built {
        build(&["build", "--release", "--package", "hanare"])?;
    }
    let desk = repository::top().join("target").join(format!("bench-audit-{}", std::process::id()));
    std::fs::create_dir_all(&desk)?;
    let table = measured(audit, &desk);
    std::fs::remove_dir_all(&desk)?;
    let table = table?;
    print(&if audit.json { table.json() } else { table.text() });
    Ok(ExitCode::SUCCESS)
}

fn measured(audit: &Audit, desk: &Path) -> Result<Table, Failure> {
    let key = desk.join("key");
    good(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
    std::fs::write(desk.join("site.toml"), SITE)?;
    let mut table = Table::new(SUBJECT);
    for round in 0..audit.rounds {
        let mut take = |contender: &str, test: &str, unit, value| {
            say(&format!("{round} {contender:<8} {test:<12} {value:>10.3} {unit}"));
            let figure = Figure { test: test.to_owned(), unit, value };
            table.add(Sample { contender: contender.to_owned(), round, figure });
        };
        let run = ["--json", "audit", "run", "--view", "endpoint", "--passive"];
        take(OURS, ENDPOINT, "s", seconds(&mut ours(desk, &run))?);
        if !audit.alone {
            // Once for both: the shells around it take milliseconds, it takes most of a minute.
            let start = Instant::now();
            let count = started(&lynis(desk))?;
            take("lynis", ENDPOINT, "s", start.elapsed().as_secs_f64());
            take("lynis", "started", "", count);
        }
        take(OURS, "started", "", started(&ours(desk, &run))?);
        take(OURS, "memory", "MiB", peak(&mut ours(desk, &run))?);
        let signed = |out: &str| -> Result<(), Failure> {
            let mut command = ours(desk, &run);
            command.arg("--out").arg(desk.join(out)).arg("--sign").arg(&key);
            judged(&mut command)
        };
        signed("old")?;
        signed("new")?;
        let formats = "json,html,sarif,junit,csv,oscal";
        let at = |name: &str| desk.join(name).to_string_lossy().into_owned();
        let (site, out) = (at("site.toml"), at("office"));
        let report = ["audit", "report", "kofu", "--site", &site, "--out", &out, "--format", formats];
        take(OURS, "report", "s", seconds(&mut ours(desk, &report))?);
        let (old, new, public) = (at("old/report.json"), at("new/report.json"), at("key.pub"));
        take(OURS, "diff", "s", seconds(&mut ours(desk, &["audit", "diff", &old, &new]))?);
        take(OURS, "verify", "s", seconds(&mut ours(desk, &["audit", "verify", &new, "--key", &public]))?);
    }
    Ok(table)
}

fn ours(desk: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(release("hanare"));
    command.arg("--state").arg(desk.join("state")).arg("--runtime").arg(desk.join("run")).args(arguments);
    command
}

fn lynis(desk: &Path) -> Command {
    let mut command = Command::new("lynis");
    command
        .args(["audit", "system", "--quick", "--quiet", "--no-colors", "--logfile"])
        .arg(desk.join("lynis.log"));
    command.arg("--report-file").arg(desk.join("lynis.dat"));
    command
}

/// Runs it; whatever it found, it must have looked.
fn judged(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    let has_looked = matches!(output.status.code(), Some(0 | 1 | 7)) && !output.stdout.is_empty();
    if has_looked { Ok(()) } else { Err(failed(command, &output.stderr)) }
}

fn good(command: &mut Command) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() { Ok(()) } else { Err(failed(command, &output.stderr)) }
}

fn failed(command: &Command, said: &[u8]) -> Failure {
    format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(said)).into()
}

fn seconds(command: &mut Command) -> Result<f64, Failure> {
    let start = Instant::now();
    judged(command)?;
    Ok(start.elapsed().as_secs_f64())
}

/// How many processes and threads it starts: in a namespace of process ids the shell is 1, the command 2, and the next process
/// has the number of all that came before it. In a network of its own, too: lynis would ask the world for news of itself.
fn started(command: &Command) -> Result<f64, Failure> {
    let mut inside = Command::new("unshare");
    inside.args(["--net", "--pid", "--fork", "--mount-proc", "sh", "-c"]);
    inside.args(["\"$@\" >/dev/null 2>&1; sh -c 'echo $$'", "sh"]);
    inside.arg(command.get_program()).args(command.get_args());
    let output = inside.stdin(Stdio::null()).output()?;
    let next: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| failed(&inside, &output.stderr))?;
    Ok(next - 3.0)
}

/// The most memory that it held, looked at every millisecond.
fn peak(command: &mut Command) -> Result<f64, Failure> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).or(peak);
        std::thread::sleep(Duration::from_millis(1));
    }
    peak.map(|kib| kib / 1024.0).ok_or_else(|| "it was gone before it could be looked at".into())
}
