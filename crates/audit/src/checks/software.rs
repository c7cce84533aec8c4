//! DEV-04 and LOG-01: updates and support; how long logs are kept.

use std::collections::BTreeMap;
use std::time::Duration;

use hanare_facts::{Journal, JournalStorage, System, Updates, Waiting};

use super::{Judged, Look, fail, listed, pass, unknown};
use crate::day::Day;
use crate::why::Why;

const DAY: u64 = 86_400;

pub(super) fn updated(look: &mut Look<'_>, lists_max_days: u32, support: &BTreeMap<String, Day>) -> Judged {
    let system = look.see(&look.facts.system, |system: &System| system.release.clone())?;
    let updates = look.see(&look.facts.updates, said)?;
    let today = look.at.to_string();
    let end = system.support_end.as_deref().or_else(|| support.get(&system.release).map(Day::as_str));
    // Days in this form sort as they follow each other.
    if let Some(end) = end.filter(|end| today.get(..10).is_some_and(|today| today > *end)) {
        return fail(Why::EndOfLife, format!("{} ({end})", system.release));
    }
    if updates.reboot {
        return fail(Why::RebootPending, "");
    }
    if let Some(newer) = updates.kernels.iter().find(|kernel| is_newer(kernel, &updates.running)) {
        return fail(Why::KernelPending, newer);
    }
    if end.is_none() {
        return unknown(Why::SupportUnknown, &system.release);
    }
    if !updates.archives.iter().any(|archive| archive.0.contains("security")) {
        return unknown(Why::NoSecurityArchive, "");
    }
    let oldest = Duration::from_secs(u64::from(lists_max_days).saturating_mul(DAY));
    match updates.lists {
        Some(lists) if lists <= look.at && look.at.since(lists) <= oldest => {
            let waiting = look.see(&look.facts.waiting, |waiting: &Vec<Waiting>| named(waiting))?;
            if waiting.is_empty() { pass() } else { fail(Why::UpdatesWaiting, named(waiting)) }
        }
        Some(lists) => unknown(Why::ListsOld, lists.to_string()),
        None => unknown(Why::ListsOld, "-"),
    }
}

#[expect(clippy::ptr_arg, reason = "a fact holds a vector")]
fn named(waiting: &Vec<Waiting>) -> String {
    let names: Vec<String> =
        waiting.iter().map(|one| format!("{} {} < {}", one.package, one.installed, one.available)).collect();
    listed(&names)
}

/// Whether a kernel of the same flavour has higher numbers.
fn is_newer(kernel: &str, running: &str) -> bool {
    let flavour = |name: &str| name.rsplit('-').next().unwrap_or_default().to_owned();
    let numbers = |name: &str| -> Vec<u64> {
        name.split(|character: char| !character.is_ascii_digit())
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    flavour(kernel) == flavour(running) && numbers(kernel) > numbers(running)
}

fn said(updates: &Updates) -> String {
    let lists = updates.lists.map_or_else(|| "-".to_owned(), |lists| lists.to_string());
    format!("lists {lists}, reboot {}, kernel {}", updates.reboot, updates.running)
}

pub(super) fn journal(look: &mut Look<'_>, min_days: u32) -> Judged {
    let journal = look.see(&look.facts.journal, |journal: &Journal| {
        let oldest = journal.oldest.map_or_else(|| "-".to_owned(), |oldest| oldest.to_string());
        let retention = journal.retention.as_deref().unwrap_or("-");
        format!("storage {:?}, retention {retention}, oldest {oldest}", journal.storage)
    })?;
    let own = look.site.and_then(|site| site.retention.device_log_min_days);
    let wanted = u64::from(own.unwrap_or(min_days)).saturating_mul(DAY);
    match journal.storage {
        JournalStorage::Persistent => {}
        JournalStorage::Volatile | JournalStorage::None if journal.syslog => {
            return unknown(Why::JournalSyslog, "");
        }
        JournalStorage::Volatile | JournalStorage::None => return fail(Why::JournalVolatile, ""),
    }
    if let Some(kept) = journal.retention_seconds.filter(|kept| *kept < wanted) {
        return fail(Why::JournalShort, (kept / DAY).to_string());
    }
    match journal.oldest {
        Some(oldest) if oldest <= look.at && look.at.since(oldest).as_secs() >= wanted => pass(),
        Some(oldest) => unknown(Why::JournalYoung, oldest.to_string()),
        None => unknown(Why::JournalYoung, "-"),
    }
}
