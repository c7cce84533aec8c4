//! The host process with a real worker: what it does, what it refuses, and that SIGKILL at any step leaves no trace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use hanare_host::hands::{self, Ended, KillSwitchState, NodeRole, Role, Setup};
use hanare_host::{kill_switch, undo, unix};
use hanare_model::unlock::{UnlockTerms, Who};
use hanare_model::{PublicKey, SigningKey};

use crate::worker::{KIND, STATE, lease_with, state};
use crate::world::{Peer, eventually, inside, run, works};

/// Not a test of its own: the host process of the others.
#[test]
#[ignore = "started by other tests"]
fn entry_host() {
    let Ok(kind) = std::env::var(KIND) else { return };
    let role = NodeRole {
        public_key: PublicKey::from_bytes([7; 32]),
        signing_key: SigningKey::from_seed([1; 32]).verify_key(),
        lease: lease_with(1, terms()),
        lan: Some("lan0".to_owned()),
    };
    let worker = ["worker::entry_worker", "--exact", "--nocapture", "--ignored"].map(OsString::from).to_vec();
    let (ready, stopping) = (state().join("ready"), state().join("stopping"));
    let setup = Setup {
        state: state(),
        interface: "hn0".to_owned(),
        role: if kind.starts_with("hq") {
            // The test's own hand on the guard: a host process that was told of another overlay.
            let more = std::fs::read_to_string(state().join("overlay")).ok();
            let overlay = ["10.88.0.0/16", "fd00:88::/48"].into_iter().chain(more.as_deref());
            Role::Hq {
                overlay: overlay.map(|net| net.parse().unwrap()).collect(),
                listen: "[::]:51820".parse().unwrap(),
            }
        } else {
            Role::Node(Box::new(role))
        },
        worker,
        on_ready: Box::new(move |line| std::fs::write(&ready, line).unwrap()),
        on_stopping: Some(Box::new(move || {
            assert!(!stopping.exists(), "once is enough");
            std::fs::write(&stopping, "").unwrap();
        })),
    };
    let ended = hands::serve(setup);
    assert!(ended.is_err() || state().join("stopping").exists());
    match ended {
        Ok(Ended::Stopped) => {}
        Ok(Ended::Left) => std::fs::write(state().join("left"), "").unwrap(),
        Ok(ended @ Ended::Worker(_)) => panic!("{ended:?}"),
        Err(error) => std::fs::write(state().join("error"), format!("{error:?}")).unwrap(),
    }
}

/// The terms of unlocks that a test has put down for its host process.
fn terms() -> UnlockTerms {
    let text = std::fs::read_to_string(state().join("terms"));
    text.map_or_else(|_| UnlockTerms::default(), |text| serde_json::from_str(&text).unwrap())
}

pub(crate) struct Host {
    child: Child,
    state: PathBuf,
}

impl Host {
    fn start(kind: &str, state: &Path) -> Self {
        for name in ["ready", "error", "left", "stopping"] {
            let _ = std::fs::remove_file(state.join(name));
        }
        let child = Command::new("/proc/self/exe")
            .args(["hands::entry_host", "--exact", "--nocapture", "--ignored"])
            .env(STATE, state)
            .env(KIND, kind)
            .spawn()
            .unwrap();
        Self { child, state: state.to_owned() }
    }

    pub(crate) fn ready(kind: &str, state: &Path) -> Self {
        let host = Self::start(kind, state);
        eventually("the worker is ready", || state.join("ready").exists());
        host
    }

    fn error(kind: &str, state: &Path) -> String {
        let mut host = Self::start(kind, state);
        eventually("it fails", || state.join("error").exists());
        std::thread::sleep(Duration::from_millis(50));
        let text = std::fs::read_to_string(state.join("error")).unwrap();
        host.stop();
        text
    }

    pub(crate) fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        self.child.wait().unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        eventually("the worker goes with it", || !works("ip link show hn0"));
    }

    fn ask(&self, line: &str) -> String {
        let mut connection = unix::connect(&self.state.join("node.sock")).unwrap();
        std::io::Write::write_all(&mut connection, line.as_bytes()).unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut connection, &mut answer).unwrap();
        answer
    }
}

/// The machine as a person can see it, without the kill switch.
pub(crate) fn snapshot() -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::new();
    for (name, command) in [
        (
            "addresses",
            "ip -j address | jq -S 'map({ifname, mtu, flags: (.flags - [\"LOWER_UP\", \"NO-CARRIER\"]), addr_info: [.addr_info[] | {local, prefixlen}]})'",
        ),
        ("routes 4", "ip -j -4 route show table all | jq -S 'map(del(.metrics, .flags)) | sort_by(tojson)'"),
        ("routes 6", "ip -j -6 route show table all | jq -S 'map(del(.metrics, .flags)) | sort_by(tojson)'"),
        ("rules", "ip -j -4 rule; ip -j -6 rule"),
        ("nft", "nft list ruleset | grep '^table' | grep -v ' hanare {' || true"),
        (
            "sysctl",
            "grep -H . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv6/conf/*/forwarding \
                    /proc/sys/net/ipv6/conf/*/accept_ra /proc/sys/net/ipv4/conf/*/src_valid_mark /proc/sys/net/ipv4/ip_forward",
        ),
        ("resolver", "cat /etc/resolv.conf; grep -c resolv.conf /proc/self/mountinfo || true"),
    ] {
        all.insert(name, run(command));
    }
    all
}

pub(crate) fn machine() -> (Peer, Peer) {
    let outside = Peer::new();
    outside.wire("eth0", "eth0");
    let room = Peer::new();
    run(&format!("ip link add lan0 type veth peer name eth0 netns {}", room.tid));
    run(
        "ip route add default via 192.0.2.2; echo 1 > /proc/sys/net/ipv6/conf/lan0/disable_ipv6; echo 0 > /proc/sys/net/ipv6/conf/lan0/disable_ipv6",
    );
    (outside, room)
}

#[test]
fn a_stopped_host_process_leaves_the_machine_as_it_was_but_closed() {
    for user in [false, true] {
        inside("hands::a_stopped_host_process_leaves_the_machine_as_it_was_but_closed", user, || {
            let _peers = machine();
            if user && Path::new("/usr/sbin/resolvconf").exists() {
                run("mount --bind /bin/false /usr/sbin/resolvconf");
            }
            let before = snapshot();
            let state = tempfile::tempdir().unwrap();
            let mut host = Host::ready("node", state.path());
            let covered = run("cat /proc/self/mountinfo").contains(" /etc/resolv.conf ");
            assert!(covered || !user, "without resolvconf the file is covered");
            assert!(run("ip rule").contains("not from all fwmark 0x686e"), "{}", run("ip rule"));
            assert!(run("ip route get 8.8.8.8").contains("dev hn0"));
            assert!(run("ip route get 8.8.8.8 mark 0x686e").contains("dev eth0"));
            assert!(run("ip -6 route get 2001:4860::8").contains("dev hn0"));
            assert!(run("ip address show hn0").contains("mtu 1400"));
            assert!(run("cat /etc/resolv.conf").contains("10.88.0.1"));
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
            assert!(Host::error("node", state.path()).contains("Busy"), "two at once");
            host.stop();
            assert_eq!(snapshot(), before);
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
            let left = std::fs::read_to_string(state.path().join("error")).unwrap_or_default();
            assert!(!state.path().join(undo::FILE).exists(), "{left}");
            hands::leave(state.path(), || ()).unwrap();
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Open);
            assert_eq!(run("nft list ruleset"), "");
        });
    }
}

#[test]
fn sigkill_at_each_recorded_step_leaves_no_trace() {
    inside("hands::sigkill_at_each_recorded_step_leaves_no_trace", false, || {
        let _peers = machine();
        let before = snapshot();
        let state = tempfile::tempdir().unwrap();
        let log = state.path().join(undo::FILE);
        let lines = || std::fs::read_to_string(&log).map_or(0, |text| text.lines().count());
        let mut host = Host::ready("node", state.path());
        let steps = lines();
        assert!(steps >= 12, "{steps}");
        host.kill();
        assert_ne!(snapshot(), before, "a kill leaves traces");
        hands::leave(state.path(), || ()).unwrap();
        assert_eq!(snapshot(), before);
        for step in 1..=steps {
            for later in [0, 3] {
                let mut host = Host::start("node", state.path());
                while lines() < step {
                    std::thread::yield_now();
                }
                std::thread::sleep(Duration::from_millis(later));
                host.kill();
                // A torn last line, as a power cut leaves it.
                let mut text = std::fs::read(&log).unwrap_or_default();
                text.extend(b"{\"number\":9");
                std::fs::write(&log, text).unwrap();
                undo::replay(state.path()).unwrap();
                undo::replay(state.path()).unwrap();
                assert_eq!(snapshot(), before, "killed at step {step} + {later} ms");
            }
        }
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
        let mut host = Host::ready("node", state.path());
        host.stop();
        assert_eq!(snapshot(), before);
    });
}

#[test]
fn a_hijacked_worker_cannot_open_the_machine() {
    inside("hands::a_hijacked_worker_cannot_open_the_machine", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        let mut host = Host::ready("hijacked", state.path());
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
        host.stop();
    });
}

#[test]
fn a_person_unlocks_and_an_admin_leaves_through_the_worker() {
    inside("hands::a_person_unlocks_and_an_admin_leaves_through_the_worker", false, || {
        let (outside, _room) = machine();
        let before = snapshot();
        let state = tempfile::tempdir().unwrap();
        let mut host = Host::ready("requests", state.path());
        let rules = run("ip rule");
        let unlock = "{\"verb\":\"unlock\",\"reason\":\"portal\",\"seconds\":2,\"all\":true}\n";
        assert_eq!(host.ask(unlock), "Ok(())");
        assert!(run("ip route get 8.8.8.8").contains("dev eth0"));
        assert!(works("ping -c1 -W1 192.0.2.2"));
        let notices = || std::fs::read_to_string(state.path().join("notices")).unwrap_or_default();
        eventually("it locks again", || notices().contains("Locked"));
        assert_eq!(run("ip rule"), rules);
        assert!(!works("ping -c1 -W1 192.0.2.2"));

        run("nft flush ruleset");
        eventually("it is restored", || notices().contains("FirewallRestored"));
        assert!(!works("ping -c1 -W1 192.0.2.2"));
        run("ip address add 192.0.2.77/24 dev eth0");
        eventually("the underlay is watched", || notices().contains("UnderlayChanged"));
        run("ip address del 192.0.2.77/24 dev eth0");
        outside.run(|| drop(run("ip link add eth9 type veth peer name x9")));

        assert_eq!(host.ask("{\"verb\":\"leave\"}\n"), "Ok(())");
        assert!(host.child.wait().unwrap().success());
        assert!(state.path().join("left").exists());
        assert_eq!(snapshot(), before);
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Open);
    });
}

#[test]
fn the_leases_terms_of_unlocks_hold_in_the_host_process() {
    inside("hands::the_leases_terms_of_unlocks_hold_in_the_host_process", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        let terms = |seconds, portal, all| {
            let terms = UnlockTerms { seconds, gap_seconds: 10, portal, all };
            std::fs::write(state.path().join("terms"), serde_json::to_string(&terms).unwrap()).unwrap();
        };
        let unlock = |seconds: u32, all: bool| {
            format!("{{\"verb\":\"unlock\",\"reason\":\"portal\",\"seconds\":{seconds},\"all\":{all}}}\n")
        };
        terms(120, Who::Everybody, Who::Nobody);
        let mut host = Host::ready("requests", state.path());
        assert!(host.ask(&unlock(121, false)).contains("UnlockTooLong { most: 120 }"));
        assert!(host.ask(&unlock(1, true)).contains("does not let everything"), "not even root");
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
        assert_eq!(host.ask(&unlock(120, false)), "Ok(())");
        host.stop();
        terms(1_800, Who::Nobody, Who::Everybody);
        let mut host = Host::ready("requests", state.path());
        assert!(host.ask(&unlock(1, false)).contains("does not let this person"));
        assert_eq!(host.ask(&unlock(1_800, true)), "Ok(())");
        host.stop();
    });
}

#[test]
fn who_asks_to_become_the_portals_program_is_told_from_all_others_until_it_is_over() {
    inside(
        "hands::who_asks_to_become_the_portals_program_is_told_from_all_others_until_it_is_over",
        false,
        || {
            let _peers = machine();
            let state = tempfile::tempdir().unwrap();
            let mut host = Host::ready("requests", state.path());
            let unlock = |seconds: u32| {
                format!(
                    "{{\"verb\":\"unlock\",\"reason\":\"portal\",\"seconds\":{seconds},\"all\":false,\"program\":\"w3m\"}}\n"
                )
            };
            let group = || run("cat /proc/$PPID/cgroup");
            // Where there is nothing to tell programs apart by, nothing is opened.
            run("mount -t tmpfs none /sys/fs/cgroup");
            assert!(host.ask(&unlock(60)).contains("no cgroup v2"));
            assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
            run("mount -t cgroup2 none /sys/fs/cgroup");
            let (before, rules) = (group(), run("ip rule"));
            assert_eq!(host.ask(&unlock(2)), "Ok(())");
            assert!(group().contains("0::/hanare-portal-"), "{}", group());
            assert!(run("nft list chain inet hanare portal").contains("cgroupv2 level 1"));
            let notices = || std::fs::read_to_string(state.path().join("notices")).unwrap_or_default();
            eventually("it locks again", || notices().contains("Locked"));
            assert_eq!((group(), run("ip rule")), (before.clone(), rules));
            assert!(!works("ls -d /sys/fs/cgroup/hanare-portal-*"));

            assert_eq!(host.ask(&unlock(60)), "Ok(())");
            assert_ne!(group(), before);
            host.kill();
            undo::replay(state.path()).unwrap();
            assert_eq!(group(), before, "what a killed host process left is undone");
            assert!(!works("ls -d /sys/fs/cgroup/hanare-portal-*"));
        },
    );
}

#[test]
fn an_nft_that_hangs_is_given_up_and_the_rest_goes_on() {
    inside("hands::an_nft_that_hangs_is_given_up_and_the_rest_goes_on", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        // The real one, unless there is a file that says otherwise.
        run(
            "cp /usr/sbin/nft /run/nft && printf '#!/bin/sh\n[ -e /run/hang ] && exec sleep 1000\nexec /run/nft \"$@\"\n' \
             > /run/wrapper && chmod +x /run/wrapper && mount --bind /run/wrapper /usr/sbin/nft",
        );
        let mut host = Host::ready("requests", state.path());
        let unlock = "{\"verb\":\"unlock\",\"reason\":\"portal\",\"seconds\":60,\"all\":true}\n";
        run("touch /run/hang");
        let answer = host.ask(unlock);
        assert!(answer.contains("Hangs"), "{answer}");
        assert!(!works("ping -c1 -W1 192.0.2.2"), "what was closed is closed");
        run("rm /run/hang");
        assert_eq!(host.ask(unlock), "Ok(())");
        assert!(works("ping -c1 -W1 192.0.2.2"));
        host.stop();
    });
}

#[test]
fn a_worker_cannot_say_for_an_admin_what_the_admin_did_not_say() {
    inside("hands::a_worker_cannot_say_for_an_admin_what_the_admin_did_not_say", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        let mut host = Host::ready("turncoat", state.path());
        let unlock = "{\"verb\":\"unlock\",\"reason\":\"portal\",\"seconds\":60,\"all\":false}\n";
        for other in ["{\"verb\":\"status\"}\n", unlock, "{\"verb\":\"leave\"}", "\n"] {
            let answer = host.ask(other);
            assert!(answer.contains("Refused"), "{other}: {answer}");
        }
        // A wish that nobody waits for any more.
        let mut gone = unix::connect(&state.path().join("node.sock")).unwrap();
        std::io::Write::write_all(&mut gone, b"{\"verb\":\"leave\"}\n").unwrap();
        drop(gone);
        let answers = || std::fs::read_to_string(state.path().join("answers")).unwrap_or_default();
        eventually("it is refused too", || answers().lines().count() == 5);
        assert!(answers().contains("whoever asked for it has gone"), "{}", answers());
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Closed);
        assert!(host.child.try_wait().unwrap().is_none());
        // And what the admin does say is done.
        assert_eq!(host.ask("{\"verb\":\"leave\"}\n"), "Ok(())");
        assert!(host.child.wait().unwrap().success());
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Open);
    });
}

#[test]
fn what_prevents_the_start_is_named_and_nothing_is_changed() {
    inside("hands::what_prevents_the_start_is_named_and_nothing_is_changed", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        run("ip link set lan0 up; ip route add 10.88.77.0/24 dev eth0");
        let before = snapshot();
        let text = Host::error("node", state.path());
        assert!(text.contains("Collision") && text.contains("10.88.77.0/24"), "{text}");
        assert_eq!(snapshot(), before);
        assert_eq!(kill_switch::state().unwrap(), KillSwitchState::Open);
        assert!(Host::error("hq", state.path()).contains("Collision"));
        run("ip route del 10.88.77.0/24 dev eth0");
        run("ip link add hn0 type veth peer name hn9");
        let text = Host::error("refused", state.path());
        assert!(text.contains("NameTaken"), "{text}");
    });
}
