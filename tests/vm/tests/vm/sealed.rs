//! Power cuts on a machine that writes nothing back by itself: of what was not sealed yet it is said how much was lost, and without the
//! agent's flushes what was sealed is lost too. That with them it is not, `day` shows.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hanare_lab::Authenticator;
use hanare_vm::{Guest, Image, Result};

use crate::desk::{Desk, hold, is_up, log_in, put, standing};
use crate::preload::library;
use crate::systemd::until;

/// Headquarters is away, and from here on only what is flushed reaches the disk: ext4 commits by itself after 5 s, and dirty pages
/// go after 30.
pub(crate) const LAZY: &str = "systemctl disable --now hanare-hq && sync && mount -o remount,commit=300 / && \
                    echo 0 > /proc/sys/vm/dirty_writeback_centisecs && \
                    echo 360000 > /proc/sys/vm/dirty_expire_centisecs";
/// The agent's flushes do nothing.
const CARELESS: &str = "[Service]\nEnvironment=LD_PRELOAD=/root/careless.so\n";
const DROP_IN: &str = "/etc/systemd/system/hanare-wipe-agent.service.d/careless.conf";

/// Pulls the plug, and boots with headquarters still away; how many sealed items there are then.
fn cut(image: &Image, guest: Guest, folder: &Path) -> Result<(Guest, u64)> {
    guest.cut();
    let mut guest = Guest::boot(image, folder)?;
    let list = guest.run("hanare --json wipe sealed list")?.must()?.json()?;
    let items = list["sealed"].as_u64().expect("a count");
    Ok((guest, items))
}

/// Headquarters is back, and the person.
fn next_morning(guest: &mut Guest, phone: &mut Authenticator) -> Result<()> {
    guest.run("systemctl enable --now hanare-hq")?.must()?;
    is_up(guest)?;
    log_in(guest, phone)?;
    until(guest, "the files of the day before", "test $(cat /srv/work/held-* | wc -l) = 5")
}

/// Files that are cut off before they are sealed, by an agent that has just taken over and looks at everything anew.
fn what_was_lost_is_said_truly(
    image: &Image,
    phone: &mut Authenticator,
    folder: &Path,
    mut guest: Guest,
) -> Result<Guest> {
    guest.run(LAZY)?.must()?;
    guest.run("systemctl kill --kill-who=main -s KILL hanare-wipe-agent; sleep 5")?.must()?;
    until(&mut guest, "the agent goes on", "hanare --json work status | grep -q '\"active\":true'")?;
    // The day is written down 5 s after the last time at the earliest, once a minute at least; sealed is what was closed 4 s ago.
    guest
        .run(
            "for round in 1 2 3; do sleep 7; for i in 1 2 3; do echo $round > /srv/work/fresh-$i; done; \
             for i in $(seq 40); do \
               grep -q '\"waiting\":3' /var/lib/hanare/wipe/day.json && exit; sleep 0.1; done; done; \
             cat /var/lib/hanare/wipe/day.json; exit 1",
        )?
        .must()?;
    let (mut guest, items) = cut(image, guest, folder)?;
    assert_eq!(items, 0, "the power went before they were sealed");
    let english = guest.run("hanare --lang en work status")?.said;
    assert!(english.contains("5 files are safe") && english.contains("changes in 3 "), "{english}");
    assert!(english.contains("are lost"), "{english}");
    let japanese = guest.run("hanare --lang ja work status")?.said;
    assert!(japanese.contains("3 個のファイルの変更は本社に届かず"), "{japanese}");
    // It is the truth.
    next_morning(&mut guest, phone)?;
    let left = guest.run("ls /srv/work")?.must()?.said;
    assert!(left.contains("held-1") && !left.contains("fresh"), "{left}");
    Ok(guest)
}

/// A file that the agent says is sealed when the plug is pulled, and whose flushes did nothing; whether it is there afterwards.
fn outlives_the_power_without_flushes(
    image: &Image,
    phone: &mut Authenticator,
    folder: &Path,
    mut guest: Guest,
) -> Result<bool> {
    put(&mut guest, DROP_IN, CARELESS)?;
    guest
        .run(
            "systemctl daemon-reload && systemctl restart hanare-wipe-agent && \
             grep -q careless /proc/$(systemctl show -p MainPID --value hanare-wipe-agent)/maps",
        )?
        .must()?;
    until(&mut guest, "the agent goes on", "hanare --json work status | grep -q '\"active\":true'")?;
    guest.run(&format!("{LAZY} && echo precious > /srv/work/precious"))?.must()?;
    let begun = Instant::now();
    while standing(&mut guest)?["sealed"] != 1 || standing(&mut guest)?["exposed"] != 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", standing(&mut guest)?);
        sleep(Duration::from_millis(200));
    }
    let (mut guest, items) = cut(image, guest, folder)?;
    guest.run(&format!("rm {DROP_IN}; systemctl daemon-reload; systemctl restart hanare-wipe-agent"))?;
    next_morning(&mut guest, phone)?;
    let looked =
        "for i in $(seq 20); do grep -q precious /srv/work/precious && exit; sleep 0.5; done; exit 1";
    let is_back = guest.run(looked)?.status == 0;
    println!("measured: without flushes {items} sealed items are left of 1, back again: {is_back}");
    Ok(is_back)
}

fn cuts(image: &Image, phone: &mut Authenticator, folder: &Path) -> Result<()> {
    Guest::bring(image, folder, &library(folder, "careless"))?;
    let mut guest = Guest::boot(image, folder)?;
    is_up(&mut guest)?;
    log_in(&mut guest, phone)?;
    guest.run("cd /srv/work; for i in 1 2 3 4 5; do echo $i > held-$i; done")?.must()?;
    for number in 1..=5 {
        hold(&mut guest, &format!("held-{number}"))?;
    }
    let guest = what_was_lost_is_said_truly(image, phone, folder, guest)?;
    let is_back = outlives_the_power_without_flushes(image, phone, folder, guest)?;
    assert!(!is_back, "no test would notice an agent that does not flush");
    Ok(())
}

#[test]
fn of_what_was_lost_people_are_told_how_much_and_without_flushes_nothing_is_sealed() {
    let Desk { image, mut phone } = Desk::made().expect("a desk");
    let folder = image.folder().expect("a directory");
    cuts(&image, &mut phone, folder.path()).expect("the guest");
}
