//! Whether a bucket answers: what people are told of it, and whom it keeps from asking in vain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hanare_model::Timestamp;

use super::MAX_PROBE;
use crate::clock;

/// So long nobody tries to connect after a connection has failed: of many who wait, one has waited for all of them.
const REST: Duration = Duration::from_secs(1);

/// That a bucket does not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// Whether it says no; otherwise it does not answer.
    pub refused: bool,
    /// What was said last.
    pub text: String,
}

/// What a bucket is asked for. One that does the one well may refuse the other: a key that may only read, a quota that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Reading,
    Writing,
    Removing,
}

/// How a bucket stands.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Until that very work is done again; the number ascends.
    trouble: BTreeMap<Work, InVain>,
    said: u64,
    /// What was done at all.
    done: BTreeSet<Work>,
    /// That it is another one, which answers very well.
    not_ours: Option<Trouble>,
    unreached: Option<(Instant, String)>,
}

#[derive(Debug)]
struct InVain {
    said: u64,
    /// The longest of what was sent in vain: a server that is nearly full takes what is shorter.
    len: usize,
    trouble: Trouble,
}

impl Health {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has done its work, with so many bytes.
    pub(super) fn good(&self, work: Work, len: usize) {
        let mut inner = self.inner();
        inner.unreached = None;
        inner.done.insert(work);
        if inner.trouble.get(&work).is_some_and(|in_vain| in_vain.len.min(MAX_PROBE) <= len) {
            inner.trouble.remove(&work);
            if inner.trouble.is_empty() {
                tracing::info!("the bucket with work data does its work again");
            }
        }
    }

    /// It has not.
    pub(super) fn bad(&self, (work, len): (Work, usize), refused: bool, text: &str) {
        let text = match work {
            Work::Reading | Work::Writing => text.to_owned(),
            // What is outdated stays, and what is new is taken.
            Work::Removing => format!("removing: {text}"),
        };
        let mut inner = self.inner();
        if !inner.trouble.contains_key(&work) {
            tracing::error!(
                ?work,
                refused,
                text,
                "the bucket with work data does not do its work: what comes waits in the rooms"
            );
        }
        let before = inner.trouble.get(&work);
        let since = before.map_or_else(clock::now, |in_vain| in_vain.trouble.since);
        let len = before.map_or(len, |in_vain| in_vain.len.max(len));
        inner.said += 1;
        let in_vain = InVain { said: inner.said, len, trouble: Trouble { since, refused, text } };
        inner.trouble.insert(work, in_vain);
    }

    /// Whether this was last in vain, or never tried.
    pub(super) fn is_open(&self, work: Work) -> bool {
        let inner = self.inner();
        inner.trouble.contains_key(&work) || !inner.done.contains(&work)
    }

    /// How long what is written has to be to show that this is over.
    pub(super) fn longest(&self, work: Work) -> usize {
        self.inner().trouble.get(&work).map_or(0, |in_vain| in_vain.len)
    }

    /// It is another headquarters', or nobody's.
    pub(super) fn not_ours(&self, text: &str) {
        let mut inner = self.inner();
        if inner.not_ours.is_none() {
            tracing::error!(text, "the bucket is not this headquarters': what comes waits in the rooms");
        }
        let since = inner.not_ours.as_ref().map_or_else(clock::now, |trouble| trouble.since);
        inner.not_ours = Some(Trouble { since, refused: true, text: text.to_owned() });
    }

    /// It is ours.
    pub(super) fn ours(&self) {
        self.inner().not_ours = None;
    }

    /// Nobody was there.
    pub(super) fn unreached(&self, work: (Work, usize), text: &str) {
        self.inner().unreached = Some((Instant::now(), text.to_owned()));
        self.bad(work, false, text);
    }

    /// Why not to connect just now.
    pub(super) fn rests(&self) -> Option<String> {
        let inner = self.inner();
        inner.unreached.as_ref().filter(|(at, _)| at.elapsed() < REST).map(|(_, text)| text.clone())
    }

    /// What is worst: that it is another's, that it says no, or else what was said last.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let inner = self.inner();
        let worst = inner.trouble.values().max_by_key(|in_vain| (in_vain.trouble.refused, in_vain.said));
        inner.not_ours.as_ref().or(worst.map(|in_vain| &in_vain.trouble)).cloned()
    }

    /// What was said last by one that does not answer.
    pub(super) fn silence(&self) -> Option<String> {
        let inner = self.inner();
        let silent = inner.trouble.values().filter(|in_vain| !in_vain.trouble.refused);
        silent.max_by_key(|in_vain| in_vain.said).map(|in_vain| in_vain.trouble.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Work; 3] = [Work::Writing, Work::Reading, Work::Removing];

    #[test]
    fn trouble_begins_once_and_ends_when_the_same_work_is_done() {
        let health = Health::default();
        assert_eq!((health.trouble(), health.rests()), (None, None));
        health.unreached((Work::Writing, 300), "nobody there");
        let since = health.trouble().unwrap().since;
        health.bad((Work::Writing, 200), true, "forbidden");
        let trouble = health.trouble().unwrap();
        assert_eq!((trouble.since, trouble.refused, trouble.text.as_str()), (since, true, "forbidden"));
        assert_eq!(health.rests().as_deref(), Some("nobody there"));
        health.good(Work::Reading, 0);
        assert_eq!(health.trouble().as_ref(), Some(&trouble), "it reads, and takes nothing");
        health.good(Work::Writing, 299);
        assert_eq!((health.trouble(), health.longest(Work::Writing)), (Some(trouble), 300), "or little");
        assert_eq!(ALL.map(|work| health.is_open(work)), [true, false, true]);
        health.good(Work::Writing, 300);
        assert_eq!((health.trouble(), health.rests()), (None, None));
        assert_eq!(ALL.map(|work| health.is_open(work)), [false, false, true]);
    }

    #[test]
    fn another_bucket_is_no_better_for_answering() {
        let health = Health::default();
        health.bad((Work::Writing, 0), false, "nobody there");
        health.not_ours("another one");
        health.good(Work::Reading, 0);
        assert!(health.trouble().is_some_and(|trouble| trouble.refused));
        health.ours();
        assert_eq!(health.trouble().map(|trouble| trouble.text).as_deref(), Some("nobody there"));
    }
}
