//! The host process of headquarters with a real worker: its firewall, and what a hijacked worker may not do.

use hanare_host::undo;

use crate::hands::{Host, machine, snapshot};
use crate::world::{eventually, inside, run, works};

#[test]
fn headquarters_firewall_comes_back_when_somebody_edits_it_and_is_said_to_be_lost_while_nft_fails() {
    let name = "headquarters::headquarters_firewall_comes_back_when_somebody_edits_it_and_is_said_to_be_lost_while_nft_fails";
    inside(name, false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        let mut host = Host::ready("hq", state.path());
        let notices = || std::fs::read_to_string(state.path().join("notices")).unwrap_or_default();
        let table = || run("nft -s list table inet hanare_hq");
        let ours = table();
        for edit in [
            "insert rule inet hanare_hq across accept",
            "flush chain inet hanare_hq prerouting",
            "add set inet hanare_hq more { type ipv4_addr; }",
            "add chain inet hanare_hq input { policy drop; }",
        ] {
            let before = notices().matches("the table was changed").count();
            run(&format!("nft '{edit}'"));
            assert_ne!(table(), ours, "{edit}");
            eventually(edit, || notices().matches("the table was changed").count() > before);
            assert_eq!(table(), ours, "{edit}");
        }
        // Another program's own table is none of our business.
        run("nft add table inet other");

        run("cp \"$(command -v nft)\" /run/nft; mount --bind /bin/false \"$(command -v nft)\"");
        let restored = notices().matches("FirewallRestored").count();
        run("/run/nft delete table inet hanare_hq");
        eventually("it is lost", || notices().contains("FirewallLost"));
        assert_eq!(notices().matches("FirewallRestored").count(), restored);
        run("umount \"$(command -v nft)\"");
        eventually("it is back", || notices().matches("FirewallRestored").count() > restored);
        assert_eq!(table(), ours);
        host.stop();
        assert!(works("nft list table inet other"));
    });
}

#[test]
fn a_hijacked_headquarters_stays_in_its_overlay() {
    inside("headquarters::a_hijacked_headquarters_stays_in_its_overlay", false, || {
        let _peers = machine();
        let state = tempfile::tempdir().unwrap();
        for (overlay, way) in [(None, "eth0"), (Some("198.51.100.0/24"), "hn0")] {
            if let Some(overlay) = overlay {
                std::fs::write(state.path().join("overlay"), overlay).unwrap();
            }
            let mut host = Host::ready("hq-hijacked", state.path());
            let taken = std::fs::read_to_string(state.path().join("taken")).unwrap();
            assert_eq!(
                (taken.contains("Refused"), taken == "Ok(())"),
                (overlay.is_none(), overlay.is_some())
            );
            // Without the guard the network is the worker's own.
            assert!(run("ip route get 198.51.100.7").contains(&format!("dev {way}")), "{overlay:?}");
            host.stop();
        }
    });
}

#[test]
fn headquarters_routes_and_segments_and_gives_the_machine_back() {
    inside("headquarters::headquarters_routes_and_segments_and_gives_the_machine_back", false, || {
        let _peers = machine();
        // One that forwarded before goes on.
        run(
            "ip link add early type veth peer name early1; echo 1 > /proc/sys/net/ipv4/conf/early/forwarding",
        );
        let before = snapshot();
        let state = tempfile::tempdir().unwrap();
        let mut host = Host::ready("hq", state.path());
        assert!(run("ip route get 10.88.9.9").contains("dev hn0"));
        assert!(run("nft list table inet hanare_hq").contains("masquerade"));
        assert_eq!(run("cat /proc/sys/net/ipv4/conf/eth0/forwarding").trim(), "1");
        let untracked = || run("nft list table inet hanare_hq").contains("notrack");
        assert!(untracked(), "nobody but us looks at connections");
        run(
            "nft add table inet other; nft add chain inet other input '{ type filter hook input priority 0; }'; \
             nft add rule inet other input ct state invalid drop",
        );
        eventually("the tunnel is tracked for another table", || !untracked());
        run("nft delete table inet other");
        eventually("nobody needs that any more", untracked);
        // A device that comes meanwhile forwards too, and no longer than we do.
        run("ip link add late type veth peer name late1");
        let late = || run("cat /proc/sys/net/ipv4/conf/late/forwarding").trim().to_owned();
        assert_eq!(late(), "1");
        host.stop();
        assert_eq!(late(), "0");
        run("ip link delete late");
        assert_eq!(snapshot(), before);
        let mut host = Host::ready("hq", state.path());
        host.kill();
        undo::replay(state.path()).unwrap();
        assert_eq!(snapshot(), before);
    });
}
