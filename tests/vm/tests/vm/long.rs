//! A wipe that takes longer than systemd gives a service by default: nobody cuts it off, and nobody logs in before it has ended.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use hanare_wipe_tests::{Found, Seed, scan};

use crate::by_policy::receipts;
use crate::canaries::{IN_GUEST, guest};
use crate::tear_down::HANARE;

/// A file system whose device answers every write 0.7 s later, and a tree in it.
const SLOW: &str = "truncate -s 256M /root/slow.img && lower=$(losetup -f --show /root/slow.img) && \
                    dmsetup create slow --table \"0 524288 linear $lower 0\" && mke2fs -q -t ext4 /dev/mapper/slow && \
                    mkdir -p /srv/slow && mount /dev/mapper/slow /srv/slow && mkdir /srv/slow/tree";
const SLOWER: &str = "lower=$(losetup -n -O NAME -j /root/slow.img) && dmsetup suspend slow && \
                      dmsetup load slow --table \"0 524288 delay $lower 0 0 $lower 0 700\" && dmsetup resume slow";

fn longer_than_90_s(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = guest(image, folder)?;
    guest
        .run(&format!("{SLOW} && {IN_GUEST} plant /srv/slow/tree slow 300 10 && sync && {SLOWER}"))?
        .must()?;
    // Killed as soon as it is noted: the unit that runs at boot has all of it to do.
    guest
        .run(&format!(
            "{HANARE} wipe tree --yes --standalone /srv/slow/tree > /dev/null 2>&1 & \
             until [ -e /var/lib/hanare/wipe/pending.json ]; do sleep 0.01; done; kill -KILL $!; wait $!; \
             [ -e /var/lib/hanare/wipe/pending.json ]"
        ))?
        .must()?;
    guest.run("systemctl restart --no-block hanare-wipe-resume")?.must()?;
    let show = |property: &str| format!("systemctl show -p {property} --value hanare-wipe-resume");
    let mut state = String::from("activating");
    while state == "activating" {
        state = guest
            .run(&format!(
                "for i in $(seq 60); do state=$({}); [ $state = activating ] || break; sleep 1; done; echo $state",
                show("ActiveState")
            ))?
            .must()?
            .said
            .trim()
            .to_owned();
    }
    let log = guest.run("journalctl -b -u hanare-wipe-resume -o cat")?.must()?.said;
    let told = guest
        .run(&format!(
            "{}; {}; {}",
            show("Result"),
            show("ExecMainStartTimestampMonotonic"),
            show("ExecMainExitTimestampMonotonic")
        ))?
        .must()?
        .said;
    let told: Vec<&str> = told.split_whitespace().collect();
    let (["success", begun, ended], "active") = (&told[..], state.as_str()) else {
        panic!("{state}: {told:?}: {log}")
    };
    let moment = |text: &str| text.parse::<u64>().unwrap_or(0);
    let seconds = moment(ended).saturating_sub(moment(begun)) / 1_000_000;
    println!("measured: the unit took {seconds} s");
    assert!(seconds > 90, "{seconds} s: that is no long wipe");
    assert_eq!(receipts(&mut guest)?.len(), 1, "{log}");
    let left = guest.run("ls -d /srv/slow/tree /var/lib/hanare/wipe/pending.json 2>/dev/null")?.said;
    assert_eq!(left.trim(), "", "{log}");
    guest.switch_off_with("sync; systemctl poweroff -ff")?;
    guest.cut();
    assert_eq!(scan(&Guest::disk(folder), Seed::of("slow")).expect("the disk"), Found::new());
    Ok(())
}

#[test]
fn a_wipe_longer_than_90_s() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    longer_than_90_s(&image, folder.path()).expect("the guest");
}
