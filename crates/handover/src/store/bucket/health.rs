//! Whether a bucket answers: what people are told of it, and whom it keeps from asking in vain.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hanare_model::Timestamp;

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

/// How a bucket stands.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    trouble: Option<Trouble>,
    /// That it is another one, which answers very well.
    not_ours: Option<Trouble>,
    unreached: Option<(Instant, String)>,
}

impl Health {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has done its work.
    pub(super) fn good(&self) {
        let mut inner = self.inner();
        inner.unreached = None;
        if inner.trouble.take().is_some() {
            tracing::info!("the bucket with work data does its work again");
        }
    }

    /// It has not.
    pub(super) fn bad(&self, refused: bool, text: &str) {
        let mut inner = self.inner();
        if inner.trouble.is_none() {
            tracing::error!(
                refused,
                text,
                "the bucket with work data does not do its work: what comes waits in the rooms"
            );
        }
        let since = inner.trouble.as_ref().map_or_else(clock::now, |trouble| trouble.since);
        inner.trouble = Some(Trouble { since, refused, text: text.to_owned() });
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
    pub(super) fn unreached(&self, text: &str) {
        self.inner().unreached = Some((Instant::now(), text.to_owned()));
        self.bad(false, text);
    }

    /// Why not to connect just now.
    pub(super) fn rests(&self) -> Option<String> {
        let inner = self.inner();
        inner.unreached.as_ref().filter(|(at, _)| at.elapsed() < REST).map(|(_, text)| text.clone())
    }

    pub(super) fn trouble(&self) -> Option<Trouble> {
        let inner = self.inner();
        inner.trouble.clone().or_else(|| inner.not_ours.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_begins_once_and_ends_with_the_first_good_answer() {
        let health = Health::default();
        assert_eq!((health.trouble(), health.rests()), (None, None));
        health.unreached("nobody there");
        let since = health.trouble().unwrap().since;
        health.bad(true, "forbidden");
        let trouble = health.trouble().unwrap();
        assert_eq!((trouble.since, trouble.refused, trouble.text.as_str()), (since, true, "forbidden"));
        assert_eq!(health.rests().as_deref(), Some("nobody there"));
        health.good();
        assert_eq!((health.trouble(), health.rests()), (None, None));
    }

    #[test]
    fn another_bucket_is_no_better_for_answering() {
        let health = Health::default();
        health.not_ours("another one");
        health.good();
        assert!(health.trouble().is_some_and(|trouble| trouble.refused));
        health.ours();
        assert_eq!(health.trouble(), None);
    }
}
