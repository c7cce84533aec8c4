//! The fuzz targets, built with libFuzzer's coverage flags on stable Rust and run for a few minutes in all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Options, Outcome, outcome, say};
use crate::repository;

/// For all targets together.
const BUDGET: Duration = Duration::from_mins(3);
/// The same with `--long`.
const LONG_BUDGET: Duration = Duration::from_mins(30);

/// Coverage counters and compared values for libFuzzer; `tests/fuzz/README.md` has the same line for use by hand.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

pub(super) fn fuzz(options: &Options) -> Outcome {
    let workspace = repository::top().join("tests/fuzz");
    let (Some(triple), targets) = (host_triple(), targets(&workspace)) else {
        return Outcome::Failed("rustc does not say what it builds for".to_owned());
    };
    if targets.is_empty() {
        return Outcome::Failed(format!("no fuzz targets in {}", workspace.display()));
    }
    // With --target the flags stay away from build scripts and procedural macros.
    let mut build = repository::cargo();
    build
        .args(["build", "--release", "--locked", "--target", &triple])
        .current_dir(&workspace)
        .env("RUSTFLAGS", FLAGS);
    let compiled = outcome(&mut build);
    if compiled != Outcome::Good {
        return compiled;
    }
    let budget = if options.long { LONG_BUDGET } else { BUDGET };
    let share = budget / u32::try_from(targets.len()).unwrap_or(1);
    for target in &targets {
        say(&format!("fuzzing {target} for {} s", share.as_secs()));
        let ended = run(&workspace, &triple, target, share);
        if ended != Outcome::Good {
            return ended;
        }
    }
    Outcome::Good
}

fn run(workspace: &Path, triple: &str, target: &str, share: Duration) -> Outcome {
    for directory in [format!("corpus/{target}"), "artifacts".to_owned()] {
        let path = workspace.join(directory);
        if let Err(error) = std::fs::create_dir_all(&path) {
            return Outcome::Failed(format!("{}: {error}", path.display()));
        }
    }
    let mut command = Command::new(workspace.join("target").join(triple).join("release").join(target));
    command.current_dir(workspace).args([
        "-max_len=4096",
        "-len_control=0",
        "-artifact_prefix=artifacts/",
        "-verbosity=0",
    ]);
    command.args(["-print_final_stats=1".to_owned(), format!("-max_total_time={}", share.as_secs())]);
    command.arg(format!("corpus/{target}"));
    let seeds = format!("seeds/{target}");
    if workspace.join(&seeds).is_dir() {
        command.arg(seeds);
    }
    match outcome(&mut command) {
        Outcome::Failed(why) => {
            Outcome::Failed(format!("{target}: {why}; the input is in tests/fuzz/artifacts"))
        }
        other @ (Outcome::Good | Outcome::NotEvaluated(_)) => other,
    }
}

/// The names of the targets: one file each.
fn targets(workspace: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(workspace.join("targets")).into_iter().flatten().flatten();
    let paths = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let mut names: Vec<String> =
        paths.filter_map(|path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    names
}

fn host_triple() -> Option<String> {
    let said = Command::new("rustc").arg("-vV").output().ok()?;
    String::from_utf8_lossy(&said.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
}
