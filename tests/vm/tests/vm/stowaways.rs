//! Processes that want to outlive the day with a file of it: moved to other groups, daemons, in namespaces of their own, setuid.

use hanare_vm::{Guest, Result};

use crate::desk::{as_work, put};

/// Each holds a file of the volume open and says who it is; the number is that of its own.
const HOLD: &str = "exec 4< /srv/work/canary; trap '' TERM HUP INT; \
                    while :; do sleep 1; done";
/// The account's processes that the end has to find.
const WAYS: [&str; 6] = [
    // In the group of the service that started it, with another session id and another parent.
    "(setsid sh /run/hold > /dev/null 2>&1 &)",
    // A daemon that has forked twice and whose working directory is in the volume.
    "cd /srv/work && (setsid sh -c '(setsid sh /run/hold &)' > /dev/null 2>&1 &)",
    // In a user namespace and a mount namespace that has the volume too.
    "(unshare -Urm setsid sh /run/hold > /dev/null 2>&1 &)",
    // In a pid namespace, where it is the first process.
    "(unshare -Urmpf --kill-child=KILL setsid sh /run/hold > /dev/null 2>&1 &)",
    // In a scope of the account's own service manager, in a slice of its own.
    "XDG_RUNTIME_DIR=/run/user/$(id -u) systemd-run --user --quiet --scope --slice=mine.slice \
     setsid sh /run/hold > /dev/null 2>&1 &",
    // A service of it.
    "XDG_RUNTIME_DIR=/run/user/$(id -u) systemd-run --user --quiet --unit=mine -p KillMode=none sh /run/hold",
];

/// Starts them all, and a setuid program that waits for a password with a file open.
pub(crate) fn hide(guest: &mut Guest) -> Result<()> {
    put(guest, "/run/hold", HOLD)?;
    guest.run("systemctl start user@$(id -u work)")?.must()?;
    for way in WAYS {
        let said = as_work(guest, way)?;
        assert_eq!(said.status, 0, "{way}: {}", said.said);
    }
    let setuid =
        "cd /srv/work && (sleep 3600 2> /dev/null | setsid su stranger 4< canary > /dev/null 2>&1 &)";
    assert_eq!(as_work(guest, setuid)?.status, 0);
    let holders = "for i in $(seq 50); do n=$(ls -l /proc/[0-9]*/fd/4 2> /dev/null | grep -c /srv/work/canary); \
                   test $n -ge 7 && exit; sleep 0.2; done; ls -l /proc/[0-9]*/fd/4; exit 1";
    guest.run(holders)?.must()?;
    let groups = guest
        .run(
            "for fd in $(ls -d /proc/[0-9]*/fd/4 2> /dev/null); do p=${fd%/fd/4}; \
             readlink $fd | grep -q /srv/work/canary || continue; \
             echo ${p#/proc/} >> /run/holders; echo $(stat -c %U $p) $(cut -d: -f3 $p/cgroup); done",
        )?
        .said;
    println!("measured: who holds a file of the volume:\n{groups}");
    for wanted in ["mine.slice", "mine.service", "guest-agent.service", "root "] {
        assert!(groups.contains(wanted), "{wanted}: {groups}");
    }
    Ok(())
}

/// None of them is left, nor any process of the account, nor anything of the volume in one.
pub(crate) fn are_gone(guest: &mut Guest) -> Result<()> {
    let left = guest.run(
        "for p in $(cat /run/holders); do test -e /proc/$p && cat /proc/$p/comm; done; \
         ls -l /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root 2> /dev/null | grep /srv/work; \
         for p in /proc/[0-9]*; do test \"$(stat -c %U $p 2> /dev/null)\" = work && cat $p/comm; done; true",
    )?;
    assert_eq!(left.said.trim(), "", "processes are left");
    Ok(())
}
