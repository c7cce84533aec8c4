//! Enrolment on bad days: cut connections, second devices, races, and invites that are none.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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

/// A proxy that cuts one connection at a byte and carries all others whole.
#[derive(Default)]
struct Scissors {
    /// Bytes that the next connection may carry towards headquarters and back; taken by that connection.
    next: Mutex<Option<(u64, u64)>>,
    up: AtomicU64,
    down: AtomicU64,
}

fn copy(mut from: TcpStream, mut to: TcpStream, limit: u64, carried: &AtomicU64) {
    let mut left = limit;
    let mut buffer = [0u8; 4096];
    while left > 0 {
        let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = match from.read(&mut buffer[..part]) {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).is_ok() => count as u64,
            Ok(_) | Err(_) => {
                let _gone = to.shutdown(Shutdown::Write);
                return;
            }
        };
        carried.fetch_add(count, Ordering::SeqCst);
        left -= count;
    }
    // The cut: both directions end at once.
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Starts a proxy on `host`, where invites lead, in front of headquarters.
fn proxy(host: &Host) -> Result<Arc<Scissors>> {
    let (at, to): (SocketAddr, SocketAddr) =
        ("192.0.2.2:51821".parse().unwrap(), "192.0.2.1:51821".parse().unwrap());
    let scissors = Arc::new(Scissors::default());
    let inner = Arc::clone(&scissors);
    let listener = host.within(move || TcpListener::bind(at))?.unwrap();
    host.thread(move || {
        for client in listener.incoming().flatten() {
            let (up, down) = inner.next.lock().unwrap().take().unwrap_or((u64::MAX, u64::MAX));
            let Ok(server) = TcpStream::connect(to) else { continue };
            let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (a, b) = (Arc::clone(&inner), Arc::clone(&inner));
            std::thread::spawn(move || copy(client, server, up, &a.up));
            std::thread::spawn(move || copy(server_too, client_too, down, &b.down));
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
        let scissors = proxy(&pc)?;
        // One whole enrolment tells how long the two directions are.
        let invite = hq.invite("kofu/1", "endpoint", "whole")?;
        join(&program, &pc, "whole", &invite)?.must()?;
        let lengths = [&scissors.up, &scissors.down].map(|bytes| bytes.load(Ordering::SeqCst));
        let step = if long() { 1 } else { 211 };
        let mut cuts = 0u32;
        for (direction, length) in lengths.into_iter().enumerate() {
            for offset in (0..=length).step_by(step) {
                if cuts.is_multiple_of(100) {
                    hq.admin(&["room", "add", &format!("kofu/r{cuts}"), "--company", "aoba"])?;
                }
                let (up, down) = if direction == 0 { (offset, u64::MAX) } else { (u64::MAX, offset) };
                let name = format!("n{cuts}");
                let invite = hq.invite(&format!("kofu/r{}", cuts / 100 * 100), "endpoint", &name)?;
                *scissors.next.lock().unwrap() = Some((up, down));
                let output = join(&program, &pc, &name, &invite)?;
                let output = if output.good() { output } else { join(&program, &pc, &name, &invite)? };
                assert!(scissors.next.lock().unwrap().is_none(), "the cut took place");
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

#[test]
fn one_invite_has_one_winner() {
    inside("enrolment::one_invite_has_one_winner", LIMIT, |lab| {
        let (hq, pc, program) = behind_a_proxy(lab)?;
        hq.admin(&["room", "add", "kofu/1", "--company", "aoba"])?;
        proxy(&pc)?;
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
