//! Many at once: a hundred endpoints that hand over, and forty rooms that begin at nine.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hanare_lab::{Daemon, Random};

use super::office::{Desk, Office};
use super::others::{RESTIC, Restic};
use super::{Failure, Load, Measured, Outcome, figure, mebibytes, megabytes, seconds, slow, whole, write};

/// PCs that are set up at the same time.
const BUILDERS: usize = 4;

/// 100 endpoints hand 10 MB over at the same moment, to a headquarters whose disk is one; and so many restic clients to
/// `rclone serve restic` on the same disk, by turns.
pub(super) fn many(office: &mut Office<'_>, load: Load) -> Outcome {
    const SIZES: [(usize, usize); 2] = [(40, 200_000), (200, 10_000)];
    let files: usize = SIZES.iter().map(|(files, _)| files).sum();
    let bytes: usize = SIZES.iter().map(|(files, bytes)| files * bytes).sum();
    let count = load.of(100).max(3);
    let office = &*office;
    let seats = each(count, BUILDERS, |number| {
        let (desk, mut employee) = office.room(number)?;
        desk.open_work_of(&mut employee)?;
        Ok(desk)
    })?;
    let first = seats.first().ok_or("no endpoint")?;
    let restic = Restic::serve(office, first, count)?;
    let mut measured = Vec::new();
    for round in 0..load.rounds {
        let name = round.to_string();
        let mut random = Random::of(load.seed + u64::from(round));
        for desk in &seats {
            for (number, (files, bytes)) in SIZES.into_iter().enumerate() {
                write(&aside(desk, &name).join(number.to_string()), files, bytes, &mut random)?;
            }
        }
        let total = megabytes(bytes * count);
        let ours = |measured: &mut Vec<Measured>| -> Result<(), Failure> {
            let before = office.held("files")?;
            let start = Instant::now();
            for desk in &seats {
                fs::rename(aside(desk, &name), desk.work.join(&name))?;
            }
            office.until_hq_has("files", before + (files * count) as u64)?;
            let took = seconds(start.elapsed());
            measured.push(figure("many/seconds", took, "s").in_round(round));
            measured.push(figure("many/rate", total / took, "MB/s").in_round(round));
            Ok(())
        };
        let theirs = |measured: &mut Vec<Measured>| -> Result<(), Failure> {
            let start = Instant::now();
            each(count, count, |number| {
                let desk = seats.get(number).ok_or("no endpoint")?;
                let there = [desk.work.join(&name), aside(desk, &name)];
                let folder = there.iter().find(|folder| folder.exists()).ok_or("no work")?;
                Ok(restic.backup(desk, number, folder)?)
            })?;
            let took = seconds(start.elapsed());
            measured.push(figure("many/seconds", took, "s").by(RESTIC).in_round(round));
            measured.push(figure("many/rate", total / took, "MB/s").by(RESTIC).in_round(round));
            let start = Instant::now();
            each(count, count, |number| Ok(restic.open(seats.get(number).ok_or("no endpoint")?, number)?))?;
            measured.push(figure("many/start", seconds(start.elapsed()), "s").by(RESTIC).in_round(round));
            Ok(())
        };
        if round % 2 == 0 {
            ours(&mut measured)?;
            theirs(&mut measured)?;
        } else {
            theirs(&mut measured)?;
            ours(&mut measured)?;
        }
        let peak = |daemon: &Daemon| mebibytes(daemon.peaks_of_memory().into_iter().sum());
        measured.push(figure("many/memory", peak(&office.headquarters.daemon), "MiB").in_round(round));
        measured.push(figure("many/memory", peak(&restic.server), "MiB").by(RESTIC).in_round(round));
    }
    Ok(measured)
}

/// Where work lies before it comes all at once.
fn aside(desk: &Desk, name: &str) -> std::path::PathBuf {
    desk.host.directory().join("aside").join(name)
}

/// 40 rooms open their work at the same moment, 10 MB each, behind headquarters' line of 100 Mbit/s.
pub(super) fn nine(office: &mut Office<'_>, load: Load) -> Outcome {
    const LINE: f64 = 12.5;
    let (count, files, bytes) = (load.of(40).max(4), 50, 200_000);
    let office = &*office;
    let seats = each(count, BUILDERS, |number| {
        let (desk, mut employee) = office.room(number)?;
        write(&desk.work.join("recent"), files, bytes, &mut Random::of(load.seed + number as u64 * 2))?;
        desk.open_work_of(&mut employee)?;
        desk.until_held(files as u64)?;
        desk.close_work()?;
        // Another morning: the volume is empty.
        for entry in fs::read_dir(&desk.work)?.flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
        Ok(Mutex::new((desk, employee)))
    })?;
    slow(&office.cable.host, "100mbit")?;
    let start = Instant::now();
    let back = |desk: &Desk| count_in(&desk.work.join("recent"));
    let half: Mutex<Option<Vec<usize>>> = Mutex::default();
    let works: Vec<_> =
        seats.iter().filter_map(|seat| seat.lock().ok().map(|seat| seat.0.work.join("recent"))).collect();
    let took = each(count, count, |number| {
        let mut seat = seats.get(number).and_then(|seat| seat.lock().ok()).ok_or("no room")?;
        let (desk, employee) = &mut *seat;
        desk.open_work_of(employee)?;
        hanare_lab::until("the work of a room", Duration::from_mins(4), || {
            std::thread::sleep(Duration::from_millis(100));
            if number == 0 {
                let now: Vec<usize> = works.iter().map(|folder| count_in(folder)).collect();
                let mut half = half.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if half.is_none() && now.iter().sum::<usize>() >= count * files / 2 {
                    *half = Some(now);
                }
            }
            back(desk) >= files
        })?;
        Ok(seconds(start.elapsed()))
    })?;
    let mut figures = Vec::new();
    let (first, last) =
        took.iter().fold((f64::MAX, 0f64), |(first, last), took| (first.min(*took), last.max(*took)));
    figures.push(figure("nine/first", first, "s"));
    figures.push(figure("nine/last", last, "s"));
    figures.push(figure("nine/line", megabytes(count * files * bytes) / last / LINE, "of the line"));
    if let Some(half) = half.lock().unwrap_or_else(std::sync::PoisonError::into_inner).as_ref() {
        let mean = megabytes(half.iter().sum()) / megabytes(count);
        let share = |files: Option<&usize>| megabytes(files.copied().unwrap_or(0)) / megabytes(1) / mean;
        figures.push(figure("nine/least-at-half", share(half.iter().min()), "of the mean"));
        figures.push(figure("nine/most-at-half", share(half.iter().max()), "of the mean"));
    }
    Ok(figures)
}

fn count_in(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |names| names.flatten().filter(whole).count())
}

/// Does something for every number below `count`, so many at once; what came of each, in order.
fn each<T: Send>(
    count: usize,
    at_once: usize,
    work: impl Fn(usize) -> Result<T, Failure> + Sync,
) -> Result<Vec<T>, Failure> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(count) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let outcome = work(number).map_err(|error| error.to_string());
                    if let Ok(mut done) = done.lock() {
                        done.push((number, outcome));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| "a thread died")?;
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, outcome)| outcome.map_err(Failure::from)).collect()
}
