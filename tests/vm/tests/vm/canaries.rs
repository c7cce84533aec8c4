//! Every kind of canary, in a volume on dm-crypt and beside it: 0 on the whole disk afterwards, where `rm -rf` leaves some.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use hanare_wipe_tests::{Found, Kind, Seed, scan};

use crate::by_policy::{RUN, office, receipts};
use crate::tear_down::HANARE;

/// The program for what has to be done inside.
pub(crate) const IN_GUEST: &str = "/root/in-guest";

/// A guest with that program.
pub(crate) fn guest(image: &Image, folder: &Path) -> Result<Guest> {
    Guest::bring(image, folder, Path::new(env!("CARGO_BIN_EXE_in-guest")))?;
    Guest::boot(image, folder)
}

fn found(folder: &Path, seed: &str) -> Found {
    scan(&Guest::disk(folder), Seed::of(seed)).expect("the disk")
}

fn a_day(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = guest(image, folder)?;
    office(&mut guest)?;
    guest
        .run(&format!(
            "{IN_GUEST} plant /srv/work in 200 20 && mkdir -p /srv/leftovers && \
             {IN_GUEST} plant /srv/leftovers beside 200 20 && sync"
        ))?
        .must()?;
    // What an examiner would see who had the key: the scan finds what is in this volume.
    let plain = guest
        .run(&format!(
            "mkdir -p /ram && mount -t tmpfs -o size=2G ram /ram && \
             dd if=/dev/mapper/$(dmsetup ls --target crypt | cut -f1) of=/ram/plain bs=1M conv=sparse status=none && \
             {IN_GUEST} scan /ram/plain in && rm /ram/plain"
        ))?
        .must()?
        .json()?;
    // There is no journal in it that would keep the name before a rename.
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::OldName) {
        assert!(plain[format!("{kind:?}")].as_u64().is_some_and(|count| count > 0), "{kind:?}: {plain}");
    }
    // And who has the disk only finds none of them, but all that lies beside it.
    assert_eq!(found(folder, "in"), Found::new());
    let beside = found(folder, "beside");
    assert!(Kind::ALL.iter().all(|kind| beside.contains_key(kind)), "{beside:?}");

    let ended = guest.run(RUN)?;
    let document = ended.json()?;
    println!("measured: {} {}", document["verdict"], document["skipped"]);
    // The disk of the machine is an NVMe drive, as far as it says: what that keeps to itself nobody knows. Nothing else is left open.
    let left_out = document["skipped"].as_array().cloned().unwrap_or_default();
    assert!(left_out.iter().all(|entry| entry["reason"] == "spare-area"), "{document}");
    assert_eq!((ended.status, document["verdict"].as_str()), (7, Some("partial")), "{document}");
    assert_eq!(document["volume"]["key_destroyed"], true, "{document}");
    assert_eq!(document["verified"]["remnants"], 0, "{document}");
    assert_eq!(receipts(&mut guest)?.len(), 1);
    // The control, which nobody wipes.
    guest
        .run(&format!(
            "mkdir -p /srv/control && {IN_GUEST} plant /srv/control control 500 100 && sync && rm -rf /srv/control && \
             sync && [ ! -e /srv/leftovers ] && {HANARE} wipe volume status"
        ))?
        .must()?;
    guest.switch_off_with("systemctl poweroff")?;
    guest.cut();
    let control = found(folder, "control");
    println!("measured: rm -rf leaves {control:?}");
    for kind in Kind::ALL {
        assert!(control.get(&kind).is_some_and(|count| *count > 0), "rm -rf leaves no {kind:?}: {control:?}");
    }
    assert_eq!((found(folder, "in"), found(folder, "beside")), (Found::new(), Found::new()));
    Ok(())
}

#[test]
fn every_kind_in_a_volume_on_dm_crypt_and_beside_it_is_gone() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    a_day(&image, folder.path()).expect("a day");
}
