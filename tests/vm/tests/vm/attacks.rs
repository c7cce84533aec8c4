//! What the account that people work as may try against the end of its day, each attack with a control: the same thing works where
//! the guard is not there, as root or without the rule, so that it does not fail for another reason.

use std::path::Path;

use hanare_vm::{Guest, Result};
use serde_json::Value;

use crate::desk::{Desk, as_work, is_up, log_in, log_in_with, put, receipt};
use crate::preload::library;
use crate::scan::{CANARY, count};
use crate::systemd::{HQ, until};
use crate::tear_down::{only_the_control, work};
use crate::{polkit, stowaways};

/// When the control is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// At once: it does no harm.
    Now,
    /// When the day is over, and the agent runs and keeps nothing.
    Idle,
    /// When nothing else is to be shown in this guest.
    Last,
}

/// What is tried as the account, what shows as root that it works, and when that is tried.
struct Attack(&'static str, &'static str, Moment);

const PID: &str = "pid=$(systemctl show -p MainPID --value hanare-wipe-agent); ";
/// The same as the account and as root.
const SAME: &str = "";
const ATTACKS: [Attack; 21] = [
    Attack("unshare -Urm umount /srv/work", "unshare -m umount /srv/work", Moment::Now),
    Attack("mount --bind /home/work /srv/work", "unshare -m mount --bind /home/work /srv/work", Moment::Now),
    Attack("cat /proc/$pid/environ > /dev/null", SAME, Moment::Now),
    Attack(
        "at=$(head -n 1 /proc/$pid/maps | cut -d- -f1); test -n \"$at\" && \
         dd if=/proc/$pid/mem iflag=skip_bytes,count_bytes skip=$((0x$at)) count=1 of=/dev/null",
        SAME,
        Moment::Now,
    ),
    Attack("nsenter -t $pid -m true", SAME, Moment::Now),
    Attack(
        "perl -e 'exit(syscall(101, 16, $ARGV[0] + 0, 0, 0) == 0 ? 0 : 1)' $pid",
        "perl -e 'exit(syscall(101, 16, $ARGV[0] + 0, 0, 0) == 0 ? 0 : 1)' $pid && sleep 0.2 && kill -CONT $pid",
        Moment::Now,
    ),
    Attack("kill -STOP $pid", "kill -STOP $pid && kill -CONT $pid", Moment::Now),
    Attack("date -s \"$(date)\"", SAME, Moment::Now),
    Attack("timedatectl set-time \"$(date '+%F %T')\"", SAME, Moment::Now),
    Attack(
        "mkdir /sys/fs/cgroup/mine",
        "mkdir /sys/fs/cgroup/mine && rmdir /sys/fs/cgroup/mine",
        Moment::Now,
    ),
    Attack(
        "sleep 1 & echo $! > /sys/fs/cgroup/system.slice/hanare-up.service/cgroup.procs",
        SAME,
        Moment::Now,
    ),
    Attack("systemd-run --scope true", SAME, Moment::Now),
    Attack(
        "echo /home/work/spy.so > /etc/ld.so.preload",
        "> /etc/ld.so.preload && rm /etc/ld.so.preload",
        Moment::Now,
    ),
    Attack("echo LD_PRELOAD=/home/work/spy.so >> /etc/environment", "true >> /etc/environment", Moment::Now),
    Attack("kill -9 $pid", SAME, Moment::Idle),
    Attack(
        "for pid in $(cat /sys/fs/cgroup/system.slice/hanare-*.service/cgroup.procs); do \
         kill -9 $pid && exit; done; exit 1",
        SAME,
        Moment::Idle,
    ),
    Attack("echo 1 > /sys/fs/cgroup/system.slice/hanare-wipe-agent.service/cgroup.kill", SAME, Moment::Idle),
    Attack("systemctl daemon-reexec", SAME, Moment::Idle),
    Attack(
        "dmsetup remove_all --force",
        "dmsetup create dummy --table '0 8 zero' && dmsetup remove_all --force && ! dmsetup info dummy",
        Moment::Idle,
    ),
    Attack(
        "hanare wipe volume lock --yes",
        "hanare wipe volume open --policy /etc/hanare/wipe.toml && mountpoint -q /srv/work && \
         { hanare wipe volume lock --yes; ! mountpoint -q /srv/work; }",
        Moment::Last,
    ),
    Attack("rm -rf /var/lib/hanare/wipe /run/hanare/wipe", SAME, Moment::Last),
];

fn control(guest: &mut Guest, Attack(attack, control, _): &Attack) -> Result<()> {
    let script = if *control == SAME { attack } else { control };
    put(guest, "/run/control", &format!("{PID}{script}"))?;
    let said = guest.run("timeout 60 sh /run/control")?;
    assert_eq!(said.status, 0, "the control of {attack}: {}", said.said);
    Ok(())
}

fn controls(guest: &mut Guest, when: Moment) -> Result<()> {
    for attack in ATTACKS.iter().filter(|Attack(_, _, moment)| *moment == when) {
        control(guest, attack)?;
        if when == Moment::Idle {
            guest
                .run("systemctl reset-failed; systemctl start hanare-hq hanare-up hanare-wipe-agent")?
                .must()?;
            is_up(guest)?;
        }
    }
    Ok(())
}

/// Whether the agent runs as it did, and the volume is where it was.
fn nothing_has_changed(guest: &mut Guest, after: &str, agent: &str) -> Result<()> {
    let said = guest.run(&format!(
        "{PID} mountpoint -q /srv/work && ! grep -q State:.[Tt] /proc/$pid/status && test -s /srv/work/canary && \
         dmsetup table --target crypt | grep -q crypt && echo $pid"
    ))?;
    assert_eq!((said.status, said.said.trim()), (0, agent), "after {after}: {}", said.said);
    Ok(())
}

/// One end, for its own cause, with nothing lost and the key gone. Whoever keeps a namespace with the volume in it makes the
/// verdict partial: it was still mounted there when that was looked at, and nobody could read anything.
fn nothing_is_readable(receipt: &Value) {
    let outcome = &receipt["outcome"];
    let said = (&receipt["cause"], &outcome["lost"], &outcome["volume"]["key_destroyed"]);
    assert_eq!(said, (&"headquarters".into(), &0.into(), &true.into()), "{receipt}");
    assert_eq!(outcome["verified"]["remnants"], 0, "{receipt}");
    let skipped = outcome["skipped"].as_array().cloned().unwrap_or_default();
    assert!(skipped.iter().all(|what| what["kind"] == "busy"), "{receipt}");
    println!("measured: {} with both disks full and stowaways: {:?}", outcome["verdict"], outcome["skipped"]);
}

/// A library that the account would like to have in others' processes.
fn preloads(guest: &mut Guest, phone: &mut hanare_lab::Authenticator) -> Result<()> {
    guest
        .run(
            "mkdir -m 777 /run/spy && cp /root/spy.so /home/work/spy.so && chmod 755 /home/work /home/work/spy.so && \
             chown work: /home/work/spy.so && \
             LD_PRELOAD=/home/work/spy.so /bin/true && grep -qx 'in 0 0' /run/spy/seen && rm /run/spy/seen",
        )?
        .must()?;
    let said = as_work(
        guest,
        "echo export LD_PRELOAD=/home/work/spy.so | tee ~/.profile > ~/.bashrc; mkdir -p ~/.config/environment.d; \
         echo LD_PRELOAD=/home/work/spy.so | tee ~/.config/environment.d/spy.conf > ~/.pam_environment; \
         export LD_PRELOAD=/home/work/spy.so; hanare work status; passwd --status; mount; \
         systemctl status hanare-wipe-agent; true",
    )?;
    assert_eq!(said.status, 0, "{}", said.said);
    log_in_with(guest, phone, "LD_PRELOAD=/home/work/spy.so")?;
    // It was in the account's own processes and in nobody else's: not in what is setuid, not in what a log-in runs.
    let seen = guest.run("sort /run/spy/seen | uniq -c")?.must()?.said;
    assert!(seen.contains(" in 1000 1000"), "the library works: {seen}");
    assert!(seen.lines().all(|line| !line.ends_with(" 0")), "{seen}");
    let loaded = guest.run(
        "grep -l spy.so /proc/[0-9]*/maps 2> /dev/null | while read maps; do stat -c %U ${maps%maps}; done",
    )?;
    assert!(!loaded.said.contains("root"), "{}", loaded.said);
    Ok(())
}

/// Takes all the room that an account can take.
fn fill(guest: &mut Guest) -> Result<()> {
    let said = as_work(
        guest,
        "for place in /srv/work /home/work; do \
         for size in 1G 100M 10M 1M 100K 4K; do n=0; \
         while fallocate -l $size $place/full-$size-$n 2> /dev/null; do n=$((n + 1)); done; done; \
         ! echo more > $place/more 2> /dev/null || exit 1; done",
    )?;
    assert_eq!(said.status, 0, "there is room left: {}", said.said);
    let full = guest.run("df --output=target,avail,pcent / /srv/work")?.must()?.said;
    println!("measured: {full}");
    Ok(())
}

fn a_day_under_attack(folder: &Path, desk: Desk) -> Result<()> {
    let Desk { image, mut phone } = desk;
    Guest::bring(&image, folder, &library(folder, "spy"))?;
    let mut guest = Guest::boot(&image, folder)?;
    is_up(&mut guest)?;
    log_in(&mut guest, &mut phone)?;
    work(&mut guest)?;
    guest.run("chown -R work: /srv/work")?.must()?;
    let agent = guest.run(&format!("{PID} echo $pid"))?.must()?.said.trim().to_owned();
    let may = as_work(&mut guest, "test -s /srv/work/canary && unshare -Urm true && kill -0 $$ && id -un")?;
    assert_eq!((may.status, may.said.trim()), (0, "work"), "what it may do");
    for attack in &ATTACKS {
        let said = as_work(&mut guest, &format!("{PID}{}", attack.0))?;
        assert!(said.status != 0 && said.status < 126, "{}: {} {}", attack.0, said.status, said.said);
        nothing_has_changed(&mut guest, attack.0, &agent)?;
    }
    polkit::ours_wins(&mut guest)?;
    nothing_has_changed(&mut guest, "polkit", &agent)?;
    controls(&mut guest, Moment::Now)?;
    nothing_has_changed(&mut guest, "the controls that do no harm", &agent)?;
    preloads(&mut guest, &mut phone)?;
    nothing_has_changed(&mut guest, "preloads", &agent)?;

    // The end, with a full disk and processes that want to outlive it.
    fill(&mut guest)?;
    stowaways::hide(&mut guest)?;
    nothing_has_changed(&mut guest, "the disk is full", &agent)?;
    guest.run(&format!("{HQ} node end-day pc --reason attack --yes"))?.must()?;
    let ended = receipt(&mut guest, 1)?;
    nothing_is_readable(&ended);
    stowaways::are_gone(&mut guest)?;
    let left =
        guest.run("dmsetup ls --target crypt; grep -c ' /srv/work' /proc/[0-9]*/mounts | grep -v :0")?.said;
    assert_eq!(left.trim().trim_start_matches("No devices found").trim(), "", "something is left");
    let copied = format!(
        "rm -rf /root/copy; {HQ} node receipts pc /root/copy && test $(grep -lr '\"cause\"' /root/copy | wc -l) = 1"
    );
    until(&mut guest, "headquarters has the one receipt", &copied)?;

    // What the same attacks do where there is no guard.
    guest.run("rm -f /home/work/full-*")?.must()?;
    controls(&mut guest, Moment::Idle)?;
    polkit::without_ours_it_works(&mut guest)?;
    controls(&mut guest, Moment::Last)?;
    guest.switch_off_with("sync; systemctl poweroff")?;
    guest.cut();
    let found = count(&Guest::disk(folder), CANARY.as_bytes());
    assert!(only_the_control(found), "{found} canaries on the disk");
    Ok(())
}

#[test]
fn the_account_keeps_no_day_from_its_end_and_each_attack_works_without_its_guard() {
    let desk = Desk::made().expect("a desk");
    let folder = desk.image.folder().expect("a directory");
    a_day_under_attack(folder.path(), desk).expect("the guest");
}
