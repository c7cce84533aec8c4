//! Whether sealed items wait on a machine, as far as headquarters may say so. A count that was told once is not the truth for
//! ever: none wait only where the machine said so lately, after its last work had ended, and is there.

use hanare_model::{NodeKind, Timestamp};

use super::Registry;
use super::receipts::NEWS_SECONDS;
use super::rows::NodeRow;

/// How old a machine's last word may be. Its agent reports every ten minutes at the latest (`ALIVE` in
/// `hanare/src/agent/receipts.rs`), and what says nothing new is written down every ten: the word of a healthy machine is up
/// to twenty minutes old. Five more for a line that was away for a moment.
const FRESH_SECONDS: i64 = 2 * NEWS_SECONDS + 300;

/// What is known of sealed items on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// None wait.
    Nothing,
    /// So many, as it said last.
    Items(u64),
    /// Nobody knows; what it said last, it said then.
    Silent(Timestamp),
    /// Nobody knows: work was opened there, and it never said anything.
    Unheard,
}

impl Waiting {
    /// What is known of this machine, which is connected or not.
    pub(crate) fn of(registry: &Registry, row: &NodeRow, is_connected: bool, now: Timestamp) -> Self {
        if row.kind != NodeKind::Endpoint {
            return Self::Nothing;
        }
        let known = registry.wipes.get(&row.public_key);
        let session = registry.sessions.get(&row.public_key);
        let told = known.and_then(|known| known.told.as_ref());
        let counted = told.and_then(|told| Some((told.sealed?, told.at)));
        // A machine that does not know its own count: the last receipt does, if no work was opened since.
        let settled = known.filter(|known| known.due.is_empty() && known.missing.is_empty());
        let by_receipt = || settled?.last.as_ref().map(|last| (last.sealed, last.received_at));
        let Some((items, at)) = counted.or_else(by_receipt) else {
            // Where no work was ever opened, none waits.
            let was_opened = session.is_some() || known.is_some_and(|known| !known.opened.is_empty());
            return match told {
                _ if !was_opened => Self::Nothing,
                Some(told) => Self::Silent(told.at),
                None => Self::Unheard,
            };
        };
        if items > 0 {
            return Self::Items(items);
        }
        // Both are headquarters' own clock. One that was set back makes nobody's word younger.
        let age = now.seconds().saturating_sub(at.seconds());
        let ended = session.and_then(|session| session.ended).map(|(ended, _)| ended);
        let is_fresh = (0..=FRESH_SECONDS).contains(&age) && ended.is_none_or(|ended| ended <= at);
        if is_fresh && is_connected { Self::Nothing } else { Self::Silent(at) }
    }
}
