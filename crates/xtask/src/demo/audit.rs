//! The audit of a room's PC, with a fault planted in it that has to be found.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;

use hanare_lab::{Host, Program, Result};
use serde_json::Value;

use super::narrator::Narrator;
use super::report::Audit;
use crate::repository;

/// What nobody should offer to others: telnet's port, without telnet behind it.
const FAULT: (&str, u16) = ("tcp/23", 23);
/// The item that has to notice it.
const ITEM: &str = "DEV-06";

/// Audits the PC, with the fault in it, and keeps the page where there is a place for it.
pub(super) fn audit(program: &Program, pc: &Host, narrator: &Narrator) -> Result<Audit> {
    let listener = pc.within(|| TcpListener::bind(("0.0.0.0", FAULT.1)))?;
    let place = place(pc);
    let out = place.to_string_lossy();
    let arguments = ["--json", "audit", "run", "--view", "endpoint", "--out", &out, "--format", "json,html"];
    let report = program.attempt(pc, &arguments, "")?.json()?;
    drop(listener);
    let counts: BTreeMap<String, u64> = report
        .get("counts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(status, count)| Some((status.clone(), count.as_u64()?)))
        .collect();
    let results = report.get("results").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is = |said: &Value, name: &str, value: &str| said.get(name).and_then(Value::as_str) == Some(value);
    let found = results.iter().any(|said| {
        let words = said.get("reason").and_then(Value::as_str).unwrap_or_default().split([' ', ',', '.']);
        let names_it = words.into_iter().any(|word| word == FAULT.0);
        is(said, "id", ITEM) && is(said, "status", "fail") && names_it
    });
    let page = place.join("report.html");
    let is_kept = !page.starts_with(pc.directory()) && page.exists();
    if is_kept {
        narrator.tell("demo-audit-report", &[("path", &page.display())]);
    }
    Ok(Audit { counts, planted_found: found, page: is_kept.then_some(page) })
}

/// Beside what was built here; where that belongs to somebody else, in the laboratory, which goes with everything in it.
fn place(pc: &Host) -> PathBuf {
    let own = repository::top().join("target").join("demo");
    if std::fs::create_dir_all(&own).is_ok() && is_writable(&own) {
        own
    } else {
        pc.directory().join("report")
    }
}

fn is_writable(directory: &std::path::Path) -> bool {
    let probe = directory.join(".probe");
    let written = std::fs::write(&probe, "").is_ok();
    // If it could not be written there is none.
    let _ = std::fs::remove_file(&probe);
    written
}
