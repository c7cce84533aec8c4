//! Enrolment on bad days: cut connections, second devices, races, and invites that are none.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hanare_e2e::{Deployment, long};
use hanare_lab::{Headquarters, Host, Lab, Output, Program, Result, inside};

const LIMIT: Duration = Duration::from_hours(2);

/// A machine's own state, so that one host can play many.
fn join(program: &Program, host: &Host, state: &str, invite: &str) -> Result<Output> {
    let directory = host.directory().join(state);
    let mut command = host.command(program.path());
    command.args(["--lang", "en", "--json", "--state"]).arg(&directory);
    command.args(["--runtime", &format!("/run/hanare/{state}"), "join", "-"]);
    hanare_lab::run(&mut command, invite, Duration::from_secs(45))
}

/// Cuts its first connection after so many bytes in one direction, and carries all others whole.
#[derive(Default)]
struct Scissors {
    connections: AtomicUsize,
    up: AtomicU64,
    down: AtomicU64,
}

fn copy(mut from: TcpStream, mut to: TcpStream, limit: u64, carried: &AtomicU64) {
    let mut left = limit;
    let mut buffer = [0u8; 4096];
    while let Ok(count) = from.read(&mut buffer) {
        let part = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        if count == 0 || to.write_all(&buffer[..part]).is_err() {
            break;
        }
        carried.fetch_add(part as u64, Ordering::SeqCst);
        left -= part as u64;
        if left == 0 {
            // A cut: both directions end at once.
            let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            return;
        }
    }
    let _gone = to.shutdown(Shutdown::Write);
}

/// Starts a proxy on `host` in front of `to`; the first connection ends after `up` bytes towards headquarters or `down` bytes back.
fn proxy(host: &Host, at: SocketAddr, to: SocketAddr, up: u64, down: u64) -> Result<Arc<Scissors>> {
    let scissors = Arc::new(Scissors::default());
    let inner = Arc::clone(&scissors);
    let listener = host.within(move || TcpListener::bind(at))?.unwrap();
    host.thread(move || {
        for client in listener.incoming().flatten() {
            let first = inner.connections.fetch_add(1, Ordering::SeqCst) == 0;
            let (up, down) = if first { (up, down) } else { (u64::MAX, u64::MAX) };
            if up == 0 || down == 0 {
                continue;
            }
            let Ok(server) = TcpStream::connect(to) else { continue };
            let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
            let (a, b) = (Arc::clone(&inner), Arc::clone(&inner));
            std::thread::spawn(move || {
                copy(client, server, up, &a.up);
            });
            std::thread::spawn(move || {
                copy(server_too, client_too, down, &b.down);
            });
        }
    })?;
    Ok(scissors)
}

/// Headquarters whose invites lead through a proxy at `192.0.2.2`, and the proxy's host.
fn behind_a_proxy(lab: &Lab) -> Result<(Headquarters, Host, Program)> {
    let program = Program::built()?;
    let segment = lab.segment("net")?;
    let (hq, pc) = (lab.host("hq")?, lab.host("pc")?);
    lab.plug(&hq, &segment, "eth0", &["192.0.2.1/24"])?;
    lab.plug(&pc, &segment, "eth0", &["192.0.2.2/24"])?;
    let hq = Headquarters::open(&hq, &program, &["--company", "aoba", "--endpoint", "192.0.2.2:51820"], &[])?;
    Ok((hq, pc, program))
}

#[test]
fn a_connection_cut_at_any_byte_does_not_burn_the_invite() {
    inside("enrolment::a_connection_cut_at_any_byte_does_not_burn_the_invite", LIMIT, |lab| {
        let (hq, pc, program) = behind_a_proxy(lab)?;
        hq.admin(&["room", "add", "kofu/1", "--company", "aoba"])?;
        let (at, to) = ("192.0.2.2:51821".parse().unwrap(), "192.0.2.1:51821".parse().unwrap());
        // One whole enrolment tells how long the two directions are.
        let whole = proxy(&pc, at, to, u64::MAX, u64::MAX)?;
        let invite = hq.invite("kofu/1", "endpoint", "whole")?;
        join(&program, &pc, "whole", &invite)?.must()?;
        let lengths = [whole.up.load(Ordering::SeqCst), whole.down.load(Ordering::SeqCst)];
        let step = if long() { 1 } else { 211 };
        let mut cuts = 0u32;
        for (direction, length) in lengths.into_iter().enumerate() {
            for offset in (0..=length).step_by(step) {
                if cuts.is_multiple_of(100) {
                    hq.admin(&["room", "add", &format!("kofu/r{cuts}"), "--company", "aoba"])?;
                }
                let port = 20_000 + u16::try_from(cuts % 40_000).unwrap();
                redirect(&pc, port)?;
                let (up, down) = if direction == 0 { (offset, u64::MAX) } else { (u64::MAX, offset) };
                proxy(&pc, SocketAddr::new("192.0.2.2".parse().unwrap(), port), to, up, down)?;
                let name = format!("n{cuts}");
                let invite = hq.invite(&format!("kofu/r{}", cuts / 100 * 100), "endpoint", &name)?;
                let output = join(&program, &pc, &name, &invite)?;
                let output = if output.good() { output } else { join(&program, &pc, &name, &invite)? };
                assert!(output.good(), "cut at {offset} of direction {direction}: {output:?}");
                cuts += 1;
            }
        }
        let enrolled = hq.ask(&["hq", "status"])?["nodes"]["enrolled"].as_u64();
        assert_eq!(enrolled, Some(u64::from(cuts) + 1), "every one exactly once");
        println!("measured: enrolment cut at {cuts} places ({lengths:?} bytes), all retried with success");
        Ok(())
    });
}

/// Sends what goes to the invite's address to this cut's own proxy.
fn redirect(host: &Host, port: u16) -> Result<()> {
    let rules = format!(
        "table ip cut\ndelete table ip cut\ntable ip cut {{ chain out {{ type nat hook output priority -100; \
         ip daddr 192.0.2.2 tcp dport 51821 redirect to :{port}; }}; }}"
    );
    host.run("nft", ["-f", "-"], &rules, Duration::from_secs(10))?.must().map(drop)
}

#[test]
fn a_second_device_is_refused_and_the_ledger_says_so() {
    inside("enrolment::a_second_device_is_refused_and_the_ledger_says_so", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let (first, second) = (deployment.place("first")?, deployment.place("second")?);
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        assert_eq!(first.node.join(&invite)?.code(), Some(0));
        assert_eq!(first.node.join(&invite)?.code(), Some(0), "the same device again is good");
        let refused = second.node.join(&invite)?;
        assert_eq!(refused.code(), Some(6), "{refused:?}");
        let ledger = deployment.hq.ask(&["ledger", "list"])?.to_string();
        assert!(ledger.contains("refus"), "{ledger}");
        let other = deployment.hq.invite("kofu/306", "endpoint", "pc-2")?;
        assert_eq!(first.node.join(&other)?.code(), Some(4), "a node that is enrolled already");
        Ok(())
    });
}

#[test]
fn one_invite_has_one_winner() {
    inside("enrolment::one_invite_has_one_winner", LIMIT, |lab| {
        let (hq, pc, program) = behind_a_proxy(lab)?;
        hq.admin(&["room", "add", "kofu/1", "--company", "aoba"])?;
        proxy(
            &pc,
            "192.0.2.2:51821".parse().unwrap(),
            "192.0.2.1:51821".parse().unwrap(),
            u64::MAX,
            u64::MAX,
        )?;
        let races = if long() { 1000 } else { 20 };
        let mut winners = 0;
        for race in 0..races {
            if race % 100 == 0 {
                hq.admin(&["room", "add", &format!("kofu/r{race}"), "--company", "aoba"])?;
            }
            let invite =
                hq.invite(&format!("kofu/r{}", race / 100 * 100), "endpoint", &format!("n{race}"))?;
            let started: Vec<_> = ["a", "b", "c"]
                .map(|racer| {
                    let (program, pc, invite) = (program.clone(), pc.clone(), invite.clone());
                    let state = format!("{racer}{race}");
                    std::thread::spawn(move || {
                        join(&program, &pc, &state, &invite).map(|output| output.code())
                    })
                })
                .into();
            let codes: Vec<_> =
                started.into_iter().map(|racer| racer.join().unwrap()).collect::<Result<_>>()?;
            let won = codes.iter().filter(|code| **code == Some(0)).count();
            assert_eq!(won, 1, "{codes:?}");
            assert!(codes.iter().all(|code| matches!(code, Some(0 | 6))), "{codes:?}");
            winners += won;
        }
        println!("measured: {races} races of three devices for one invite: {winners} winners, 0 double");
        Ok(())
    });
}

#[test]
fn an_invite_that_is_none_says_why_and_leaves_nothing() {
    inside("enrolment::an_invite_that_is_none_says_why_and_leaves_nothing", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        let invite = invite.trim();
        let mut garbled = invite.to_owned();
        let last = garbled.pop().unwrap();
        garbled.push(if last == 'a' { 'b' } else { 'a' });
        let before = pc.host.sh("ip -j address")?.stdout;
        for (text, why) in [
            (garbled.as_str(), "garbled"),
            (&invite[..invite.len() / 2], "truncated"),
            ("", "empty"),
            ("hanare1:", "only the scheme"),
            ("wireguard://192.0.2.1", "foreign"),
        ] {
            let output = pc.node.join(text)?;
            assert_eq!(output.code(), Some(3), "{why}: {output:?}");
        }
        let state = pc.host.directory().join("state");
        let left: Vec<_> =
            std::fs::read_dir(&state).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "a damaged invite leaves nothing behind: {left:?}");
        assert_eq!(pc.host.sh("ip -j address")?.stdout, before);

        let short = deployment.hq.admin(&[
            "invite",
            "kofu/306",
            "--kind",
            "endpoint",
            "--name",
            "late",
            "--expires",
            "1s",
        ])?;
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(pc.node.join(&short.stdout)?.code(), Some(6), "expired");
        assert_eq!(pc.node.join(invite)?.code(), Some(0), "the right one still works");
        Ok(())
    });
}

#[test]
fn nobody_there_is_said_after_thirty_seconds() {
    inside("enrolment::nobody_there_is_said_after_thirty_seconds", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let pc = deployment.place("pc")?;
        let invite = deployment.hq.invite("kofu/306", "endpoint", "pc")?;
        deployment.hq.daemon.stop(Duration::from_secs(10))?;
        let start = std::time::Instant::now();
        let output = pc.node.join(&invite)?;
        assert_eq!(output.code(), Some(5), "{output:?}");
        assert!((25..42).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        deployment.hq.start_again()?;
        assert_eq!(pc.node.join(&invite)?.code(), Some(0), "and the invite is as good as before");
        Ok(())
    });
}
