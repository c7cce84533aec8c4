//! polkit as the guard of the units: a rule that lets the account do everything does not outdo ours, and without ours each of the same
//! attacks works.

use hanare_vm::{Guest, Result};

use crate::desk::{as_work, put};
use crate::systemd::until;

const OURS: &str = "/etc/polkit-1/rules.d/10-hanare.rules";
/// What a machine may have by mistake, or for a fleet's own tools.
const PERMISSIVE: &str = "polkit.addRule(function (action, subject) {
    if (subject.user == \"work\") {
        return polkit.Result.YES;
    }
});";
/// Each with what undoes it.
const ATTACKS: [(&str, &str); 8] = [
    ("systemctl stop hanare-wipe-agent", "systemctl start hanare-wipe-agent"),
    ("systemctl restart hanare-up", "true"),
    ("systemctl kill -s KILL hanare-wipe-agent", "sleep 3"),
    ("systemctl set-property --runtime hanare-wipe-agent MemoryMax=500M", "true"),
    ("systemctl mask --runtime hanare-wipe-agent", "systemctl unmask --runtime hanare-wipe-agent"),
    ("systemctl disable hanare-wipe-agent", "systemctl enable hanare-wipe-agent"),
    ("systemctl link /home/work/harmless.service", "systemctl disable harmless.service"),
    ("systemd-inhibit --what=shutdown --mode=block true", "true"),
];
/// A unit of somebody else's: whoever may stop this one is let through by the permissive rule.
const SOMEBODYS: &str = "systemd-run --quiet --unit=somebodys sleep 3600";

/// While a day is open: nothing of it is let through, although everything else is.
pub(crate) fn ours_wins(guest: &mut Guest) -> Result<()> {
    guest
        .run(&format!("{SOMEBODYS}; printf '[Service]\\nExecStart=true\\n' > /home/work/harmless.service"))?
        .must()?;
    let said = as_work(guest, "systemctl stop somebodys")?;
    assert_ne!(said.status, 0, "without any rule: {}", said.said);
    put(guest, "/etc/polkit-1/rules.d/20-permissive.rules", PERMISSIVE)?;
    put(guest, "/run/attack", "systemctl stop somebodys")?;
    let tried = "setpriv --reuid work --regid work --init-groups sh /run/attack";
    until(guest, "the permissive rule", tried)?;
    for (attack, _) in ATTACKS {
        let said = as_work(guest, attack)?;
        assert!(said.status != 0 && said.status < 126, "{attack}: {} {}", said.status, said.said);
    }
    Ok(())
}

/// When no work is open: without our rule each of them works.
pub(crate) fn without_ours_it_works(guest: &mut Guest) -> Result<()> {
    guest.run(&format!("mv {OURS} /root && {SOMEBODYS}"))?.must()?;
    put(guest, "/run/attack", "systemctl stop hanare-wipe-agent")?;
    until(guest, "ours is gone", "setpriv --reuid work --regid work --init-groups sh /run/attack")?;
    guest.run("systemctl start hanare-wipe-agent")?.must()?;
    for (attack, undone) in ATTACKS {
        let said = as_work(guest, attack)?;
        assert_eq!(said.status, 0, "without our rule: {attack}: {}", said.said);
        guest.run(undone)?.must()?;
    }
    guest
        .run(&format!("mv /root/10-hanare.rules {OURS}; rm /etc/polkit-1/rules.d/20-permissive.rules"))?
        .must()?;
    guest.run("systemctl reset-failed; systemctl start hanare-wipe-agent")?.must().map(drop)
}
