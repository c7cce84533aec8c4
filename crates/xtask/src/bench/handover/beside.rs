//! The same day's change, handed over by this command, by restic and by rclone, on a line of 100 Mbit/s.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use hanare_lab::{Daemon, Random};

use super::office::{Desk, Office};
use super::others::{RCLONE, RESTIC, Rclone, Restic};
use super::{Failure, Load, Measured, OURS, Outcome, figure, megabytes, seconds, slow, write};

/// What lies there in the morning: how many files of which size, in folders of these names.
const MORNING: [(&str, usize, usize); 3] =
    [("documents", 400, 100_000), ("drawings", 20, 5_000_000), ("archive", 1, 200_000_000)];
/// What comes new during the day, each as long as a document.
const NEW: usize = 150;

/// Each has a copy of the same tree, of which it holds all in the morning; then the same changes are made to each copy in
/// turn. What counts: the time until all of it is at headquarters, the bytes that left the PC, and the processor time of all
/// that took part, the tunnel at both ends included.
pub(super) fn beside(office: &mut Office<'_>, load: Load) -> Outcome {
    let desk = office.desk("pc")?;
    let scale = |size: usize| if load.divisor == 1 { size } else { size / 20 };
    let copy = |name: &str| {
        if name == OURS { desk.work.join("day") } else { desk.host.directory().join(format!("copy-{name}")) }
    };
    for name in [OURS, RESTIC, RCLONE] {
        let mut random = Random::of(load.seed);
        for (folder, files, bytes) in MORNING {
            write(&copy(name).join(folder), files, scale(bytes), &mut random)?;
        }
    }
    let files: u64 = MORNING.iter().map(|(_, files, _)| *files as u64).sum();
    office.open_work(&desk)?;
    office.until_hq_has("files", files)?;
    let restic = Restic::serve(office, &desk, 1)?;
    restic.backup(&desk, 0, &copy(RESTIC))?;
    let rclone = Rclone::serve(office, &desk)?;
    rclone.sync(&desk, &copy(RCLONE))?;
    slow(&desk.link.host, "100mbit")?;
    let mut order = [OURS, RESTIC, RCLONE];
    let first = usize::try_from(load.round)? % order.len();
    order.rotate_left(first);
    let mut measured = Vec::new();
    for name in order {
        let office = &*office;
        let meter = Meter { office, desk: &desk, servers: [&restic.server, &rclone.server] };
        let before = office.held("versions")?;
        // The changes are made within a second, by which time ours has begun: its clock starts with the first of them.
        let (sent, used, start) = (meter.sent()?, meter.used(), Instant::now());
        let versions = change(&copy(name), &mut Random::of(load.seed + 1), scale)?;
        let changed = Instant::now();
        let children = children();
        let took = match name {
            OURS => {
                office.until_hq_has("versions", before + versions)?;
                start.elapsed()
            }
            RESTIC => {
                restic.backup(&desk, 0, &copy(name))?;
                changed.elapsed()
            }
            _ => {
                rclone.sync(&desk, &copy(name))?;
                changed.elapsed()
            }
        };
        // The processes that ours starts meanwhile only ask how far it is.
        let clients = if name == OURS { 0.0 } else { self::children() - children };
        let row = |test: &str, value, unit| -> Measured {
            let figure = figure(&format!("beside/{test}"), value, unit);
            if name == OURS { figure } else { figure.by(name) }
        };
        measured.push(row("seconds", seconds(took), "s"));
        measured.push(row("sent", meter.sent()? - sent, "MB"));
        measured.push(row("processor", meter.used() - used + clients, "s"));
    }
    Ok(measured)
}

/// A day's work; says how many versions it makes.
fn change(tree: &Path, random: &mut Random, scale: impl Fn(usize) -> usize) -> Result<u64, Failure> {
    let documents = tree.join("documents");
    let document = scale(100_000);
    for number in 0..100 {
        fs::write(documents.join(number.to_string()), random.bytes(document))?;
    }
    // An edit in the middle.
    for number in 0..20 {
        let file = OpenOptions::new().write(true).open(tree.join("drawings").join(number.to_string()))?;
        file.write_all_at(&random.bytes(4096), scale(2_000_000) as u64)?;
    }
    // Something put in: all that is behind it moves.
    let archive = tree.join("archive/0");
    let mut bytes = fs::read(&archive)?;
    let at = bytes.len() / 3;
    bytes.splice(at..at, random.bytes(document));
    fs::write(&archive, bytes)?;
    // Another name is a file that comes and one that goes.
    let renamed = tree.join("renamed");
    fs::create_dir_all(&renamed)?;
    for number in 200..250 {
        fs::rename(documents.join(number.to_string()), renamed.join(number.to_string()))?;
    }
    write(&tree.join("new"), NEW, document, random)?;
    Ok(100 + 20 + 1 + 2 * 50 + NEW as u64)
}

struct Meter<'a> {
    office: &'a Office<'a>,
    desk: &'a Desk,
    servers: [&'a Daemon; 2],
}

impl Meter<'_> {
    /// Megabytes that have left the PC.
    fn sent(&self) -> Result<f64, Failure> {
        let said = self.desk.host.sh("cat /sys/class/net/eth0/statistics/tx_bytes")?.stdout;
        Ok(megabytes(said.trim().parse()?))
    }

    /// Processor seconds of all that runs all the time.
    fn used(&self) -> f64 {
        let all = self.desk.daemons().chain([&self.office.headquarters.daemon]).chain(self.servers);
        all.map(Daemon::processor).sum()
    }
}

/// Processor seconds of what this program has started and seen end.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    // proc(5): cutime and cstime are the 16th and 17th field.
    let times = after_name.split_whitespace().skip(13).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
