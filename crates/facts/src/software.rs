//! The operating system, its updates and the archives that they come from.

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::{Root, if_any};

const RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];
const STAMP: &str = "/var/lib/apt/periodic/update-success-stamp";
const LISTS: &str = "/var/lib/apt/lists";
const REBOOT: &str = "/run/reboot-required";
const KERNEL: &str = "/proc/sys/kernel/osrelease";
const SOURCES: &str = "/etc/apt/sources.list";
const SOURCE_DIRECTORY: &str = "/etc/apt/sources.list.d";

/// The operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// `ID` and `VERSION_ID` of os-release, such as `debian-12`.
    pub release: String,
    /// `SUPPORT_END`, where the system says it itself (`2028-06-30`).
    pub support_end: Option<String>,
}

/// How up to date it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updates {
    /// When the lists of what there is were last fetched; `None` if never, or not by apt.
    pub lists: Option<Timestamp>,
    /// Whether a package asked for a reboot.
    pub reboot: bool,
    /// The kernel that runs.
    pub running: String,
    /// Kernels in `/boot`.
    pub kernels: Vec<String>,
    /// Archives that apt asks.
    pub archives: Vec<Archive>,
}

/// An archive's suite, such as `bookworm-security`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Archive(pub String);

pub(crate) fn system(root: &Root) -> Result<System, Gap> {
    let mut text = root.text(RELEASE[0]);
    if text.as_ref().is_err_and(|gap| gap.kind == GapKind::Absent) {
        text = root.text(RELEASE[1]);
    }
    let text = text?;
    let value = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        found.map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let id = value("ID").ok_or_else(|| Gap::new(GapKind::NotUnderstood, RELEASE[0]))?;
    let release = value("VERSION_ID").map_or_else(|| id.clone(), |version| format!("{id}-{version}"));
    Ok(System { release, support_end: value("SUPPORT_END") })
}

pub(crate) fn updates(root: &Root) -> Result<Updates, Gap> {
    let lists = match root.changed(STAMP)? {
        Some(stamp) => Some(stamp),
        None => newest_list(root)?,
    };
    let kernels = root.names_if_any("/boot")?;
    let kernels =
        kernels.iter().filter_map(|name| name.strip_prefix("vmlinuz-")).map(str::to_owned).collect();
    let mut archives = Vec::new();
    if let Some(text) = if_any(root.text(SOURCES))? {
        archives.extend(one_line(&text));
    }
    for name in root.names_if_any(SOURCE_DIRECTORY)? {
        let path = format!("{SOURCE_DIRECTORY}/{name}");
        match name.rsplit_once('.') {
            Some((_, "list")) => archives.extend(one_line(&root.text(&path)?)),
            Some((_, "sources")) => archives.extend(stanzas(&root.text(&path)?)),
            Some(_) | None => {}
        }
    }
    archives.sort();
    archives.dedup();
    Ok(Updates {
        lists,
        reboot: root.exists(REBOOT)?,
        running: root.text(KERNEL)?.trim().to_owned(),
        kernels,
        archives: archives.into_iter().map(Archive).collect(),
    })
}

/// Without the stamp of a timer, the newest list says when somebody fetched them.
fn newest_list(root: &Root) -> Result<Option<Timestamp>, Gap> {
    let mut newest = None;
    for name in root.names_if_any(LISTS)? {
        if name.ends_with("Release") || name.contains("Packages") {
            newest = newest.max(root.changed(&format!("{LISTS}/{name}"))?);
        }
    }
    Ok(newest)
}

/// Suites of the one-line form: `deb [options] URI SUITE COMPONENT…`.
fn one_line(text: &str) -> Vec<String> {
    let suite = |line: &str| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
        rest.split_whitespace().nth(1).map(str::to_owned)
    };
    text.lines().filter_map(suite).collect()
}

/// Suites of the form with fields (deb822).
fn stanzas(text: &str) -> Vec<String> {
    let field = |stanza: &str, name: &str| {
        let line = stanza.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let enabled = |stanza: &&str| field(stanza, "enabled:").is_none_or(|value| value != "no");
    let suites = |stanza: &str| field(stanza, "suites:").unwrap_or_default();
    let words = text.split("\n\n").filter(enabled).map(suites);
    words.flat_map(|value| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_in_both_forms() {
        let text = "# x\ndeb [arch=amd64] http://e bookworm main\ndeb http://e bookworm-security main\n";
        assert_eq!(one_line(text), ["bookworm", "bookworm-security"]);
        let text = "Types: deb\nURIs: http://e\nSuites: bookworm bookworm-updates\n\n\
            Enabled: no\nSuites: sid\n\nSuites: bookworm-security\n";
        assert_eq!(stanzas(text), ["bookworm", "bookworm-updates", "bookworm-security"]);
    }
}
