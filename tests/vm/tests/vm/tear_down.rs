//! The end of a volume under fire: files open, a gigabyte dirty, or just being written; a disk that stalls; a mapping that root
//! has changed.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use serde_json::Value;

use crate::scan::{CANARY, count};

/// The command, with the document as its last line.
pub(crate) const HANARE: &str = "hanare --lang en --json";
/// Ends the day.
const RUN: &str = "hanare --lang en --json wipe run --yes --standalone";

/// What a policy for an office says of its volume. ext4 begins to write when less than twice as much is free as is dirty.
const POLICY: &str =
    "version = 1\nname = \"office\"\n[volume]\nkinds = [\"dm-crypt\", \"fscrypt\"]\nsize = \"4G\"";

/// Makes a volume of the first kind that this machine has, and opens it.
pub(crate) fn open_a_volume(guest: &mut Guest, backing: &str) -> Result<()> {
    let made = guest
        .run(&format!(
            "echo '{POLICY}' > /root/office.toml && \
             {HANARE} wipe volume create --policy /root/office.toml --standalone --yes {backing}"
        ))?
        .must()?;
    let document = made.said.lines().find(|line| line.starts_with('{')).unwrap_or_default();
    assert!(document.contains("\"kind\":\"dm-crypt\""), "{}", made.said);
    guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
    Ok(())
}

/// Writes canaries into the volume, and a block beside it where it must be found, so that a scan that finds nothing in the
/// volume means something. That block passes by the page cache, which a power-off leaves as it is.
pub(crate) fn work(guest: &mut Guest) -> Result<()> {
    guest
        .run(&format!(
            "yes {CANARY} | head -c 20000000 > /srv/work/canary && sync /srv/work/canary && \
             touch /srv/work/{CANARY}name && \
             dd if=/srv/work/canary of=/root/canary bs=4096 count=1 oflag=direct conv=notrunc,fsync 2>&1"
        ))?
        .must()?;
    Ok(())
}

/// Exactly as many canaries as lie beside the volume.
pub(crate) fn only_the_control(found: usize) -> bool {
    found == 4096 / (CANARY.len() + 1)
}

/// The kibibytes of a line of `/proc/meminfo`.
fn kibibytes(guest: &mut Guest, line: &str) -> Result<u64> {
    let said = guest.run(&format!("awk '/^{line}:/ {{print $2}}' /proc/meminfo"))?.must()?.said;
    Ok(said.trim().parse().unwrap_or(0))
}

/// A gigabyte that nobody writes back while the test looks, one file open for writing and one being followed.
fn fill(guest: &mut Guest) -> Result<()> {
    guest
        .run(
            "cd /proc/sys/vm && echo 2600000000 > dirty_bytes && echo 2500000000 > dirty_background_bytes && \
             echo 360000 > dirty_expire_centisecs && echo 0 > dirty_writeback_centisecs && \
             head -c 1250000000 /dev/zero > /srv/work/large && \
             { (exec 4<>/srv/work/large; exec sleep 600) > /dev/null 2>&1 & } && \
             { (cd /srv/work && exec tail -f canary) > /dev/null 2>&1 & } && sleep 1",
        )?
        .must()?;
    Ok(())
}

/// Ends the day and expects a pass; seconds until the key was gone.
fn pass(guest: &mut Guest) -> Result<(f64, Value)> {
    let ended = guest.run(RUN)?;
    let document = ended.json()?;
    assert_eq!((ended.status, document["verdict"].as_str()), (0, Some("pass")), "{document}");
    assert!(document["volume"]["key_destroyed"] == true, "{document}");
    let left = guest.run("dmsetup ls --target crypt; losetup -a; grep -c /srv/work /proc/self/mounts")?;
    assert_eq!(left.said.trim().trim_start_matches("No devices found").trim(), "0", "something is left");
    Ok((document["volume"]["seconds"].as_f64().unwrap_or(f64::MAX), document))
}

fn receipts(guest: &mut Guest) -> Result<usize> {
    let list = guest.run(&format!("{HANARE} wipe receipt list"))?.must()?.json()?;
    Ok(list["receipts"].as_array().map_or(0, Vec::len))
}

/// What a gigabyte does when the day ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gigabyte {
    Dirty,
    OnItsWayToTheDisk,
}

/// Works in the open volume with files open, then ends the `day`th day; seconds until the key was gone.
fn end_of_day(guest: &mut Guest, gigabyte: Gigabyte, day: usize) -> Result<f64> {
    work(guest)?;
    fill(guest)?;
    if gigabyte == Gigabyte::OnItsWayToTheDisk {
        guest.run("(sync -f /srv/work/large > /dev/null 2>&1 &); sleep 1")?.must()?;
    }
    let (dirty, written) = (kibibytes(guest, "Dirty")?, kibibytes(guest, "Writeback")?);
    match gigabyte {
        Gigabyte::Dirty => assert!(dirty >= 1 << 20, "{dirty} KiB are dirty, a gigabyte was wanted"),
        Gigabyte::OnItsWayToTheDisk => assert!(written > 0, "nothing was being written"),
    }
    let (seconds, document) = pass(guest)?;
    let total = &document["seconds"];
    println!(
        "measured: key gone after {seconds:.3} s, all of it {total} s, {dirty} KiB dirty and {written} KiB being written, files open"
    );
    assert_eq!(receipts(guest)?, day);
    Ok(seconds)
}

/// Makes a volume, and ends its first day with files open and a gigabyte dirty; seconds until its key was gone.
pub(crate) fn end_with_a_gigabyte_dirty(guest: &mut Guest) -> Result<f64> {
    open_a_volume(guest, "")?;
    end_of_day(guest, Gigabyte::Dirty, 1)
}

fn a_gigabyte_dirty(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    let seconds = end_with_a_gigabyte_dirty(&mut guest)?;
    assert!(seconds <= 1.0, "the key lived for {seconds} s");
    let often = if std::env::var_os("HANARE_LONG").is_some() { 5 } else { 1 };
    for day in 2..2 + often {
        guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
        end_of_day(&mut guest, Gigabyte::OnItsWayToTheDisk, day)?;
    }
    guest.switch_off_with("sync; systemctl poweroff")?;
    guest.cut();
    let found = count(&Guest::disk(folder), CANARY.as_bytes());
    assert!(only_the_control(found), "{found} canaries on the disk");
    Ok(())
}

#[test]
fn the_key_is_gone_within_a_second_with_files_open_and_a_gigabyte_dirty() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    a_gigabyte_dirty(&image, folder.path()).expect("the guest");
}

/// A key that is not the volume's.
const KEY: &str = "$(yes 5 | head -128 | tr -d '\\n')";

/// The name of the volume's mapping, as the kernel has it now.
const NAME: &str = "name=$(dmsetup ls --target crypt | cut -f1)";

fn a_mapping_that_root_changed(guest: &mut Guest) -> Result<()> {
    // Renamed: found by its uuid, and ended as if nothing had been done.
    open_a_volume(guest, "")?;
    work(guest)?;
    guest.run(&format!("{NAME}; dmsetup rename $name innocent"))?.must()?;
    pass(guest)?;

    // Another table in its place: the kernel then says nothing of the key under which work was written.
    for strange in [
        "0 $size linear 7:100 0",
        "0 $size crypt aes-xts-plain64 $(yes 5 | head -128 | tr -d '\\n') 0 $lower 0",
    ] {
        guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
        work(guest)?;
        guest
            .run(&format!(
                "{NAME}; size=$(blockdev --getsz /dev/mapper/$name); truncate -s 4G /root/other; \
                 [ -e /dev/loop100 ] || mknod /dev/loop100 b 7 100; losetup /dev/loop100 /root/other; \
                 lower=$(dmsetup deps -o devno $name | sed 's/.*(\\([0-9]*\\), \\([0-9]*\\)).*/\\1:\\2/'); \
                 dmsetup suspend --noflush --nolockfs $name && dmsetup load $name --table \"{strange}\" && \
                 dmsetup resume $name && dmsetup table $name | cut -c1-60"
            ))?
            .must()?;
        let ended = guest.run(RUN)?;
        let document = ended.json()?;
        assert_eq!((ended.status, document["verdict"].as_str()), (1, Some("fail")), "{document}");
        assert_eq!(document["volume"]["key_destroyed"], false, "{document}");
        let reasons = document["skipped"].to_string();
        assert!(reasons.contains("mapping-replaced"), "{document}");
        let left = guest.run("dmsetup ls | grep -c hanare; losetup -d /dev/loop100; rm /root/other")?;
        assert_eq!(left.said.lines().next(), Some("0"), "the mapping is left");
    }

    // One of the same name without the uuid, as an earlier version made it: it lives on, and nobody is told that its key is gone.
    guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
    guest
        .run(&format!(
            "{NAME}; size=$(blockdev --getsz /dev/mapper/$name); table=$(dmsetup table --showkeys $name); \
             lower=$(echo $table | cut -d' ' -f7); umount /srv/work && dmsetup remove --retry $name && \
             dmsetup create $name --table \"0 $size crypt aes-xts-plain64 {KEY} 0 $lower 0\""
        ))?
        .must()?;
    let ended = guest.run(RUN)?;
    let document = ended.json()?;
    assert_eq!((ended.status, document["verdict"].as_str()), (1, Some("fail")), "{document}");
    assert_eq!(document["volume"]["key_destroyed"], false, "{document}");
    assert!(document["skipped"].to_string().contains("mapping-replaced"), "{document}");
    guest.run(&format!("{NAME}; dmsetup remove --retry $name; losetup -D"))?.must()?;

    // As `open` leaves it when it is killed before its table is in force: nothing was written, and nothing is left.
    guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
    guest
        .run(&format!(
            "{NAME}; size=$(blockdev --getsz /dev/mapper/$name); \
             uuid=$(dmsetup info -c --noheadings -o uuid $name); \
             lower=$(dmsetup table --showkeys $name | cut -d' ' -f7); \
             umount /srv/work && dmsetup remove --retry $name && dmsetup create $name -u $uuid --notable && \
             dmsetup load $name --table \"0 $size crypt aes-xts-plain64 {KEY} 0 $lower 0\""
        ))?
        .must()?;
    let document = guest.run(RUN)?.json()?;
    assert_eq!(document["volume"]["key_destroyed"], true, "{document}");
    assert!(!document["skipped"].to_string().contains("mapping-replaced"), "{document}");
    let left = guest.run("dmsetup ls | grep -c hanare; losetup -a")?.said;
    assert_eq!(left.trim(), "0", "something is left");
    Ok(())
}

fn a_disk_that_stalls(guest: &mut Guest) -> Result<()> {
    guest.run("rm -f /var/lib/hanare/wipe/volume.json /var/lib/hanare/wipe/work.volume")?.must()?;
    guest
        .run(
            "truncate -s 4G /root/lower && lower=$(losetup -f --show /root/lower) && \
             dmsetup create lower --table \"0 8388608 linear $lower 0\"",
        )?
        .must()?;
    open_a_volume(guest, "/dev/mapper/lower")?;
    work(guest)?;
    let before = receipts(guest)?;
    // Nothing is in flight and nothing of the volume is cached; from here on its disk answers nobody.
    let ended = guest
        .run(&format!(
            "sync -f /srv/work; echo 3 > /proc/sys/vm/drop_caches; dmsetup suspend --noflush --nolockfs lower; \
             ({RUN} > /root/said 2>&1; echo $? > /root/status) > /dev/null 2>&1 & \
             for i in $(seq 300); do \
               if ! dmsetup table --target crypt | grep -q logon; then echo gone; break; fi; sleep 0.1; \
             done; [ -e /root/status ] && cat /root/status; dmsetup resume lower; \
             for i in $(seq 600); do [ -e /root/status ] && break; sleep 0.1; done; cat /root/status; \
             tail -n1 /root/said"
        ))?
        .must()?;
    // Gone while the disk answered nobody; the verdict came only when its blocks could be read again.
    let lines: Vec<&str> = ended.said.lines().collect();
    assert!(matches!(lines[..], ["gone", "0", _]), "{}", ended.said);
    assert_eq!(ended.json()?["verdict"], "pass", "{}", ended.said);
    assert_eq!(receipts(guest)?, before + 1);
    Ok(())
}

#[test]
fn neither_a_changed_mapping_nor_a_stalled_disk_hides_a_living_key() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    let mut guest = Guest::boot(&image, folder.path()).expect("a guest");
    a_mapping_that_root_changed(&mut guest).expect("the changed mapping");
    a_disk_that_stalls(&mut guest).expect("the stalled disk");
}
