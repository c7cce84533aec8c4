//! Work without headquarters: an empty volume for whoever says who they are. What they make is sealed, and waits at headquarters until
//! that person has proven themselves there.

use hanare_model::PersonId;
use hanare_tunnel::control::State;
use tokio::task::spawn_blocking;

use super::Agent;
use super::ending::holding;
use super::keeping::{Kept, Opener, settle};
use super::socket::{Answer, Asked, Standing, Wish};
use crate::failure::Failure;

impl Agent<'_> {
    /// Answers a wish while nobody's work is open; a day that begins by it comes back.
    pub(super) async fn idle_wish(&mut self, wish: Wish) -> Option<Kept> {
        let Wish { asked, peer, reply } = wish;
        let begun = match asked {
            Asked::Alone { person } => Some(self.open_alone(&person, peer.uid).await),
            Asked::Restore { .. } | Asked::Deletions { .. } => Some(Err(Answer::Away)),
            Asked::Status | Asked::Finish | Asked::Close { .. } | Asked::Overtime { .. } => None,
        };
        let answer = begun.as_ref().map(|begun| match begun {
            Ok(_) => Answer::Opened,
            Err(answer) => *answer,
        });
        let _ = reply.send(Standing { answer, ..self.told.borrow().clone() });
        begun.and_then(Result::ok)
    }

    async fn open_alone(&mut self, person: &PersonId, uid: u32) -> Result<Kept, Answer> {
        let Some(policy) = self.policy.clone() else { return Err(Answer::Unfit) };
        // Without a key to seal to, an end of the day would lose all of it.
        let can_seal =
            self.joined().is_ok_and(|joined| joined.is_some_and(|(.., lease)| lease.lease.sealing.is_some()));
        if !can_seal {
            return Err(Answer::Unfit);
        }
        let client = self.client.clone();
        let state = spawn_blocking(move || client.status()).await.ok().and_then(Result::ok);
        match state.map(|status| status.state) {
            Some(State::Up) => return Err(Answer::Reachable),
            Some(State::Revoked) => return Err(Answer::Forbidden),
            Some(State::Degraded | State::Down | State::Locked) | None => {}
        }
        let who = Opener { person, uid, session: None };
        let opened = settle(self.context).and_then(|()| holding(|| Kept::open(self.context, &policy, &who)));
        let opened = opened.map_err(|failure| self.no_volume(&failure))?;
        tracing::warn!(%person, uid, "work is open without headquarters");
        Ok(opened)
    }

    fn no_volume(&self, failure: &Failure) -> Answer {
        let why = failure.tell(self.context.out.voice());
        tracing::error!(code = failure.code, cause = why.cause, "work cannot be opened here");
        self.tell(|standing| standing.trouble = Some(format!("{}: {}", failure.code, why.cause)));
        Answer::Failed
    }
}
