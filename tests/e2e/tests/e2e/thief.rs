//! A stolen PC: its key, disk and state in another machine, in the tunnel, and somebody who speaks the handover's own language
//! without the person.

use std::time::Duration;

use hanare_e2e::Deployment;
use hanare_lab::{Host, Result, inside};
use hanare_model::Secret;
use hanare_tunnel::control::Client;
use hanare_tunnel::state::NodeState;
use hanare_tunnel::{ApiError, Line};
use serde_json::{Value, json};

use crate::desk::{Desk, hex, until_held};
use crate::person::add;

const LIMIT: Duration = Duration::from_mins(4);
const WORK: &[u8] = b"CANARY of a day's work";

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
        let line = Line::new(&keys, &enrolment, &lease.lease, session)?;
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

#[test]
fn with_key_disk_and_state_but_without_the_person_no_byte_of_work_comes() {
    inside("thief::with_key_disk_and_state_but_without_the_person_no_byte_of_work_comes", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let mut hanako = add(&deployment, "hanako", "aoba")?;
        let mut desk = Desk::new(&mut deployment, "pc")?;
        desk.open(&deployment, &mut hanako, true)?;
        desk.write("secret", WORK);
        until_held(&deployment, "pc", &[("secret", WORK)])?;
        let fetch = json!({"chunks": [hex(WORK)]});
        let attempts = [("/v1/handover/browse", json!({})), ("/v1/handover/fetch", fetch)];

        // With the person's session, which is in the daemon's memory only, both bring the work: this is what is guarded.
        let socket =
            std::path::Path::new("/proc").join(desk.place.host.pid().to_string()).join("root/run/hanare");
        let today = Client::new(&socket).work_today().expect("the day");
        let session = today.open.expect("the open session").token;
        for (path, body) in &attempts {
            let answer = attempt(&desk.place.host, session.clone(), path, body)?.expect("an answer");
            let wanted: &[u8] = if path.ends_with("fetch") { WORK } else { b"secret" };
            assert!(answer.windows(wanted.len()).any(|found| found == wanted), "{path}");
        }
        assert_eq!(refusals(&deployment)?, 0);

        // The plug is pulled: nothing is said goodbye to. The disk goes into another machine, which is let into the tunnel.
        desk.agent.as_mut().unwrap().kill()?;
        desk.place.node.daemon.as_mut().unwrap().kill()?;
        let mut thief = deployment.place("thief")?;
        let (from, to) = (desk.place.host.directory().join("state"), thief.host.directory().join("state"));
        let copy = ["-aT", &from.display().to_string(), &to.display().to_string()];
        thief.host.run("cp", copy, "", Duration::from_secs(20))?.must()?;
        let found =
            thief.host.run("grep", ["-rlaF", session.expose(), &to.display().to_string()], "", LIMIT)?;
        assert_eq!(found.stdout, "", "the session is on the disk");
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
        println!("measured: {tried} attempts with the node's key, 0 bytes of work, {tried} on the ledger");
        Ok(())
    });
}
