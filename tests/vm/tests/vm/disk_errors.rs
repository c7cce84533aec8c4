//! A disk that begins to answer with errors under a tree or a volume that is being wiped: partial, or fail where what was there is
//! found again, never pass.

use hanare_vm::{Guest, Image, Result};
use serde_json::Value;

use crate::tear_down::{HANARE, open_a_volume};

/// A device of 4 GiB that is well until `break_it` is called. Reads and writes go through a loop device below it.
const MAKE: &str = "truncate -s 4G /root/lower && lower=$(losetup -f --show /root/lower) && \
                    dmsetup create weak --table \"0 8388608 linear $lower 0\"";

/// Writes fail from here on (dm-flakey), or everything does (dm-error).
fn break_it(guest: &mut Guest, writes_only: bool) -> Result<()> {
    let table =
        if writes_only { "0 8388608 flakey $lower 0 0 3600 1 error_writes" } else { "0 8388608 error" };
    guest
        .run(&format!(
            "lower=$(losetup -n -O NAME -j /root/lower) && dmsetup suspend --noflush --nolockfs weak && \
             dmsetup load weak --table \"{table}\" && dmsetup resume weak"
        ))?
        .must()
        .map(drop)
}

/// The tree's wipe on a disk that takes no more writes.
fn a_tree(guest: &mut Guest, writes_only: bool) -> Result<()> {
    guest.run(MAKE)?.must()?;
    guest
        .run(
            "mke2fs -q -t ext4 /dev/mapper/weak 512M && mkdir -p /mnt/weak && mount /dev/mapper/weak /mnt/weak && \
             mkdir /mnt/weak/tree && for i in $(seq 50); do head -c 100000 /dev/urandom > /mnt/weak/tree/$i; done && \
             sync -f /mnt/weak",
        )?
        .must()?;
    break_it(guest, writes_only)?;
    let wiped = guest.run(&format!("{HANARE} wipe tree /mnt/weak/tree --yes --standalone"))?;
    let document = wiped.json()?;
    println!("measured: writes only {writes_only}: {} {}", document["verdict"], document["skipped"]);
    never_a_pass(wiped.status, &document);
    guest
        .run("umount -l /mnt/weak; sleep 1; dmsetup remove --retry weak; losetup -D; rm /root/lower")?
        .must()?;
    Ok(())
}

/// A tree on a device of which there is a snapshot: what it held before it was overwritten is there, and that is said.
fn a_snapshot(guest: &mut Guest) -> Result<()> {
    let wiped = guest
        .run(&format!(
            "truncate -s 600M /root/origin && truncate -s 600M /root/copies && origin=$(losetup -f --show /root/origin) && \
             copies=$(losetup -f --show /root/copies) && \
             dmsetup create base --table \"0 1228800 snapshot-origin $origin\" && mke2fs -q -t ext4 /dev/mapper/base && \
             mkdir -p /mnt/base && mount /dev/mapper/base /mnt/base && mkdir /mnt/base/tree && \
             for i in $(seq 50); do echo 'work that a snapshot keeps' > /mnt/base/tree/$i; done && sync -f /mnt/base && \
             dmsetup suspend base && dmsetup create snap --table \"0 1228800 snapshot $origin $copies P 8\" && \
             dmsetup resume base && {HANARE} wipe tree /mnt/base/tree --yes --standalone"
        ))?;
    let document = wiped.json()?;
    println!("measured: a snapshot: {} {}", document["verdict"], document["skipped"]);
    assert_eq!((wiped.status, document["verdict"].as_str()), (7, Some("partial")), "{document}");
    let left_out = document["skipped"].as_array().cloned().unwrap_or_default();
    assert!(left_out.iter().any(|entry| entry["reason"] == "copies-below"), "{document}");
    let kept = guest.run("grep -c -a 'work that a snapshot keeps' /dev/mapper/snap")?;
    assert_ne!(kept.said.trim(), "0", "the snapshot kept nothing");
    guest.run("umount /mnt/base && dmsetup remove snap && dmsetup remove base && losetup -D")?.must()?;
    Ok(())
}

fn never_a_pass(status: i32, document: &Value) {
    // What was there and is found again is worse than what nobody can tell.
    let is_found = document["verified"]["remnants"].as_u64().is_some_and(|found| found > 0);
    let wanted = if is_found { (1, Some("fail")) } else { (7, Some("partial")) };
    assert_eq!((status, document["verdict"].as_str()), wanted, "{document}");
    let skipped = document["skipped"].as_array().cloned().unwrap_or_default();
    assert!(skipped.iter().any(|entry| entry["kind"] == "io-error"), "{document}");
}

/// The volume's end on a disk that answers nothing: the key goes, and what could not be read again is no pass.
fn a_volume(guest: &mut Guest) -> Result<()> {
    guest.run(MAKE)?.must()?;
    open_a_volume(guest, "/dev/mapper/weak")?;
    guest.run("head -c 50000000 /dev/urandom > /srv/work/file; sync -f /srv/work")?.must()?;
    break_it(guest, false)?;
    guest.run("head -c 50000000 /dev/urandom > /srv/work/file-2; echo 3 > /proc/sys/vm/drop_caches")?;
    let ended = guest.run(&format!("{HANARE} wipe run --yes --standalone"))?;
    let document = ended.json()?;
    println!("measured: the volume: {} {}", document["verdict"], document["skipped"]);
    assert_eq!((ended.status, document["verdict"].as_str()), (7, Some("partial")), "{document}");
    assert_eq!(document["volume"]["key_destroyed"], true, "{document}");
    let left = guest.run("dmsetup ls --target crypt; grep -c /srv/work /proc/self/mounts")?;
    assert_eq!(left.said.trim().trim_start_matches("No devices found").trim(), "0", "something is left");
    Ok(())
}

#[test]
fn a_disk_that_answers_with_errors_is_partial_and_never_a_pass() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    let mut guest = Guest::boot(&image, folder.path()).expect("a guest");
    a_tree(&mut guest, true).expect("a tree without writes");
    a_tree(&mut guest, false).expect("a tree without a disk");
    a_snapshot(&mut guest).expect("a tree under a snapshot");
    a_volume(&mut guest).expect("a volume without a disk");
}
