//! `cargo xtask demo`: two companies, two offices, one headquarters, on this machine alone.
//!
//! The program builds the real `hanare`, starts again inside a laboratory and plays the admin's and the employees' parts with
//! the commands that they would type. It needs no root where user namespaces are allowed, and leaves nothing behind.

mod acts;
mod audit;
mod cast;
mod desk;
mod keep;
mod narrator;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use hanare_lab::{Lab, Program};

use crate::repository;
use narrator::Narrator;
use report::Report;

/// How to show it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    /// Stay inside afterwards: a shell from which every machine can be entered
    #[arg(long)]
    keep: bool,
    /// Take the `hanare` that lies beside this program instead of building it
    #[arg(long)]
    built: bool,
}

impl Options {
    fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["demo", "--built"];
        arguments.extend(self.json.then_some("--json"));
        arguments.extend(self.keep.then_some("--keep"));
        arguments
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let narrator = Narrator::new();
    if hanare_lab::is_inside() {
        return inside(options, &narrator);
    }
    match outside(options, &narrator) {
        Ok(code) => code,
        Err(error) => {
            narrator.complain(&error);
            ExitCode::from(4)
        }
    }
}

fn outside(options: &Options, narrator: &Narrator) -> hanare_lab::Result<ExitCode> {
    hanare_lab::install(hanare_lab::LABORATORY)?;
    if !options.built {
        narrator.tell("demo-build", &[]);
        let mut build = repository::cargo();
        build.args(["build", "--quiet", "--release", "--locked", "--package", "hanare"]);
        let status = build.stdout(std::io::stderr()).status();
        if !status.is_ok_and(|status| status.success()) {
            narrator.tell("demo-build-failed", &[]);
            return Ok(ExitCode::from(4));
        }
    }
    // Before anything is started: a missing binary is a sentence, not a failure in the middle.
    Program::built()?;
    let status = hanare_lab::enter(options.arguments())?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

fn inside(options: &Options, narrator: &Narrator) -> ExitCode {
    let start = Instant::now();
    let mut report = Report::default();
    let outcome = Lab::open().and_then(|lab| {
        let outcome = acts::play(&lab, narrator, &mut report);
        if outcome.is_err() {
            lab.tell_logs();
        }
        report.finish(start.elapsed(), outcome.as_ref().err());
        narrator.print(&report, options.json);
        let troupe = outcome?;
        if options.keep {
            keep::open_a_shell(&lab, &troupe.names(), narrator)?;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        narrator.complain(&error);
        return ExitCode::FAILURE;
    }
    if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
