//! How long systemd's journal is kept, and how far back it really reaches.

use std::collections::BTreeMap;

use hanare_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::{Root, if_any};

const FILE: &str = "systemd/journald.conf";
/// In systemd's order: the first wins, for the file as for each drop-in of one name.
const DIRECTORIES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];
const LOGS: &str = "/var/log/journal";
/// Where a journal file says when its first entry was made, in microseconds (`head_entry_realtime`).
const FIRST_ENTRY: std::ops::Range<usize> = 184..192;
const MAGIC: &[u8] = b"LPKSHHRH";

/// Where the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalStorage {
    /// On disk.
    Persistent,
    /// In memory, gone after a reboot.
    Volatile,
    /// Nowhere.
    None,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Where it is kept; `auto` is told by whether its directory is there.
    pub storage: JournalStorage,
    /// `MaxRetentionSec` as it is written; `None` if it is not set.
    pub retention: Option<String>,
    /// The same in seconds; `None` if it is not set, 0 (no limit) or not understood.
    pub retention_seconds: Option<u64>,
    /// When the oldest entry was made; `None` if there is none.
    pub oldest: Option<Timestamp>,
    /// Whether another logger writes to disk.
    pub syslog: bool,
}

pub(crate) fn journal(root: &Root) -> Result<Journal, Gap> {
    let Some(settings) = settings(root)? else {
        // Neither settings nor logs: whatever keeps logs here, it is not this.
        return Err(Gap::new(GapKind::Absent, format!("/etc/{FILE}")));
    };
    let value = |name: &str| settings.get(name).filter(|value| !value.is_empty()).cloned();
    let kept = root.exists(LOGS)?;
    let storage = match value("Storage").as_deref().unwrap_or("auto") {
        "persistent" => JournalStorage::Persistent,
        "auto" if kept => JournalStorage::Persistent,
        "auto" | "volatile" => JournalStorage::Volatile,
        "none" => JournalStorage::None,
        _ => return Err(Gap::new(GapKind::NotUnderstood, format!("/etc/{FILE}"))),
    };
    let retention = value("MaxRetentionSec");
    let retention_seconds = match retention.as_deref().map(seconds) {
        None | Some(Some(0)) => None,
        Some(Some(seconds)) => Some(seconds),
        Some(None) => return Err(Gap::new(GapKind::NotUnderstood, format!("/etc/{FILE}"))),
    };
    let mut syslog = false;
    for path in ["/var/log/syslog", "/var/log/messages"] {
        syslog |= root.exists(path)?;
    }
    Ok(Journal { storage, retention, retention_seconds, oldest: oldest(root)?, syslog })
}

/// The settings of `[Journal]`, drop-ins applied; `None` if there is no trace of a journal.
fn settings(root: &Root) -> Result<Option<BTreeMap<String, String>>, Gap> {
    let mut settings = BTreeMap::new();
    let mut any = root.exists(LOGS)?;
    for directory in DIRECTORIES {
        if let Some(text) = if_any(root.text(&format!("{directory}/{FILE}")))? {
            apply(&text, &mut settings);
            any = true;
            break;
        }
    }
    for path in root.drop_ins(&DIRECTORIES.map(|directory| format!("{directory}/{FILE}.d")))? {
        apply(&root.text(&path)?, &mut settings);
        any = true;
    }
    Ok(any.then_some(settings))
}

fn apply(text: &str, settings: &mut BTreeMap<String, String>) {
    let mut inside = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if line.starts_with('[') {
            inside = line == "[Journal]";
        } else if let (true, Some((name, value))) = (inside, line.split_once('=')) {
            settings.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
}

/// A time span of systemd.time(7): `90d`, `3month`, `1week 2days`, seconds without a unit.
fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let after = after.trim_start();
        let letters = after.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let unit = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hr" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "M" | "month" | "months" => 2_629_800,
            "y" | "year" | "years" => 31_557_600,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = after.trim_start();
    }
    Some(total)
}

fn oldest(root: &Root) -> Result<Option<Timestamp>, Gap> {
    let mut oldest: Option<Timestamp> = None;
    for machine in root.names_if_any(LOGS)? {
        let directory = format!("{LOGS}/{machine}");
        // A stray file beside the machines' directories is no journal.
        let Ok(names) = root.names(&directory) else { continue };
        let is_journal = |name: &&String| matches!(name.rsplit_once('.'), Some((_, "journal")));
        for name in names.iter().filter(is_journal) {
            let header = root.beginning(&format!("{directory}/{name}"), FIRST_ENTRY.end)?;
            let entry = first_entry(&header);
            oldest = match (oldest, entry) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(oldest)
}

fn first_entry(header: &[u8]) -> Option<Timestamp> {
    let microseconds = header.starts_with(MAGIC).then(|| header.get(FIRST_ENTRY)).flatten()?;
    let microseconds = u64::from_le_bytes(microseconds.try_into().ok()?);
    let seconds = i64::try_from(microseconds / 1_000_000).ok()?;
    (seconds > 0).then(|| Timestamp::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn write(dir: &Path, name: &str, bytes: &[u8]) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn file(seconds: u64) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(FIRST_ENTRY.start, 0);
        bytes.extend((seconds * 1_000_000).to_le_bytes());
        bytes
    }

    #[test]
    fn drop_ins_win_and_the_oldest_entry_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::of(dir.path()).unwrap();
        assert_eq!(journal(&root).unwrap_err().kind, GapKind::Absent);
        write(dir.path(), "etc/systemd/journald.conf", b"[Journal]\n#Storage=none\n");
        assert_eq!(
            journal(&root).unwrap().storage,
            JournalStorage::Volatile,
            "auto, and no directory for it"
        );
        write(dir.path(), "usr/lib/systemd/journald.conf.d/90.conf", b"[Journal]\nStorage=persistent\n");
        write(dir.path(), "etc/systemd/journald.conf.d/95.conf", b"[Journal]\nMaxRetentionSec=3month\n");
        write(dir.path(), "var/log/journal/aa/system.journal", &file(2_000));
        write(dir.path(), "var/log/journal/aa/system@1.journal", &file(1_000));
        let found = journal(&root).unwrap();
        assert_eq!(found.storage, JournalStorage::Persistent);
        assert_eq!(found.retention_seconds, Some(3 * 2_629_800));
        assert_eq!(found.oldest, Some(Timestamp::from_seconds(1_000)));
        write(dir.path(), "etc/systemd/journald.conf.d/96.conf", b"[Journal]\nMaxRetentionSec=soon\n");
        assert_eq!(journal(&root).unwrap_err().kind, GapKind::NotUnderstood);
    }

    #[test]
    fn spans_are_read_as_systemd_does() {
        assert_eq!(
            (seconds("90d"), seconds("1week 2 days"), seconds("60")),
            (Some(7_776_000), Some(777_600), Some(60))
        );
        assert_eq!((seconds("d"), seconds("5parsecs"), seconds("99999999999999999999")), (None, None, None));
    }
}
