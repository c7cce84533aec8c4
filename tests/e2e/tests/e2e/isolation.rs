//! Company from company, room from room: closed by headquarters' nftables, also to an honest source address.

use std::time::Duration;

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Program, Result, inside};

const LIMIT: Duration = Duration::from_mins(2);

/// Whether `from` reaches `to` by ping and by TCP, over one family. The listener stands ready.
fn reaches(from: &Place, to: &Place, ipv6: bool) -> Result<(bool, bool)> {
    let address = to.node.socket(ipv6, 9001)?;
    let listener = to.host.within(move || std::net::TcpListener::bind(address))?.unwrap();
    let reached = (from.host.pings(address.ip(), 2)?, from.host.connects(address)?);
    drop(listener);
    Ok(reached)
}

#[test]
fn another_company_and_another_room_are_not_reached() {
    inside("isolation::another_company_and_another_room_are_not_reached", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        deployment.hq.admin(&["room", "add", "kofu/307", "--company", "aoba"])?;
        let a = deployment.node("a", "kofu/306", "endpoint")?;
        let mate = deployment.node("mate", "kofu/306", "endpoint")?;
        let neighbour = deployment.node("neighbour", "kofu/307", "endpoint")?;
        let b = deployment.node("b", "gujo/101", "endpoint")?;
        for ipv6 in [false, true] {
            assert_eq!(reaches(&mate, &a, ipv6)?, (true, true), "its own room");
            assert_eq!(reaches(&b, &a, ipv6)?, (false, false), "another company");
            assert_eq!(reaches(&a, &b, ipv6)?, (false, false), "another company");
            assert_eq!(reaches(&neighbour, &a, ipv6)?, (false, false), "another room of its company");
        }
        // Whoever removes the table finds it back; a moment is all that is open.
        deployment.hq.host.sh("nft delete table inet hanare_hq")?;
        hanare_lab::until("the table's return", Duration::from_secs(5), || {
            deployment.hq.host.attempt("nft list table inet hanare_hq").is_ok_and(|output| output.good())
        })?;
        assert_eq!(reaches(&b, &a, false)?, (false, false), "closed again");
        Ok(())
    });
}

#[test]
fn the_same_attack_succeeds_where_the_firewall_is_not() {
    inside("isolation::the_same_attack_succeeds_where_the_firewall_is_not", LIMIT, |lab| {
        let without = Program::at(env!("CARGO_BIN_EXE_without-firewall"))?;
        let mut deployment = Deployment::open_as(lab, &without, &[])?;
        // The firewall's verb is what turns forwarding on elsewhere.
        deployment.hq.host.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
        let a = deployment.node("a", "kofu/306", "endpoint")?;
        let b = deployment.node("b", "gujo/101", "endpoint")?;
        assert!(!deployment.hq.host.sh("nft list tables")?.stdout.contains("hanare_hq"), "no firewall");
        for ipv6 in [false, true] {
            assert_eq!(reaches(&b, &a, ipv6)?, (true, true), "from the same honest address");
        }
        Ok(())
    });
}

/// Whether a machine on headquarters' own Ethernet reaches headquarters' addresses inside the tunnel: ping and node API.
fn from_the_ethernet(deployment: &mut Deployment<'_>) -> Result<Vec<bool>> {
    let beside = deployment.place("beside")?;
    let mut reached = Vec::new();
    for (ipv6, way) in [(false, "192.0.2.1"), (true, "2001:db8::1")] {
        let api = deployment.hq.socket(ipv6, 51821)?;
        beside.host.sh(&format!("ip route add {} via {way}", api.ip()))?;
        reached.extend([beside.host.pings(api.ip(), 2)?, beside.host.connects(api)?]);
        assert!(
            beside.host.connects(std::net::SocketAddr::new(way.parse().unwrap(), 51821))?,
            "from outside"
        );
    }
    Ok(reached)
}

#[test]
fn a_machine_beside_headquarters_is_not_inside() {
    inside("isolation::a_machine_beside_headquarters_is_not_inside", LIMIT, |lab| {
        assert_eq!(from_the_ethernet(&mut Deployment::open(lab)?)?, [false; 4]);
        Ok(())
    });
}

#[test]
fn a_machine_beside_headquarters_is_inside_where_the_firewall_is_not() {
    inside("isolation::a_machine_beside_headquarters_is_inside_where_the_firewall_is_not", LIMIT, |lab| {
        let without = Program::at(env!("CARGO_BIN_EXE_without-firewall"))?;
        assert_eq!(from_the_ethernet(&mut Deployment::open_as(lab, &without, &[])?)?, [true; 4]);
        Ok(())
    });
}

#[test]
fn headquarters_outlives_an_nft_that_fails_and_opens_nothing_meanwhile() {
    let name = "isolation::headquarters_outlives_an_nft_that_fails_and_opens_nothing_meanwhile";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let a = deployment.node("a", "kofu/306", "endpoint")?;
        let b = deployment.node("b", "gujo/101", "endpoint")?;
        let host = deployment.hq.host.clone();
        let nft = host.sh("which nft")?.stdout.trim().to_owned();
        let good = host.directory().join("nft").display().to_string();
        host.sh(&format!("cp {nft} {good}"))?;
        let status = |deployment: &Deployment<'_>| {
            deployment.program.attempt(&host, &["--json", "hq", "status"], "").map(|output| {
                let firewall =
                    output.json().ok().and_then(|status| Some(status["firewall"].as_str()?.to_owned()));
                (output.code(), firewall.unwrap_or_default())
            })
        };
        let stands = |deployment: &Deployment<'_>, code: i32, firewall: &str| {
            hanare_lab::until(firewall, Duration::from_secs(15), || {
                status(deployment).is_ok_and(|found| found == (Some(code), firewall.to_owned()))
            })
        };

        // A policy that the machine does not take yet. No look at the table may be pending: one that nft cannot answer counts as a
        // table that is lost.
        std::thread::sleep(Duration::from_secs(2));
        host.sh(&format!("mount --bind /bin/false {nft}"))?;
        let file = host.directory().join("policy.toml");
        std::fs::write(&file, POLICY).unwrap();
        let apply = ["--json", "policy", "apply", &file.to_string_lossy()];
        let applied = deployment.program.attempt(&host, &apply, "")?;
        assert_eq!((applied.code(), &applied.json()?["in_force"]), (Some(7), &false.into()));
        stands(&deployment, 7, "behind")?;
        assert_eq!(reaches(&a, &b, false)?, (false, false), "not open yet");
        assert!(a.host.pings(deployment.hq.socket(false, 0)?.ip(), 2)?, "what was open still is");
        host.sh(&format!("umount {nft}"))?;
        stands(&deployment, 0, "in-force")?;
        assert_eq!(reaches(&a, &b, false)?, (false, true), "as the policy says");

        // A table that somebody removed and that cannot come back: nobody passes.
        host.sh(&format!("mount --bind /bin/false {nft}"))?;
        host.sh(&format!("{good} delete table inet hanare_hq"))?;
        stands(&deployment, 1, "lost")?;
        for ipv6 in [false, true] {
            assert_eq!(
                reaches(&b, &a, ipv6)?,
                (false, false),
                "another company, with no firewall between them"
            );
        }
        host.sh(&format!("umount {nft}"))?;
        stands(&deployment, 0, "in-force")?;
        deployment.until_it_pings(&a.host, Duration::from_secs(20))?;
        assert_eq!(reaches(&b, &a, false)?, (false, false), "closed again");

        // Edited, not removed.
        host.sh("nft insert rule inet hanare_hq across accept")?;
        hanare_lab::until("the rule's end", Duration::from_secs(5), || {
            host.sh("nft list chain inet hanare_hq across")
                .is_ok_and(|chain| !chain.stdout.contains("\t\taccept"))
        })?;
        assert_eq!(reaches(&b, &a, false)?, (false, false), "closed again");
        Ok(())
    });
}

/// Company aoba may ask midori's room for one TCP port; the other direction stays closed.
const POLICY: &str = "version = 1

[[allow]]
from = \"company:aoba\"
to = \"room:gujo/101\"
protocol = \"tcp\"
ports = [9001]
reason = \"test\"
";

#[test]
fn a_policy_opens_what_it_names_and_nothing_else() {
    inside("isolation::a_policy_opens_what_it_names_and_nothing_else", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let a = deployment.node("a", "kofu/306", "endpoint")?;
        let b = deployment.node("b", "gujo/101", "endpoint")?;
        assert_eq!(reaches(&a, &b, false)?, (false, false));
        let file = deployment.hq.host.directory().join("policy.toml");
        let path = file.to_string_lossy().into_owned();
        std::fs::write(&file, POLICY.replace("tcp", "smoke-signals")).unwrap();
        let bad = deployment.program.attempt(&deployment.hq.host, &["policy", "check", &path], "")?;
        assert_eq!(bad.code(), Some(3), "{bad:?}");
        assert!(bad.stderr.contains("policy.toml:6:"), "file, line and column: {}", bad.stderr);
        std::fs::write(&file, POLICY).unwrap();
        deployment.hq.admin(&["policy", "check", &path])?;
        let address = b.node.socket(false, 9001)?;
        let listener = b.host.within(move || std::net::TcpListener::bind(address))?.unwrap();
        assert!(!a.host.connects(address)?, "closed until the policy says otherwise");
        deployment.hq.admin(&["policy", "apply", &path])?;
        assert!(a.host.connects(address)?, "once `policy apply` has answered, the firewall has followed");
        drop(listener);
        for ipv6 in [false, true] {
            assert_eq!(reaches(&a, &b, ipv6)?, (false, true), "the named port and not ping");
            assert_eq!(reaches(&b, &a, ipv6)?, (false, false), "not the other way");
        }
        assert!(deployment.hq.admin(&["policy", "show"])?.stdout.contains("company:aoba"));
        Ok(())
    });
}
