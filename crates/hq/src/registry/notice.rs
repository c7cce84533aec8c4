//! Notices: what a person is to know of what others did with their work, until it was told and a month is over.

use hanare_model::work::{MAX_NOTICES, Notice, Noticed};
use hanare_model::{PersonId, Timestamp};

use super::rows::NoticeRow;
use super::{Change, Registry};

/// How long one is shown after it happened; at least until an opening has brought it along once.
pub(crate) const SHOWN_SECONDS: i64 = 30 * 24 * 3600;

/// What a person is to know, newest first, and the id of the newest.
pub(crate) fn notices(registry: &Registry, person: &PersonId, now: Timestamp) -> (Option<u64>, Vec<Notice>) {
    let shown = |row: &&NoticeRow| {
        row.person == *person
            && (row.told_at.is_none() || row.notice.at.seconds() + SHOWN_SECONDS > now.seconds())
    };
    let mut rows = registry.notices.values().rev().filter(shown).take(MAX_NOTICES).peekable();
    (rows.peek().map(|row| row.id), rows.map(|row| row.notice.clone()).collect())
}

/// One more; `before` others are put down by the same decision.
pub(super) fn put(
    registry: &Registry,
    before: usize,
    person: &PersonId,
    at: Timestamp,
    what: Noticed,
) -> Change {
    let last = registry.notices.last_key_value().map_or(0, |(id, _)| *id);
    let id = last.saturating_add(1).saturating_add(u64::try_from(before).unwrap_or(u64::MAX));
    Change::Notice(NoticeRow { id, person: person.clone(), notice: Notice { at, what }, told_at: None })
}

/// Notes that an opening of the person's brings along what was not told before.
pub(super) fn told(registry: &Registry, person: &PersonId, now: Timestamp) -> Vec<Change> {
    let new = registry.notices.values().filter(|row| row.person == *person && row.told_at.is_none());
    new.map(|row| Change::Notice(NoticeRow { told_at: Some(now), ..row.clone() })).collect()
}
