//! The laboratory proves itself: hosts that reach each other, captures that see it, and nothing left behind.

use std::time::Duration;

use hanare_lab::{Capture, Captured, Kind, Ports, inside, receive_once, send};

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn hosts_reach_each_other_and_captures_see_it() {
    inside("hosts_reach_each_other_and_captures_see_it", LIMIT, |lab| {
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        let wire = lab.segment("wire")?;
        let link = lab.plug(&a, &wire, "eth0", &["192.0.2.1/24", "2001:db8::1/64"])?;
        lab.plug(&b, &wire, "eth0", &["192.0.2.2/24", "2001:db8::2/64"])?;
        let capture = Capture::leaving(&link)?;
        let all = Capture::everywhere(lab)?;
        a.sh("ping -c 1 -W 2 192.0.2.2")?;
        a.sh("ping -c 1 -W 2 2001:db8::2")?;
        let incoming = receive_once(&b, "[2001:db8::2]:9000".parse().unwrap())?;
        let sent = send(&a, "[2001:db8::2]:9000".parse().unwrap(), 3_000_001, 7)?;
        let received = incoming.join().unwrap()??;
        assert!(sent.same_as(&received));
        assert_eq!(received.bytes, 3_000_001);
        let tally = Captured::tally(&capture.stop()?, &Ports::default());
        let others = tally.keys().filter(|kind| matches!(kind, Kind::Other(_))).count();
        assert!(others >= 3, "ping, ping and TCP: {tally:?}");
        assert!(all.stop()?.len() > 6);
        assert_eq!(a.sh("hostname")?.stdout.trim(), "a");
        Ok(())
    });
}

#[test]
fn hosts_keep_their_own_resolver_and_sockets() {
    inside("hosts_keep_their_own_resolver_and_sockets", LIMIT, |lab| {
        let (a, b) = (lab.host("a")?, lab.host("b")?);
        a.run("tee", ["/run/hanare/x", "/etc/resolv.conf"], "nameserver 192.0.2.53\n", LIMIT)?.must()?;
        assert!(a.sh("cat /etc/resolv.conf")?.stdout.contains("192.0.2.53"));
        assert!(!b.sh("cat /etc/resolv.conf")?.stdout.contains("192.0.2.53"));
        assert!(!b.attempt("test -e /run/hanare/x")?.good());
        assert!(a.directory().join("hanare/x").exists());
        Ok(())
    });
}

#[test]
fn a_daemon_is_watched_and_stopped() {
    inside("a_daemon_is_watched_and_stopped", LIMIT, |lab| {
        let a = lab.host("a")?;
        let mut daemon =
            a.spawn("sleeper", a.command("sh").args(["-c", "echo started; sleep 100 & sleep 100"]))?;
        hanare_lab::until("its first word", LIMIT, || daemon.said().contains("started"))?;
        hanare_lab::until("its children", LIMIT, || daemon.children().len() == 2)?;
        assert!(daemon.memory() > 100_000 && daemon.peaks_of_memory().iter().sum::<u64>() >= daemon.memory());
        assert!(!daemon.stop(LIMIT)?.success());
        Ok(())
    });
}
