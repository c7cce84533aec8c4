//! Refusals may come in any number: the ledger keeps each of a few, and of the rest how many they were.

use std::time::{Duration, Instant};

use hanare_ledger::Entry;
use serde_json::Value;

use crate::limit::{Bucket, Rate};

/// Refusals of somebody who holds an invite or a node's key: written down one by one. A flood is written down as a number, at the
/// next one that has room.
const KNOWN: Rate = Rate { burst: 200, every: Duration::from_secs(1) };
/// Refusals of anybody at all: 240 a day once the first hundred are there, 100 KB a day, whatever is sent.
const STRANGERS: Rate = Rate { burst: 100, every: Duration::from_mins(6) };
/// Why a stranger's join is refused, to whom no invite of ours need be known.
const STRANGE: [&str; 4] = ["malformed", "no-certificate", "proof", "unknown-invite"];

/// Why a lease is refused to a key that no node of ours has or had.
pub(crate) const NOT_ENROLLED: &str = "not-enrolled";

/// Why work is refused to a node that was revoked.
pub(crate) const REVOKED: &str = "revoked";

/// The kinds of refusals, each with room of its own: nobody without an invite can hide what happens to one.
#[derive(Debug)]
pub(super) struct Floods([Flood; 9]);

#[derive(Debug)]
struct Flood {
    kind: &'static str,
    strangers: bool,
    rate: Rate,
    room: Bucket,
    /// How many came since the last one on the ledger.
    unrecorded: u64,
}

impl Floods {
    pub(super) fn new(now: Instant) -> Self {
        let flood =
            |kind, strangers, rate| Flood { kind, strangers, rate, room: Bucket::new(now), unrecorded: 0 };
        Self([
            flood("join.refused", true, STRANGERS),
            flood("join.refused", false, KNOWN),
            flood("work.refused", false, KNOWN),
            // A revoked node's, which hides nobody else's.
            flood("work.refused", true, STRANGERS),
            flood("receipt.refused", false, KNOWN),
            flood("records.refused", false, KNOWN),
            // Any key at all, and a revoked node that asks again and again: neither hides the other.
            flood("lease.refused", true, STRANGERS),
            flood("lease.refused", false, STRANGERS),
            // Any account of headquarters' machine.
            flood("admin.refused", false, STRANGERS),
        ])
    }

    /// Lets every entry onto the ledger but a flood of refusals.
    pub(super) fn admit(&mut self, mut entry: Entry, now: Instant) -> Option<Entry> {
        let why = entry.data.get("why").and_then(Value::as_str);
        let strange = match entry.kind.as_str() {
            "join.refused" => why.is_some_and(|why| STRANGE.contains(&why)),
            "lease.refused" => why == Some(NOT_ENROLLED),
            "work.refused" => why == Some(REVOKED),
            _ => false,
        };
        let mut floods = self.0.iter_mut();
        let Some(flood) = floods.find(|flood| flood.kind == entry.kind && flood.strangers == strange) else {
            return Some(entry);
        };
        if flood.room.take(flood.rate, now).is_err() {
            flood.unrecorded = flood.unrecorded.saturating_add(1);
            return None;
        }
        if let (1.., Some(data)) = (flood.unrecorded, entry.data.as_object_mut()) {
            data.insert("unrecorded_before".to_owned(), std::mem::take(&mut flood.unrecorded).into());
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use hanare_model::Timestamp;

    use super::*;

    fn refused(why: &str) -> Entry {
        Entry {
            at: Timestamp::from_seconds(0),
            actor: "address 192.0.2.9".to_owned(),
            kind: "join.refused".to_owned(),
            subject: String::new(),
            data: serde_json::json!({ "why": why }),
        }
    }

    #[test]
    fn a_revoked_node_that_asks_all_day_hides_no_stranger_and_no_local_account() {
        let start = Instant::now();
        let mut floods = Floods::new(start);
        let of = |kind: &str, why: &str| Entry { kind: kind.to_owned(), ..refused(why) };
        let asked = (0..86_400).filter(|second| {
            floods.admit(of("lease.refused", "revoked"), start + Duration::from_secs(*second)).is_some()
        });
        assert!((300..=341).contains(&asked.count()));
        let now = start + Duration::from_secs(86_399);
        assert!(floods.admit(of("lease.refused", "revoked"), now).is_none());
        let tried = |second| floods.admit(of("work.refused", REVOKED), start + Duration::from_secs(second));
        assert!((300..=341).contains(&(0..86_400).filter_map(tried).count()));
        let others = [
            of("lease.refused", NOT_ENROLLED),
            of("admin.refused", "forbidden"),
            of("work.refused", "used-code"),
        ];
        for entry in others {
            assert_eq!(floods.admit(entry, now).unwrap().data.get("unrecorded_before"), None);
        }
    }

    #[test]
    fn a_day_of_strangers_is_a_few_records_that_tell_how_many_there_were() {
        let start = Instant::now();
        let mut floods = Floods::new(start);
        let (mut records, mut told) = (0, 0);
        for (second, why) in (0..86_400).zip(STRANGE.iter().cycle()) {
            let now = start + Duration::from_secs(second);
            if let Some(entry) = floods.admit(refused(why), now) {
                records += 1;
                told += entry.data["unrecorded_before"].as_u64().unwrap_or(0);
            }
        }
        assert!((300..=341).contains(&records), "{records}");
        assert!((86_000..=86_400).contains(&(records + told)), "{records} and {told}");
        // In the middle of it, one that concerns an invite of ours.
        let used = floods.admit(refused("used"), start + Duration::from_hours(24)).unwrap();
        assert_eq!(used.data.get("unrecorded_before"), None);
    }
}
