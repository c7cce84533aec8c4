//! What a person types to set up, demo, test and package this repository.

mod bench;
mod demo;
mod repository;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show a headquarters and two companies' rooms working, on this machine alone (under a minute)
    Demo(demo::Options),
    /// Measure the data plane against its ceiling and against others
    Bench(bench::Options),
    /// Run everything that CI runs (up to 40 minutes)
    Test(test::Options),
}

fn main() -> ExitCode {
    match Arguments::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Test(options) => test::run(&options),
    }
}
