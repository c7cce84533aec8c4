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
