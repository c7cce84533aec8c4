//! Power cuts at every flush and at random writes of a wipe, with nothing on the disk but what was written by then: dm-log-writes
//! records a wipe, and each such disk is mounted and resumed.

use hanare_vm::{Guest, Image, Result};
use hanare_wipe_tests::Random;
use serde_json::{Value, json};

use crate::canaries::{IN_GUEST, guest};

/// All of it in memory: its writes are not what is tested. The device's number is the same each time, as a disk's is.
const MAKE: &str = "mkdir -p /lab /srv/room && mount -t tmpfs -o size=2G lab /lab && truncate -s 64M /lab/base && \
                    truncate -s 512M /lab/log && mke2fs -q -F -t ext4 /lab/base && mount -o loop /lab/base /srv/room && \
                    mkdir -p /srv/room/tree /srv/room/outside && /root/in-guest plant /srv/room/tree room 300 20 && \
                    head -c 300000 /dev/urandom > /srv/room/outside/file && \
                    ln /srv/room/outside/file /srv/room/outside/other && umount /srv/room && \
                    cp --sparse=always /lab/base /lab/written && cp --sparse=always /lab/base /lab/replayed && \
                    modprobe dm-log-writes";
const MOUNT: &str = "mount /dev/mapper/room /srv/room";
const AWAY: &str = "umount /srv/room && dmsetup remove --retry room && losetup -D";
const HERE: &str = "hanare --lang en --json --state /srv/room/state";
/// At random, besides every flush. `xtask test --long` asks for more.
const RANDOM: u64 = 20;

/// A device of that number with this table; `$size` is its length.
fn device(table: &str) -> String {
    format!(
        "size=$(blockdev --getsz $disk) && dmsetup create room -j $(awk '/device-mapper/ {{print $1}}' /proc/devices) \
         -m 40 --table \"0 $size {table}\""
    )
}

/// A wipe that was recorded.
struct Recorded {
    /// The print of the outside, and of the tree before it.
    outside: Value,
    tree: Value,
    /// The log's entries from its beginning to its end: their numbers, and whether all before them had reached the disk.
    entries: Vec<(usize, bool)>,
}

fn record(guest: &mut Guest) -> Result<Recorded> {
    guest.run(MAKE)?.must()?;
    let table = device("log-writes $disk $log");
    guest
        .run(&format!(
            "disk=$(losetup -f --show /lab/written) && log=$(losetup -f --show /lab/log) && {table} && {MOUNT} && \
             {IN_GUEST} print /srv/room/tree > /lab/tree && {IN_GUEST} print /srv/room/outside > /lab/outside && \
             sync && dmsetup message room 0 mark begin"
        ))?
        .must()?;
    let wiped = guest.run(&format!("{HERE} wipe tree /srv/room/tree --yes --standalone"))?;
    let document = wiped.json()?;
    println!("measured: {} {}", document["verdict"], document["skipped"]);
    assert_eq!(document["verified"]["remnants"], 0, "{document}");
    guest.run(&format!("dmsetup message room 0 mark end && {AWAY}"))?.must()?;
    let entries = guest.run(&format!("{IN_GUEST} log /lab/log"))?.must()?.json()?;
    let entries = entries.as_array().cloned().unwrap_or_default();
    let marked = |name: &str| entries.iter().position(|entry| entry[1] == name).expect("the mark");
    let during = marked("begin")..marked("end");
    let chosen = during.map(|number| (number, entries[number][0] == true)).collect();
    let mut printed = |name: &str| guest.run(&format!("cat /lab/{name}"))?.must()?.json();
    Ok(Recorded { outside: printed("outside")?, tree: printed("tree")?, entries: chosen })
}

/// The disk as it was after `upto` entries, of which `from` are there already: what a boot finds, and what comes of it.
fn cut(guest: &mut Guest, from: usize, upto: usize) -> Result<Value> {
    let table = device("linear $disk 0");
    let told = guest
        .run(&format!(
            "set -e; {IN_GUEST} replay /lab/log /lab/replayed {from} {upto} > /dev/null; \
             cp --sparse=always /lab/replayed /lab/cut; disk=$(losetup -f --show /lab/cut); {table}; {MOUNT}; \
             pending=$([ -e /srv/room/state/wipe/pending.json ] && echo true || echo false); \
             tree=$([ -e /srv/room/tree ] && {IN_GUEST} print /srv/room/tree || echo null); \
             resumed=$({HERE} wipe resume 2> /lab/err) && status=0 || status=$?; \
             receipts=$({HERE} wipe receipt list); \
             outside=$({IN_GUEST} print /srv/room/outside); \
             left=$([ -e /srv/room/tree ] && echo true || echo false); {AWAY}; \
             found=$({IN_GUEST} scan /lab/cut room); \
             echo \"{{\\\"pending\\\":$pending,\\\"tree\\\":$tree,\\\"resumed\\\":$resumed,\\\"status\\\":$status,\
             \\\"receipts\\\":$receipts,\\\"outside\\\":$outside,\\\"left\\\":$left,\\\"found\\\":$found}}\""
        ))?
        .must()?;
    told.json()
}

fn cuts(guest: &mut Guest) -> Result<()> {
    let mut random = Random::by_the_clock();
    println!("measured: {random:?}");
    let Recorded { outside, tree, entries } = record(guest)?;
    let more = if std::env::var_os("HANARE_LONG").is_some() { 100 } else { RANDOM };
    let mut chosen: Vec<usize> =
        entries.iter().filter(|(_, is_barrier)| *is_barrier).map(|(number, _)| number + 1).collect();
    let flushes = chosen.len();
    for _ in 0..more {
        chosen.push(entries[usize::try_from(random.below(entries.len() as u64)).unwrap_or(0)].0 + 1);
    }
    chosen.sort_unstable();
    chosen.dedup();
    let (mut replayed, mut before, mut during, mut after) = (0, 0, 0, 0);
    for upto in &chosen {
        let told = cut(guest, replayed, *upto)?;
        replayed = *upto;
        assert_eq!(told["outside"], outside, "the outside was touched: {upto}: {told}");
        let receipts = told["receipts"]["receipts"].as_array().map_or(0, Vec::len);
        if told["pending"] == true {
            during += 1;
            // Never a pass: what the first run had recorded is lost.
            assert_eq!(
                (&told["status"], &told["resumed"]["verdict"]),
                (&json!(7), &json!("partial")),
                "{told}"
            );
        } else if told["tree"].is_null() {
            after += 1;
            assert_eq!(told["status"], 0, "{upto}: {told}");
        } else {
            // Nothing was noted, so nothing may have been destroyed.
            before += 1;
            assert_eq!((&told["tree"], receipts), (&tree, 0), "{upto}: {told}");
            continue;
        }
        assert_eq!(
            (receipts, &told["left"], &told["found"]),
            (1, &json!(false), &json!({})),
            "{upto}: {told}"
        );
    }
    println!(
        "measured: {} cuts, {flushes} of them at a flush: {before} before anything was noted, {during} resumed, {after} after the end",
        chosen.len()
    );
    assert!(flushes > 5 && before > 0 && during > 10 && after > 0);
    Ok(())
}

#[test]
fn after_a_cut_at_any_write_of_a_wipe_it_is_finished() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    let mut guest = guest(&image, folder.path()).expect("a guest");
    cuts(&mut guest).expect("the cuts");
}
