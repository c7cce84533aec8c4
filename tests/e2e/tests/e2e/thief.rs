//! A stolen PC: its key, disk and state in another machine, in the tunnel, and somebody who speaks the handover's own language
//! without the person.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Host, Result, inside, until};
use hanare_model::Secret;
use hanare_tunnel::control::Client;
use hanare_tunnel::state::NodeState;
use hanare_tunnel::{ApiError, Line};
use serde_json::{Value, json};

use crate::desk::{Desk, hex, until_held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(4);
const WORK: &[u8] = b"CANARY of a day's work";
const NAME: &str = "見積/plan-secret.txt";
/// Written while headquarters is away.
const LATER: &[u8] = b"CANARY of an afternoon without a line";
const LATER_NAME: &str = "見積/later-secret.txt";

/// What headquarters answers to whoever has the state directory of `host` and says that this is the person's session.
fn attempt(
    host: &Host,
    session: Secret,
    path: &'static str,
    body: &Value,
) -> Result<std::result::Result<Vec<u8>, ApiError>> {
    let (state, body) = (host.directory().join("state"), body.to_string());
    host.within(move || {
        let state = NodeState::new(&state);
        let keys = state.keys().unwrap().unwrap();
        let enrolment = state.enrolment().unwrap().unwrap();
        let lease = state.lease().unwrap().unwrap();
        let line = Line::new(&keys, &enrolment, &lease.lease, Some(session))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(line.exchange(path, body.into(), 8 << 20))?;
        Ok(answer.to_vec())
    })
}

fn refusals(deployment: &Deployment<'_>) -> Result<usize> {
    let ledger = deployment.hq.ask(&["ledger", "list"])?;
    let records = ledger["records"].as_array().cloned().unwrap_or_default();
    Ok(records.iter().filter(|record| record.to_string().contains("no-session")).count())
}

/// How often each of these is on a disk, in the contents of files and in their names.
fn found<'a>(disk: &Path, wanted: &[&'a [u8]]) -> BTreeMap<&'a [u8], usize> {
    let mut counts: BTreeMap<&[u8], usize> = wanted.iter().map(|wanted| (*wanted, 0)).collect();
    let mut folders = vec![disk.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
            let kind = entry.file_type().unwrap();
            let mut texts = vec![entry.file_name().into_vec()];
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                texts.push(fs::read(entry.path()).unwrap());
            }
            for (wanted, count) in &mut counts {
                let is_there = |text: &Vec<u8>| text.windows(wanted.len()).any(|part| part == *wanted);
                *count += texts.iter().filter(|text| is_there(text)).count();
            }
        }
    }
    counts
}

/// What was found, and how often.
fn hits(counts: &BTreeMap<&[u8], usize>) -> Vec<String> {
    let hits = counts.iter().filter(|(_, count)| **count > 0);
    hits.map(|(text, count)| format!("{} ({count})", String::from_utf8_lossy(text))).collect()
}

/// What the machine's disk holds when the plug is pulled: everything but the work volume, whose key was in memory.
fn steal(desk: &Desk, to: &Path) -> Result<()> {
    let from = desk.place.host.directory();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        // Its own /run is memory.
        let memory = ["work", "hanare", "wireguard", "resolvconf"];
        if !memory.iter().any(|name| entry.file_name() == *name) {
            let copy = ["-a".into(), entry.path().into_os_string(), to.as_os_str().to_owned()];
            desk.place.host.run("cp", copy, "", Duration::from_secs(20))?.must()?;
        }
    }
    Ok(())
}

#[test]
fn with_key_disk_and_state_but_without_the_person_no_byte_of_work_comes() {
    inside("thief::with_key_disk_and_state_but_without_the_person_no_byte_of_work_comes", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write(NAME, WORK);
        until_held(&deployment, "pc", &[(NAME, WORK)])?;
        let fetch = json!({"chunks": [hex(WORK)]});
        let attempts = [("/v1/handover/browse", json!({})), ("/v1/handover/fetch", fetch)];

        // With the person's session, which is in the daemon's memory only, both bring the work: this is what is guarded.
        let socket = Path::new("/proc").join(desk.place.host.pid().to_string()).join("root/run/hanare");
        let open = Client::new(&socket).work_today().expect("a daemon").open;
        let session = open.expect("the open session").token;
        for (path, body) in &attempts {
            let answer = attempt(&desk.place.host, session.clone(), path, body)?.expect("an answer");
            let wanted: &[u8] = if path.ends_with("fetch") { WORK } else { NAME.as_bytes() };
            assert!(answer.windows(wanted.len()).any(|found| found == wanted), "{path}");
        }
        assert_eq!(refusals(&deployment)?, 0);

        // Headquarters is away, and what she writes lies sealed on the plain disk.
        deployment.hq.daemon.kill()?;
        desk.write(LATER_NAME, LATER);
        let spool = desk.place.host.directory().join("state/sealed");
        let sealed = |spool: &Path| -> Vec<PathBuf> {
            let files = fs::read_dir(spool).into_iter().flatten().flatten().map(|entry| entry.path());
            files.filter(|path| path.extension().is_some_and(|ending| ending == "sealed")).collect()
        };
        until("a sealed item", Duration::from_secs(30), || !sealed(&spool).is_empty())?;

        // The plug is pulled: nothing is said goodbye to. The disk goes into another machine, which is let into the tunnel.
        desk.agent.as_mut().unwrap().kill()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        let mut thief = deployment.place("thief")?;
        let stolen = thief.host.directory().join("disk");
        fs::create_dir(&stolen).unwrap();
        steal(&desk, &stolen)?;
        let items = sealed(&stolen.join("state/sealed"));
        assert_eq!(items.len(), 1, "{items:?}");
        // Neither what she wrote, nor what it is called, nor what would open it; and nothing that is kept says who she is. The
        // system's log may: it names whose work was opened and closed, for as long as logs are kept.
        let names = [NAME, "plan-secret", LATER_NAME, "later-secret", "見積"].map(str::as_bytes);
        let (token, kept) = (session.expose().as_bytes(), stolen.join("state"));
        let nowhere = [&names[..], &[WORK, LATER, token]].concat();
        let not_kept = [&nowhere[..], &[&b"hanako"[..], "山田".as_bytes()]].concat();
        assert_eq!(hits(&found(&stolen, &nowhere)), [""; 0], "on the stolen disk");
        assert_eq!(hits(&found(&kept, &not_kept)), [""; 0], "in the stolen state");
        // The same search finds each of them where it is: in the middle of a file, and as the name of one.
        let planted = kept.join("planted");
        fs::create_dir(&planted).unwrap();
        for text in &not_kept {
            fs::write(planted.join("file"), [&[0; 5000][..], text, &[0xff; 70]].concat()).unwrap();
            let one = found(&kept, &[text]);
            assert_eq!(one.into_values().collect::<Vec<_>>(), [1], "{}", String::from_utf8_lossy(text));
        }
        fs::remove_file(planted.join("file")).unwrap();
        for name in names.iter().filter(|name| !name.contains(&b'/')) {
            fs::write(planted.join(OsStr::from_bytes(name)), "").unwrap();
            assert_eq!(hits(&found(&stolen, &[name])).len(), 1);
        }
        fs::remove_dir_all(&planted).unwrap();

        let state = thief.host.directory().join("state");
        let copy = ["-aT".into(), kept.into_os_string(), state.into_os_string()];
        thief.host.run("cp", copy, "", Duration::from_secs(20))?.must()?;
        deployment.hq.start_again()?;
        thief.node.up(&[])?;
        let mut tried = 0;
        for invented in [String::new(), "0".repeat(64), "hanako".to_owned()] {
            for (path, body) in &attempts {
                let answer = attempt(&thief.host, Secret::new(invented.clone()), path, body)?;
                assert!(matches!(answer, Err(ApiError::Refused(_))), "{path}: {answer:?}");
                tried += 1;
            }
        }
        assert_eq!(refusals(&deployment)?, tried, "each attempt is on the ledger");
        // What was searched was her work: with the key it can be delivered, and headquarters reads it.
        deployment.program.run(&thief.host, &["wipe", "sealed", "deliver"])?;
        until_held(&deployment, "pc", &[(NAME, WORK), (LATER_NAME, LATER)])?;
        println!(
            "measured: {tried} attempts with the node's key, 0 bytes of work, {tried} on the ledger; {} texts searched on the \
             stolen disk with a sealed item on it, 0 found",
            not_kept.len()
        );
        Ok(())
    });
}
