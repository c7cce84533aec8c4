//! The shortest way from nothing to a working room.

use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Capture, Captured, Kind, inside, receive_once, send};

const LIMIT: Duration = Duration::from_mins(2);

#[test]
fn a_room_joins_headquarters_and_both_reach_each_other() {
    inside("thin_path::a_room_joins_headquarters_and_both_reach_each_other", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.node("pc", "kofu/306", "endpoint")?;
        for ipv6 in [false, true] {
            let (hq, node) = (deployment.hq.socket(ipv6, 9000)?, pc.node.socket(ipv6, 9000)?);
            assert!(pc.host.pings(hq.ip(), 3)?);
            assert!(deployment.hq.host.pings(node.ip(), 3)?);
            for (from, to, address) in
                [(&pc.host, &deployment.hq.host, hq), (&deployment.hq.host, &pc.host, node)]
            {
                let incoming = receive_once(to, address)?;
                let sent = send(from, address, 2_000_000, 5)?;
                assert!(sent.same_as(&incoming.join().unwrap()??), "to {address}");
            }
        }
        let status = deployment.hq.ask(&["hq", "status"])?;
        assert_eq!(status["schema"], "hanare.hq.status/1");
        assert_eq!((&status["nodes"]["enrolled"], &status["nodes"]["up"]), (&1.into(), &1.into()));
        Ok(())
    });
}

#[test]
fn outside_the_tunnel_there_is_nothing_but_what_belongs_there() {
    inside("thin_path::outside_the_tunnel_there_is_nothing_but_what_belongs_there", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let capture = Capture::leaving(&pc.link)?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        pc.node.up(&[])?;
        assert!(pc.host.pings(deployment.hq.socket(false, 0)?.ip(), 3)?);
        let tally = Captured::tally(&capture.stop()?, &Deployment::ports());
        let strangers: Vec<_> =
            tally.iter().filter(|(kind, _)| matches!(kind, Kind::Other(_) | Kind::Dhcp)).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        assert!(tally.contains_key(&Kind::ApiTls), "{tally:?}");
        Ok(())
    });
}
