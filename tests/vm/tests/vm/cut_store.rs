//! Power cuts of headquarters' disk with unflushed writes dropped: dm-log-writes records what the store writes, and on the disk
//! as it was at any instant the store has every version that it had acknowledged by then.

use hanare_lab::Random;
use hanare_vm::{Guest, Image, Result};
use serde_json::Value;

use crate::canaries::{IN_GUEST, guest};
use crate::preload::library;

/// Versions that are handed over.
const VERSIONS: u64 = 40;
/// Cuts at random writes, besides those at each acknowledgement; more with `HANARE_LONG`.
const RANDOM: u64 = 20;
/// All of it in memory: the log is what is tested, not the guest's disk.
const MAKE: &str = "umount -q /hq; dmsetup remove hq; losetup -D; umount -q /lab; \
                    set -e; mkdir -p /lab /hq; mount -t tmpfs -o size=2G lab /lab; truncate -s 192M /lab/base; \
                    truncate -s 640M /lab/log; mke2fs -q -F -t ext4 /lab/base; cp --sparse=always /lab/base /lab/written; \
                    cp --sparse=always /lab/base /lab/replayed; modprobe dm-log-writes";

/// Records the store at work, with or without its flushes: the log's entries in order, whether all before them had reached the
/// disk and what they mark.
fn record(guest: &mut Guest, seed: u64, environment: &str) -> Result<Vec<Value>> {
    guest.run(MAKE)?.must()?;
    guest
        .run(&format!(
            "set -e; disk=$(losetup -f --show /lab/written); log=$(losetup -f --show /lab/log); \
             size=$(blockdev --getsz $disk); dmsetup create hq --table \"0 $size log-writes $disk $log\"; \
             mount /dev/mapper/hq /hq; {environment} {IN_GUEST} store-write /hq/work hq {seed} {VERSIONS}; \
             dmsetup message hq 0 mark end; umount /hq; dmsetup remove --retry hq; losetup -D"
        ))?
        .must()?;
    let entries = guest.run(&format!("{IN_GUEST} log /lab/log"))?.must()?.json()?;
    Ok(entries.as_array().cloned().unwrap_or_default())
}

/// The disk as it was after `upto` entries, of which `from` are there already, and what of `acknowledged` versions is lost.
fn cut(guest: &mut Guest, seed: u64, from: usize, upto: usize, acknowledged: u64) -> Result<Value> {
    guest
        .run(&format!(
            "set -e; {IN_GUEST} replay /lab/log /lab/replayed {from} {upto} > /dev/null; \
             cp --sparse=always /lab/replayed /lab/cut; mount -o loop /lab/cut /hq; \
             {IN_GUEST} store-check /hq/work {seed} {acknowledged}; umount /hq"
        ))?
        .must()?
        .json()
}

/// Cuts at each acknowledgement and at `random` other writes: how many cuts lost something, and how many versions the worst
/// of them lost.
fn cuts(guest: &mut Guest, random: &mut Random, more: u64, environment: &str) -> Result<(u64, u64, u64)> {
    let seed = random.below(u64::MAX);
    let entries = record(guest, seed, environment)?;
    let acknowledged = |entry: &Value| {
        let number = entry[1].as_str()?.strip_prefix("acknowledged-")?;
        Some(number.parse::<u64>().unwrap() + 1)
    };
    let mut chosen: Vec<usize> =
        (0..entries.len()).filter(|at| acknowledged(&entries[*at]).is_some()).map(|at| at + 1).collect();
    assert_eq!(chosen.len() as u64, VERSIONS);
    let end = entries.iter().position(|entry| entry[1] == "end").expect("the mark");
    let first = chosen[0];
    for _ in 0..more {
        chosen.push(first + usize::try_from(random.below((end - first) as u64)).unwrap());
    }
    chosen.sort_unstable();
    chosen.dedup();
    let (mut bad, mut worst, mut replayed) = (0, 0, 0);
    for upto in &chosen {
        let count = entries[..*upto].iter().filter_map(acknowledged).max().unwrap_or(0);
        let told = cut(guest, seed, replayed, *upto, count)?;
        replayed = *upto;
        let lost = told["lost"].as_u64().expect("a count");
        if lost > 0 && bad == 0 {
            println!("{lost} of {count} acknowledged versions are lost at entry {upto}: {told}");
        }
        bad += u64::from(lost > 0);
        worst = worst.max(lost);
    }
    Ok((chosen.len() as u64, bad, worst))
}

#[test]
fn what_headquarters_acknowledged_outlives_a_power_cut_and_without_flushes_it_does_not() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    Guest::bring(&image, folder.path(), &library(folder.path(), "careless")).expect("the library inside");
    let mut guest = guest(&image, folder.path()).expect("a guest");
    let mut random = Random::by_the_clock();
    println!("measured: {random:?}");
    let more = if std::env::var_os("HANARE_LONG").is_some() { 200 } else { RANDOM };
    let (cut, bad, worst) = cuts(&mut guest, &mut random, more, "").expect("the cuts");
    println!(
        "measured: {cut} power cuts of headquarters' disk, {bad} of them lost something, at most {worst} versions"
    );
    assert_eq!((bad, worst), (0, 0));
    let environment = "LD_PRELOAD=/root/careless.so";
    let (cut, bad, worst) = cuts(&mut guest, &mut random, 0, environment).expect("the cuts");
    println!(
        "measured: without flushes {cut} power cuts, {bad} of them lost something, at most {worst} versions"
    );
    assert!(bad > 0, "the test would not notice a store that does not flush");
}
