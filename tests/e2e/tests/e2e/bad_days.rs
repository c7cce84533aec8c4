//! Bad days at headquarters: what happened, why, what to do, and the exit status that the interface promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hanare_e2e::{Deployment, Refusal, long};
use hanare_lab::{Headquarters, Host, Program, Result, inside, until};
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_mins(10);
const INIT: [&str; 6] = ["hq", "init", "--company", "aoba", "--endpoint", "192.0.2.1:51820"];

#[test]
fn headquarters_refuses_what_it_cannot_do() {
    inside("bad_days::headquarters_refuses_what_it_cannot_do", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let serve = |refusal: Refusal, more: &[&str]| {
            refusal.of(&program, &host, &[&["hq", "serve"], more].concat(), "")
        };
        serve(Refusal(3, "hq-absent"), &[])?;
        program.run(&host, &INIT)?;
        Refusal(6, "hq-exists").of(&program, &host, &INIT, "")?;
        Refusal(5, "hq-not-running").of(&program, &host, &["hq", "status"], "")?;
        // The ports are in use: WireGuard's and the API's.
        let blocker = host.within(|| std::net::UdpSocket::bind("[::]:51820"))?.unwrap();
        let said = serve(Refusal(4, "port-in-use"), &[])?;
        assert!(said["text"].as_str().unwrap().contains("51820"), "{said}");
        drop(blocker);
        let blocker = host.within(|| std::net::TcpListener::bind("[::]:51821"))?.unwrap();
        let said = serve(Refusal(4, "api-bind"), &[])?;
        assert!(said["text"].as_str().unwrap().contains("51821"), "{said}");
        drop(blocker);
        serve(Refusal(3, "interface-name"), &["--interface", "a-name-that-is-too-long"])?;
        host.sh("ip link add taken type bridge")?;
        serve(Refusal(4, "interface-taken"), &["--interface", "taken"])?;
        // The overlay is the server's own network.
        host.sh("ip link add lan type bridge")?;
        host.sh("ip address add 10.88.7.1/24 dev lan")?;
        host.sh("ip link set lan up")?;
        let said = serve(Refusal(3, "collision"), &[])?.to_string();
        assert!(said.contains("10.88.0.0/16") && said.contains("10.88.7.0/24"), "both prefixes: {said}");
        host.sh("ip link delete lan")?;
        // No TUN device.
        host.sh("mount -t tmpfs none /dev/net")?;
        serve(Refusal(4, "no-tun"), &[])?;
        host.sh("umount /dev/net")?;
        // None of this left anything behind.
        assert!(!host.attempt("ip link show hnhq0")?.good());
        assert_eq!(host.sh("nft list tables")?.stdout, "");
        let mut hq = Headquarters::open_again(&host, &program)?;
        hq.daemon.stop(Duration::from_secs(10))?;
        // The port inside the tunnel is kept, and taken, whatever --api says.
        let _blocker = host.within(|| std::net::TcpListener::bind("[::]:51821"))?.unwrap();
        let said = serve(Refusal(4, "api-inside"), &["--api", "[::]:8443"])?.to_string();
        assert!(said.contains("10.88.0.1:51821") && said.contains("inside.port"), "{said}");
        Ok(())
    });
}

#[test]
fn headquarters_listens_on_ports_that_only_root_may_take() {
    inside("bad_days::headquarters_listens_on_ports_that_only_root_may_take", LIMIT, |lab| {
        let program = Program::built()?;
        let (host, pc) = (lab.host("hq")?, lab.host("pc")?);
        lab.cable((&host, "eth0", &["192.0.2.1/24"]), (&pc, "eth0", &["192.0.2.2/24"]))?;
        let init = ["--company", "aoba", "--endpoint", "192.0.2.1:443"];
        let ports = ["--listen", "0.0.0.0:443", "--api", "0.0.0.0:444"];
        let mut hq = Headquarters::open(&host, &program, &init, &ports)?;
        hq.admin(&["room", "add", "kofu/1", "--company", "aoba"])?;
        let mut node = hanare_lab::Node::new(&pc, &program);
        node.enrol(&hq, "kofu/1", "endpoint")?;
        node.up(&[])?;
        // Whoever reads what comes from there has no privilege left, in none of its threads.
        let workers = hq.daemon.children();
        assert!(!workers.is_empty());
        for pid in workers {
            for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
                let status = std::fs::read_to_string(task.path().join("status")).unwrap();
                let sets = ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];
                let zero = sets.iter().all(|set| status.contains(&format!("{set}\t0000000000000000")));
                assert!(zero, "{status}");
            }
        }
        hq.daemon.stop(Duration::from_secs(10))?;
        // Without the privilege: why, and what to do about just that.
        let mut command = host.command("setpriv");
        command.args(["--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service"]);
        command.arg(program.path()).args(["--json", "--runtime", "/run/hanare", "--state"]);
        command.arg(host.directory().join("state")).args(["hq", "serve", "--api", "0.0.0.0:444"]);
        Refusal(4, "api-port").read(&hanare_lab::run(&mut command, "", LIMIT)?);
        Ok(())
    });
}

#[test]
fn two_headquarters_on_one_state_are_one_too_many() {
    inside("bad_days::two_headquarters_on_one_state_are_one_too_many", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let host = &deployment.hq.host;
        Refusal(4, "busy").of(&deployment.program, host, &["hq", "serve", "--interface", "hnhq1"], "")?;
        let other = ["hq", "serve", "--listen", "[::]:1", "--api", "[::]:2", "--interface", "hnhq1"];
        Refusal(4, "busy").of(&deployment.program, host, &other, "")?;
        deployment.hq.ask(&["hq", "status"])?;
        Ok(())
    });
}

/// Adds rooms without a pause until it is over; which ones were acknowledged.
fn keep_adding(
    program: &Program,
    host: &Host,
    round: u64,
    over: Arc<AtomicBool>,
) -> std::thread::JoinHandle<Vec<String>> {
    let (program, host) = (program.clone(), host.clone());
    std::thread::spawn(move || {
        let rooms = (0..).map(|number| format!("gujo/b{round}-{number}"));
        let rooms = rooms.take_while(|_| !over.load(Ordering::SeqCst));
        rooms.filter(|room| program.run(&host, &["room", "add", room, "--company", "aoba"]).is_ok()).collect()
    })
}

#[test]
fn an_acknowledged_command_survives_kill_9() {
    inside("bad_days::an_acknowledged_command_survives_kill_9", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        // An overlay with room for what is added in so many rounds.
        let init = [&INIT[2..], &["--overlay", "10.64.0.0/10"]].concat();
        let mut hq = Headquarters::open(&host, &program, &init, &[])?;
        let rounds = if long() { 200 } else { 30 };
        let (mut rooms, mut tries) = (0, 0);
        for round in 0..rounds {
            // Killed at once after an answer, and killed while commands are under way.
            let room = format!("kofu/a{round}");
            hq.admin(&["room", "add", &room, "--company", "aoba"])?;
            let mut acknowledged = vec![room];
            let over = Arc::new(AtomicBool::new(false));
            let busy = (round % 2 == 1).then(|| keep_adding(&program, &host, round, Arc::clone(&over)));
            std::thread::sleep(Duration::from_millis(if busy.is_some() { 20 + 7 * (round % 30) } else { 0 }));
            hq.daemon.kill()?;
            over.store(true, Ordering::SeqCst);
            // At once: whoever was killed may not yet be gone.
            hq.start_again()?;
            acknowledged.extend(busy.into_iter().flat_map(|busy| busy.join().unwrap()));
            tries += 1;
            let known = hq.ask(&["room", "list"])?.to_string();
            for room in &acknowledged {
                assert!(known.contains(&format!("\"{room}\"")), "{room} was acknowledged: {known}");
            }
            rooms += acknowledged.len();
        }
        hq.admin(&["ledger", "verify"]).map(drop).or_else(|_| -> Result<()> {
            // Without a key from elsewhere the best answer is 7.
            assert_eq!(program.attempt(&host, &["ledger", "verify"], "")?.code(), Some(7));
            Ok(())
        })?;
        println!(
            "measured: {tries} starts right after SIGKILL, all good; {rooms} acknowledged rooms, all there"
        );
        Ok(())
    });
}

#[test]
fn serve_starts_at_once_after_only_its_host_process_was_killed() {
    inside("bad_days::serve_starts_at_once_after_only_its_host_process_was_killed", LIMIT, |lab| {
        let program = Program::built()?;
        let host = lab.host("hq")?;
        let mut hq = Headquarters::open(&host, &program, &INIT[2..], &[])?;
        for _ in 0..30 {
            // `Daemon::kill` waits for the worker; systemd, like here, does not.
            hq.daemon.signal(Signal::KILL)?;
            hq.start_again()?;
        }
        println!("measured: 30 starts while the killed one's worker still ran, all good");
        Ok(())
    });
}

#[test]
fn a_duplicate_or_an_overlap_is_refused() {
    inside("bad_days::a_duplicate_or_an_overlap_is_refused", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let refused = |refusal: Refusal, arguments: &[&str]| {
            refusal.of(&deployment.program, &deployment.hq.host, arguments, "")
        };
        deployment.hq.admin(&["company", "add", "aoba"])?;
        deployment.hq.admin(&["company", "add", "hana", "--name", "花"])?;
        deployment.hq.admin(&["company", "add", "hana", "--name", "花"])?;
        refused(Refusal(3, "exists"), &["company", "add", "hana", "--name", "華"])?;
        deployment.hq.admin(&["room", "add", "kofu/306", "--company", "aoba"])?;
        refused(Refusal(3, "exists"), &["room", "add", "kofu/306", "--company", "midori"])?;
        let add = |room: &'static str, prefix: &'static str| {
            ["room", "add", room, "--company", "aoba", "--prefix", prefix]
        };
        deployment.hq.admin(&add("kofu/400", "10.88.200.0/24"))?;
        refused(Refusal(3, "overlap"), &add("kofu/401", "10.88.200.0/25"))?;
        refused(Refusal(3, "prefix"), &add("kofu/401", "192.168.1.0/24"))?;
        refused(Refusal(3, "missing"), &["invite", "kofu/999", "--kind", "endpoint"])?;
        refused(Refusal(3, "missing"), &["room", "add", "kofu/9", "--company", "nobody"])?;
        refused(Refusal(2, "wants-yes"), &["node", "revoke", "nobody"])?;
        refused(Refusal(3, "missing"), &["node", "revoke", "nobody", "--yes"])?;
        refused(Refusal(2, "wants-yes"), &["room", "remove", "kofu/400"])?;
        refused(Refusal(2, "wants-yes"), &["company", "remove", "hana"])?;
        refused(Refusal(2, "wants-yes"), &["office", "remove", "kofu"])?;
        for remove in [["room", "remove", "kofu/400"], ["company", "remove", "hana"]] {
            let dry = deployment.hq.ask(&[&remove[..], &["--dry-run"]].concat())?;
            assert_eq!(dry["dry_run"], true);
            deployment.hq.admin(&[&remove[..], &["--yes"]].concat())?;
        }
        Ok(())
    });
}

#[test]
fn a_policy_that_says_what_nobody_knows_is_refused_with_its_place() {
    inside("bad_days::a_policy_that_says_what_nobody_knows_is_refused_with_its_place", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let file = deployment.hq.host.directory().join("policy.toml");
        let name = file.to_string_lossy().into_owned();
        let good = "version = 1\n\n[[allow]]\nfrom = \"company:aoba\"\nto = \"hq\"\nprotocol = \"any\"\nreason = \"test\"\n";
        for (text, place) in [
            (format!("{good}colour = \"red\"\n"), ":8:"),
            (format!("{good}[defaults\n"), ":8:"),
            (good.replace("version = 1", "version = 2"), ":1:"),
            (good.replace("company:aoba", "company:nobody"), ":4:"),
        ] {
            std::fs::write(&file, &text).unwrap();
            let said = Refusal(3, "policy").of(
                &deployment.program,
                &deployment.hq.host,
                &["policy", "apply", &name],
                "",
            )?;
            let told = format!("{} {}", said["text"], said["cause"]);
            assert!(told.contains(&format!("{name}{place}")), "line {place} of {told}\n{text}");
        }
        assert_eq!(deployment.hq.ask(&["policy", "show"])?["text"], "", "nothing of it is in force");
        Ok(())
    });
}

#[test]
fn sigterm_ends_both_sides_at_once_and_cleanly() {
    inside("bad_days::sigterm_ends_both_sides_at_once_and_cleanly", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut pc = deployment.node("pc", "kofu/306", "endpoint")?;
        let status = pc.node.daemon.as_mut().unwrap().stop(Duration::from_secs(5))?;
        assert!(status.success(), "up: {status}");
        assert!(!pc.host.attempt("ip link show hn0")?.good(), "its interface is gone");
        assert!(pc.host.sh("nft list tables")?.stdout.contains("hanare"), "its kill switch is not");
        let status = deployment.hq.daemon.stop(Duration::from_secs(5))?;
        assert!(status.success(), "serve: {status}");
        until("the interface's end", Duration::from_secs(1), || {
            !deployment.hq.host.attempt("ip link show hnhq0").is_ok_and(|output| output.good())
        })?;
        Ok(())
    });
}
