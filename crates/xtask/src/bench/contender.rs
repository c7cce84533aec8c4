//! Who is measured, and how it is started.

use std::path::PathBuf;
use std::str::FromStr;

use super::release;
use crate::repository;

/// One implementation.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) name: String,
    pub(super) start: Start,
}

/// How an implementation comes to stand on two hosts. In commands `{if}` and `{peer}` stand for the interface and for the
/// other side's address and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// A WireGuard device on both, configured by wg(8).
    Device(Vec<String>),
    /// A program on both that needs no more than its command line.
    Bare(Vec<String>),
    /// Headquarters on one, a node that was invited and joined on the other.
    Deployment,
}

/// Where `bench` installs the peer that every figure is compared with.
pub(super) fn boringtun() -> PathBuf {
    repository::tools().join("bin/boringtun-cli")
}

/// The rows of every run.
pub(super) fn standard() -> Vec<Contender> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let words = |command: &[&str]| command.iter().map(|word| (*word).to_owned()).collect();
    let row = |name: &str, start| Contender { name: name.to_owned(), start };
    let device = |name: &str, command: &[&str]| row(name, Start::Device(words(command)));
    let own = path(release("hanare"));
    let ceiling = path(release("ceiling"));
    let boringtun = path(boringtun());
    vec![
        row("hanare", Start::Deployment),
        device("hanare-device", &[&own, "device", "--foreground", "{if}"]),
        row("ceiling", Start::Bare(words(&[&ceiling, "{if}", "51820", "{peer}"]))),
        // A root without a login, as in a namespace, has no user to drop to.
        device("boringtun-cli", &[&boringtun, "--foreground", "--disable-drop-privileges", "{if}"]),
        device("wireguard-go", &["wireguard-go", "--foreground", "{if}"]),
    ]
}

/// The rows with those that were given besides, `NAME=COMMAND` each: one of a name that is there takes its place.
pub(super) fn with(mut rows: Vec<Contender>, given: &[String]) -> Result<Vec<Contender>, String> {
    let mut names: Vec<String> = Vec::new();
    for text in given {
        let contender: Contender = text.parse()?;
        if names.contains(&contender.name) {
            return Err(format!("{:?} is given twice", contender.name));
        }
        names.push(contender.name.clone());
        match rows.iter_mut().find(|row| row.name == contender.name) {
            Some(row) => *row = contender,
            None => rows.push(contender),
        }
    }
    Ok(rows)
}

impl FromStr for Contender {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("{text:?} is not NAME=COMMAND");
        let (name, command) = text.split_once('=').ok_or_else(usage)?;
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if name.is_empty() || command.is_empty() {
            return Err(usage());
        }
        let command = if command.iter().any(|word| word.contains("{if}")) {
            command
        } else {
            [command, vec!["{if}".to_owned()]].concat()
        };
        Ok(Self { name: name.to_owned(), start: Start::Device(command) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_place_for_the_interface_gets_it_at_the_end() {
        let contender: Contender = "x=/bin/wg -f".parse().unwrap();
        let command = ["/bin/wg", "-f", "{if}"].map(str::to_owned).to_vec();
        assert_eq!(contender.start, Start::Device(command));
        assert!("x".parse::<Contender>().is_err());
        assert!("=y".parse::<Contender>().is_err());
    }

    #[test]
    fn two_rows_never_share_a_name() {
        let given =
            |texts: &[&str]| with(standard(), &texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let rows = given(&["boringtun-cli=/bin/wg {if}", "mine=/bin/wg"]).unwrap();
        assert_eq!(rows.len(), standard().len() + 1);
        let replaced = rows.iter().find(|row| row.name == "boringtun-cli").unwrap();
        assert_eq!(replaced.start, Start::Device(vec!["/bin/wg".to_owned(), "{if}".to_owned()]));
        assert!(given(&["a=/bin/x", "a=/bin/y"]).is_err());
    }
}
