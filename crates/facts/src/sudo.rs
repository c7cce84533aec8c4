//! sudo's rules that ask for no password, its includes followed.

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::Root;

pub(crate) const FILE: &str = "/etc/sudoers";
const PROGRAMS: [&str; 3] = ["/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"];
/// sudo itself stops at 128; no honest configuration is near.
const DEPTH: usize = 16;
const MAX_RULES: usize = 256;

/// A place where sudo asks for no password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SudoRule {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// How.
    pub way: SudoWay,
}

/// How sudo is told to ask for no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SudoWay {
    /// `NOPASSWD:`.
    Nopasswd,
    /// `!authenticate`, which is the same.
    NoAuthenticate,
}

pub(crate) fn rules(root: &Root) -> Result<Vec<SudoRule>, Gap> {
    let mut rules = Vec::new();
    match file(root, FILE, DEPTH, &mut rules) {
        // Without the program there is nobody to obey rules.
        Err(gap) if gap.kind == GapKind::Absent && gap.source == FILE => {
            for program in PROGRAMS {
                if root.exists(program)? {
                    return Err(gap);
                }
            }
            Ok(rules)
        }
        Err(gap) => Err(gap),
        Ok(()) => Ok(rules),
    }
}

fn file(root: &Root, path: &str, depth: usize, rules: &mut Vec<SudoRule>) -> Result<(), Gap> {
    let not_understood = || Gap::new(GapKind::NotUnderstood, path);
    let depth = depth.checked_sub(1).ok_or_else(not_understood)?;
    let text = root.text(path)?;
    for (number, line) in joined(&text) {
        match statement(&line) {
            Statement::Nothing => {}
            Statement::Way(way) => rules.push(SudoRule { file: path.to_owned(), line: number, way }),
            Statement::File(name) => {
                file(root, &beside(path, &name).ok_or_else(not_understood)?, depth, rules)?;
            }
            Statement::Directory(name) => {
                let directory = beside(path, &name).ok_or_else(not_understood)?;
                // sudo skips names with a dot or a tilde at the end, so that packages' leftovers do nothing.
                let counts = |name: &&String| !name.contains('.') && !name.ends_with('~');
                for name in root.names_if_any(&directory)?.iter().filter(counts) {
                    file(root, &format!("{directory}/{name}"), depth, rules)?;
                }
            }
        }
        if rules.len() > MAX_RULES {
            return Err(Gap::new(GapKind::TooLarge, path));
        }
    }
    Ok(())
}

enum Statement {
    Nothing,
    Way(SudoWay),
    File(String),
    Directory(String),
}

/// What a line, continued ones joined, is about.
fn statement(line: &str) -> Statement {
    let line = line.trim();
    let include = |word: &str| {
        let rest = line.strip_prefix(['@', '#'])?.strip_prefix(word)?;
        rest.starts_with(char::is_whitespace).then(|| rest.trim().trim_matches('"').to_owned())
    };
    if let Some(directory) = include("includedir") {
        return Statement::Directory(directory);
    }
    if let Some(file) = include("include") {
        return Statement::File(file);
    }
    let line = uncommented(line);
    let authenticates = || {
        line.strip_prefix("Defaults").is_some_and(|rest| {
            let mut words = rest.split([',', ' ', '\t', '!']);
            rest.contains('!') && words.any(|word| word == "authenticate")
        })
    };
    let nopasswd = line.match_indices("NOPASSWD").any(|(index, word)| {
        let after = line.get(index.saturating_add(word.len())..).unwrap_or_default();
        after.trim_start().starts_with(':')
    });
    match () {
        () if nopasswd => Statement::Way(SudoWay::Nopasswd),
        () if authenticates() => Statement::Way(SudoWay::NoAuthenticate),
        () => Statement::Nothing,
    }
}

/// The line without its comment. `#1000` is a user id and no comment.
fn uncommented(line: &str) -> &str {
    let mut before = ' ';
    for (index, character) in line.char_indices() {
        let after = line.get(index.saturating_add(1)..).and_then(|rest| rest.chars().next());
        if character == '#' && before != '\\' && !after.is_some_and(|next| next.is_ascii_digit()) {
            return line.get(..index).unwrap_or_default();
        }
        before = character;
    }
    line
}

/// Lines with their numbers; one that ends in a backslash goes on in the next.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match out.last_mut() {
            Some((_, whole)) if goes_on => whole.push_str(part),
            Some(_) | None => out.push((index.saturating_add(1), part.to_owned())),
        }
        goes_on = more;
    }
    out
}

/// An included name, as seen from the file that includes it. `%h` stands for a host name, which files alone do not tell.
fn beside(path: &str, name: &str) -> Option<String> {
    if name.contains('%') || name.is_empty() {
        return None;
    }
    if name.starts_with('/') {
        return Some(name.trim_end_matches('/').to_owned());
    }
    path.rsplit_once('/').map(|(directory, _)| format!("{directory}/{name}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<Vec<SudoWay>, GapKind> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let rules = rules(&Root::of(dir.path()).unwrap()).map_err(|gap| gap.kind)?;
        Ok(rules.iter().map(|rule| rule.way).collect())
    }

    fn line(text: &str) -> Vec<SudoWay> {
        found(&[("etc/sudoers", text)]).unwrap()
    }

    #[test]
    fn no_password_is_found_in_every_spelling() {
        let nopasswd = [SudoWay::Nopasswd];
        assert_eq!(line("%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n"), nopasswd);
        assert_eq!(line("sato ALL = NOPASSWD :ALL\n"), nopasswd);
        assert_eq!(line("sato ALL = \\\n NOPASSWD:ALL\n"), nopasswd);
        assert_eq!(line("#1000 ALL = NOPASSWD:ALL\n"), nopasswd);
        assert_eq!(line("Defaults:sato env_reset, !authenticate\n"), [SudoWay::NoAuthenticate]);
        assert_eq!(line("%sudo ALL=(ALL:ALL) ALL # NOPASSWD: no\n"), []);
        assert_eq!(line("# NOPASSWD: ALL\nDefaults env_reset\nDefaults authenticate\n"), []);
    }

    #[test]
    fn includes_are_followed_as_sudo_does() {
        let rule = "sato ALL=NOPASSWD: ALL\n";
        let with = |main: &str, name: &str| found(&[("etc/sudoers", main), (name, rule)]);
        let nopasswd = Ok(vec![SudoWay::Nopasswd]);
        assert_eq!(with("#includedir /etc/sudoers.d\n", "etc/sudoers.d/sato"), nopasswd);
        assert_eq!(with("@includedir sudoers.d\n", "etc/sudoers.d/sato"), nopasswd);
        assert_eq!(with("@include /etc/more\n", "etc/more"), nopasswd);
        assert_eq!(with("#includedir /etc/sudoers.d\n", "etc/sudoers.d/sato.bak"), Ok(vec![]));
        assert_eq!(with("#includedir /etc/sudoers.d\n", "etc/sudoers.d/sato~"), Ok(vec![]));
        assert_eq!(with("@include /etc/none\n", "etc/more"), Err(GapKind::Absent));
        assert_eq!(with("@include /etc/sudoers\n", "etc/more"), Err(GapKind::NotUnderstood));
        assert_eq!(with("@include /etc/%h\n", "etc/more"), Err(GapKind::NotUnderstood));
    }

    #[test]
    fn without_the_program_there_are_no_rules_and_without_the_file_they_are_unknown() {
        assert_eq!(found(&[("etc/passwd", "")]), Ok(vec![]));
        assert_eq!(found(&[("usr/bin/sudo", "")]), Err(GapKind::Absent));
    }
}
