//! Headquarters is away: what people make is sealed on the room's disk, survives the machine, and comes there in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, Refusal, long};
use hanare_lab::{Result, inside, until};
use serde_json::Value;

use crate::desk::{Desk, until_held};
use crate::handover::noise;
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(6);
const SOON: Duration = Duration::from_mins(1);

impl Desk {
    fn plain(&self) -> PathBuf {
        self.place.host.directory().join("state/sealed")
    }

    fn sealed(&self) -> usize {
        items(&self.plain()).len()
    }

    fn until_sealed(&self, count: usize) -> Result<()> {
        until("that many sealed items", Duration::from_secs(30), || self.sealed() >= count).map(drop)
    }

    /// The machine loses its power: whatever ran is gone, and so is the work volume with its key.
    fn power_cut(&mut self) -> Result<()> {
        self.agent.as_mut().unwrap().kill()?;
        fs::remove_dir_all(&self.work).unwrap();
        fs::create_dir(&self.work).unwrap();
        Ok(())
    }
}

fn items(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "sealed")).collect()
}

fn status(deployment: &Deployment<'_>) -> Result<Value> {
    Ok(deployment.hq.ask(&["handover", "status"])?["companies"][0].clone())
}

#[test]
fn an_afternoon_without_headquarters_survives_a_power_cut() {
    inside("sealing::an_afternoon_without_headquarters_survives_a_power_cut", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("plan", b"one");
        until_held(&deployment, "pc", &[("plan", b"one")])?;
        let large = noise(12 << 20);
        deployment.hq.daemon.kill()?;
        desk.write("plan", b"CANARY two");
        desk.write("見積/秘密.xlsx", &large);
        desk.until_sealed(2)?;
        // It is told once a second.
        until("the count", SOON, || {
            desk.standing(&deployment).is_ok_and(|standing| standing["sealed"] == 2)
        })?;
        desk.write("plan", b"CANARY three");
        desk.until_sealed(3)?;
        // Nothing of it is in the clear on the plain disk; neither what, nor whose, nor what it is called.
        let state = desk.place.host.directory().join("state").display().to_string();
        for clear in ["CANARY", "plan", "秘密", "hanako"] {
            let found = desk.place.host.run("grep", ["-rla", clear, &state], "", Duration::from_secs(20))?;
            assert_eq!(found.stdout, "", "{clear}");
        }
        let list = deployment.program.attempt(&desk.place.host, &["--json", "wipe", "sealed", "list"], "")?;
        assert_eq!(list.json()?["sealed"], 3);
        let deliver = ["--json", "wipe", "sealed", "deliver"];
        Refusal(5, "sealed-undelivered").read(&deployment.program.attempt(&desk.place.host, &deliver, "")?);
        let leave = ["--json", "leave", "--yes"];
        Refusal(6, "sealed-waiting").read(&deployment.program.attempt(&desk.place.host, &leave, "")?);

        // The power goes, with the daemon and its session; the node alone delivers.
        desk.power_cut()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        deployment.hq.start_again()?;
        desk.place.node.up(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.start(&deployment)?;
        let expected: [(&str, &[u8]); 2] = [("plan", b"CANARY three"), ("見積/秘密.xlsx", &large)];
        until_held(&deployment, "pc", &expected)?;
        until("an empty spool", SOON, || desk.sealed() == 0)?;
        let totals = status(&deployment)?;
        assert_eq!((&totals["files"], &totals["versions"]), (&2.into(), &4.into()), "each version: {totals}");
        assert_eq!(fs::read_dir(&desk.work).unwrap().count(), 0, "a node alone gets nothing back");
        // And the person finds it in the morning.
        desk.open(&deployment, &mut hanako, false)?;
        until("the files", SOON, || {
            expected
                .iter()
                .all(|(path, bytes)| fs::read(desk.work.join(path)).is_ok_and(|read| read == *bytes))
        })?;
        Ok(())
    });
}

/// Less than half of what is free comes in, and none takes the whole rest.
#[test]
fn a_nearly_full_headquarters_takes_the_small_items_and_leaves_the_large_one_where_it_is() {
    let name =
        "sealing::a_nearly_full_headquarters_takes_the_small_items_and_leaves_the_large_one_where_it_is";
    inside(name, LIMIT, |lab| {
        let mut deployment = Deployment::open_on(lab, "96m")?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("plan", b"one");
        until_held(&deployment, "pc", &[("plan", b"one")])?;
        deployment.hq.daemon.kill()?;
        let state = deployment.hq.host.directory().join("state").display().to_string();
        let free = format!("df --output=avail -B1 {state} | tail -n1");
        let fill = format!("head -c $(( $({free}) - (24 << 20) )) /dev/zero > {state}/fill");
        deployment.hq.host.run("sh", ["-c", fill.as_str()], "", SOON)?.must()?;
        let large = noise(16 << 20);
        desk.write("film", &large);
        desk.until_sealed(1)?;
        desk.write("plan", b"two");
        desk.until_sealed(2)?;
        desk.power_cut()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        deployment.hq.start_again()?;
        desk.place.node.up(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.start(&deployment)?;
        until_held(&deployment, "pc", &[("plan", b"two")])?;
        let deliver = ["--json", "wipe", "sealed", "deliver"];
        let told = deployment.program.attempt(&desk.place.host, &deliver, "")?;
        assert_eq!((told.code(), &told.json()?["refused"]), (Some(7), &1.into()), "{told:?}");
        assert_eq!(desk.sealed(), 1, "it waits");
        deployment.hq.host.sh(&format!("rm {state}/fill"))?;
        let told = deployment.program.attempt(&desk.place.host, &deliver, "")?;
        assert!(told.status.success(), "{told:?}");
        until_held(&deployment, "pc", &[("plan", b"two"), ("film", &large)])
    });
}

#[test]
fn work_is_closed_without_a_line_and_nothing_is_lost() {
    inside("sealing::work_is_closed_without_a_line_and_nothing_is_lost", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("memo", b"one");
        until_held(&deployment, "pc", &[("memo", b"one")])?;
        deployment.hq.daemon.kill()?;
        desk.write("memo", b"a moment before");
        desk.write("last", b"the last one");
        let close = deployment.program.attempt(&desk.place.host, &["--json", "work", "close"], "")?;
        assert_eq!(close.status.code(), Some(7), "closed, and not all of it is at headquarters: {close:?}");
        assert_eq!(close.json()?["sealed"], 2, "{close:?}");
        desk.power_cut()?;
        deployment.hq.start_again()?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        // Somebody carries the items to headquarters; they are known there, and not taken twice.
        let by_hand = desk.place.host.directory().join("stick");
        fs::create_dir(&by_hand).unwrap();
        let copies = items(&desk.plain());
        assert_eq!(copies.len(), 2);
        for copy in &copies {
            fs::copy(copy, by_hand.join(copy.file_name().unwrap())).unwrap();
        }
        desk.start(&deployment)?;
        let expected: [(&str, &[u8]); 2] = [("memo", b"a moment before"), ("last", b"the last one")];
        until_held(&deployment, "pc", &expected)?;
        let versions = status(&deployment)?["versions"].clone();
        for item in items(&by_hand) {
            let told = deployment.hq.ask(&["handover", "import", &item.display().to_string()])?;
            assert_eq!(told["items"][0]["became"], "known", "{told}");
        }
        assert_eq!(status(&deployment)?["versions"], versions);
        // One bit, and it is nobody's.
        let item = items(&by_hand).remove(0);
        let mut bytes = fs::read(&item).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // Under a name of its own, or it would be known: the signature is looked at first.
        let at = bytes.windows(6).position(|window| window == b"\"id\":\"").unwrap() + 6;
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        fs::write(&item, bytes).unwrap();
        let import = ["--json", "handover", "import", &item.display().to_string()];
        let refused = deployment.program.attempt(&deployment.hq.host, &import, "")?;
        assert_eq!(refused.status.code(), Some(6), "{refused:?}");
        assert_eq!(refused.json()?["items"][0]["reason"], "signature");
        Ok(())
    });
}

/// The agent dies at random instants while somebody writes without headquarters. The truth is the writer's own list.
#[test]
fn an_agent_that_dies_at_any_instant_loses_nothing_that_was_closed_ten_seconds_before() {
    let name = "sealing::an_agent_that_dies_at_any_instant_loses_nothing_that_was_closed_ten_seconds_before";
    let limit = if long() { Duration::from_mins(30) } else { LIMIT };
    inside(name, limit, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("first", b"there is a session");
        until_held(&deployment, "pc", &[("first", b"there is a session")])?;
        deployment.hq.daemon.kill()?;
        let rounds = if long() { 20 } else { 4 };
        let mut written: BTreeMap<String, (Vec<u8>, Instant)> = BTreeMap::new();
        // From when to when an agent lived.
        let (mut lives, mut start) = (Vec::new(), Instant::now());
        for round in 0..rounds {
            // Between 5 and 21 s: before the first is sealed, in the middle of it, after it.
            let random = u64::from(u16::from_le_bytes(noise(2).try_into().unwrap()));
            let until = Instant::now() + Duration::from_millis(5000 + random / 4);
            for number in 0.. {
                if Instant::now() >= until {
                    break;
                }
                let (path, bytes) = (format!("r{round}/f{number}"), noise(1 << (number % 18)));
                desk.write(&path, &bytes);
                written.insert(path, (bytes, Instant::now()));
                std::thread::sleep(Duration::from_millis(120));
            }
            desk.agent.as_mut().unwrap().kill()?;
            lives.push((start, Instant::now()));
            if round + 1 < rounds {
                start = Instant::now();
                desk.start(&deployment)?;
            }
        }
        desk.power_cut()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        let safe: Vec<_> = written
            .iter()
            .filter(|(_, (_, at))| {
                // Closed for 10 s while one and the same agent was there.
                lives.iter().any(|(from, to)| *at.max(from) + Duration::from_secs(10) <= *to)
            })
            .map(|(path, (bytes, _))| (path.as_str(), bytes.as_slice()))
            .collect();
        deployment.hq.start_again()?;
        desk.place.node.up(&[])?;
        deployment.until_it_pings(&desk.place.host, SOON)?;
        desk.start(&deployment)?;
        until("an empty spool", Duration::from_mins(2), || desk.sealed() == 0)?;
        desk.open(&deployment, &mut hanako, false)?;
        let back: BTreeSet<&str> = {
            let missing = || {
                let is_back = |(path, bytes): &(&str, &[u8])| {
                    fs::read(desk.work.join(path)).is_ok_and(|read| read == *bytes)
                };
                safe.iter().filter(|file| !is_back(file)).map(|(path, _)| *path).collect::<BTreeSet<_>>()
            };
            let _ = until("all of it back", SOON, || missing().is_empty());
            missing()
        };
        println!(
            "measured: sealing: {} kills, {} files written, {} closed 10 s before, {} lost",
            rounds,
            written.len(),
            safe.len(),
            back.len()
        );
        assert_eq!(back, BTreeSet::new(), "lost");
        Ok(())
    });
}
