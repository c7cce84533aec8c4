//! What hangs: the agent, which systemd's watchdog notices, and headquarters, which keeps no machine from going down.

use std::path::Path;
use std::time::Instant;

use hanare_vm::{Guest, Image, Result};

use crate::desk::{Desk, LIMITS, ended_well, hold, is_up, log_in, put, receipt, standing};
use crate::systemd::until;

/// How long the unit waits as it is shipped, and in this test: an agent at the end of a day tells that it lives every 10 s.
const SHIPPED: &str = "2min";
const SHORT: &str = "[Service]\nWatchdogSec=30\n";
const DROP_IN: &str = "/etc/systemd/system/hanare-wipe-agent.service.d/short.conf";
/// Beyond the policy's seconds: systemd's own, for units that stop and file systems, under a translator of instructions.
const GENEROUS: u64 = 60;

/// Stops the agent of an open day as a debugger would, and waits for the one that takes its place.
fn a_stopped_agent_is_followed_by_another(guest: &mut Guest) -> Result<()> {
    let begun = Instant::now();
    guest
        .run(
            "systemctl kill --kill-who=main -s STOP hanare-wipe-agent; echo meanwhile > /srv/work/meanwhile",
        )?
        .must()?;
    let again = "sleep 5; test $(systemctl show -p NRestarts --value hanare-wipe-agent) = 1 && \
                 systemctl -q is-active hanare-wipe-agent";
    until(guest, "the watchdog", again)?;
    let seconds = begun.elapsed().as_secs();
    println!("measured: {seconds} s from a stopped agent to the next one, with WatchdogSec=30");
    let why = guest.run("journalctl -q -u hanare-wipe-agent | grep -c -i watchdog")?.said;
    assert_ne!(why.trim(), "0", "it was the watchdog");
    until(
        guest,
        "the day goes on",
        "hanare --json work status | grep -q '\"active\":true' && mountpoint -q /srv/work",
    )?;
    // By its own eyes, and for the same session.
    guest.run("echo afterwards > /srv/work/afterwards")?.must()?;
    hold(guest, "meanwhile")?;
    hold(guest, "afterwards")?;
    assert_eq!(guest.run("hanare --json wipe receipt list | grep -c cause")?.said.trim(), "0", "no end");
    guest.run("test $(systemctl show -p NRestarts --value hanare-wipe-agent) = 1")?.must().map(drop)
}

/// Headquarters hangs with every connection open, and something waits for it: seconds from the order until the power is off.
fn off_while_headquarters_hangs(guest: &mut Guest) -> Result<u64> {
    guest
        .run("systemctl kill --kill-who=all -s STOP hanare-hq; echo waits > /srv/work/waits; sleep 3")?
        .must()?;
    let waiting = standing(guest)?;
    assert_ne!(waiting["waiting"], 0, "{waiting}");
    let begun = Instant::now();
    guest.switch_off_with("systemctl poweroff")?;
    Ok(begun.elapsed().as_secs())
}

fn a_day(image: &Image, folder: &Path, phone: &mut hanare_lab::Authenticator) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    is_up(&mut guest)?;
    let shipped = guest.run("systemctl show -p WatchdogUSec --value hanare-wipe-agent")?.must()?.said;
    assert_eq!(shipped.trim(), SHIPPED);
    put(&mut guest, DROP_IN, SHORT)?;
    guest.run("systemctl daemon-reload && systemctl restart hanare-wipe-agent")?.must()?;
    is_up(&mut guest)?;
    log_in(&mut guest, phone)?;
    a_stopped_agent_is_followed_by_another(&mut guest)?;
    let seconds = off_while_headquarters_hangs(&mut guest)?;
    guest.cut();
    println!("measured: off after {seconds} s while headquarters hangs; the policy gives {LIMITS} s");
    assert!(seconds < LIMITS + GENEROUS, "held for {seconds} s");
    let mut guest = Guest::boot(image, folder)?;
    let ended = receipt(&mut guest, 1)?;
    ended_well(&ended, "shutdown");
    is_up(&mut guest)?;
    hold(&mut guest, "waits")
}

#[test]
fn neither_a_hanging_agent_nor_a_hanging_headquarters_keeps_a_day_from_its_end() {
    let Desk { image, mut phone } = Desk::made().expect("a desk");
    let folder = image.folder().expect("a directory");
    a_day(&image, folder.path(), &mut phone).expect("the guest");
}
