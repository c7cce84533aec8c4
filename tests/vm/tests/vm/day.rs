//! An employee's day on a real machine: logged in through PAM, an orderly shutdown that waits for the end of the day, the files back
//! the next morning, a power cut, what is said of it at the boot after that, and a shutdown by the order of the units alone.

use hanare_vm::{Guest, Result};

use crate::by_policy::resumed_before_log_in;
use crate::desk::{Desk, ended_well, hold, is_up, log_in, receipt};
use crate::sealed::LAZY;
use crate::systemd::until;

/// Writes what it is asked to save when it is asked to end, as an office program does.
fn program(guest: &mut Guest, saves: &str) -> Result<()> {
    let script =
        format!("cd /srv/work; trap \"echo evening > {saves}; exit\" TERM; while :; do sleep 0.1; done");
    let unit = format!("systemd-run --quiet --unit=program -p User=work -p KillMode=none sh -c '{script}'");
    guest.run(&unit)?.must().map(drop)
}

fn a_day() -> Result<()> {
    let Desk { image, mut phone } = Desk::made()?;
    let folder = image.folder()?;
    let mut guest = Guest::boot(&image, folder.path())?;
    is_up(&mut guest)?;
    log_in(&mut guest, &mut phone)?;

    // Work, and a program that saves when it is asked to end; then the power button's own way.
    guest.run("echo morning > /srv/work/early")?.must()?;
    program(&mut guest, "saved")?;
    hold(&mut guest, "early")?;
    guest.switch_off_with("systemctl poweroff")?;
    guest.cut();

    let mut guest = Guest::boot(&image, folder.path())?;
    ended_well(&receipt(&mut guest, 1)?, "shutdown");
    is_up(&mut guest)?;
    hold(&mut guest, "saved")?;
    let said = guest.run("hanare --lang en work status")?.said;
    assert!(said.contains("all 2 files are safe"), "{said}");
    log_in(&mut guest, &mut phone)?;
    until(
        &mut guest,
        "yesterday's files",
        "grep -q evening /srv/work/saved && grep -q morning /srv/work/early",
    )?;

    // Headquarters is gone, work goes on, and then the power goes. Nobody but the agent flushes anything; `sealed` has the
    // counter-proof.
    guest.run(LAZY)?.must()?;
    guest.run("echo unsent > /srv/work/unsent; sleep 20")?.must()?;
    guest.cut();
    let mut guest = Guest::boot(&image, folder.path())?;
    resumed_before_log_in(&mut guest)?;
    assert_eq!(receipt(&mut guest, 2)?["cause"], "power-lost");
    let english = guest.run("hanare --lang en work status")?.said;
    assert!(english.contains("The power went away") && english.contains("2 files are safe"), "{english}");
    assert!(english.contains("1 wait sealed") && !english.contains("are lost"), "{english}");
    let japanese = guest.run("hanare --lang ja work status")?.said;
    assert!(japanese.contains("電源が切れました") && japanese.contains("封をして"), "{japanese}");
    guest.run("systemctl enable --now hanare-hq")?.must()?;
    is_up(&mut guest)?;
    log_in(&mut guest, &mut phone)?;
    until(
        &mut guest,
        "what headquarters held, and what was sealed",
        "grep -q evening /srv/work/saved && grep -q unsent /srv/work/unsent",
    )?;

    // Without the log-in manager nothing waits for the agent but the order in which systemd stops its unit and the tunnel's; and
    // nobody keeps the volume busy that systemd unmounts meanwhile.
    guest.switch_off_with(
        "echo evening > /srv/work/last; \
         systemctl --no-block --job-mode=replace-irreversibly start poweroff.target",
    )?;
    guest.cut();
    let mut guest = Guest::boot(&image, folder.path())?;
    let ended = receipt(&mut guest, 3)?;
    ended_well(&ended, "shutdown");
    assert_eq!(ended["outcome"]["sealed"], 0, "it went through the tunnel: {ended}");
    hold(&mut guest, "last")
}

#[test]
fn a_day_through_pam_an_orderly_end_a_power_cut_and_what_is_said_of_them() {
    a_day().expect("the guest");
}
