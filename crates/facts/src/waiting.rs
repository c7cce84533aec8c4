//! Security updates that wait: what dpkg has installed against the lists that apt has fetched.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::Root;

const STATUS: &str = "/var/lib/dpkg/status";
const LISTS: &str = "/var/lib/apt/lists";

/// A package that has a newer version in an archive of security updates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// Its name.
    pub package: String,
    /// What is installed.
    pub installed: String,
    /// What there is.
    pub available: String,
}

/// Name and architecture.
type Key = (String, String);

pub(crate) fn waiting(root: &Root) -> Result<Vec<Waiting>, Gap> {
    let installed = installed(&root.text(STATUS)?);
    if installed.is_empty() {
        return Err(Gap::new(GapKind::NotUnderstood, STATUS));
    }
    let is_list = |name: &String| name.contains("security") && name.contains("_Packages");
    let lists: Vec<String> = root.names(LISTS)?.into_iter().filter(is_list).collect();
    if lists.is_empty() {
        return Err(Gap::new(GapKind::Absent, format!("{LISTS}/*security*_Packages")));
    }
    let mut found: BTreeMap<Key, Waiting> = BTreeMap::new();
    for name in lists {
        let path = format!("{LISTS}/{name}");
        // apt may keep lists compressed; those are not read here.
        if !name.ends_with("_Packages") {
            return Err(Gap::new(GapKind::NotUnderstood, path));
        }
        for stanza in root.text(&path)?.split("\n\n") {
            let Some((key, available)) = named(stanza) else { continue };
            let Some(own) = installed.get(&key) else { continue };
            let best = found.get(&key).map_or(own.as_str(), |waiting| waiting.available.as_str());
            if compare(&available, best) == Ordering::Greater {
                let waiting = Waiting { package: key.0.clone(), installed: own.clone(), available };
                found.insert(key, waiting);
            }
        }
    }
    Ok(found.into_values().collect())
}

fn installed(status: &str) -> BTreeMap<Key, String> {
    let is_installed =
        |stanza: &&str| field(stanza, "Status").is_some_and(|status| status.ends_with(" ok installed"));
    status.split("\n\n").filter(is_installed).filter_map(named).collect()
}

fn named(stanza: &str) -> Option<(Key, String)> {
    let own = |name| field(stanza, name).map(str::to_owned);
    Some(((own("Package")?, own("Architecture")?), own("Version")?))
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// Debian's order of versions (Debian Policy, 5.6.12): epoch, upstream version, revision.
fn compare(one: &str, other: &str) -> Ordering {
    let parts = |version: &str| {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse::<u64>().unwrap_or(0), upstream.to_owned(), revision.to_owned())
    };
    let (one, other) = (parts(one), parts(other));
    one.0.cmp(&other.0).then_with(|| part(&one.1, &other.1)).then_with(|| part(&one.2, &other.2))
}

/// Stretches that are no number and stretches that are one, in turns.
fn part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let ((word, one_rest), (its, other_rest)) = (split(one, false), split(other, false));
        let ((digits, one_last), (its_digits, other_last)) = (split(one_rest, true), split(other_rest, true));
        let order = words(word, its).then_with(|| numbers(digits, its_digits));
        if order != Ordering::Equal {
            return order;
        }
        (one, other) = (one_last, other_last);
    }
    Ordering::Equal
}

/// The digits, or what is none, that a text begins with.
fn split(text: &str, digits: bool) -> (&str, &str) {
    text.split_at(text.find(|character: char| character.is_ascii_digit() != digits).unwrap_or(text.len()))
}

/// `~` comes before the end, the end before letters, letters before all others.
fn words(one: &str, other: &str) -> Ordering {
    let weight = |character: Option<char>| match character {
        Some('~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i64::from(u32::from(letter)),
        Some(other) => i64::from(u32::from(other)).saturating_add(256),
    };
    let (mut one, mut other) = (one.chars(), other.chars());
    loop {
        let (left, right) = (one.next(), other.next());
        let order = weight(left).cmp(&weight(right));
        if order != Ordering::Equal || (left.is_none() && right.is_none()) {
            return order;
        }
    }
}

/// Numbers of any length: without leading zeros the longer one is larger.
fn numbers(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let versions = [
            "1.0",
            "1.0-1",
            "1.0-1+deb12u1",
            "1.0-1+deb12u2",
            "1.0-10",
            "1:0.9",
            "1.0~rc1",
            "1.0~rc1-1",
            "1.0a",
            "1.0+b",
            "1.00",
            "2.36-9+deb12u10",
            "2.36-9+deb12u9",
            "0",
            "1.0.1",
            "1.0-1~bpo12",
            "6.1.140-1",
        ];
        for one in versions {
            for other in versions {
                let dpkg = |relation| {
                    let run =
                        Command::new("dpkg").args(["--compare-versions", one, relation, other]).status();
                    run.unwrap().success()
                };
                let order = compare(one, other);
                assert_eq!(dpkg("lt"), order == Ordering::Less, "{one} {other}");
                assert_eq!(dpkg("gt"), order == Ordering::Greater, "{one} {other}");
            }
        }
    }

    fn found(status: &str, lists: &[(&str, &str)]) -> Result<Vec<Waiting>, GapKind> {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: String, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("var/lib/dpkg/status".to_owned(), status);
        put("var/lib/apt/lists/lock".to_owned(), "");
        for (name, text) in lists {
            put(format!("var/lib/apt/lists/{name}"), text);
        }
        waiting(&Root::of(dir.path()).unwrap()).map_err(|gap| gap.kind)
    }

    const HERE: &str = "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\n\
        Version: 3.0.15-1~deb12u1\n\n\
        Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
    const LIST: &str = "e_dists_bookworm-security_main_binary-amd64_Packages";

    #[test]
    fn what_is_newer_in_a_security_archive_waits() {
        let stanza = |package: &str, architecture: &str, version: &str| {
            format!("Package: {package}\nArchitecture: {architecture}\nVersion: {version}\n")
        };
        let newer =
            format!("{}\n{}", stanza("openssl", "amd64", "3.0.16-1~deb12u1"), stanza("gone", "amd64", "2"));
        let waits = found(HERE, &[(LIST, &newer)]).unwrap();
        assert_eq!((waits.len(), waits[0].available.as_str()), (1, "3.0.16-1~deb12u1"));
        assert_eq!(found(HERE, &[(LIST, &stanza("openssl", "amd64", "3.0.15-1~deb12u1"))]), Ok(vec![]));
        assert_eq!(found(HERE, &[(LIST, &stanza("openssl", "arm64", "9"))]), Ok(vec![]));
    }

    #[test]
    fn without_lists_that_can_be_read_nobody_knows() {
        assert_eq!(found(HERE, &[]), Err(GapKind::Absent));
        assert_eq!(found(HERE, &[("e_dists_bookworm_main_binary-amd64_Packages", "")]), Err(GapKind::Absent));
        assert_eq!(found(HERE, &[(&format!("{LIST}.lz4"), "")]), Err(GapKind::NotUnderstood));
        assert_eq!(found("", &[(LIST, "")]), Err(GapKind::NotUnderstood));
    }
}
