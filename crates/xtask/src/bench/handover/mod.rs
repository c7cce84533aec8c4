//! `cargo xtask bench handover`: the end of a day, an agent at rest, what a line carries beside a call, and a morning, all with the
//! shipped command: an agent, a tunnel and headquarters in a laboratory whose disks are memory.

mod office;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hanare_lab::{Lab, Program, Random, receive_once, send};

use super::measure::Figure;
use super::table::{Sample, Subject, Table};
use super::{Failure, build, print, release, say};
use office::{Desk, Office};

/// How to measure the handover.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask bench handover --rounds 3 --tests day,line")]
pub(super) struct Handover {
    /// How often each test is run
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only these tests: day, small, line, morning
    #[arg(long, value_delimiter = ',', value_name = "TEST")]
    tests: Vec<String>,
    /// Another `hanare` to take turns with: a name and where it is
    #[arg(long, value_name = "NAME=PATH")]
    against: Vec<String>,
    /// A hundredth of everything, to see that it works; such figures say nothing
    #[arg(long)]
    tiny: bool,
    /// One JSON document on stdout instead of a table
    #[arg(long)]
    json: bool,
    /// Do not build: what was built before is measured
    #[arg(long)]
    built: bool,
}

const SUBJECT: Subject = Subject {
    schema: "hanare.bench.handover/1",
    bases: &[OURS],
    // Of nothing lost there is no ratio.
    is_compared: |test| !test.ends_with("lost"),
};

type Outcome = Result<Vec<Figure>, Failure>;
type Test = fn(&mut Office<'_>, Load) -> Outcome;

const TESTS: [(&str, Test); 4] = [("day", day), ("small", small), ("line", line), ("morning", morning)];
/// What this repository builds.
const OURS: &str = "hanare";

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Load {
    divisor: usize,
    seed: u64,
}

impl Load {
    const fn of(self, whole: usize) -> usize {
        whole / self.divisor
    }
}

/// Builds and enters a laboratory.
pub(super) fn outside(handover: &Handover) -> Result<ExitCode, Failure> {
    hanare_lab::install(&[hanare_lab::LABORATORY, hanare_lab::BENCH].concat())?;
    if !handover.built {
        build(&["build", "--release", "--package", "hanare"])?;
    }
    let status = hanare_lab::enter(std::env::args_os().skip(1))?;
    Ok(u8::try_from(status.code().unwrap_or(70)).map_or(ExitCode::from(70), ExitCode::from))
}

/// Measures.
pub(super) fn inside(handover: &Handover) -> Result<ExitCode, Failure> {
    let lab = Lab::open()?;
    let mut programs = vec![(OURS, Program::at(release("hanare"))?)];
    for text in &handover.against {
        let (name, path) = text.split_once('=').ok_or("--against wants NAME=PATH")?;
        programs.push((name, Program::at(path)?));
    }
    let mut table = Table::new(SUBJECT);
    let mut failed = false;
    for round in 0..handover.rounds {
        for (name, test) in TESTS {
            if !(handover.tests.is_empty() || handover.tests.iter().any(|test| test == name)) {
                continue;
            }
            for (number, (contender, program)) in programs.iter().enumerate() {
                let load =
                    Load { divisor: if handover.tiny { 100 } else { 1 }, seed: u64::from(round) * 2 + 77 };
                let outcome = Office::open(&lab, program, &format!("{name}{round}-{number}"))
                    .map_err(Failure::from)
                    .and_then(|mut office| test(&mut office, load));
                // What it left in memory is not the next one's.
                let _ = std::fs::remove_dir_all(lab.directory().join("hosts"));
                match outcome {
                    Ok(figures) => {
                        for figure in figures {
                            let Figure { test, value, unit } = &figure;
                            say(&format!("{round} {contender:<8} {test:<24} {value:>14.3} {unit}"));
                            table.add(Sample { contender: (*contender).to_owned(), round, figure });
                        }
                    }
                    Err(error) => {
                        failed = true;
                        say(&format!("{round} {contender} {name}: {error}"));
                    }
                }
            }
        }
    }
    print(&if handover.json { table.json() } else { table.text() });
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}

fn figure(test: &str, value: f64, unit: &'static str) -> Figure {
    Figure { test: test.to_owned(), unit, value }
}

/// A volume of 2 GB, all of it handed over, half of it today; 100 files changed a moment ago; the end of the day. And the agent
/// while nobody does anything.
fn day(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let mut random = Random::of(load.seed);
    let files = load.of(2000);
    write(&desk.work, files / 2, 1_000_000, &mut random)?;
    office.open_work(&desk)?;
    office.until_held(&desk, files as u64 / 2)?;
    let start = Instant::now();
    write(&desk.work.join("today"), files / 2, 1_000_000, &mut random)?;
    office.until_held(&desk, files as u64)?;
    let mut figures =
        vec![figure("day/handed-over", megabytes(files * 500_000) / seconds(start.elapsed()), "MB/s")];
    let (before, resting) = (desk.processor(), Duration::from_secs(20));
    std::thread::sleep(resting);
    figures.push(figure("rest/cpu", (desk.processor() - before) * 100.0 / seconds(resting), "%"));
    figures.push(figure("rest/memory", mebibytes(desk.agent.memory()), "MiB"));
    write(&desk.work.join("today"), load.of(100).max(1), 100_000, &mut random)?;
    figures.push(figure("day/end", seconds(office.close_work(&desk)?), "s"));
    figures.push(figure("day/peak", peak(&desk), "MiB"));
    Ok(figures)
}

/// 200,000 files of 4 KiB that nobody touched.
fn small(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let files = load.of(200_000);
    write(&desk.work, files, 4096, &mut Random::of(load.seed))?;
    office.open_work(&desk)?;
    let took = seconds(office.until_held(&desk, files as u64)?);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = files as f64 / took;
    let first = figure("small/handed-over", rate, "files/s");
    let peak_of_first = figure("small/first-peak", peak(&desk), "MiB");
    let end = figure("small/end", seconds(office.close_work(&desk)?), "s");
    Ok(vec![first, peak_of_first, end, figure("small/peak", peak(&desk), "MiB")])
}

/// A line of 100 Mbit/s: one stream through the tunnel, then one large file handed over beside a call that is paced at 100 ms.
fn line(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    slow(&desk.link.host, "100mbit")?;
    let bytes = load.of(100_000_000);
    let hq = office.headquarters.socket(false, 9000)?;
    let incoming = receive_once(&office.headquarters.host, hq)?;
    let start = Instant::now();
    send(&desk.host, hq, bytes as u64, load.seed)?;
    incoming.join().map_err(|_| "the receiver died")???;
    let tunnel = megabytes(bytes) / seconds(start.elapsed());
    office.open_work(&desk)?;
    let call = desk.host.clone();
    let count = if load.divisor == 1 { 120 } else { 20 };
    let ping = format!("ping -n -q -i 0.1 -c {count} -W 2 {}", hq.ip());
    let call = std::thread::spawn(move || call.attempt(&ping));
    write(&desk.work, 1, bytes, &mut Random::of(load.seed))?;
    // It is due a second after it was closed.
    std::thread::sleep(Duration::from_secs(1));
    let took = office.until_held(&desk, 1)?;
    let said = call.join().map_err(|_| "the call died")??.stdout;
    let lost = said.split(", ").find_map(|part| part.strip_suffix("% packet loss")?.parse::<f64>().ok());
    let delays = said.lines().find_map(|line| line.strip_prefix("rtt ")?.split(" = ").nth(1));
    let delay = |place: usize| delays.and_then(|all| all.split(['/', ' ']).nth(place)?.parse::<f64>().ok());
    let rate = megabytes(bytes) / seconds(took);
    let mut figures = vec![
        figure("line/tunnel", tunnel, "MB/s"),
        figure("line/handover", rate, "MB/s"),
        figure("line/share", rate / tunnel, "of the tunnel"),
    ];
    figures.push(figure("line/call-lost", lost.ok_or("ping says nothing of loss")?, "%"));
    figures.push(figure("line/call-average", delay(1).ok_or("ping says no delays")?, "ms"));
    figures.push(figure("line/call-worst", delay(2).ok_or("ping says no delays")?, "ms"));
    Ok(figures)
}

/// On another PC of the room, on a line of 20 Mbit/s: 100 recent files of 500 kB, before ten times as much that is older.
fn morning(office: &mut Office<'_>, load: Load) -> Outcome {
    let first = office.desk("pc")?;
    let mut random = Random::of(load.seed);
    let (recent, older) = (load.of(100).max(2), load.of(1000));
    write(&first.work.join("older"), older, 500_000, &mut random)?;
    office.open_work(&first)?;
    office.until_held(&first, older as u64)?;
    write(&first.work.join("recent"), recent, 500_000, &mut random)?;
    office.until_held(&first, (older + recent) as u64)?;
    office.close_work(&first)?;
    let second = office.desk("pc2")?;
    slow(&office.cable.host, "20mbit")?;
    let start = Instant::now();
    office.open_work(&second)?;
    let there = || {
        std::fs::read_dir(second.work.join("recent")).map_or(0, |names| names.flatten().filter(whole).count())
    };
    hanare_lab::until("the recent files", Duration::from_mins(5), || {
        std::thread::sleep(Duration::from_millis(100));
        there() >= recent
    })?;
    Ok(vec![figure("morning/recent", seconds(start.elapsed()), "s")])
}

/// Not one that is still being written.
fn whole(entry: &std::fs::DirEntry) -> bool {
    !entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Lets no more than this out of a machine, with a queue as a room's router has it.
fn slow(host: &hanare_lab::Host, rate: &str) -> Result<(), Failure> {
    host.sh(&format!("tc qdisc replace dev eth0 root tbf rate {rate} burst 64k latency 100ms"))?;
    Ok(())
}

/// Files of noise, in folders of a thousand.
fn write(folder: &Path, files: usize, bytes: usize, random: &mut Random) -> Result<(), Failure> {
    for number in 0..files {
        let folder = if files > 1000 { folder.join((number / 1000).to_string()) } else { folder.to_owned() };
        if number % 1000 == 0 {
            std::fs::create_dir_all(&folder)?;
        }
        std::fs::write(folder.join(number.to_string()), random.bytes(bytes))?;
    }
    Ok(())
}

fn peak(desk: &Desk) -> f64 {
    mebibytes(desk.agent.peaks_of_memory().into_iter().max().unwrap_or(0))
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
