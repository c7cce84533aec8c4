//! What comes back in the morning, and what a person asks for during a day: older versions back, and that deletions which are
//! held are meant, or not.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Day, ROUND};
use crate::deliver::recover::{Recovered, WantedBack};
use crate::deliver::restore::{Paged, Restored};
use crate::deliver::transport::{Post, Transport, TransportError};
use crate::deliver::tree::{Owner, Tree};
use crate::protocol::{Browse, Class};

/// What came of it, once it is done.
pub type Answer<A> = oneshot::Receiver<Result<A, TransportError>>;

/// While headquarters is putting more there, it is asked again after this.
const COMING: Duration = Duration::from_secs(2);

/// What the morning still has to bring.
#[derive(Debug, Clone, Default)]
pub(super) struct Missing {
    pub(super) owner: Option<Owner>,
    pub(super) browse: Browse,
    pub(super) restored: Restored,
    /// Once more, for what did not come; not before this.
    pub(super) again_from: Option<Instant>,
    /// Headquarters has said that there will be more at the top.
    coming: bool,
}

impl Missing {
    /// All of it. Settings come first, where they are told apart: programs read them when they start.
    fn begin(tree: &Tree, owner: Option<Owner>) -> Self {
        let class = tree.has_settings().then_some(Class::Settings);
        Self { owner, browse: Browse { class, ..Browse::default() }, ..Self::default() }
    }

    /// Whether these are still the settings.
    pub(super) const fn is_of_settings(&self) -> bool {
        self.browse.class.is_some()
    }

    /// A page has come; `None` when all did. What failed is tried again after a while: the disk may have room again, and
    /// headquarters what was damaged.
    pub(super) fn turn(mut self, page: Paged) -> Option<Self> {
        self.coming |= page.coming;
        self.browse.after = page.next;
        if page.next.is_some() {
            return Some(self);
        }
        if self.browse.class.take().is_some() {
            // The rest brings what failed of these once more.
            (self.restored.failed, self.restored.other) = (0, 0);
            return Some(self);
        }
        if !self.coming && self.restored.failed == 0 {
            return None;
        }
        self.again_from = Some(Instant::now() + if self.coming { COMING } else { ROUND });
        self.coming = false;
        (self.restored.failed, self.restored.other) = (0, 0);
        Some(self)
    }
}

/// Something that is being brought back.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) wanted: WantedBack,
    pub(super) after: Option<i64>,
    pub(super) recovered: Recovered,
    pub(super) reply: Option<oneshot::Sender<Result<Recovered, TransportError>>>,
}

/// What a person has decided about deletions that are held.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) reply: Option<oneshot::Sender<Result<u64, TransportError>>>,
}

impl<T: Transport + Post + 'static> Day<T> {
    /// Brings back what the person has at headquarters, recent files first. What was sealed here goes there before.
    ///
    /// # Errors
    /// [`TransportError`]: what came is here.
    pub async fn restore(&mut self, owner: Option<Owner>) -> Result<Restored, TransportError> {
        self.post().await?;
        let mut missing = Missing::begin(&self.tree, owner);
        loop {
            let Missing { owner, browse, restored, again_from, .. } = &mut missing;
            let again = again_from.is_some();
            let page = self
                .courier
                .page(&self.tree, (&self.known, &self.noted), *owner, browse, restored, again)
                .await?;
            let is_rest = missing.browse.class.is_none();
            let is_last = is_rest && page.next.is_none() && !missing.coming && !page.coming;
            let restored = missing.restored;
            match missing.turn(page) {
                Some(next) if !is_last => missing = next,
                Some(_) | None => return Ok(restored),
            }
            if is_rest && missing.browse.after.is_none() {
                tokio::time::sleep(COMING).await;
            }
        }
    }

    /// From now on [`Day::work`] brings back what the person has at headquarters, beside everything else.
    pub fn bring_back(&mut self, owner: Option<Owner>) {
        self.owner = owner;
        let missing = Missing::begin(&self.tree, owner);
        let awaits_settings = missing.is_of_settings();
        self.progress.send_modify(|progress| progress.awaits_settings = awaits_settings);
        self.missing = Some(missing);
    }

    /// From now on [`Day::work`] brings this back, before what the morning still has to bring. Whatever was wanted before and
    /// did not come yet has no answer.
    pub fn recover(&mut self, wanted: WantedBack) -> Answer<Recovered> {
        let (reply, answer) = oneshot::channel();
        let recovered = Recovered::default();
        self.recovery = Some(Recovery { wanted, after: None, recovered, reply: Some(reply) });
        answer
    }

    /// The deletions that are held are meant: [`Day::work`] says so to headquarters. The answer is how many they were.
    pub fn confirm_deletions(&mut self) -> Answer<u64> {
        let (reply, answer) = oneshot::channel();
        self.decided = Some(Decided { reply: Some(reply) });
        answer
    }

    /// They are not meant: what was deleted comes back. How many files that are.
    pub fn take_deletions_back(&mut self) -> u64 {
        let count = self.held.len() as u64;
        self.noted.forget(&self.held);
        self.held.clear();
        if count > 0 {
            self.bring_back(self.owner);
        }
        self.tell();
        count
    }
}
