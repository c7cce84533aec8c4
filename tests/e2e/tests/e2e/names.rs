//! Name service: headquarters' resolvers while the tunnel is up, the machine's own before and after, whatever happened between.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hanare_e2e::behind::{self, NETWORKS, SERVER};
use hanare_e2e::{Deployment, Place};
use hanare_lab::{Host, Result, inside, until};

const LIMIT: Duration = Duration::from_mins(3);
/// Headquarters' own addresses with the overlay below, and its server: resolvers of both families, near and behind.
const RESOLVERS: [&str; 4] = ["10.88.0.1", "fd12:3456:789a::1", SERVER[0], SERVER[1]];
const RESOLVCONF: &str = "/usr/sbin/resolvconf";
const BEFORE: &str = "nameserver 192.0.2.53\nsearch kofu.example\n";

/// Answers every question for an IPv4 address on `at` with `answer`, as long as the laboratory stands.
fn resolver(host: &Host, at: SocketAddr, answer: [u8; 4]) -> Result<()> {
    let socket = host.within(move || UdpSocket::bind(at))?.unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Some(reply) = reply(&buffer[..length], answer) else { continue };
            let _gone = socket.send_to(&reply, from);
        }
    });
    Ok(())
}

/// RFC 1035: the question again, and for type A one answer that points at its name.
fn reply(query: &[u8], answer: [u8; 4]) -> Option<Vec<u8>> {
    let end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let question = query.get(12..end)?;
    let is_a = question[question.len() - 4..] == [0, 1, 0, 1];
    let mut reply = vec![query[0], query[1], 0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0];
    reply.extend(question);
    if is_a {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(answer);
    }
    Some(reply)
}

/// Asks one resolver directly, as any program on `host` may.
fn asks(host: &Host, server: IpAddr) -> Result<bool> {
    host.within(move || {
        let any = if server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let query =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05files\x07example\x00\x00\x01\x00\x01";
        let mut buffer = [0u8; 512];
        socket.send_to(query, (server, 53)).is_ok()
            && socket.recv(&mut buffer).is_ok_and(|length| length > query.len())
    })
}

/// As everybody reads it.
fn resolv_conf(place: &Place) -> Result<String> {
    let mode = place.host.sh("stat -L -c %A /etc/resolv.conf")?.stdout;
    assert_eq!(mode.trim().get(7..8), Some("r"), "{mode}");
    Ok(place.host.sh("cat /etc/resolv.conf")?.stdout)
}

fn servers(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect()
}

#[test]
fn headquarters_resolvers_answer_while_the_tunnel_is_up_and_the_own_ones_come_back() {
    let name = "names::headquarters_resolvers_answer_while_the_tunnel_is_up_and_the_own_ones_come_back";
    inside(name, LIMIT, |lab| {
        let list = RESOLVERS.join(",");
        let arguments = [&NETWORKS[..], &["--overlay6", "fd12:3456:789a::/48", "--dns", &list]].concat();
        let mut deployment = Deployment::open_with(lab, &arguments)?;
        // Names work although everything else behind headquarters is closed.
        let file = deployment.hq.host.directory().join("policy.toml");
        std::fs::write(&file, "version = 1\n[defaults]\nhq = \"closed\"\nnetworks = \"closed\"\n").unwrap();
        deployment.hq.admin(&["policy", "apply", &file.to_string_lossy()])?;
        let server = behind::server(&deployment)?;
        for (number, address) in (1..).zip(RESOLVERS) {
            let host = if SERVER.contains(&address) { &server } else { &deployment.hq.host };
            resolver(host, SocketAddr::new(address.parse().unwrap(), 53), [192, 168, 10, number])?;
        }
        live(&mut deployment, "pc", false)?;
        live(&mut deployment, "pc-without-resolvconf", true)
    });
}

/// Up, down, killed, up again, left. With `plain`, resolvconf(8) does not work where it is installed, so that only a mount
/// over resolv.conf is left.
fn live(deployment: &mut Deployment<'_>, name: &str, plain: bool) -> Result<()> {
    let mut pc = deployment.place(name)?;
    if plain && std::path::Path::new(RESOLVCONF).exists() {
        pc.host.sh(&format!("mount --bind /bin/false {RESOLVCONF}"))?;
    }
    pc.host.run("tee", ["/etc/resolv.conf"], BEFORE, LIMIT)?.must()?;
    pc.node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
    assert_eq!(resolv_conf(&pc)?, BEFORE);

    pc.node.up(&[])?;
    assert_eq!(servers(&resolv_conf(&pc)?), RESOLVERS);
    let found = pc.host.sh("getent ahostsv4 files.example")?.stdout;
    assert!(found.contains("192.168.10.1"), "{found}");
    for address in RESOLVERS {
        assert!(asks(&pc.host, address.parse().unwrap())?, "{address} does not answer");
    }
    let program = deployment.program.clone();
    program.run(&pc.host, &["down"])?;
    until("the own resolver after down", Duration::from_secs(5), || {
        resolv_conf(&pc).is_ok_and(|text| text == BEFORE)
    })?;

    // SIGKILL: the next start takes it back before it sets it again, and the end takes it back for good.
    for _ in 0..2 {
        pc.node.up(&[])?;
        assert_eq!(servers(&resolv_conf(&pc)?), RESOLVERS);
        if let Some(daemon) = &mut pc.node.daemon {
            daemon.kill()?;
        }
    }
    pc.node.up(&[])?;
    assert_eq!(servers(&resolv_conf(&pc)?), RESOLVERS);
    if plain {
        let mounts = pc.host.sh("cat /proc/self/mounts")?.stdout;
        assert_eq!(mounts.matches(" /etc/resolv.conf ").count(), 2, "the laboratory's, ours once: {mounts}");
    }
    if let Some(daemon) = &mut pc.node.daemon {
        daemon.stop(Duration::from_secs(5))?;
    }
    assert_eq!(resolv_conf(&pc)?, BEFORE, "after a signal");

    pc.node.up(&[])?;
    if let Some(daemon) = &mut pc.node.daemon {
        daemon.kill()?;
    }
    program.run(&pc.host, &["leave", "--yes"])?;
    assert_eq!(resolv_conf(&pc)?, BEFORE, "after SIGKILL and leave");
    Ok(())
}
