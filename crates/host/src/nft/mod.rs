//! nftables through the `nft` program and its JSON: one transaction per call, only tables that are named.

mod lists;
pub(crate) mod looks;
mod process;
pub(crate) mod rule;
pub(crate) mod tracking;

use std::time::Duration;

use serde_json::{Value, json};

use crate::deed::Deed;
use crate::error::HostError;

/// How long one run may take. A policy of 500 rules, each between two lists of prefixes of its own, takes 0.5 s here, one of
/// 2,000 8 s (see [`lists`]); a run that hangs must not hold `serve` or `up` for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// An address family of nftables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// One device, below the network layer.
    Netdev,
}

impl Family {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Netdev => "netdev",
        }
    }
}

/// Commands that take effect together or not at all.
#[derive(Debug, Default, Clone)]
pub(crate) struct Transaction {
    commands: Vec<Value>,
}

impl Transaction {
    /// Starts a table anew: what was in it goes in the same transaction.
    pub(crate) fn replace_table(&mut self, family: Family, table: &str) {
        self.table("add", family, table);
        self.table("delete", family, table);
        self.table("add", family, table);
    }

    /// Removes a table, there or not.
    pub(crate) fn remove_table(&mut self, family: Family, table: &str) {
        self.table("add", family, table);
        self.table("delete", family, table);
    }

    fn table(&mut self, verb: &str, family: Family, table: &str) {
        self.commands.push(json!({ verb: { "table": { "family": family.as_str(), "name": table } } }));
    }

    /// Adds an object (`chain`, `set`, `rule`, `element`) to a table.
    pub(crate) fn add(&mut self, kind: &str, family: Family, table: &str, mut object: Value) {
        if let Some(fields) = object.as_object_mut() {
            fields.insert("family".to_owned(), json!(family.as_str()));
            fields.insert("table".to_owned(), json!(table));
        }
        self.commands.push(json!({ "add": { kind: object } }));
    }

    /// Any other command on a set or chain.
    pub(crate) fn command(&mut self, verb: &str, kind: &str, family: Family, table: &str, name: &str) {
        self.commands
            .push(json!({ verb: { kind: { "family": family.as_str(), "table": table, "name": name } } }));
    }

    /// How many tables, chains, sets and rules it makes: what a table has that it replaces, as long as nobody else had a hand
    /// in it.
    pub(crate) fn objects(&self) -> usize {
        let made = |command: &&Value| {
            let added = command.get("add").and_then(Value::as_object);
            added.is_some_and(|added| {
                added.keys().any(|kind| ["chain", "set", "rule"].contains(&kind.as_str()))
            })
        };
        // A table is removed so that it is made anew.
        let tables = self.commands.iter().filter(|command| command.get("delete").is_some()).count();
        tables + self.commands.iter().filter(made).count()
    }

    /// Hands everything to the kernel in one step.
    pub(crate) fn commit(&self) -> Result<(), HostError> {
        let document = json!({ "nftables": self.commands });
        run(&["-j", "-f", "-"], Some(document.to_string().as_bytes())).map(drop)
    }
}

/// Hands commands in nft's own words to the kernel, in one step: for what its JSON cannot say.
pub(crate) fn script(text: &str) -> Result<(), HostError> {
    run(&["-f", "-"], Some(text.as_bytes())).map(drop)
}

/// The objects of a table as nft lists them, or `None` if there is no such table.
pub(crate) fn list(family: Family, table: &str) -> Result<Option<Vec<Value>>, HostError> {
    let text = match run(&["-j", "list", "table", family.as_str(), table], None) {
        Ok(text) => text,
        Err(HostError::Program { text, .. }) if text.contains("No such file or directory") => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    objects(&text).map(Some)
}

/// The objects of every table of this network namespace.
fn list_all() -> Result<Vec<Value>, HostError> {
    // Terse: the elements of somebody's block list are not looked at.
    objects(&run(&["-j", "-t", "list", "ruleset"], None)?)
}

fn objects(text: &[u8]) -> Result<Vec<Value>, HostError> {
    let bad = |why: &str| HostError::Program { program: "nft".to_owned(), text: why.to_owned() };
    let document: Value = serde_json::from_slice(text).map_err(|error| bad(&error.to_string()))?;
    let objects =
        document.get("nftables").and_then(Value::as_array).ok_or_else(|| bad("no list in its answer"))?;
    Ok(objects.clone())
}

fn run(arguments: &[&str], input: Option<&[u8]>) -> Result<Vec<u8>, HostError> {
    let failed = |error: &std::io::Error| HostError::io(Deed::Run.of("nft"), error);
    // A user's PATH often lacks the sbin directories.
    for program in ["nft", "/usr/sbin/nft", "/sbin/nft"] {
        let output = match process::run(program, arguments, input, PATIENCE) {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(HostError::Hangs { program: "nft".to_owned(), seconds: PATIENCE.as_secs() });
            }
            Err(error) => return Err(failed(&error)),
        };
        if output.status.success() {
            return Ok(output.stdout);
        }
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if text.contains("Operation not permitted") {
            return Err(HostError::NoNetAdmin { what: "nft".to_owned() });
        }
        return Err(HostError::Program { program: "nft".to_owned(), text });
    }
    Err(HostError::ProgramMissing { program: "nft".to_owned(), package: "nftables".to_owned() })
}
