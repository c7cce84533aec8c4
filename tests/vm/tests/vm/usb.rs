//! The dock or the key is pulled out, on a machine with USB: the day ends after its short countdown, unless it is back in time.

use std::path::Path;
use std::time::Instant;

use hanare_lab::Authenticator;
use hanare_vm::{Guest, Image, Result};

use crate::desk::{Desk, ended_well, hold, is_up, log_in, receipt};
use crate::systemd::until;

/// QEMU's keyboard is the key.
const KEY: (&str, &str) = ("usb-kbd", "key");
const NUMBER: &str = "0627:0001";
/// Seconds until the day ends: enough to put it back under a translator of instructions.
const COUNTDOWN: u64 = 12;
/// Whether it is there, by the kernel's own list.
const PRESENT: &str = "grep -l 0627 /sys/bus/usb/devices/*/idVendor";

fn days(image: &Image, folder: &Path, phone: &mut Authenticator) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    is_up(&mut guest)?;
    guest.plug(KEY.0, KEY.1)?;
    until(&mut guest, "the key", PRESENT)?;
    log_in(&mut guest, phone)?;
    guest.run("echo with-the-key > /srv/work/early")?.must()?;
    hold(&mut guest, "early")?;

    // Pulled out, and back before the countdown is over: it ends nothing.
    guest.unplug(KEY.1)?;
    let counts = "hanare --json work status | grep -q '\"ending\":\"device-removed\"'";
    until(&mut guest, "the countdown", counts)?;
    guest.plug(KEY.0, KEY.1)?;
    until(
        &mut guest,
        "the countdown is taken back",
        "hanare --json work status | grep -q '\"ending\":null'",
    )?;
    let lives = format!(
        "sleep {}; mountpoint -q /srv/work && hanare --json work status | grep -q '\"ending\":null'",
        COUNTDOWN + 4
    );
    guest.run(&lives)?.must()?;

    // Pulled out for good.
    guest.run("echo last > /srv/work/last")?.must()?;
    let begun = Instant::now();
    guest.unplug(KEY.1)?;
    until(&mut guest, "it is gone", &format!("! {PRESENT}"))?;
    ended_well(&receipt(&mut guest, 1)?, "device-removed");
    let seconds = begun.elapsed().as_secs();
    println!(
        "measured: the receipt of a day whose key was pulled out after {seconds} s, the countdown is {COUNTDOWN} s"
    );
    assert!(seconds >= COUNTDOWN, "people saw it coming");
    hold(&mut guest, "last")?;
    let left = guest.run("mountpoint -q /srv/work; echo $?; dmsetup ls --target crypt")?.said;
    assert!(!left.starts_with('0') && left.contains("No devices"), "{left}");
    Ok(())
}

#[test]
fn the_day_ends_when_the_key_is_pulled_out_and_not_when_it_is_back_in_time() {
    let Desk { image, mut phone } = Desk::with_usb(&[NUMBER], COUNTDOWN).expect("a desk");
    let folder = image.folder().expect("a directory");
    days(&image, folder.path(), &mut phone).expect("the guest");
}
