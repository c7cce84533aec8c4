//! The audit's checks, broken one way at a time in a copy: each replaced by a pass, each with the same evidence whatever it saw,
//! each threshold off by one. Every time at least one test has to fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Options, Outcome, say};
use crate::repository;

/// What the copy is made of: the audit and what is below it.
const COPIED: [&str; 8] = [
    "Cargo.lock",
    "clippy.toml",
    "crates/audit",
    "crates/facts",
    "crates/ledger",
    "crates/model",
    "policies",
    "tests/README.md",
];
const DISPATCH: &str = "crates/audit/src/checks/mod.rs";

/// Thresholds: a file, what is there, and what is there instead.
const THRESHOLDS: [(&str, &str, &str); 16] = [
    ("checks/software.rs", "today > *end", "today >= *end"),
    ("checks/software.rs", "since(lists) <= oldest", "since(lists) < oldest"),
    ("checks/software.rs", "lists <= look.at", "lists < look.at || lists > look.at"),
    ("checks/software.rs", "*kept < wanted", "*kept <= wanted"),
    ("checks/software.rs", "as_secs() >= wanted", "as_secs() > wanted"),
    ("checks/device.rs", "max_error_microseconds >= most", "max_error_microseconds > most"),
    ("checks/device.rs", "since(at) > longest", "since(at) >= longest"),
    ("evaluate.rs", "facts.at > at", "facts.at >= at"),
    ("evaluate.rs", "since(facts.at) > longest", "since(facts.at) >= longest"),
    ("statement.rs", "at >= self.ends", "at > self.ends"),
    ("statement.rs", "statement.made <= at", "statement.made < at"),
    ("statement.rs", "|days| days > most", "|days| days >= most"),
    ("statement.rs", "|footage| footage > hours", "|footage| footage >= hours"),
    ("checks/absence.rs", "used.is_empty()", "used.len() < 2"),
    ("evaluate.rs", "seen.status != Status::Fail", "seen.status != Status::Error"),
    ("site/read.rs", "(1..=most)", "(0..=most)"),
];

/// One way of breaking something.
struct Mutation {
    name: String,
    file: PathBuf,
    text: String,
}

pub(super) fn mutations(_: &Options) -> Outcome {
    match survivors() {
        Err(why) => Outcome::Failed(why),
        Ok(survivors) if survivors.is_empty() => Outcome::Good,
        Ok(survivors) => Outcome::Failed(format!("no test noticed: {}", survivors.join(", "))),
    }
}

fn survivors() -> Result<Vec<String>, String> {
    let copy = repository::top().join("target/mutations");
    copied(&copy)?;
    if !is_green(&copy)? {
        return Err("the copy fails before anything is broken in it".to_owned());
    }
    let mutations = all(&copy)?;
    let mut survivors = Vec::new();
    for mutation in &mutations {
        let good = read(&mutation.file)?;
        write(&mutation.file, &mutation.text)?;
        let is_noticed = !is_green(&copy)?;
        write(&mutation.file, &good)?;
        say(&format!("{:<12} {}", if is_noticed { "noticed" } else { "SURVIVED" }, mutation.name));
        if !is_noticed {
            survivors.push(mutation.name.clone());
        }
    }
    say(&format!("{} of {} noticed", mutations.len().saturating_sub(survivors.len()), mutations.len()));
    Ok(survivors)
}

fn all(copy: &Path) -> Result<Vec<Mutation>, String> {
    let dispatch = copy.join(DISPATCH);
    let text = read(&dispatch)?;
    let block = text.split_once("match check {\n").and_then(|(_, rest)| rest.split_once("\n    };"));
    let (block, _) = block.ok_or_else(|| format!("{DISPATCH} has no list of checks"))?;
    let arms: Vec<String> =
        block.split("        Check::").skip(1).map(|arm| format!("        Check::{arm}")).collect();
    let mut found = Vec::new();
    for arm in &arms {
        let (pattern, call) = arm.split_once("=>").ok_or_else(|| format!("no arm: {arm}"))?;
        let name = pattern.trim();
        let call = call.trim().trim_end_matches(',');
        let constant = format!(
            "{{ let judged = {call}; look.evidence.iter_mut().for_each(|one| one.value = String::from(\"-\")); judged }}"
        );
        for (way, instead) in [("passes", "pass()".to_owned()), ("has constant evidence", constant)] {
            let text = text.replacen(arm.trim_end(), &format!("{pattern}=> {instead},"), 1);
            found.push(Mutation { name: format!("{name} {way}"), file: dispatch.clone(), text });
        }
    }
    for (file, from, to) in THRESHOLDS {
        let path = copy.join("crates/audit/src").join(file);
        let text = read(&path)?;
        if !text.contains(from) {
            return Err(format!("{file} does not hold `{from}` any more"));
        }
        found.push(Mutation { name: format!("{file}: {to}"), file: path, text: text.replacen(from, to, 1) });
    }
    Ok(found)
}

/// Whether the audit's tests pass. What does not even compile is no answer.
fn is_green(copy: &Path) -> Result<bool, String> {
    let mut command = repository::cargo();
    command
        .args(["test", "--quiet", "--offline", "--package", "hanare-audit", "--lib", "--tests"])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .stdout(Stdio::null());
    let output = command.stderr(Stdio::piped()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("could not compile") || said.contains("failed to parse") {
        return Err(format!("does not compile: {said}"));
    }
    Ok(output.status.success())
}

/// A workspace of the audit alone.
fn copied(copy: &Path) -> Result<(), String> {
    for name in COPIED {
        let (from, to) = (repository::top().join(name), copy.join(name));
        let parent = to.parent().unwrap_or(copy);
        fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
        let status = Command::new("cp").args(["-rT"]).arg(&from).arg(&to).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("{} cannot be copied", from.display()));
        }
    }
    let manifest = read(&repository::top().join("Cargo.toml"))?;
    let (before, rest) = manifest.split_once("members = [").ok_or("Cargo.toml has no members")?;
    let (_, after) = rest.split_once(']').ok_or("Cargo.toml's members do not end")?;
    let members: Vec<String> =
        COPIED.iter().filter(|name| name.starts_with("crates/")).map(|name| format!("\"{name}\"")).collect();
    write(&copy.join("Cargo.toml"), &format!("{before}members = [{}]{after}", members.join(", ")))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
