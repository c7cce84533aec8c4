//! What becomes of a version, decided by what is at its path: pure, so that every case can be tried.

use crate::protocol::{MAX_VANISHING_PERCENT, MIN_VANISHING, VersionId};

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head<C> {
    /// In the index.
    pub row: i64,
    pub version: VersionId,
    pub content: C,
    pub deleted: bool,
}

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<C> {
    Content(C),
    Deleted,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It becomes the head.
    Replace,
    /// Both stay; this one, the later, beside the other.
    Beside(VersionId),
    /// It is there already.
    Known(VersionId),
    /// A deletion that no longer means what is there.
    Stays(Option<VersionId>),
}

/// Every version has a parent. A child of what is there replaces it; of two children both stay; an edit outlives a deletion.
pub(super) fn judge<C: PartialEq>(
    head: Option<&Head<C>>,
    parent: Option<VersionId>,
    change: &Change<C>,
) -> Judgement {
    match (head, change) {
        (None, Change::Content(_)) => Judgement::Replace,
        (None, Change::Deleted) => Judgement::Stays(None),
        (Some(head), Change::Deleted) if head.deleted => Judgement::Known(head.version),
        (Some(head), _) if parent == Some(head.version) => Judgement::Replace,
        (Some(head), Change::Deleted) => Judgement::Stays(Some(head.version)),
        (Some(head), Change::Content(_)) if head.deleted => Judgement::Replace,
        (Some(head), Change::Content(content)) if head.content == *content => Judgement::Known(head.version),
        (Some(head), Change::Content(_)) => Judgement::Beside(head.version),
    }
}

/// Whether so many deletions at once are to be asked about: `now` more, after `lately` others, while `live` files are left.
pub(super) const fn vanish(live: u64, lately: u64, now: u64) -> bool {
    let gone = lately + now;
    gone >= MIN_VANISHING && gone * 100 > (live + lately) * MAX_VANISHING_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: VersionId = VersionId::from_bytes([1; 16]);
    const B: VersionId = VersionId::from_bytes([2; 16]);

    fn head(deleted: bool) -> Head<char> {
        Head { row: 1, version: A, content: 'x', deleted }
    }

    #[test]
    fn each_case_ends_as_decided() {
        let there = head(false);
        let gone = head(true);
        let cases = [
            (None, None, Change::Content('x'), Judgement::Replace),
            (None, Some(B), Change::Deleted, Judgement::Stays(None)),
            (Some(&there), Some(A), Change::Content('y'), Judgement::Replace),
            // Permissions alone may have changed.
            (Some(&there), Some(A), Change::Content('x'), Judgement::Replace),
            (Some(&there), Some(B), Change::Content('y'), Judgement::Beside(A)),
            (Some(&there), None, Change::Content('y'), Judgement::Beside(A)),
            // The answer to the first try was lost.
            (Some(&there), Some(B), Change::Content('x'), Judgement::Known(A)),
            (Some(&there), Some(A), Change::Deleted, Judgement::Replace),
            // A deletion here, an edit there: the edit stays, whichever comes first.
            (Some(&there), Some(B), Change::Deleted, Judgement::Stays(Some(A))),
            (Some(&gone), Some(B), Change::Content('y'), Judgement::Replace),
            (Some(&gone), Some(B), Change::Deleted, Judgement::Known(A)),
        ];
        for (at, (head, parent, change, expected)) in cases.into_iter().enumerate() {
            assert_eq!(judge(head, parent, &change), expected, "case {at}");
        }
    }

    #[test]
    fn more_than_thirty_percent_at_once_is_asked_about() {
        assert!(vanish(100, 0, 31) && !vanish(100, 0, 30));
        assert!(vanish(70, 30, 1), "in two steps too");
        assert!(!vanish(5, 0, 5), "five files are nobody's work of years");
    }
}
