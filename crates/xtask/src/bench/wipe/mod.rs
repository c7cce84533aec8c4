//! `cargo xtask bench wipe`: this eraser beside `rm`, `shred` and `srm` on the same disk image, and what a scan of the raw image
//! finds after each.

mod contender;
mod leftovers;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use hanare_wipe_tests::{Disk, Image, Mounted, Nature, Seed, scan};

use super::measure::Figure;
use super::table::{Sample, Subject, Table};
use super::{Failure, build, print, say};
use crate::repository;
use contender::{Contender, Run};
use leftovers::Guard;
use workload::Workload;

/// How to measure the eraser.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask bench wipe --rounds 3 --tests small,large")]
pub(super) struct Wipe {
    /// How often everybody has a turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only these tests: small, large, day, million, million-spread; with `:nodiscard` on a device that discards nothing
    #[arg(long, value_delimiter = ',', value_name = "TEST")]
    tests: Vec<String>,
    /// Only these implementations: hanare, rm, rm-trim, shred, srm, overwrite
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// A hundredth of everything, to see that it works; such figures compare nothing
    #[arg(long)]
    tiny: bool,
    /// One JSON document on stdout instead of a table
    #[arg(long)]
    json: bool,
    /// Do not build: what was built before is measured
    #[arg(long)]
    built: bool,
    /// Whether the disk's writes reach the disk below at once or end in this machine's memory first
    #[arg(long, value_enum, default_value = "direct", value_name = "HOW")]
    disk: Caching,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Caching {
    /// Past the page cache, as on a real disk
    Direct,
    /// Through the page cache: faster, and about memory more than about disks
    Cached,
}

const SUBJECT: Subject = Subject {
    schema: "hanare.bench.wipe/1",
    bases: &["hanare"],
    // What is left on a disk, or how much memory it took, is not divided.
    is_compared: |test| ["/time", "/per-file", "/per-gib"].iter().any(|end| test.ends_with(end)),
};

/// Where the images are while it runs.
fn place() -> PathBuf {
    repository::top().join("target/bench-wipe")
}

/// Builds, enters a laboratory, and clears up after it, whatever became of it.
pub(super) fn outside(wipe: &Wipe) -> Result<ExitCode, Failure> {
    hanare_lab::install(&[hanare_lab::WIPE, hanare_lab::ERASERS].concat())?;
    if !wipe.built {
        build(&["build", "--release", "--package", "hanare"])?;
    }
    let guard = Guard::start(&place())?;
    let status = hanare_lab::enter(std::env::args_os().skip(1));
    guard.end()?;
    Ok(u8::try_from(status?.code().unwrap_or(70)).map_or(ExitCode::from(70), ExitCode::from))
}

/// Clears up after a bench, however it ends.
pub(super) fn guard() -> Result<ExitCode, Failure> {
    leftovers::keep_guard(&place())
}

/// Measures.
pub(super) fn inside(wipe: &Wipe) -> Result<ExitCode, Failure> {
    let _lab = hanare_lab::Lab::open()?;
    let mut table = Table::new(SUBJECT);
    let mut failed = false;
    for round in 0..wipe.rounds {
        for (workload, is_discarding) in Workload::ALL.into_iter().flat_map(|all| [(all, true), (all, false)])
        {
            let test = workload.test(is_discarding);
            if !(wipe.tests.is_empty() || wipe.tests.contains(&test)) {
                continue;
            }
            let mut contenders = workload.contenders(is_discarding).to_vec();
            contenders.retain(|one| wipe.only.is_empty() || wipe.only.iter().any(|only| only == one.name()));
            // Everybody has every place in the order.
            let first = round as usize % contenders.len().max(1);
            contenders.rotate_left(first);
            for contender in contenders {
                let turn =
                    Turn { workload, contender, is_discarding, is_tiny: wipe.tiny, caching: wipe.disk };
                match turn.take() {
                    Ok(figures) => {
                        for figure in figures {
                            let Figure { test, value, unit } = &figure;
                            say(&format!("{round} {:<10} {test:<24} {value:>14.3} {unit}", contender.name()));
                            table.add(Sample { contender: contender.name().to_owned(), round, figure });
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
    print(&if wipe.json { table.json() } else { table.text() });
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

/// One implementation on one workload, on a file system of its own.
struct Turn {
    workload: Workload,
    contender: Contender,
    is_discarding: bool,
    is_tiny: bool,
    caching: Caching,
}

impl Turn {
    fn take(&self) -> Result<Vec<Figure>, Failure> {
        let Self { workload, contender, .. } = *self;
        let path = place().join("disk.img");
        let seed = Seed::of(workload.name());
        let image = Image::make(&path, workload.mebibytes(self.is_discarding), "ext4", workload.mkfs())
            .map_err(text)?;
        let nature = Nature { is_discarding: self.is_discarding, is_direct: self.caching == Caching::Direct };
        let disk = Disk::attach(image, nature).map_err(text)?;
        let mounted = disk.mount().map_err(text)?;
        let outcome = self.measured(&mounted, seed);
        mounted.unmount().map_err(text)?;
        let image = disk.detach().map_err(text)?;
        let mut figures = outcome?;
        if workload.has_canaries() && contender.erases() {
            let found = scan(image.path(), seed).map_err(text)?;
            figures.push(self.figure("remnants", count(found.values().sum()), "canaries"));
        }
        std::fs::remove_file(&path)?;
        Ok(figures)
    }

    fn measured(&self, mounted: &Mounted, seed: Seed) -> Result<Vec<Figure>, Failure> {
        let tree = mounted.join("tree");
        std::fs::create_dir(&tree)?;
        let load = self.workload.load(self.contender.is_slow(), self.is_tiny);
        self.workload.plant(&tree, seed, load).map_err(text)?;
        let state = place().join("state");
        // Nor does anybody wait for what the one before has left to the disk below.
        hanare_wipe_tests::write_back(&place()).map_err(text)?;
        let run = self.contender.run(mounted.at(), &tree, &state);
        let _ = std::fs::remove_dir_all(&state);
        let Run { seconds, verifying, peak_kib } = run?;
        let mut figures = vec![self.figure("time", seconds, "s")];
        if load.files() > 1 {
            figures.push(self.figure("per-file", seconds * 1e6 / count(load.files()), "µs"));
            figures.push(self.figure("rate", count(load.files()) / seconds, "files/s"));
        } else {
            figures.push(self.figure("per-gib", seconds * f64::from(1 << 30) / count(load.bytes()), "s"));
        }
        figures.push(self.figure("throughput", count(load.bytes()) / seconds / 1e6, "MB/s"));
        if let Some(verifying) = verifying {
            figures.push(self.figure("verifying", verifying, "s"));
        }
        if let Some(peak) = peak_kib {
            figures.push(self.figure("memory", count(peak) / 1024.0, "MiB"));
        }
        Ok(figures)
    }

    fn figure(&self, what: &str, value: f64, unit: &'static str) -> Figure {
        Figure { test: format!("{}/{what}", self.workload.test(self.is_discarding)), unit, value }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives what it has")]
fn text(error: Box<dyn std::error::Error + Send + Sync>) -> Failure {
    error.to_string().into()
}
