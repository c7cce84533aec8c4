//! `cargo xtask bench`: the eraser beside others (in `wipe`), the handover (in `handover`), the audit (in `audit`), and the data plane: this one, its ceiling and others, taking turns on the same machine.
//!
//! Machines differ by half and a busy machine by more; only ratios within one round mean anything.

mod audit;
mod contender;
mod field;
mod handover;
mod measure;
mod sides;
mod table;
mod wipe;

use std::path::PathBuf;
use std::process::ExitCode;

use field::Field;
use hanare_lab::{BENCH, Lab};
use measure::Figure;
use table::{Sample, Table};

use crate::repository;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// One tunnel between two network namespaces: throughput, packets, delay, processor time, memory
    Tunnel(Tunnel),
    /// Erasing files: time, memory, and what a scan of the raw disk finds afterwards
    Wipe(wipe::Wipe),
    /// The handover: the end of a day, an agent at rest, a line beside a call, a morning
    Handover(handover::Handover),
    /// The audit: a PC looked at beside lynis, what that starts and holds, reports compared and verified
    Audit(audit::Audit),
    /// Waits for the end of stdin and clears up after the `bench wipe` that held it
    #[command(hide = true)]
    WipeGuard,
}

/// How to measure a tunnel.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: cargo xtask bench tunnel --rounds 3 --against mine='/tmp/wg --foreground {if}'"
)]
struct Tunnel {
    /// Another userspace device: a name and how to start it in the foreground; `{if}` is the interface
    #[arg(long, value_name = "NAME=COMMAND", num_args = 1..)]
    against: Vec<String>,
    /// How often everybody has a turn
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Length of each throughput test
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    seconds: u32,
    /// Only these implementations
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Only these tests
    #[arg(long, value_delimiter = ',', value_name = "TEST")]
    tests: Vec<String>,
    /// One JSON document on stdout instead of a table
    #[arg(long)]
    json: bool,
    /// Do not build: what was built before is measured
    #[arg(long)]
    built: bool,
}

/// Runs the bench: outside it builds and enters a laboratory, inside it measures.
pub(crate) fn run(options: &Options) -> ExitCode {
    let outcome = match (&options.subject, hanare_lab::is_inside()) {
        (Subject::Tunnel(tunnel), true) => inside(tunnel),
        (Subject::Tunnel(tunnel), false) => outside(tunnel),
        (Subject::Wipe(wipe), true) => wipe::inside(wipe),
        (Subject::Wipe(wipe), false) => wipe::outside(wipe),
        (Subject::Handover(handover), true) => handover::inside(handover),
        (Subject::Handover(handover), false) => handover::outside(handover),
        (Subject::Audit(audit), _) => audit::run(audit),
        (Subject::WipeGuard, _) => wipe::guard(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say(&format!("bench: {error}"));
            let mut cause = error.source();
            while let Some(error) = cause {
                say(&format!("  because: {error}"));
                cause = error.source();
            }
            ExitCode::from(4)
        }
    }
}

const TUNNEL: table::Subject = table::Subject {
    schema: "hanare.bench.tunnel/1",
    bases: &["boringtun-cli", "ceiling"],
    is_compared: |_| true,
};

type Failure = Box<dyn std::error::Error>;

fn outside(tunnel: &Tunnel) -> Result<ExitCode, Failure> {
    hanare_lab::install(BENCH)?;
    if !tunnel.built {
        build(&["build", "--release", "--package", "hanare", "--package", "hanare-bench"])?;
    }
    let boringtun = contender::boringtun();
    if !boringtun.exists() && wanted(tunnel, "boringtun-cli") {
        say("installing boringtun-cli to measure against");
        let root = repository::tools();
        let root = root.to_str().ok_or("the path of this repository is not UTF-8")?;
        build(&["install", "--quiet", "--root", root, "--version", "0.7.1", "boringtun-cli"])?;
    }
    let status = hanare_lab::enter(std::env::args_os().skip(1))?;
    Ok(u8::try_from(status.code().unwrap_or(70)).map_or(ExitCode::from(70), ExitCode::from))
}

fn build(arguments: &[&str]) -> Result<(), Failure> {
    let status = repository::cargo().args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo {} failed", arguments.join(" ")).into()) }
}

fn wanted(tunnel: &Tunnel, name: &str) -> bool {
    tunnel.only.is_empty() || tunnel.only.iter().any(|only| only == name)
}

fn inside(tunnel: &Tunnel) -> Result<ExitCode, Failure> {
    let lab = Lab::open()?;
    let mut contenders = contender::with(contender::standard(), &tunnel.against)?;
    contenders.retain(|contender| wanted(tunnel, &contender.name));
    let (by_turns, alone): (Vec<_>, Vec<_>) = measure::TESTS
        .iter()
        .filter(|test| tunnel.tests.is_empty() || tunnel.tests.iter().any(|only| only == test.name))
        .partition(|test| test.goes_by_turns());
    let mut table = Table::new(TUNNEL);
    let mut failed = false;
    for round in 0..tunnel.rounds {
        // Everybody has every place in the order.
        let count = contenders.len().max(1);
        let order = contenders.iter().cycle().skip(round as usize % count).take(contenders.len());
        let mut take = |name: &str, figure: Figure| {
            let Figure { test, value, unit } = &figure;
            say(&format!("{round} {name:<16} {test:<16} {value:>10.3} {unit}"));
            table.add(Sample { contender: name.to_owned(), round, figure });
        };
        let mut miss = |name: &str, error: hanare_lab::Error| {
            failed = true;
            say(&format!("{round} {name}: {error}"));
        };
        let mut fields = Vec::new();
        for contender in order {
            match Field::prepare(&lab, &format!("{}-{round}", contender.name), contender) {
                Ok(field) => fields.push((contender.name.as_str(), field)),
                Err(error) => miss(&contender.name, error),
            }
        }
        for test in &by_turns {
            let all: Vec<&Field> = fields.iter().map(|(_, field)| field).collect();
            let figures = measure::in_turns(test, &all);
            for ((name, _), figure) in fields.iter().zip(figures) {
                match figure {
                    Ok(figure) => take(name, figure),
                    Err(error) => miss(name, error),
                }
            }
        }
        // Whoever is done makes room.
        for (name, field) in fields {
            if let Err(error) = field.tests(&alone, tunnel.seconds, |figure| take(name, figure)) {
                miss(name, error);
            }
        }
    }
    print(&if tunnel.json { table.json() } else { table.text() });
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// The release binaries of this repository.
fn release(name: &str) -> PathBuf {
    repository::top().join("target/release").join(name)
}

#[expect(clippy::print_stderr, reason = "this program's talk")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "this program's data")]
fn print(text: &str) {
    println!("{text}");
}
