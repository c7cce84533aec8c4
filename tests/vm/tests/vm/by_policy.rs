//! `wipe run --policy` that is cut off by the power: the next boot goes on before anyone can log in, and there is one receipt.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};
use hanare_wipe_tests::{Found, Random, Seed, scan};
use serde_json::Value;

use crate::canaries::{IN_GUEST, guest};
use crate::tear_down::HANARE;

/// A volume, and a tree beside it.
const POLICY: &str = "version = 1\nname = \"office\"\n[volume]\nkinds = [\"dm-crypt\"]\nsize = \"256M\"\n\
                      mount = \"/srv/work\"\n[work]\nallowed = [\"/srv\"]\ntrees = [\"/srv/leftovers\"]\n";
/// Ends the day by it.
pub(crate) const RUN: &str =
    "hanare --lang en --json wipe run --yes --standalone --policy /root/by-policy.toml";

/// Makes the policy's volume, and opens it.
pub(crate) fn office(guest: &mut Guest) -> Result<()> {
    guest
        .run(&format!(
            "echo '{POLICY}' > /root/by-policy.toml && \
             {HANARE} wipe volume create --policy /root/by-policy.toml --standalone --yes"
        ))?
        .must()?;
    open(guest)
}

fn open(guest: &mut Guest) -> Result<()> {
    guest.run(&format!("{HANARE} wipe volume open --policy /root/by-policy.toml"))?.must().map(drop)
}

/// The receipts, as they are listed.
pub(crate) fn receipts(guest: &mut Guest) -> Result<Vec<Value>> {
    let list = guest.run(&format!("{HANARE} wipe receipt list"))?.must()?.json()?;
    Ok(list["receipts"].as_array().cloned().unwrap_or_default())
}

/// Whether resuming had ended when people could log in.
pub(crate) fn resumed_before_log_in(guest: &mut Guest) -> Result<()> {
    let show = "systemctl show -p ActiveEnterTimestampMonotonic --value";
    let order =
        guest.run(&format!("{show} hanare-wipe-resume.service; {show} systemd-user-sessions.service"))?;
    let times: Vec<u64> = order.said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(times[..], [ours, log_in] if 0 < ours && ours <= log_in), "{}", order.said);
    Ok(())
}

/// A day whose end the power cuts off `milliseconds` after the trees were noted, and the next boot.
fn cut(image: &Image, mut guest: Guest, folder: &Path, milliseconds: u64) -> Result<(Guest, String)> {
    let earlier = receipts(&mut guest)?.len();
    guest
        .run(&format!(
            "mkdir -p /srv/leftovers && {IN_GUEST} plant /srv/work work 100 5 && \
             {IN_GUEST} plant /srv/leftovers work 3000 20 && mkdir -p /srv/outside && echo stays > /srv/outside/file && sync"
        ))?
        .must()?;
    let outside = guest.run(&format!("{IN_GUEST} print /srv/outside"))?.must()?.json()?;
    let boot = guest.run("cat /proc/sys/kernel/random/boot_id")?.must()?.said;
    let seconds = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    guest
        .run(&format!(
            "cd /var/lib/hanare/wipe; ({RUN} > /run/said 2>&1; echo > /run/ended) > /dev/null 2>&1 & \
             until [ -e /var/lib/hanare/wipe/pending.json ]; do sleep 0.005; [ -e /run/ended ] && exit 9; done; \
             sleep {seconds}; [ ! -e /run/ended ]"
        ))?
        .must()?;
    guest.cut();
    let mut guest = Guest::boot(image, folder)?;
    resumed_before_log_in(&mut guest)?;
    let log = guest.run("journalctl -b -u hanare-wipe-resume -o cat")?.must()?.said;
    let listed = receipts(&mut guest)?;
    assert_eq!(listed.len(), earlier + 1, "{listed:?}\n{log}");
    let path = listed.last().and_then(|newest| newest["path"].as_str()).unwrap_or_default().to_owned();
    let receipt = guest.run(&format!("tr -d '\\n' < {path}"))?.must()?.json()?;
    assert_eq!(receipt["boot_id"].as_str(), Some(boot.trim()), "{receipt}");
    assert_eq!(receipt["policy"]["name"], "office", "{receipt}");
    assert_eq!(receipt["outcome"]["volume"]["key_destroyed"], true, "{receipt}");
    assert_eq!(receipt["outcome"]["verdict"], "partial", "{receipt}");
    let left = guest
        .run(
            "ls -d /srv/leftovers /var/lib/hanare/wipe/pending.json /var/lib/hanare/wipe/opening.json 2>/dev/null; \
             dmsetup ls --target crypt",
        )?
        .said;
    assert_eq!(left.trim().trim_start_matches("No devices found").trim(), "", "something is left: {log}");
    assert_eq!(guest.run(&format!("{IN_GUEST} print /srv/outside"))?.must()?.json()?, outside);
    Ok((guest, receipt["outcome"]["skipped"].to_string()))
}

fn cycles(image: &Image, folder: &Path) -> Result<()> {
    let mut random = Random::by_the_clock();
    println!("measured: {random:?}");
    let mut day = guest(image, folder)?;
    office(&mut day)?;
    // At once, and at a random instant of what takes seconds.
    for milliseconds in [0, random.below(2000)] {
        let (mut next, skipped) = cut(image, day, folder, milliseconds)?;
        println!("measured: cut after {milliseconds} ms: {skipped}");
        open(&mut next)?;
        day = next;
    }
    day.switch_off_with("sync; systemctl poweroff")?;
    day.cut();
    assert_eq!(scan(&Guest::disk(folder), Seed::of("work")).expect("the disk"), Found::new());
    Ok(())
}

#[test]
fn an_end_by_policy_that_the_power_cuts_off_is_finished_by_the_next_boot() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    cycles(&image, folder.path()).expect("the cycles");
}
