//! What the audit sees of a machine: real nftables rules and real routes, as the kernel tells them.

use std::time::Duration;

use hanare_lab::{Host, Program, Result, inside};
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);

/// The status of an item and why, as the machine itself is audited.
fn item(host: &Host, program: &Program, id: &str) -> Result<(String, String)> {
    let arguments = ["--json", "audit", "run", "--view", "endpoint", "--only", id];
    let report: Value = program.attempt(host, &arguments, "")?.json()?;
    let word = |name: &str| report["results"][0][name].as_str().unwrap_or_default().to_owned();
    Ok((word("status"), word("reason_code")))
}

/// The same after nftables was given these rules and no others.
fn with(host: &Host, program: &Program, id: &str, rules: &str) -> Result<(String, String)> {
    let file = host.directory().join("rules.nft");
    // nft wants a line's end there.
    std::fs::write(&file, format!("flush ruleset\n{}\n", rules.replace("} }", "}\n}")))
        .expect("a file of rules");
    host.sh(&format!("nft -f {}", file.display()))?;
    item(host, program, id)
}

fn is(status: &str, why: &str) -> (String, String) {
    (status.to_owned(), why.to_owned())
}

#[test]
fn a_firewall_is_judged_by_its_rules_as_the_kernel_has_them() {
    inside("endpoint_facts::a_firewall_is_judged_by_its_rules_as_the_kernel_has_them", LIMIT, |lab| {
        let (pc, program) = (lab.host("pc")?, Program::built()?);
        let judged = |rules: &str| with(&pc, &program, "DEV-06", rules);
        let open = is("fail", "why-firewall-open");
        let unclear = is("unknown", "why-firewall-unclear");
        let closed = is("pass", "why-good");
        assert_eq!(judged("")?, open);
        let input = |policy: &str, rules: &str| {
            format!(
                "table inet t {{ chain side {{ accept; }}\n chain input {{ type filter hook input priority 0; \
                 policy {policy};\n{rules}\n}} }}"
            )
        };
        let usual = "iifname lo accept\nct state established,related accept\nct state invalid drop\n\
            meta l4proto ipv6-icmp accept\ntcp dport 22 counter accept\nudp dport { 53, 5353 } accept\n\
            tcp dport 8000-8010 accept\nlimit rate 1/second log";
        assert_eq!(judged(&input("drop", usual))?, closed);
        assert_eq!(judged(&input("accept", &format!("{usual}\nreject")))?, closed);
        assert_eq!(judged(&input("accept", usual))?, open);
        for everything in [
            "accept",
            "iifname \"eth0\" accept",
            "meta l4proto tcp accept",
            "meta nfproto ipv4 accept",
            "jump side",
        ] {
            assert_eq!(judged(&input("drop", everything))?, open, "{everything}");
        }
        for riddle in [
            "ip saddr 10.0.0.0/8 accept",
            "iifname \"lo*\" accept",
            "ct state new accept",
            "numgen random mod 2 0 accept",
        ] {
            assert_eq!(judged(&input("drop", riddle))?, unclear, "{riddle}");
        }
        assert_eq!(
            judged("table ip t { chain input { type filter hook input priority 0; policy drop; } }")?,
            open
        );
        Ok(())
    });
}

#[test]
fn a_way_beside_the_tunnel_and_a_missing_kill_switch_are_found() {
    inside("endpoint_facts::a_way_beside_the_tunnel_and_a_missing_kill_switch_are_found", LIMIT, |lab| {
        let (pc, router, program) = (lab.host("pc")?, lab.host("router")?, Program::built()?);
        lab.cable((&pc, "eth0", &["192.0.2.2/24", "2001:db8::2/64"]), (&router, "eth0", &["192.0.2.1/24"]))?;
        pc.sh("ip route add default via 192.0.2.1")?;
        let found = || item(&pc, &program, "NET-07");
        assert_eq!(found()?, is("unknown", "why-no-tunnel-here"));
        for command in
            ["ip tuntap add hn0 mode tun", "ip addr add 10.90.0.2/32 dev hn0", "ip link set hn0 up"]
        {
            pc.sh(command)?;
        }
        assert_eq!(found()?, is("fail", "why-beside-tunnel"));
        // One half of the world is not all of it.
        pc.sh("ip route add 0.0.0.0/1 dev hn0")?;
        assert_eq!(found()?, is("fail", "why-beside-tunnel"));
        pc.sh("ip route add 128.0.0.0/1 dev hn0")?;
        assert_eq!(found()?, is("fail", "why-no-kill-switch"), "IPv6 has no way at all");
        pc.sh("ip -6 route add default dev eth0")?;
        assert_eq!(found()?, is("fail", "why-beside-tunnel"), "and now it has one");
        pc.sh("ip -6 route replace default dev hn0")?;
        let closed = "table inet t { chain output { type filter hook output priority 0; policy drop;\n\
            oifname lo accept\nmeta mark 0x686e accept\n} }";
        let judged = with(&pc, &program, "NET-07", closed)?;
        assert_eq!(judged, is("unknown", "why-other-end"));
        Ok(())
    });
}
