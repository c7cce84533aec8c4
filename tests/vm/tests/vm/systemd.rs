//! What needs a real systemd: names through systemd-resolved, the kill switch at boot and at hot-plug by unit and udev rule.

use std::path::Path;

use hanare_vm::{Guest, Image, Result};

/// Headquarters in a network namespace of the guest, on the other end of a cable, with a resolver of its own.
pub(crate) const CABLE: &str = "ip netns add hq && ip link add eth0 type veth peer name eth0 netns hq && \
                     ip addr add 192.0.2.10/24 dev eth0 && ip link set eth0 up && \
                     ip -n hq addr add 192.0.2.1/24 dev eth0 && ip -n hq link set eth0 up && ip -n hq link set lo up";
pub(crate) const HQ: &str = "hanare --lang en --state /srv/hq --runtime /run/hq";
/// What headquarters' unit needs to run beside a node: a namespace, a state and a runtime directory of its own.
const BESIDE: &str = "[Unit]\nConditionPathExists=\nConditionPathExists=/srv/hq/hq.sqlite3\n\
                      [Service]\nNetworkNamespacePath=/run/netns/hq\nExecStart=\n\
                      ExecStart=/usr/bin/hanare --lang en --state /srv/hq --runtime /run/hq -v hq serve\n\
                      RuntimeDirectory=\nRuntimeDirectory=hq wireguard\nReadWritePaths=/srv/hq\n";
const THERE: &str = "systemd-run --quiet -p NetworkNamespacePath=/run/netns/hq";

/// Tries a script every half a second until it ends with 0.
pub(crate) fn until(guest: &mut Guest, what: &str, script: &str) -> Result<()> {
    let said = guest.run(&format!(
        "for i in $(seq 60); do ({script}) > /dev/null 2>&1 && exit; sleep 0.5; done; ({script}) 2>&1; exit 1"
    ))?;
    assert_eq!(said.status, 0, "{what}: {}", said.said);
    Ok(())
}

fn serve(guest: &mut Guest) -> Result<()> {
    let settings = "/etc/systemd/system/hanare-hq.service.d";
    guest
        .run(&format!(
            "mkdir -p {settings} && printf '{BESIDE}' > {settings}/beside.conf && systemctl daemon-reload && \
             systemctl start hanare-hq || {{ journalctl -q -u hanare-hq | tail -5; false; }}"
        ))?
        .must()?;
    // Not its exit status: that is not good while the receipt of a day before is not there yet.
    let forwards = format!("{HQ} --json hq status | grep -q '\"forwarding\":true'");
    let status = format!("{forwards} || {{ journalctl -q -u hanare-hq | tail -5; false; }}");
    until(guest, "headquarters forwards", &status)
}

pub(crate) fn headquarters(guest: &mut Guest) -> Result<()> {
    guest.run(CABLE)?.must()?;
    guest
        .run(&format!(
            "ip netns exec hq {HQ} hq init --company aoba --endpoint 192.0.2.1:51820 --overlay 10.88.0.0/16 --dns 10.88.0.1"
        ))?
        .must()?;
    serve(guest)?;
    guest
        .run(&format!(
            "{THERE} --unit=resolver dnsmasq -k -C /dev/null -R -h -u root --listen-address=10.88.0.1 --bind-dynamic \
             --address=/files.example/192.168.10.1 && \
             {HQ} room add kofu/306 --company aoba && \
             {HQ} invite kofu/306 --kind endpoint --name pc > /root/invite && hanare join /root/invite"
        ))?
        .must()?;
    Ok(())
}

pub(crate) fn up(guest: &mut Guest) -> Result<()> {
    guest
        .run("systemctl reset-failed node 2> /dev/null; systemd-run --quiet --unit=node hanare -v up")?
        .must()?;
    until(guest, "the node is up", "hanare status > /dev/null || { journalctl -q -u node | tail -5; false; }")
}

/// What systemd-resolved asks on the tunnel's link, and what it answers.
fn names_come_from_headquarters(guest: &mut Guest) -> Result<()> {
    let said =
        guest.run("resolvectl dns hn0; resolvectl domain hn0; resolvectl default-route hn0")?.must()?.said;
    assert!(said.contains("10.88.0.1") && said.contains("~.") && said.contains("yes"), "{said}");
    until(guest, "a name", "resolvectl query --legend=no files.example | grep -q 192.168.10.1")
}

fn names_are_the_own_ones(guest: &mut Guest, when: &str) -> Result<()> {
    let said = guest.run("resolvectl dns; cat /etc/resolv.conf; grep -c resolv.conf /proc/self/mounts")?.said;
    assert!(!said.contains("10.88.0.1") && said.trim_end().ends_with('0'), "{when}: {said}");
    Ok(())
}

/// The unit as it is shipped: ready once the tunnel serves, back after SIGKILL, and what it did is undone when it stops.
fn the_unit_runs_it(guest: &mut Guest) -> Result<()> {
    guest.run("systemctl start hanare-up || { journalctl -q -u hanare-up | tail -5; false; }")?.must()?;
    let is_up = "hanare status > /dev/null || { journalctl -q -u hanare-up | tail -5; false; }";
    until(guest, "the node is up", is_up)?;
    names_come_from_headquarters(guest)?;
    // By this the host process knows its worker from a person.
    let confined = guest.run(
        "for pid in $(sort -n /sys/fs/cgroup/system.slice/hanare-up.service/cgroup.procs); do \
         grep NoNewPrivs /proc/$pid/status; done; \
         hanare --json status | grep -c not-confined; hanare unlock --reason unit --for 1s",
    )?;
    // The host process, its worker, and no warning.
    let said: Vec<_> = confined.said.split_whitespace().take(5).collect();
    assert_eq!(said, ["NoNewPrivs:", "0", "NoNewPrivs:", "1", "0"], "{}", confined.said);
    assert_eq!(confined.status, 0, "{}", confined.said);
    // A program that the kill switch is open for goes back to its person's group, which is the person's.
    guest
        .run(
            "mkdir /sys/fs/cgroup/person && chown 1000:1000 /sys/fs/cgroup/person/cgroup.procs && \
             { sh -c 'echo $$ > /sys/fs/cgroup/person/cgroup.procs; echo $$ > /run/program; \
               exec hanare unlock --reason unit --for 2s -- sleep 60' > /dev/null 2>&1 & }",
        )?
        .must()?;
    let group = |name: &str| format!("grep -q '^0::/{name}' /proc/$(cat /run/program)/cgroup");
    until(guest, "a group of our own", &group("hanare-portal"))?;
    until(guest, "the person's group", &group("person"))?;
    guest.run("systemctl kill -s KILL --kill-who=main hanare-up")?.must()?;
    let again = format!("test $(systemctl show -p NRestarts --value hanare-up) = 1 && {{ {is_up}; }}");
    until(guest, "the node is up again", &again)?;
    guest.run("systemctl stop hanare-up && ! systemctl -q is-failed hanare-up")?.must()?;
    let left =
        guest.run("hanare --json status | grep -o '\"state\":\"[a-z]*\"'; ip link show hn0 2>&1")?.said;
    assert!(left.contains("locked") && left.contains("does not exist"), "{left}");
    names_are_the_own_ones(guest, "after the unit has stopped")
}

/// The secret that opens what rooms have sealed, given by systemd instead of lying beside headquarters' other keys.
fn the_sealing_key_as_a_credential(guest: &mut Guest) -> Result<()> {
    let settings = "/etc/systemd/system/hanare-hq.service.d/credential.conf";
    let without = guest.run(
        "systemctl stop hanare-hq && mv /srv/hq/hq/sealing.key /root/sealing.key && ! systemctl start hanare-hq; \
         status=$?; systemctl stop hanare-hq; systemctl reset-failed hanare-hq; journalctl -q -u hanare-hq | tail -8; exit $status",
    )?;
    assert!(without.status == 0 && without.said.contains("sealing.key"), "{}", without.said);
    guest
        .run(&format!(
            "printf '[Service]\nLoadCredential=hanare-sealing.key:/root/sealing.key\n' > {settings} && \
             systemctl daemon-reload && systemctl start hanare-hq || {{ journalctl -q -u hanare-hq | tail -5; false; }}"
        ))?
        .must()?;
    let forwards = format!("{HQ} --json hq status | grep -q '\"forwarding\":true'");
    until(guest, "headquarters forwards with the credential", &forwards)?;
    guest.run("test ! -e /srv/hq/hq/sealing.key")?.must().map(drop)
}

fn a_machine(image: &Image, folder: &Path) -> Result<()> {
    let mut guest = Guest::boot(image, folder)?;
    headquarters(&mut guest)?;
    the_sealing_key_as_a_credential(&mut guest)?;
    let before = guest.run("cat /etc/resolv.conf")?.must()?.said;
    the_unit_runs_it(&mut guest)?;
    up(&mut guest)?;
    names_come_from_headquarters(&mut guest)?;
    assert_eq!(guest.run("cat /etc/resolv.conf")?.must()?.said, before);
    guest.run("hanare down")?.must()?;
    names_are_the_own_ones(&mut guest, "after down")?;
    // SIGKILL, the next start, SIGKILL again, and the end.
    up(&mut guest)?;
    guest
        .run("systemctl kill -s KILL node; while systemctl -q is-active node; do sleep 0.1; done")?
        .must()?;
    up(&mut guest)?;
    names_come_from_headquarters(&mut guest)?;
    guest
        .run("systemctl kill -s KILL node; while systemctl -q is-active node; do sleep 0.1; done")?
        .must()?;
    let file = guest.run("ls /var/lib/hanare/kill_switch.json")?.must()?;
    assert_eq!(file.status, 0);

    // The next boot: closed before there is a network, with no process of ours.
    guest.switch_off_with("sync; systemctl poweroff")?;
    guest.cut();
    let mut guest = Guest::boot(image, folder)?;
    // Whoever asks here is up before the network is.
    until(
        &mut guest,
        "the network's units",
        "systemctl -q is-active network-pre.target && systemctl -q is-active hanare-guard.service",
    )?;
    let show = "systemctl show -p ActiveEnterTimestampMonotonic --value";
    let order =
        guest.run(&format!("{show} hanare-guard.service; {show} network-pre.target; ls -l /proc/[0-9]*/exe 2> /dev/null | grep -c '/usr/bin/hanare$'"))?;
    let numbers: Vec<u64> = order.said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(matches!(numbers[..], [ours, network, 0] if 0 < ours && ours <= network), "{}", order.said);
    let rules = guest.run("nft list ruleset")?.must()?.said;
    assert!(rules.contains("table inet hanare"), "{rules}");
    // A device that is plugged in is closed, for frames too, although nothing of ours runs.
    guest.run(CABLE)?.must()?;
    until(&mut guest, "the new device's chain", "nft list ruleset | grep -q 'egress device.*eth0'")?;
    let closed = guest.run("ping -c 2 -W 1 192.0.2.1")?;
    assert_ne!(closed.status, 0, "a closed machine got out: {}", closed.said);
    // Without the guard the same packets arrive.
    guest.run("nft flush ruleset; ping -c 2 -W 1 192.0.2.1")?.must()?;
    guest.run("hanare leave --yes; nft list ruleset | grep -c hanare")?;
    let left = guest.run("nft list ruleset | grep -c hanare; ls /var/lib/hanare/kill_switch.json")?.said;
    assert!(left.starts_with('0') && left.contains("No such file"), "{left}");
    names_are_the_own_ones(&mut guest, "after SIGKILL and leave")?;
    Ok(())
}

#[test]
fn names_through_resolved_and_a_kill_switch_that_is_closed_at_boot_and_for_new_devices() {
    let image = Image::make().expect("an image");
    let folder = image.folder().expect("a directory");
    a_machine(&image, folder.path()).expect("the guest");
}
