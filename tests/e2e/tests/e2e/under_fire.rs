//! The handover under fire: whatever happens at whatever instant, all that was closed for ten seconds is at headquarters in
//! the end, bit for bit. The truth is the writer's own list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use hanare_e2e::{Deployment, long};
use hanare_handover::Digest;
use hanare_handover::protocol::{Browse, Content, Entry, Fetch, frames};
use hanare_handover::store::{Owner, Store};
use hanare_lab::{Host, Random, Result, inside, until};
use hanare_model::Timestamp;

use crate::desk::{Desk, hex};
use crate::person::{Person, add};
use crate::writer::{Writer, Written};

/// How long a version may be on the way: what was closed so long before a fault has to be there.
const ON_THE_WAY: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_mins(1);
/// Headquarters' disk while it is not full.
const DISK: &str = "2g";

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// Headquarters is killed.
    Headquarters,
    /// The cable is pulled.
    Cable,
    /// The disk at headquarters is full.
    Disk,
    /// A large file changes, or another takes its place, while it is sent.
    Replaced,
    /// The agent is killed.
    Agent,
    /// The node's daemon is killed, and the person's session is gone with it.
    Node,
}

const OFTEN: [Fault; 5] = [Fault::Headquarters, Fault::Cable, Fault::Disk, Fault::Replaced, Fault::Agent];

/// What went wrong, and when.
type Suffered = Vec<(Instant, Fault)>;

struct Field<'a> {
    deployment: Deployment<'a>,
    desk: Desk,
    hanako: Person,
    random: Random,
    /// Versions of the large file that is replaced, the last one being what has to be there.
    large: Vec<Vec<u8>>,
}

impl Field<'_> {
    fn pause(&mut self, least: u64, more: u64) {
        std::thread::sleep(Duration::from_millis(least + self.random.below(more)));
    }

    fn suffer(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Headquarters => {
                self.deployment.hq.daemon.kill()?;
                self.pause(0, 1500);
                self.deployment.hq.start_again()
            }
            Fault::Cable => {
                let link = self.desk.place.link.clone();
                link.set_connected(false)?;
                self.pause(200, 3000);
                link.set_connected(true)
            }
            Fault::Disk => {
                let hq = self.deployment.hq.host.clone();
                let state = hq.directory().join("state").display().to_string();
                let full = until("a full disk", SOON, || shrink(&hq, &state).is_ok_and(|shrunk| shrunk));
                full?;
                self.pause(500, 2500);
                hq.sh(&format!("mount -o remount,size={DISK} {state}")).map(drop)
            }
            Fault::Replaced => {
                self.replace();
                Ok(())
            }
            Fault::Agent => {
                self.desk.agent.as_mut().unwrap().kill()?;
                self.pause(0, 1500);
                self.desk.start(&self.deployment)
            }
            Fault::Node => {
                self.desk.place.node.daemon.as_mut().unwrap().kill()?;
                self.pause(0, 1500);
                self.desk.place.node.up(&[])?;
                self.desk.open(&self.deployment, &mut self.hanako, false)
            }
        }
    }

    /// Writes a file of many chunks, and at some instant while it is read and sent changes its middle or its place.
    fn replace(&mut self) {
        let at = self.desk.work.join("large.db");
        let len = 6_000_000 + self.random.below(2_000_000);
        let mut bytes = self.random.bytes(usize::try_from(len).unwrap());
        fs::write(&at, &bytes).unwrap();
        // It is due after a second.
        self.pause(900, 1500);
        let with = self.random.bytes(300_000);
        if self.random.below(2) == 0 {
            let middle = usize::try_from(self.random.below(len - 300_000)).unwrap();
            let file = fs::OpenOptions::new().write(true).open(&at).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &with, middle as u64).unwrap();
            bytes[middle..middle + with.len()].copy_from_slice(&with);
        } else {
            bytes.splice(..1_000_000, with);
            fs::write(at.with_extension("neu"), &bytes).unwrap();
            fs::rename(at.with_extension("neu"), &at).unwrap();
        }
        self.large.push(bytes);
    }
}

/// Makes a disk exactly as large as what is on it; not while more is just being written to it.
fn shrink(host: &Host, disk: &str) -> Result<bool> {
    let used = host.sh(&format!("df --output=used -k {disk}"))?.stdout;
    let used = used.split_whitespace().last().unwrap_or_default();
    Ok(host.attempt(&format!("mount -o remount,size={used}k {disk}"))?.good())
}

/// Which versions have to be there: those that had stood for ten seconds when something went wrong, and all that stand now.
fn owed<'a>(written: &'a [Written], faults: &[(Instant, Fault)]) -> Vec<&'a Written> {
    let stood = |version: &Written, at: Instant| {
        version.closed + ON_THE_WAY <= at && version.ended.is_none_or(|ended| at <= ended)
    };
    written
        .iter()
        .filter(|version| version.ended.is_none() || faults.iter().any(|(at, _)| stood(version, *at)))
        .collect()
}

/// Every version of a person in headquarters' store, read with the store's own keys after headquarters has ended: the digest
/// of the bytes that come out, and where they belong.
async fn all_versions(store: &Path, from: Timestamp) -> BTreeMap<String, BTreeSet<String>> {
    let store = Store::open(store).await.unwrap();
    let owner = Owner { company: "aoba".parse().unwrap(), person: "hanako".parse().unwrap() };
    let (mut seen, mut all) = (BTreeSet::new(), BTreeMap::<String, BTreeSet<String>>::new());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for second in from.seconds()..=now.cast_signed() {
        let browse = Browse { at: Some(Timestamp::from_seconds(second)), ..Browse::default() };
        let page = store.browse(&owner, &browse).await.unwrap();
        assert_eq!(page.next, None, "more files than one page");
        for Entry { path, version, content, .. } in page.entries {
            let Content::File { chunks, size, .. } = content else { continue };
            if !seen.insert(version) {
                continue;
            }
            let mut bytes = Vec::new();
            for chunk in chunks {
                let body = store.fetch(&owner, &Fetch { chunks: vec![chunk] }).await.unwrap();
                let body = body.expect("a chunk that a version names");
                frames(body.into()).unwrap().iter().for_each(|part| bytes.extend_from_slice(part));
            }
            assert_eq!(bytes.len() as u64, size);
            let path = String::from_utf8(path.as_bytes().to_vec()).unwrap();
            all.entry(Digest::of(&bytes).to_string()).or_default().insert(path);
        }
    }
    store.close().await;
    all
}

fn seconds() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_seconds(now.as_secs().cast_signed())
}

fn fire(field: &mut Field<'_>, faults: usize) -> Result<(Vec<Written>, Suffered)> {
    let writer = Writer::start(&field.desk.work, Random::of(field.random.below(u64::MAX)));
    let mut suffered = Vec::new();
    // Something has stood for ten seconds before the first.
    std::thread::sleep(ON_THE_WAY);
    for number in 0..faults {
        field.pause(500, 5500);
        let rare = number % 20 == 10;
        let often = OFTEN[usize::try_from(field.random.below(OFTEN.len() as u64)).unwrap()];
        let fault = if rare { Fault::Node } else { often };
        suffered.push((Instant::now(), fault));
        println!("measured: fault {number} at {:?}: {fault:?}", suffered[0].0.elapsed());
        field.suffer(fault)?;
    }
    Ok((writer.end(), suffered))
}

#[test]
fn nothing_that_stood_for_ten_seconds_is_lost() {
    let faults = if long() { 200 } else { 20 };
    let limit = Duration::from_secs(240 + 15 * faults);
    inside("under_fire::nothing_that_stood_for_ten_seconds_is_lost", limit, |lab| {
        let random = Random::by_the_clock();
        println!("measured: {random:?}");
        let begun = seconds();
        let mut deployment = Deployment::open_on(lab, DISK)?;
        let hanako = add(&deployment, "hanako", "aoba")?;
        let desk = Desk::new(&mut deployment, "pc")?;
        let mut field = Field { deployment, desk, hanako, random, large: Vec::new() };
        let Field { desk, deployment, hanako, .. } = &mut field;
        desk.open(deployment, hanako, true)?;
        let faults = usize::try_from(faults).unwrap();
        let (written, suffered) = fire(&mut field, faults)?;

        // The end of the day: it says that all is handed over only when it is.
        let Field { desk, deployment, large, .. } = &mut field;
        until("all of it handed over", SOON * 2, || {
            let close = ["--json", "work", "close"];
            deployment.program.attempt(&desk.place.host, &close, "").is_ok_and(|output| output.good())
        })?;
        let totals = deployment.hq.ask(&["handover", "status"])?;
        deployment.hq.daemon.stop(Duration::from_secs(20))?;
        // That disk is mounted on that machine only.
        let (theirs, copy) =
            (deployment.hq.host.directory().join("state/work"), lab.directory().join("work"));
        deployment.hq.host.sh(&format!("cp -a {} {}", theirs.display(), copy.display()))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let there = runtime.block_on(all_versions(&copy, begun));

        let owed = owed(&written, &suffered);
        let bytes: u64 = owed.iter().map(|version| version.bytes).sum();
        let is_there = |path: &str, digest: &String| {
            there.get(digest).is_some_and(|paths| {
                let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
                paths.iter().any(|found| found == path || found.starts_with(&format!("{stem} (conflict ")))
            })
        };
        let lost: Vec<_> = owed.iter().filter(|version| !is_there(&version.path, &version.digest)).collect();
        let conflicts = there.values().flatten().filter(|path| path.contains(" (conflict ")).count();
        println!(
            "measured: {} faults, {} versions written, {} owed ({bytes} bytes), {} lost, {conflicts} beside another",
            suffered.len(),
            written.len(),
            owed.len(),
            lost.len()
        );
        println!("measured: headquarters holds {totals}");
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(owed.len() > 20 + faults / 2, "too little was at stake: {}", owed.len());
        if let Some(last) = large.last() {
            assert!(is_there("large.db", &hex(last)), "what took the place of a file on its way");
        }
        Ok(())
    });
}
