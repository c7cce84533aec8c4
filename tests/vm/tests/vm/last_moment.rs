//! An orderly shutdown that nobody has ended a day for: the hook of systemd-shutdown removes the key, and the receipt tells it from a
//! power cut.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};

use crate::by_policy::{office, receipts};
use crate::tear_down::HANARE;

const HOOK: &str = "/usr/lib/systemd/system-shutdown/hanare.shutdown";

/// Opens work, switches off as the power button does, and boots again: what the receipt of it says.
fn off_and_on(image: &Image, mut guest: Guest, folder: &Path) -> Result<(Guest, String, String)> {
    guest.run("echo work > /srv/work/file && sync")?.must()?;
    guest.switch_off_with("systemctl poweroff")?;
    let console = guest.console()?;
    guest.cut();
    let mut guest = Guest::boot(image, folder)?;
    let listed = receipts(&mut guest)?;
    let last = listed.last().cloned().unwrap_or_default();
    assert_eq!(last["verdict"], "partial", "{listed:?} {console}");
    Ok((guest, last["cause"].as_str().unwrap_or_default().to_owned(), console))
}

fn two_evenings(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    office(&mut guest)?;
    let (mut guest, cause, console) = off_and_on(image, guest, folder)?;
    assert_eq!(cause, "shutdown", "{console}");
    let list = receipts(&mut guest)?;
    let path = list[0]["path"].as_str().unwrap_or_default();
    let receipt = guest.run(&format!("tr -d '\\n' < {path}"))?.must()?.json()?;
    assert_eq!(receipt["outcome"]["volume"]["key_destroyed"], true, "{receipt}");
    assert!(receipt["outcome"]["skipped"].to_string().contains("late-shutdown"), "{receipt}");
    // Without the hook nobody knows that the power did not just go.
    guest
        .run(&format!("rm {HOOK} && {HANARE} wipe volume open --policy /root/by-policy.toml && sync"))?
        .must()?;
    let (mut guest, cause, console) = off_and_on(image, guest, folder)?;
    assert_eq!(cause, "power-lost", "{console}");
    guest.run("true")?.must().map(drop)
}

#[test]
fn the_last_moment_of_an_orderly_shutdown_removes_the_key_and_is_told_from_a_power_cut() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    two_evenings(&image, folder.path()).expect("the guest");
}
