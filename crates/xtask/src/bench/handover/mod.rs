//! `cargo xtask bench handover`: the end of a day, an agent at rest, what a line carries beside a call, mornings, and many
//! endpoints and a day's change beside restic and rclone, all with the shipped command: agents, tunnels and headquarters in a
//! laboratory whose disks are memory, but for the one that a hundred endpoints hand over to.

mod beside;
mod crowd;
mod office;
mod others;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hanare_lab::{Lab, Program, Random, receive_once, send};

use super::measure::Figure;
use super::table::{Sample, Subject, Table};
use super::{Failure, build, print, release, say};
use crate::repository;
use office::{Desk, Office};

/// How to measure the handover.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: cargo xtask bench handover --rounds 3 --tests day,line")]
pub(super) struct Handover {
    /// How often each test is run
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Only these tests: day, rest, policy, small, line, morning, nine, many, beside
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

type Outcome = Result<Vec<Measured>, Failure>;

/// A figure, whose it is, and of which round.
struct Measured {
    figure: Figure,
    /// Somebody else than whom the test is about.
    by: Option<&'static str>,
    /// Of a test that takes all its rounds at once.
    round: Option<u32>,
}

impl Measured {
    fn by(self, name: &'static str) -> Self {
        Self { by: Some(name), ..self }
    }

    fn in_round(self, round: u32) -> Self {
        Self { round: Some(round), ..self }
    }
}

/// One test.
struct Test {
    name: &'static str,
    run: fn(&mut Office<'_>, Load) -> Outcome,
    /// Setting it up takes so long that it takes all its rounds at once.
    at_once: bool,
    /// Headquarters' disk is one, and not memory.
    on_disk: bool,
    /// What it is compared with has to be there.
    others: bool,
}

const fn test(name: &'static str, run: fn(&mut Office<'_>, Load) -> Outcome) -> Test {
    Test { name, run, at_once: false, on_disk: false, others: false }
}

static TESTS: [Test; 9] = [
    test("day", day),
    test("rest", rest),
    test("policy", policy),
    test("small", small),
    test("line", line),
    test("morning", morning),
    test("nine", crowd::nine),
    Test { at_once: true, on_disk: true, others: true, ..test("many", crowd::many) },
    Test { others: true, ..test("beside", beside::beside) },
];
/// What this repository builds.
const OURS: &str = "hanare";

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Load {
    divisor: usize,
    seed: u64,
    /// Which round this is, and how many there are.
    round: u32,
    rounds: u32,
}

impl Load {
    const fn of(self, whole: usize) -> usize {
        whole / self.divisor
    }
}

/// Builds and enters a laboratory.
pub(super) fn outside(handover: &Handover) -> Result<ExitCode, Failure> {
    let others = if tests(handover).any(|test| test.others) { hanare_lab::CARRIERS } else { &[] };
    hanare_lab::install(&[hanare_lab::LABORATORY, hanare_lab::BENCH, others].concat())?;
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
        for test in tests(handover).filter(|test| round == 0 || !test.at_once) {
            let name = test.name;
            for (number, (contender, program)) in programs.iter().enumerate() {
                let divisor = if handover.tiny { 100 } else { 1 };
                let seed = u64::from(round) * 2 + 77;
                let load = Load { divisor, seed, round, rounds: handover.rounds };
                let mark = format!("{name}{round}-{number}");
                let office = if test.on_disk {
                    let disk = repository::top().join("target/bench-handover").join(&mark);
                    Office::open_on_disk(&lab, program, &mark, disk)
                } else {
                    Office::open(&lab, program, &mark)
                };
                let outcome =
                    office.map_err(Failure::from).and_then(|mut office| (test.run)(&mut office, load));
                // What it left in memory is not the next one's.
                let _ = std::fs::remove_dir_all(lab.directory().join("hosts"));
                match outcome {
                    Ok(figures) => {
                        for Measured { figure, by, round: own } in figures {
                            let (contender, round) = (by.unwrap_or(contender), own.unwrap_or(round));
                            let Figure { test, value, unit } = &figure;
                            say(&format!("{round} {contender:<8} {test:<24} {value:>14.3} {unit}"));
                            table.add(Sample { contender: contender.to_owned(), round, figure });
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

/// Those that were asked for.
fn tests(handover: &Handover) -> impl Iterator<Item = &'static Test> {
    let wanted =
        |test: &&Test| handover.tests.is_empty() || handover.tests.iter().any(|name| name == test.name);
    TESTS.iter().filter(wanted)
}

fn figure(test: &str, value: f64, unit: &'static str) -> Measured {
    Measured { figure: Figure { test: test.to_owned(), unit, value }, by: None, round: None }
}

/// A volume of 2 GB, all of it handed over, half of it today; 100 files changed a moment ago; the end of the day. And the agent
/// while nobody does anything.
fn day(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let mut random = Random::of(load.seed);
    let files = load.of(2000);
    write(&desk.work, files / 2, 1_000_000, &mut random)?;
    office.open_work(&desk)?;
    desk.until_held(files as u64 / 2)?;
    let start = Instant::now();
    write(&desk.work.join("today"), files / 2, 1_000_000, &mut random)?;
    desk.until_held(files as u64)?;
    let mut figures =
        vec![figure("day/handed-over", megabytes(files * 500_000) / seconds(start.elapsed()), "MB/s")];
    figures.extend(at_rest(&desk, "day", Duration::from_secs(20)));
    write(&desk.work.join("today"), load.of(100).max(1), 100_000, &mut random)?;
    figures.push(figure("day/end", seconds(desk.close_work()?), "s"));
    figures.push(figure("day/peak", peak(&desk), "MiB"));
    Ok(figures)
}

/// The same volume on a day on which nobody does anything, for so long that the look at everything, which an agent takes every ten
/// minutes (`ROUND` in `handover/src/deliver/day/seeing.rs`), is twice among it: once at files that lie there since before, and
/// once at files that it has looked at.
fn rest(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let files = load.of(2000);
    write(&desk.work, files, 1_000_000, &mut Random::of(load.seed))?;
    office.open_work(&desk)?;
    desk.until_held(files as u64)?;
    let long = Duration::from_mins(21) / u32::try_from(load.divisor)?;
    Ok(at_rest(&desk, "rest", long))
}

/// An agent that keeps a work volume by a policy, while nobody does anything.
fn policy(office: &mut Office<'_>, load: Load) -> Outcome {
    // What the kernel does with core dumps is the whole machine's, and stays as it was.
    let _settings = hanare_lab::Settings::keep();
    let desk = office.kept_desk("pc")?;
    office.open_work(&desk)?;
    let files = load.of(100).max(1);
    let write =
        format!("for i in $(seq {files}); do head -c 100000 /dev/urandom > {}/$i; done", desk.work.display());
    desk.host.run("sh", ["-c", &write], "", Duration::from_mins(1))?.must()?;
    desk.until_held(files as u64)?;
    let mut figures = at_rest(&desk, "policy", Duration::from_secs(20));
    figures.push(figure("policy/end", seconds(desk.close_work()?), "s"));
    Ok(figures)
}

/// What an agent takes up for nothing.
fn at_rest(desk: &Desk, name: &str, resting: Duration) -> Vec<Measured> {
    let before = desk.agent.processor();
    std::thread::sleep(resting);
    let cpu = (desk.agent.processor() - before) * 100.0 / seconds(resting);
    let row = |what: &str, value, unit| figure(&format!("{name}/{what}"), value, unit);
    vec![row("cpu", cpu, "%"), row("memory", mebibytes(desk.agent.memory()), "MiB")]
}

/// 200,000 files of 4 KiB that nobody touched.
fn small(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let files = load.of(200_000);
    write(&desk.work, files, 4096, &mut Random::of(load.seed))?;
    office.open_work(&desk)?;
    let took = seconds(desk.until_held(files as u64)?);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = files as f64 / took;
    let first = figure("small/handed-over", rate, "files/s");
    let peak_of_first = figure("small/first-peak", peak(&desk), "MiB");
    let end = figure("small/end", seconds(desk.close_work()?), "s");
    Ok(vec![first, peak_of_first, end, figure("small/peak", peak(&desk), "MiB")])
}

/// A line of 100 Mbit/s: one stream through the tunnel, then one large file handed over beside a call that is paced at 100 ms,
/// and one more by an agent that may take three quarters of the line.
fn line(office: &mut Office<'_>, load: Load) -> Outcome {
    let mut desk = office.desk("pc")?;
    slow(&desk.link.host, "100mbit")?;
    let bytes = load.of(100_000_000);
    let hq = office.headquarters.socket(false, 9000)?;
    let incoming = receive_once(&office.headquarters.host, hq)?;
    let start = Instant::now();
    send(&desk.host, hq, bytes as u64, load.seed)?;
    incoming.join().map_err(|_| "the receiver died")???;
    let tunnel = megabytes(bytes) / seconds(start.elapsed());
    office.open_work(&desk)?;
    let mut figures = vec![figure("line/tunnel", tunnel, "MB/s")];
    figures.extend(beside_a_call(office, &desk, ("line", tunnel), load)?);
    desk.agent.stop(Duration::from_secs(20))?;
    desk.agent = office.agent(&desk.host, &desk.work, &["--rate", "9M"])?;
    figures.extend(beside_a_call(office, &desk, ("paced", tunnel), load)?);
    Ok(figures)
}

/// A large file handed over, and what becomes of a call meanwhile.
fn beside_a_call(office: &Office<'_>, desk: &Desk, (name, tunnel): (&str, f64), load: Load) -> Outcome {
    let bytes = load.of(100_000_000);
    let hq = office.headquarters.socket(false, 9000)?;
    let call = desk.host.clone();
    let count = if load.divisor == 1 { 120 } else { 20 };
    let ping = format!("ping -n -q -i 0.1 -c {count} -W 2 {}", hq.ip());
    let call = std::thread::spawn(move || call.attempt(&ping));
    let before = office.held("files")?;
    let seed = load.seed + before;
    std::fs::write(desk.work.join(name), Random::of(seed).bytes(bytes))?;
    // It is due a second after it was closed.
    std::thread::sleep(Duration::from_secs(1));
    let took = office.until_hq_has("files", before + 1)?;
    let said = call.join().map_err(|_| "the call died")??.stdout;
    let lost = said.split(", ").find_map(|part| part.strip_suffix("% packet loss")?.parse::<f64>().ok());
    let delays = said.lines().find_map(|line| line.strip_prefix("rtt ")?.split(" = ").nth(1));
    let delay = |place: usize| delays.and_then(|all| all.split(['/', ' ']).nth(place)?.parse::<f64>().ok());
    let rate = megabytes(bytes) / seconds(took);
    let row = |test: &str, value, unit| figure(&format!("{name}/{test}"), value, unit);
    Ok(vec![
        row("handover", rate, "MB/s"),
        row("share", rate / tunnel, "of the tunnel"),
        row("call-lost", lost.ok_or("ping says nothing of loss")?, "%"),
        row("call-average", delay(1).ok_or("ping says no delays")?, "ms"),
        row("call-worst", delay(2).ok_or("ping says no delays")?, "ms"),
    ])
}

/// On another PC of the room, on a line of 20 Mbit/s: 100 recent files of 500 kB, before ten times as much that is older.
fn morning(office: &mut Office<'_>, load: Load) -> Outcome {
    let first = office.desk("pc")?;
    let mut random = Random::of(load.seed);
    let (recent, older) = (load.of(100).max(2), load.of(1000));
    write(&first.work.join("older"), older, 500_000, &mut random)?;
    office.open_work(&first)?;
    first.until_held(older as u64)?;
    write(&first.work.join("recent"), recent, 500_000, &mut random)?;
    first.until_held((older + recent) as u64)?;
    first.close_work()?;
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
