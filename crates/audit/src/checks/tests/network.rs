//! The rows of what a machine has to do with networks.

use hanare_facts::{Condition, Rule, Verdict as RuleVerdict};

use super::*;

#[test]
fn dev_06_listeners() {
    let check = Check::Listeners { allowed: vec!["udp/51820".to_owned()] };
    assert_eq!(after(&check, |_| {}), PASS);
    let no_policy = |facts: &mut Facts| known(&mut facts.firewall).chains[0].drops = false;
    assert_eq!(after(&check, no_policy), (Status::Fail, Why::FirewallOpen));
    let unread = after(&check, |facts| gone(&mut facts.firewall, GapKind::Permission));
    assert_eq!(unread, (Status::Unknown, Why::GapPermission));
    let riddle = Rule {
        conditions: vec![Condition::NotUnderstood("socket".to_owned())],
        verdict: RuleVerdict::Accept,
    };
    let strange = |facts: &mut Facts| known(&mut facts.firewall).chains[0].rules.push(riddle);
    assert_eq!(after(&check, strange), (Status::Unknown, Why::FirewallUnclear));
    let stray = |facts: &mut Facts| known(&mut facts.listeners).push(Listener("tcp/22".to_owned()));
    assert_eq!(after(&check, stray), (Status::Fail, Why::Listening));
    let same_port = |facts: &mut Facts| *known(&mut facts.listeners) = vec![Listener("tcp/51820".to_owned())];
    assert_eq!(after(&check, same_port), (Status::Fail, Why::Listening));
    let gone = after(&check, |facts| gone(&mut facts.listeners, GapKind::Permission));
    assert_eq!(gone, (Status::Unknown, Why::GapPermission));
}

#[test]
fn net_07_full_tunnel() {
    let check = Check::FullTunnel;
    // One end alone never passes.
    assert_eq!(after(&check, |_| {}), (Status::Unknown, Why::OtherEnd));
    let change = |change: &dyn Fn(&mut Routes)| after(&check, |facts| change(known(&mut facts.routes)));
    let beside = (Status::Fail, Why::BesideTunnel);
    assert_eq!(change(&|routes| routes.world[0] = way("8.8.8.8", Some("eth0"))), beside);
    assert_eq!(change(&|routes| routes.world[1] = way("2001:db8:2::7", Some("eth0"))), beside, "IPv6 too");
    assert_eq!(change(&|routes| routes.tunnels.clear()), (Status::Unknown, Why::NoTunnelHere));
    let no_policy = |facts: &mut Facts| known(&mut facts.firewall).chains[1].drops = false;
    assert_eq!(after(&check, no_policy), (Status::Fail, Why::NoKillSwitch));
    let unread = after(&check, |facts| gone(&mut facts.firewall, GapKind::Permission));
    assert_eq!(unread, (Status::Unknown, Why::GapPermission));
    assert_eq!(after(&check, |facts| gone(&mut facts.routes, GapKind::Failed)).0, Status::Unknown);
    // The site file names the tunnel: another one is none.
    let site = site("[tunnel]\ninterface = \"wg0\"\nendpoint_interface = \"hn1\"\n");
    let verdict = run(&check, &good(), Some(&site), NOW);
    assert_eq!((verdict.status, verdict.reason.why), beside);
}

#[test]
fn net_08_resolvers() {
    let check = |approved: &[&str]| Check::Resolvers {
        approved: approved.iter().map(|server| (*server).to_owned()).collect(),
    };
    // One end alone never passes.
    assert_eq!(after(&check(&["10.90.0.1"]), |_| {}), (Status::Unknown, Why::OtherEnd));
    let beside = |facts: &mut Facts| known(&mut facts.routes).resolvers[0] = way("10.90.0.1", Some("eth0"));
    assert_eq!(after(&check(&["10.90.0.1"]), beside), (Status::Fail, Why::ResolversBeside));
    let without = |facts: &mut Facts| known(&mut facts.routes).tunnels.clear();
    assert_eq!(after(&check(&["10.90.0.1"]), without), (Status::Unknown, Why::NoTunnelHere));
    let unread = after(&check(&["10.90.0.1"]), |facts| gone(&mut facts.routes, GapKind::Failed));
    assert_eq!(unread, (Status::Unknown, Why::GapFailed));
    let site = site("[dns]\nresolvers = [\"10.90.0.9\"]\n");
    assert_eq!(
        run(&check(&["10.90.0.1"]), &good(), Some(&site), NOW).status,
        Status::Fail,
        "the site's count"
    );
    assert_eq!(after(&check(&["10.90.0.2"]), |_| {}), (Status::Fail, Why::ResolversOther));
    let second = |facts: &mut Facts| known(&mut facts.resolvers).servers.push("8.8.8.8".to_owned());
    assert_eq!(after(&check(&["10.90.0.1"]), second), (Status::Fail, Why::ResolversOther));
    assert_eq!(after(&check(&[]), |_| {}), (Status::Unknown, Why::ResolversUnnamed));
    let gone = after(&check(&["10.90.0.1"]), |facts| gone(&mut facts.resolvers, GapKind::Absent));
    assert_eq!(gone, (Status::Unknown, Why::GapAbsent));
}

fn wifi(check: &Check, security: &[WifiSecurity]) -> (Status, Why) {
    let list =
        security.iter().enumerate().map(|(index, security)| Wifi { number: index + 1, security: *security });
    after(check, |facts| *known(&mut facts.wifi) = list.collect())
}

#[test]
fn wif_01_encryption() {
    let check = Check::WifiEncryption;
    // There is no pass yet: the air is not scanned.
    assert_eq!(wifi(&check, &[WifiSecurity::Sae]), (Status::Unknown, Why::WifiNotScanned));
    assert_eq!(wifi(&check, &[WifiSecurity::Sae, WifiSecurity::Open]), (Status::Fail, Why::WifiOpen));
    assert_eq!(wifi(&check, &[WifiSecurity::Wep]), (Status::Fail, Why::WifiOpen));
    assert_eq!(after(&check, |facts| gone(&mut facts.wifi, GapKind::Permission)).0, Status::Unknown);
}

#[test]
fn wif_05_log_in() {
    let check = Check::WifiLogIn;
    assert_eq!(wifi(&check, &[WifiSecurity::Sae, WifiSecurity::Enterprise { pinned: true }]), PASS);
    for weak in [
        WifiSecurity::Psk,
        WifiSecurity::Open,
        WifiSecurity::Wep,
        WifiSecurity::Owe,
        WifiSecurity::Enterprise { pinned: false },
    ] {
        assert_eq!(wifi(&check, &[WifiSecurity::Sae, weak]), (Status::Fail, Why::WifiShared), "{weak:?}");
    }
    assert_eq!(wifi(&check, &[WifiSecurity::NotUnderstood]), (Status::Unknown, Why::WifiUnknown));
    assert_eq!(wifi(&check, &[]), (Status::Unknown, Why::WifiNone));
    assert_eq!(after(&check, |facts| gone(&mut facts.wifi, GapKind::Permission)).0, Status::Unknown);
}
