//! Who is measured, and how it is started.

use std::path::PathBuf;
use std::str::FromStr;

use super::release;
use crate::repository;

/// One implementation.
#[derive(Debug, Clone)]
pub(super) struct Contender {
    pub(super) name: String,
    /// Program and arguments; `{if}`, `{peer}` stand for the interface and the other side's address and port.
    pub(super) command: Vec<String>,
    /// Whether it is configured by `wg setconf`.
    pub(super) has_uapi: bool,
}

/// Where `bench` installs the peer that every figure is compared with.
pub(super) fn boringtun() -> PathBuf {
    repository::tools().join("bin/boringtun-cli")
}

/// The rows of every run.
pub(super) fn standard() -> Vec<Contender> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let row = |name: &str, has_uapi: bool, command: &[&str]| Contender {
        name: name.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        has_uapi,
    };
    let own = path(release("hanare"));
    let ceiling = path(release("ceiling"));
    let boringtun = path(boringtun());
    vec![
        row("hanare-device", true, &[&own, "device", "--foreground", "{if}"]),
        row("ceiling", false, &[&ceiling, "{if}", "51820", "{peer}"]),
        // A root without a login, as in a namespace, has no user to drop to.
        row("boringtun-cli", true, &[&boringtun, "--foreground", "--disable-drop-privileges", "{if}"]),
        row("wireguard-go", true, &["wireguard-go", "--foreground", "{if}"]),
    ]
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
        Ok(Self { name: name.to_owned(), command, has_uapi: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_place_for_the_interface_gets_it_at_the_end() {
        let contender: Contender = "x=/bin/wg -f".parse().unwrap();
        assert_eq!(contender.command, ["/bin/wg", "-f", "{if}"]);
        assert!("x".parse::<Contender>().is_err());
        assert!("=y".parse::<Contender>().is_err());
    }
}
