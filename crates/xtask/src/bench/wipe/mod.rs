//! `cargo xtask bench wipe`: this eraser beside `rm`, `shred` and `srm` on the same disk image, and what a scan of the raw image
//! finds after each.

mod contender;
mod table;
mod workload;

use std::process::ExitCode;

use hanare_wipe_tests::{Image, Mounted, Seed, scan};

use super::{Failure, build, print, say};
use crate::repository;
use contender::Contender;
use table::{Figure, Table};
use workload::Workload;

/// How to measure the eraser.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask bench wipe --rounds 3 --tests small,large")]
pub(super) struct Wipe {
    /// How often everybody has a turn
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Only these tests: small, large, day, million; with `:nodiscard` on a device that discards nothing
    #[arg(long, value_delimiter = ',', value_name = "TEST")]
    tests: Vec<String>,
    /// Only these implementations: hanare, rm, rm-trim, shred, srm, overwrite
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// One JSON document on stdout instead of a table
    #[arg(long)]
    json: bool,
    /// Do not build: what was built before is measured
    #[arg(long)]
    built: bool,
}

/// Builds, and enters a laboratory.
pub(super) fn outside(wipe: &Wipe) -> Result<ExitCode, Failure> {
    hanare_lab::install(&[hanare_lab::WIPE, hanare_lab::ERASERS].concat())?;
    if !wipe.built {
        build(&["build", "--release", "--package", "hanare"])?;
    }
    let status = hanare_lab::enter(std::env::args_os().skip(1))?;
    Ok(u8::try_from(status.code().unwrap_or(70)).map_or(ExitCode::from(70), ExitCode::from))
}

/// Measures.
pub(super) fn inside(wipe: &Wipe) -> Result<ExitCode, Failure> {
    let _lab = hanare_lab::Lab::open()?;
    let place = repository::top().join("target/bench-wipe");
    Image::place_without_discard(&place.join("ramfs")).map_err(text)?;
    let mut table = Table::default();
    let mut failed = false;
    for round in 0..wipe.rounds {
        for workload in Workload::ALL {
            for is_discarding in [true, false] {
                let test = if is_discarding {
                    workload.name().to_owned()
                } else {
                    format!("{}:nodiscard", workload.name())
                };
                if !wipe.tests.is_empty() && !wipe.tests.contains(&test) {
                    continue;
                }
                for contender in workload.contenders(is_discarding) {
                    if !wipe.only.is_empty() && !wipe.only.iter().any(|only| only == contender.name()) {
                        continue;
                    }
                    match turn(&place, workload, *contender, is_discarding) {
                        Ok(figures) => {
                            for figure in figures {
                                say(&format!(
                                    "{round} {:<10} {test:<16} {:<10} {:>14.3} {}",
                                    contender.name(),
                                    figure.what,
                                    figure.value,
                                    figure.unit
                                ));
                                table.add(contender.name(), &test, figure);
                            }
                        }
                        Err(error) => {
                            failed = true;
                            say(&format!("{round} {} {test}: {error}", contender.name()));
                        }
                    }
                }
            }
        }
    }
    print(&if wipe.json { table.json() } else { table.text() });
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// One implementation on one workload, on a file system of its own.
fn turn(
    place: &std::path::Path,
    workload: Workload,
    contender: Contender,
    is_discarding: bool,
) -> Result<Vec<Figure>, Failure> {
    let place = if is_discarding { place.to_path_buf() } else { place.join("ramfs") };
    let path = place.join("disk.img");
    let seed = Seed::of(workload.name());
    let image = Image::make(&path, workload.mebibytes(), "ext4", workload.mkfs()).map_err(text)?;
    let mounted = image.mount("").map_err(text)?;
    let outcome = measured(&mounted, workload, contender, seed);
    let image = mounted.unmount().map_err(text)?;
    let mut figures = outcome?;
    if workload.has_canaries() && contender != Contender::Overwrite {
        let found = scan(image.path(), seed).map_err(text)?;
        let all: u64 = found.values().sum();
        figures.push(Figure { what: "remnants", value: count(all), unit: "canaries" });
    }
    std::fs::remove_file(&path)?;
    Ok(figures)
}

fn measured(
    mounted: &Mounted,
    workload: Workload,
    contender: Contender,
    seed: Seed,
) -> Result<Vec<Figure>, Failure> {
    let tree = mounted.join("tree");
    std::fs::create_dir(&tree)?;
    let files = workload.plant(&tree, seed, contender.is_slow()).map_err(text)?;
    let state = mounted.at().with_extension("state");
    let run = contender.run(mounted.at(), &tree, &state)?;
    let _ = std::fs::remove_dir_all(&state);
    let mut figures = vec![Figure { what: "time", value: run.seconds, unit: "s" }];
    if files > 1 {
        figures.push(Figure { what: "per-file", value: run.seconds * 1e6 / count(files), unit: "µs" });
        figures.push(Figure { what: "rate", value: count(files) / run.seconds, unit: "files/s" });
    }
    if let Some(verifying) = run.verifying {
        figures.push(Figure { what: "verifying", value: verifying, unit: "s" });
    }
    if let Some(peak) = run.peak_kib {
        figures.push(Figure { what: "memory", value: count(peak) / 1024.0, unit: "MiB" });
    }
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives what it has")]
fn text(error: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    error.to_string().into()
}
