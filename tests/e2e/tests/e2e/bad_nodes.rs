//! Bad days on a room's PC: what the machine lacks, and who is in the way.

use std::time::Duration;

use hanare_e2e::{Deployment, Refusal};
use hanare_lab::{Daemon, inside};

const LIMIT: Duration = Duration::from_mins(3);

#[test]
fn a_node_says_what_it_lacks() {
    inside("bad_nodes::a_node_says_what_it_lacks", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let (program, host) = (deployment.program.clone(), pc.host.clone());
        let up = |refusal: Refusal, more: &[&str]| refusal.of(&program, &host, &[&["up"], more].concat(), "");
        up(Refusal(4, "not-joined"), &[])?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        up(Refusal(3, "interface-name"), &["--interface", "a-name-that-is-too-long"])?;
        up(Refusal(3, "not-gateway"), &["--lan", "eth0"])?;
        // The overlay is the room's own network: nothing is closed, nothing is changed.
        host.sh("ip address add 10.88.9.2/24 dev eth0")?;
        let said = up(Refusal(3, "collision"), &[])?["text"].to_string();
        assert!(said.contains("10.88.0.0/16") && said.contains("10.88.9.0/24"), "both prefixes: {said}");
        assert_eq!(host.sh("nft list tables")?.stdout, "");
        let unlock = ["unlock", "--reason", "test", "--for", "1m"];
        Refusal(4, "node-not-running").of(&program, &host, &unlock, "")?;
        host.sh("ip address del 10.88.9.2/24 dev eth0")?;
        // Without CAP_NET_ADMIN.
        for words in [["up"].as_slice(), &["device", "--foreground", "wg9"], &["hq", "serve"]] {
            // Headquarters' state is not here: what it lacks first is the right.
            let state = if words[0] == "hq" { &deployment.hq.host } else { &host }.directory().join("state");
            let mut command = host.command("setpriv");
            command.args(["--bounding-set", "-net_admin", "--inh-caps", "-net_admin"]).arg(program.path());
            command.args(["--json", "--state"]).arg(state).args(["--runtime", "/run/hanare"]).args(words);
            Refusal(4, "no-net-admin").read(&hanare_lab::run(&mut command, "", LIMIT)?);
        }
        // No TUN device, for each of the three that want one.
        host.sh("mount -t tmpfs none /dev/net")?;
        up(Refusal(4, "no-tun"), &[])?;
        Refusal(4, "no-tun").of(&program, &host, &["device", "--foreground", "wg9"], "")?;
        host.sh("umount /dev/net")?;
        host.sh("ip link add taken type bridge")?;
        up(Refusal(4, "interface-taken"), &["--interface", "taken"])?;
        Refusal(4, "interface-taken").of(&program, &host, &["device", "--foreground", "taken"], "")?;
        Refusal(3, "interface-name").of(
            &program,
            &host,
            &["device", "--foreground", "much-too-long-a-name"],
            "",
        )?;
        assert_eq!(
            program.run(&host, &["--json", "down"])?.json()?["stopped"],
            false,
            "nothing to end is good"
        );
        Refusal(2, "wants-yes").of(&program, &host, &["leave"], "")?;

        pc.node.up(&[])?;
        // Two at once.
        up(Refusal(4, "busy"), &["--interface", "hn1"])?;
        assert!(host.pings(deployment.hq.addresses[0], 2)?, "the first one notices nothing");
        for (time, refusal) in [("31m", Refusal(3, "unlock-too-long")), ("10x", Refusal(2, "usage-value"))] {
            refusal.of(&program, &host, &["unlock", "--reason", "test", "--for", time], "")?;
        }
        Ok(())
    });
}

#[test]
fn an_interface_that_somebody_removes_ends_the_tunnel_and_is_named() {
    inside("bad_nodes::an_interface_that_somebody_removes_ends_the_tunnel_and_is_named", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let said = |daemon: &mut Daemon, name: &str| {
            let status = daemon.wait(Duration::from_secs(10))?;
            let said = daemon.said();
            assert_eq!(status.code(), Some(4), "{said}");
            assert!(said.contains(&format!("The tunnel interface {name} is gone.")), "{said}");
            Ok::<_, hanare_lab::Error>(())
        };
        pc.host.sh("ip link del hn0")?;
        said(pc.node.daemon.as_mut().unwrap(), "hn0")?;
        assert_eq!(pc.node.status()?["state"], "locked");
        deployment.hq.host.sh("ip link del hnhq0")?;
        said(&mut deployment.hq.daemon, "hnhq0")
    });
}
