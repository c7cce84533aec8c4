//! The person logs out of a session of the log-in manager, or it is ended for them: the day ends, and what they leave behind stands
//! still until its key is gone.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};

use crate::desk::{Desk, ended_well, get_up, hold, is_up, receipt, sit_down};
use crate::systemd::until;

/// A program that no polite word ends, and that writes every second and a half for as long as it runs.
const STUBBORN: &str = "setsid sh -c 'trap \"\" TERM HUP INT; cd /srv/work; n=0; while :; do n=$((n + 1)); \
                        echo $n > .new; mv .new ticks; sleep 1.5; done' > /dev/null 2>&1 < /dev/null &";
/// The last number, and the last one some seconds later.
const TICKS: &str = "cat /srv/work/ticks; sleep 4; cat /srv/work/ticks";
const FROZEN: &str = "grep -qx 'frozen 1' /sys/fs/cgroup/user.slice/user-$(id -u work).slice/cgroup.events";

fn ticks(guest: &mut Guest) -> Result<(u64, u64)> {
    let said = guest.run(TICKS)?.must()?.said;
    let numbers: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.len(), 2, "{said}");
    Ok((numbers[0], numbers[1]))
}

/// Logs out while headquarters hangs, so that the end takes its time: whoever is left is frozen, and what it wrote last is sealed.
fn what_is_left_behind_stands_still(guest: &mut Guest) -> Result<u64> {
    let (before, after) = ticks(guest)?;
    assert!(before < after, "it writes while the person is there");
    let alive = guest.run("mountpoint -q /srv/work && hanare --json wipe receipt list | grep -c cause")?;
    assert_eq!(alive.said.trim(), "0", "no end before the log-out");
    guest.run("systemctl kill --kill-who=all -s STOP hanare-hq")?.must()?;
    get_up(guest)?;
    until(guest, "the account is frozen", FROZEN)?;
    let (before, after) = ticks(guest)?;
    assert_eq!(before, after, "it writes on while the rest is handed over");
    guest.run(&format!("{FROZEN} && mountpoint -q /srv/work"))?.must()?;
    let ended = receipt(guest, 1)?;
    ended_well(&ended, "log-out");
    assert!(ended["outcome"]["sealed"].as_u64() >= Some(1), "headquarters hung: {ended}");
    let left = guest.run(
        "for p in /proc/[0-9]*; do test \"$(stat -c %U $p 2> /dev/null)\" = work && cat $p/comm; done; \
         cat /sys/fs/cgroup/user.slice/user-$(id -u work).slice/cgroup.freeze 2> /dev/null | grep 1; true",
    )?;
    assert_eq!(left.said.trim(), "", "nobody of the account is left, and nothing stays frozen");
    guest.run("systemctl kill --kill-who=all -s CONT hanare-hq")?.must()?;
    Ok(before)
}

fn days(image: &Image, folder: &Path, phone: &mut hanare_lab::Authenticator) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    is_up(&mut guest)?;
    sit_down(&mut guest, phone, STUBBORN)?;
    hold(&mut guest, "ticks")?;
    let last = what_is_left_behind_stands_still(&mut guest)?;

    // The next session of the same person, which an administrator ends.
    sit_down(&mut guest, phone, "cat /srv/work/ticks > /tmp/ticks")?;
    until(&mut guest, "what it wrote last", &format!("grep -qx {last} /srv/work/ticks"))?;
    guest.run("echo second > /srv/work/second; loginctl terminate-user work")?.must()?;
    ended_well(&receipt(&mut guest, 2)?, "log-out");
    hold(&mut guest, "second")
}

#[test]
fn who_logs_out_ends_the_day_and_what_they_leave_behind_stands_still_meanwhile() {
    let Desk { image, mut phone } = Desk::made().expect("a desk");
    let folder = image.folder().expect("a directory");
    days(&image, folder.path(), &mut phone).expect("the guest");
}
