//! The end of a volume under fire: files open, a gigabyte dirty.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};

use crate::scan::{CANARY, count};

/// The command, with the document as its last line.
pub(crate) const HANARE: &str = "hanare --lang en --json";

/// Makes a volume and opens it.
pub(crate) fn open_a_volume(guest: &mut Guest) -> Result<()> {
    guest.run(&format!("{HANARE} wipe volume create --kind dm-crypt --size 2G --standalone"))?.must()?;
    guest.run(&format!("{HANARE} wipe volume open"))?.must()?;
    Ok(())
}

/// Writes canaries into the volume; `beside` puts one where it must be found, so that a scan that finds nothing means
/// something.
pub(crate) fn work(guest: &mut Guest, beside: bool) -> Result<()> {
    let beside =
        if beside { "head -c 4000 /srv/work/canary > /root/canary; sync /root/canary" } else { "true" };
    guest
        .run(&format!(
            "yes {CANARY} | head -c 20000000 > /srv/work/canary && sync /srv/work/canary && \
             touch /srv/work/{CANARY}name && {beside}"
        ))?
        .must()?;
    Ok(())
}

fn key_is_gone_within_a_second(folder: &Path) -> Result<()> {
    let image = Image::make()?;
    let mut guest = Guest::boot(&image, folder)?;
    open_a_volume(&mut guest)?;
    work(&mut guest, true)?;
    // Nothing is written back while the test looks: a gigabyte stays dirty.
    let dirty = guest
        .run(
            "cd /proc/sys/vm && echo 90 > dirty_ratio && echo 80 > dirty_background_ratio && \
             echo 360000 > dirty_expire_centisecs && echo 0 > dirty_writeback_centisecs && \
             head -c 1073741824 /dev/zero > /srv/work/large; \
             { exec 4<>/srv/work/large; exec sleep 600; } > /dev/null 2>&1 & \
             { cd /srv/work && exec tail -f canary; } > /dev/null 2>&1 & \
             sleep 1; awk '/^Dirty/ {print $2}' /proc/meminfo",
        )?
        .must()?;
    let dirty: u64 = dirty.said.trim().parse().unwrap_or(0);
    assert!(dirty > 700_000, "{dirty} KiB are dirty");
    let ended = guest.run(&format!("{HANARE} wipe run --yes --standalone"))?;
    let document = ended.json()?;
    assert_eq!(ended.status, 0, "{document}");
    assert_eq!(document["verdict"], "pass", "{document}");
    let seconds = document["volume"]["seconds"].as_f64().unwrap_or(f64::MAX);
    let total = document["seconds"].as_f64().unwrap_or_default();
    println!(
        "measured: key gone after {seconds:.3} s, all of it {total:.3} s, {dirty} KiB dirty, two files open"
    );
    assert!(document["volume"]["key_destroyed"] == true && seconds <= 1.0, "{document}");
    let left = guest.run("dmsetup ls --target crypt; losetup -a; grep -c /srv/work /proc/self/mounts")?;
    assert_eq!(left.said.trim(), "0", "something of the volume is left");
    let receipts = guest.run(&format!("{HANARE} wipe receipt list"))?.must()?.json()?;
    assert_eq!(receipts["receipts"].as_array().map(Vec::len), Some(1), "{receipts}");
    guest.switch_off_with("sync; systemctl poweroff")?;
    guest.cut();
    let found = count(&Guest::disk(folder), CANARY.as_bytes());
    // The copy beside the volume, and nothing else.
    assert!((100..=130).contains(&found), "{found} canaries on the disk");
    Ok(())
}

#[test]
fn the_key_is_gone_within_a_second_with_files_open_and_a_gigabyte_dirty() {
    let folder = tempfile::tempdir().expect("a directory");
    key_is_gone_within_a_second(folder.path()).expect("the guest");
}
