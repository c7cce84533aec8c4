//! An employee's day on a real machine: logged in through PAM, an orderly shutdown that waits for the end of the day, the files back
//! the next morning, a power cut, and what is said of it at the boot after that.

use std::path::Path;

use hanare_lab::Authenticator;
use hanare_vm::{Guest, Image, Result};

use crate::by_policy::resumed_before_log_in;
use crate::systemd::{HQ, again, headquarters, until, up};

const PASSWORD: &str = "correct horse battery";
const POLICY: &str = "version = 1
name = \"day\"
[volume]
kinds = [\"dm-crypt\"]
size = \"256M\"
[confine]
swap = \"as-is\"
[person]
user = \"work\"
[limits]
countdown_seconds = 2
close_seconds = 5
handover_seconds = 20
";

/// The account, PAM for `su` as a log-in screen would have it, the policy, the volume.
fn prepare(guest: &mut Guest) -> Result<()> {
    guest
        .run(&format!(
            "useradd --create-home --shell /bin/bash work && useradd --create-home stranger && mkdir -p /etc/hanare && \
             printf '%s' '{POLICY}' > /etc/hanare/wipe.toml && \
             hanare wipe volume create --policy /etc/hanare/wipe.toml /var/lib/work.img && \
             printf 'auth requisite pam_exec.so expose_authtok stdout /usr/bin/hanare work pam --shared\\nauth required pam_permit.so\\naccount required pam_permit.so\\nsession required pam_permit.so\\n' > /etc/pam.d/su"
        ))?
        .must()
        .map(drop)
}

fn agent(guest: &mut Guest) -> Result<()> {
    guest.run("systemctl start hanare-wipe-agent.service")?.must()?;
    until(guest, "the agent", "hanare work status; test $? = 1")
}

/// Somebody at the log-in screen types into its one field: as another user, whom PAM asks.
fn log_in(guest: &mut Guest, phone: &mut Authenticator) -> Result<()> {
    let code = phone.code();
    let script = format!(
        "echo 'hanako {PASSWORD} {code}' | setpriv --reuid stranger --clear-groups su work -c 'id -un'"
    );
    let said = guest.run(&format!("{script}; echo $?; journalctl -q -u hanare-wipe-agent | tail -5"))?.said;
    assert!(said.contains("work\n0"), "{said}");
    Ok(())
}

fn hold(guest: &mut Guest, name: &str) -> Result<()> {
    until(guest, &format!("{name} at headquarters"), &format!("{HQ} handover list kofu/306 | grep -q {name}"))
}

fn a_day(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    headquarters(&mut guest)?;
    prepare(&mut guest)?;
    up(&mut guest)?;
    let given = guest.run(&format!("{HQ} --json person add hanako"))?.must()?.json()?;
    let text = |field: &str| given[field].as_str().unwrap_or_default().to_owned();
    let mut phone = Authenticator::new(&text("totp_secret"))?;
    agent(&mut guest)?;
    let (temporary, code) = (text("password"), phone.code());
    guest
        .run(&format!("printf 'hanako\\n{temporary}\\n{code}\\n{PASSWORD}\\n' | hanare work open --stdin"))?
        .must()?;
    // An ordinary user stops nothing of it.
    for attack in [
        "systemctl stop hanare-wipe-agent",
        "systemctl mask hanare-wipe-agent",
        "kill -9 $(systemctl show -p MainPID --value hanare-wipe-agent)",
        "cat /proc/$(systemctl show -p MainPID --value hanare-wipe-agent)/environ",
        "hanare wipe volume lock --yes",
        "unshare -Urm umount /srv/work",
        "dmsetup remove_all --force",
        "kill -STOP $(systemctl show -p MainPID --value hanare-wipe-agent)",
        "head -c 1 /proc/$(systemctl show -p MainPID --value hanare-wipe-agent)/mem",
        "echo 1 > /sys/fs/cgroup/system.slice/hanare-wipe-agent.service/cgroup.kill",
        "systemctl set-property hanare-wipe-agent.service MemoryMax=1M",
        "systemctl daemon-reexec",
        "date -s 2020-01-01",
        "timedatectl set-time 2020-01-01",
        "rm -rf /var/lib/hanare/wipe /run/hanare/wipe",
        "mount --bind /home/work /srv/work",
    ] {
        let said = guest.run(&format!("setpriv --reuid work --clear-groups sh -c \"{attack}\""))?;
        assert_ne!(said.status, 0, "{attack}: {}", said.said);
    }
    let active = guest.run("systemctl is-active hanare-wipe-agent && mountpoint /srv/work")?;
    assert_eq!(active.status, 0, "{}", active.said);

    // Work, and a program that saves when it is asked to end; then the power button's own way.
    let script = "cd /srv/work; echo morning > early; trap \"echo evening > saved; exit\" TERM; while :; do sleep 0.1; done";
    guest
        .run(&format!("systemd-run --quiet --unit=program -p User=work -p KillMode=none sh -c '{script}'"))?
        .must()?;
    hold(&mut guest, "early")?;
    guest.switch_off_with("systemctl poweroff")?;
    guest.cut();

    let mut guest = Guest::boot(image, folder)?;
    let list = guest.run("hanare --json wipe receipt list")?.must()?.json()?;
    assert_eq!(list["receipts"].as_array().map(Vec::len), Some(1), "{list}");
    let said = guest.run(&format!("cat {}", list["receipts"][0]["path"]))?.said;
    assert_eq!(
        (&list["receipts"][0]["cause"], &list["receipts"][0]["verdict"]),
        (&"shutdown".into(), &"pass".into()),
        "{said}"
    );
    again(&mut guest)?;
    up(&mut guest)?;
    hold(&mut guest, "saved")?;
    agent(&mut guest)?;
    let said = guest.run("hanare --lang en work status")?.said;
    assert!(said.contains("All 2 files are safe") || said.contains("all 2 files are safe"), "{said}");
    log_in(&mut guest, &mut phone)?;
    until(
        &mut guest,
        "yesterday's files",
        "grep -q evening /srv/work/saved && grep -q morning /srv/work/early",
    )?;

    // Headquarters is gone, work goes on, and then the power goes.
    guest.run("systemctl stop hanare-hq; echo unsent > /srv/work/unsent; sleep 20; sync")?.must()?;
    guest.cut();
    let mut guest = Guest::boot(image, folder)?;
    resumed_before_log_in(&mut guest)?;
    let list = guest.run("hanare --json wipe receipt list")?.must()?.json()?;
    assert_eq!(list["receipts"][1]["cause"], "power-lost", "{list}");
    agent(&mut guest)?;
    let english = guest.run("hanare --lang en work status")?.said;
    assert!(english.contains("The power went away") && english.contains("2 files are safe"), "{english}");
    assert!(english.contains("1 wait sealed") && !english.contains("are lost"), "{english}");
    let japanese = guest.run("hanare --lang ja work status")?.said;
    assert!(japanese.contains("電源が切れました") && japanese.contains("封をして"), "{japanese}");
    again(&mut guest)?;
    up(&mut guest)?;
    log_in(&mut guest, &mut phone)?;
    until(
        &mut guest,
        "what headquarters held, and what was sealed",
        "grep -q evening /srv/work/saved && grep -q unsent /srv/work/unsent",
    )?;
    guest.switch_off_with("systemctl poweroff")
}

#[test]
fn a_day_through_pam_an_orderly_end_a_power_cut_and_what_is_said_of_them() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    a_day(&image, folder.path()).expect("the guest");
}
