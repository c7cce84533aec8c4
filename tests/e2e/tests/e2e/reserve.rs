//! Days without a line, until the room for what waits sealed is used up: people are told, work stops, and what is lost beyond that
//! is counted and said, to them and at headquarters.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Lab, Result, inside, until};
use serde_json::Value;

use crate::desk::hex;
use crate::handover::noise;
use crate::kept_desk::{Desk, LIMIT, PASSWORD, SOON, WORK, alone};
use crate::person::add;

impl Desk {
    fn standing(&self) -> Result<Value> {
        Ok(self.ask(&["work", "status"])?["handover"].clone())
    }

    fn until_it_stands(&self, what: &str, good: impl Fn(&Value) -> bool) -> Result<()> {
        let became = until(what, SOON, || self.standing().is_ok_and(|standing| good(&standing)));
        assert!(became.is_ok(), "{what}: {} {}", self.standing()?, self.agent.as_ref().unwrap().said());
        Ok(())
    }

    /// Writes a file as a person does; whether they could.
    fn save(&self, name: &str, bytes: &[u8]) -> Result<bool> {
        let path = self.place.host.directory().join("draft");
        std::fs::write(&path, bytes).unwrap();
        let copy = format!("cat {} > {WORK}/{name}", path.display());
        let saved = self.place.host.run("sh", ["-c", &copy], "", SOON)?;
        assert!(saved.status.success() || saved.stderr.contains("Read-only"), "{}", saved.stderr);
        Ok(saved.status.success())
    }

    fn sentence(&self, language: &str) -> Result<String> {
        let words = ["--lang", language, "work", "status"];
        Ok(self.program.attempt(&self.place.host, &words, "")?.stdout)
    }
}

fn until_at_headquarters(deployment: &Deployment<'_>, expected: &[(String, Vec<u8>)]) -> Result<()> {
    let mut wanted: Vec<_> = expected.iter().map(|(path, bytes)| (path.clone(), hex(bytes))).collect();
    wanted.sort();
    let held = || crate::desk::held(deployment, "pc");
    let came = until("all of it at headquarters", SOON, || held().is_ok_and(|held| held == wanted));
    assert!(came.is_ok(), "{:?} instead of {wanted:?}", held()?);
    Ok(())
}

#[test]
fn a_week_without_a_line_warns_stops_work_and_is_delivered_afterwards() {
    let _alone = alone();
    let name = "reserve::a_week_without_a_line_warns_stops_work_and_is_delivered_afterwards";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "")?.with_reserve("1M")?;
        desk.first(&mut hanako)?;
        let mut written = vec![("plan".to_owned(), noise(1000))];
        assert!(desk.save("plan", &written[0].1)?);
        until_at_headquarters(&deployment, &written)?;
        deployment.hq.daemon.kill()?;

        let write = |written: &mut Vec<(String, Vec<u8>)>, count: usize| -> Result<()> {
            for _ in 0..count {
                let file = (format!("file-{}", written.len()), noise(100_000));
                assert!(desk.save(&file.0, &file.1)?, "{}", desk.standing()?);
                written.push(file);
            }
            Ok(())
        };
        write(&mut written, 4)?;
        desk.until_it_stands("four are sealed", |standing| standing["sealed"] == 4)?;
        assert_eq!(
            (&desk.standing()?["reserve"], &desk.standing()?["frozen"]),
            (&"calm".into(), &false.into())
        );
        write(&mut written, 4)?;
        desk.until_it_stands("a warning", |standing| standing["reserve"] == "warn")?;
        write(&mut written, 3)?;
        desk.until_it_stands("the end of the room", |standing| {
            standing["reserve"] == "full" && standing["frozen"] == true && standing["exposed"] == 0
        })?;
        assert!(!desk.save("one-more", b"too late")?, "work can still be changed");
        // What is there can be read, programs go on elsewhere, and it is said what is to be done.
        assert_eq!(
            desk.shell("cat file-3 | wc -c; echo x > /tmp/elsewhere && cat /tmp/elsewhere")?.trim(),
            "100000\nx"
        );
        let (english, japanese) = (desk.sentence("en")?, desk.sentence("ja")?);
        assert!(english.contains("used up") && english.contains("Nothing is lost"), "{english}");
        assert!(
            japanese.contains("使い切りました") && japanese.contains("失われたものはありません"),
            "{japanese}"
        );
        assert!(desk.agent.as_ref().unwrap().said().contains("level=Full"));
        // Whoever kills the agent meanwhile gets no more room.
        desk.agent.as_mut().unwrap().kill()?;
        desk.start(|_| {})?;
        desk.until_it_stands("work stopped again", |standing| standing["frozen"] == true)?;
        assert!(!desk.save("one-more", b"too late")?);

        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.until_it_stands("room again", |standing| {
            standing["reserve"] == "calm" && standing["frozen"] == false
        })?;
        let last = ("after the week".to_owned(), noise(10));
        assert!(desk.save("'after the week'", &last.1)?);
        written.push(last);
        until_at_headquarters(&deployment, &written)?;
        desk.ask(&["work", "close"])?;
        desk.until_locked("log-out")
    });
}

/// Has a file open all day, writes to it, and saves much when it is asked to end.
fn hoarder(desk: &Desk) -> Child {
    let script = format!(
        "cd {WORK}; trap 'head -c 600000 /dev/urandom > saved; exit 0' TERM; exec 3> log; \
         while :; do echo line >&3; sleep 0.1; done"
    );
    let mut command = desk.place.host.command("sh");
    command.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a program in the volume")
}

#[test]
fn beyond_the_hard_limit_the_wipe_wins_and_what_is_lost_is_counted_and_said() {
    let _alone = alone();
    let name = "reserve::beyond_the_hard_limit_the_wipe_wins_and_what_is_lost_is_counted_and_said";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "")?.with_reserve("300K")?;
        desk.first(&mut hanako)?;
        let mut child = hoarder(&desk);
        let outcome = (|| -> Result<()> {
            let first = vec![("first".to_owned(), b"there is a session".to_vec())];
            assert!(desk.save("first", &first[0].1)?);
            until_at_headquarters(&deployment, &first)?;
            deployment.hq.daemon.kill()?;
            let file = noise(320_000);
            assert!(desk.save("large", &file)?);
            desk.until_it_stands("the end of the room", |standing| standing["frozen"] == true)?;
            // What the kernel does not take from a writer, it gets later.
            let stat = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
            until("the writer stopped", SOON, || stat().contains(") T "))?;

            desk.ask(&["work", "close"])?;
            desk.until_it_stands("the end", |standing| standing["last"]["end"]["lost"].as_u64() > Some(0))?;
            let lost = desk.standing()?["last"]["end"]["lost"].as_u64();
            println!("measured: reserve: {lost:?} lost beyond the hard limit");
            let receipts = desk.ask(&["wipe", "receipt", "list"])?;
            let path = receipts["receipts"][0]["path"].as_str().unwrap().to_owned();
            let receipt = desk.ask(&["wipe", "receipt", "show", &path])?;
            assert_eq!(receipt["receipt"]["outcome"]["lost"].as_u64(), lost, "{receipt}");
            assert!(desk.sentence("en")?.contains("are lost"), "{}", desk.sentence("en")?);
            assert!(desk.sentence("ja")?.contains("失われました"), "{}", desk.sentence("ja")?);

            deployment.hq.start_again()?;
            deployment.until_it_pings(&desk.place.host, SOON)?;
            until("headquarters knows", SOON, || {
                let shown = deployment.hq.ask(&["node", "show", "pc"]);
                shown.is_ok_and(|shown| shown["wipes"]["counts"]["lost"].as_u64() == lost)
            })?;
            desk.until_it_stands("what was sealed is delivered", |standing| standing["sealed"] == 0)?;
            let code = hanako.phone.code();
            desk.open(&["hanako", PASSWORD, &code])?;
            let back = || desk.shell("wc -c < large");
            until("what was sealed", SOON, || back().is_ok_and(|said| said.trim() == "320000"))?;
            desk.ask(&["work", "close"]).map(drop)
        })();
        let _ = child.kill();
        let _ = child.wait();
        outcome
    });
}

#[test]
fn whoever_kills_the_agent_or_floods_it_with_wishes_stops_no_handover_and_no_end() {
    let _alone = alone();
    let name = "reserve::whoever_kills_the_agent_or_floods_it_with_wishes_stops_no_handover_and_no_end";
    inside(name, LIMIT, |lab: &Lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "")?;
        desk.first(&mut hanako)?;
        assert!(desk.save("before", b"one")?);
        let mut written = vec![("before".to_owned(), b"one".to_vec())];
        until_at_headquarters(&deployment, &written)?;
        // The agent dies, and its successor goes on with the session that is still open.
        desk.agent.as_mut().unwrap().kill()?;
        desk.start(|_| {})?;
        assert!(desk.save("after", b"two")?);
        written.push(("after".to_owned(), b"two".to_vec()));
        until_at_headquarters(&deployment, &written)?;
        // Without any session what is made is sealed.
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        desk.agent.as_mut().unwrap().kill()?;
        desk.start(|_| {})?;
        assert!(desk.save("alone", b"three")?);
        desk.until_it_stands("a sealed item", |standing| standing["sealed"] == 1)?;
        desk.place.node.up(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        let code = hanako.phone.code();
        desk.open(&["hanako", PASSWORD, &code])?;
        written.push(("alone".to_owned(), b"three".to_vec()));
        until_at_headquarters(&deployment, &written)?;

        // Anybody on the machine may ask for the handover of all, as often as they like.
        let socket = format!("/proc/{}/root/run/hanare/agent.sock", desk.agent.as_ref().unwrap().pid());
        let over = Arc::new(AtomicBool::new(false));
        let flood = || {
            let (socket, over) = (socket.clone(), Arc::clone(&over));
            std::thread::spawn(move || {
                let mut asked = 0u64;
                while !over.load(Ordering::Relaxed) {
                    if let Ok(mut stream) = UnixStream::connect(&socket) {
                        let _ = stream.write_all(b"{\"verb\":\"finish\"}\n");
                        asked += u64::from(stream.read(&mut [0]).is_ok_and(|read| read == 1));
                    }
                }
                asked
            })
        };
        let flooding: Vec<_> = (0..6).map(|_| flood()).collect();
        std::thread::sleep(Duration::from_secs(2));
        let ended = (|| -> Result<()> {
            deployment.hq.ask(&["node", "end-day", "pc", "--reason", "typhoon", "--yes"])?;
            desk.until_locked("headquarters")
        })();
        over.store(true, Ordering::Relaxed);
        let asked: u64 = flooding.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(asked > 0, "nobody was answered");
        ended
    });
}
