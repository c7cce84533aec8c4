//! What `down` and `leave` say is done is done when they say it: nothing here waits.

use std::time::Duration;

use hanare_e2e::behind::NETWORKS;
use hanare_e2e::{Deployment, Place, Room};
use hanare_lab::{Host, Node, Program, Result, inside, until};

use crate::undo::machine;

const LIMIT: Duration = Duration::from_mins(5);

fn detach(program: &Program, place: &Place, more: &[&str]) -> Result<()> {
    program.attempt(&place.host, &[&["up", "--detach"], more].concat(), "")?.must().map(drop)
}

/// The two sockets of a running tunnel, as far as somebody answers at them or `wg` would show them.
fn sockets(place: &Place) -> Result<Vec<String>> {
    let listening = place.host.sh("ss -Hxl")?.stdout;
    let ours =
        listening.split_whitespace().filter(|word| word.contains("/run/hanare") || word.contains("hn0"));
    let shown = place.host.sh("ls /run/wireguard")?.stdout;
    Ok(ours.chain(shown.split_whitespace()).map(str::to_owned).collect())
}

/// Waits until a cable that was just plugged in is what it will be.
fn settle(host: &Host, device: &str) -> Result<()> {
    until("a link-local address", Duration::from_secs(5), || {
        host.sh(&format!("ip -6 address show {device}")).is_ok_and(|said| said.stdout.contains("fe80:"))
    })
    .map(drop)
}

/// The machine without the firewall's rules, of which the kill switch stays.
fn machine_but_firewall(host: &Host) -> Result<String> {
    let whole = machine(host)?;
    Ok(whole.lines().filter(|line| !line.starts_with("{\"nftables\"")).collect::<Vec<_>>().join("\n"))
}

fn assert_same(what: &str, before: &str, after: &str) {
    let changed: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert!(before == after, "{what}: {changed:#?}");
}

#[test]
fn down_is_down_when_it_says_so() {
    inside("ending::down_is_down_when_it_says_so", LIMIT, |lab| {
        let mut deployment =
            Deployment::open_with(lab, &[&NETWORKS[..], &["--dns", "192.168.10.5"]].concat())?;
        let mut pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        settle(&pc.host, "eth0")?;
        let before = machine_but_firewall(&pc.host)?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        let mut tables = None;
        for round in 0..10 {
            detach(&program, &pc, &[])?;
            assert_ne!(machine_but_firewall(&pc.host)?, before, "something to take back");
            program.run(&pc.host, &["down"])?;
            assert_same(&format!("round {round}"), &before, &machine_but_firewall(&pc.host)?);
            let now = pc.host.sh("nft list tables")?.stdout;
            assert!(now.contains("hanare"), "the kill switch stays");
            assert_eq!(*tables.get_or_insert_with(|| now.clone()), now);
            assert_eq!(sockets(&pc)?, [""; 0]);
        }
        println!(
            "measured: down | 10 rounds of up, down | the machine was as before each time, without any wait"
        );
        Ok(())
    });
}

#[test]
fn leave_is_over_when_it_says_so() {
    inside("ending::leave_is_over_when_it_says_so", LIMIT, |lab| {
        let mut deployment =
            Deployment::open_with(lab, &[&NETWORKS[..], &["--dns", "192.168.10.5"]].concat())?;
        let room = Room::build(&mut deployment, "kofu/306", "gw")?;
        let pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        for (mut place, kind, more) in
            [(pc, "endpoint", &[][..]), (room.gateway, "gateway", &["--lan", "eth1"])]
        {
            let devices: &[&str] = if kind == "gateway" { &["eth0", "eth1"] } else { &["eth0"] };
            for device in devices {
                settle(&place.host, device)?;
            }
            let before = machine(&place.host)?;
            for round in 0..3 {
                // At once after the last `leave`.
                let name = format!("{kind}-{round}");
                place.node = Node::new(&place.host, &program);
                place.node.join(&deployment.hq.invite("kofu/306", kind, &name)?)?.must()?;
                detach(&program, &place, more)?;
                place.node.wait_for("up", Duration::from_secs(20))?;
                assert_ne!(sockets(&place)?, [""; 0]);
                let left = program.run(&place.host, &["--json", "leave", "--yes"])?.json()?;
                assert_same(&name, &before, &machine(&place.host)?);
                assert_eq!(sockets(&place)?, [""; 0]);
                assert_eq!(left["headquarters_told"], true);
            }
        }
        Ok(())
    });
}

#[test]
fn down_waits_for_an_end_that_somebody_else_asked_for() {
    inside("ending::down_waits_for_an_end_that_somebody_else_asked_for", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        settle(&pc.host, "eth0")?;
        let before = machine_but_firewall(&pc.host)?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        for round in 0..5 {
            // As the end begins, and as a second one of two: the socket is gone long before the process.
            let first = program.attempt(&pc.host, &["--json", "up", "--detach"], "")?.must()?.json()?;
            pc.host.sh(&format!("kill -TERM {}", first["pid"]))?;
            program.run(&pc.host, &["down"])?;
            assert_same(&format!("told by a signal, {round}"), &before, &machine_but_firewall(&pc.host)?);
            detach(&program, &pc, &[])?;
            let one = std::thread::scope(|scope| {
                let one = scope.spawn(|| program.run(&pc.host, &["down"]).map(drop));
                std::thread::sleep(Duration::from_millis(20 * round));
                program.run(&pc.host, &["down"])?;
                assert_same(&format!("told twice, {round}"), &before, &machine_but_firewall(&pc.host)?);
                one.join().unwrap()
            });
            one?;
        }
        // `leave` as well.
        let last = program.attempt(&pc.host, &["--json", "up", "--detach"], "")?.must()?.json()?;
        pc.host.sh(&format!("kill -TERM {}", last["pid"]))?;
        program.run(&pc.host, &["leave", "--yes"])?;
        assert_same("left", &before, &machine_but_firewall(&pc.host)?);
        Ok(())
    });
}

#[test]
fn down_does_not_say_stopped_while_a_change_stays() {
    inside("ending::down_does_not_say_stopped_while_a_change_stays", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        settle(&pc.host, "eth0")?;
        let before = machine_but_firewall(&pc.host)?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        detach(&program, &pc, &[])?;
        // Settings cannot be written back.
        pc.host.sh("mount --bind /proc/sys /proc/sys")?;
        pc.host.sh("mount -o remount,bind,ro /proc/sys")?;
        let refused = program.attempt(&pc.host, &["down"], "")?;
        assert_eq!(refused.code(), Some(7), "{refused:?}");
        assert!(
            refused.stderr.contains("undo.jsonl") && !refused.stderr.contains("is stopped"),
            "{refused:?}"
        );
        assert_ne!(machine_but_firewall(&pc.host)?, before);
        pc.host.sh("umount /proc/sys")?;
        let said = program.attempt(&pc.host, &["--json", "down"], "")?.must()?.json()?;
        assert_eq!(said["stopped"], false, "the tunnel had ended; its changes had not");
        assert_same("the cause removed", &before, &machine_but_firewall(&pc.host)?);
        Ok(())
    });
}

#[test]
fn down_names_a_host_process_that_hangs_and_the_machine_comes_back_with_it() {
    let name = "ending::down_names_a_host_process_that_hangs_and_the_machine_comes_back_with_it";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.place("pc")?;
        let program = deployment.program.clone();
        settle(&pc.host, "eth0")?;
        let before = machine_but_firewall(&pc.host)?;
        pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
        for is_killed in [false, true] {
            let up = program.attempt(&pc.host, &["--json", "up", "--detach"], "")?.must()?.json()?;
            let pid = up["pid"].to_string();
            pc.host.sh(&format!("kill -STOP {pid}"))?;
            let refused = program.attempt(&pc.host, &["--json", "down"], "")?;
            hanare_e2e::Refusal(5, "still-ending").read(&refused);
            assert!(refused.stdout.contains(&pid), "{refused:?}");
            // As it says.
            if is_killed {
                pc.host.sh(&format!("kill -KILL {pid}"))?;
            } else {
                pc.host.sh(&format!("kill -CONT {pid}"))?;
            }
            program.run(&pc.host, &["down"])?;
            assert_same(&format!("killed: {is_killed}"), &before, &machine_but_firewall(&pc.host)?);
        }
        Ok(())
    });
}
