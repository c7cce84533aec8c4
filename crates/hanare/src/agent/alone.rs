//! Work without headquarters: an empty volume for whoever says who they are. What they make is sealed, and waits at headquarters until
//! that person has proven themselves there.

use std::time::Instant;

use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::State;
use tokio::task::spawn_blocking;

use super::Agent;
use super::keeping::{Kept, Opener};
use super::socket::{Answer, Asked, Standing, Wish};
use crate::failure::Failure;

impl Agent<'_> {
    /// Answers a wish while nobody's work is open; a day that begins by it comes back.
    pub(super) async fn idle_wish(&mut self, wish: Wish) -> Option<Kept> {
        let Wish { asked, peer, reply } = wish;
        let begun = match asked {
            Asked::Alone { person, hash } => Some(self.open_alone(&person, hash.as_ref(), peer.uid).await),
            Asked::Restore { .. } | Asked::Deletions { .. } => Some(Err(Answer::Away)),
            Asked::Status
            | Asked::Finish
            | Asked::Close { .. }
            | Asked::Overtime { .. }
            | Asked::Salt
            | Asked::Keep { .. }
            | Asked::Unlock { .. } => None,
        };
        let answer = begun.as_ref().map(|begun| match begun {
            Ok(_) => Answer::Opened,
            Err(answer) => *answer,
        });
        let _ = reply.send(Standing { answer, ..self.told.borrow().clone() });
        begun.and_then(Result::ok)
    }

    /// `hash` is of what they typed at a log-in screen: nobody can check it but by its being said twice, and it is what brings them
    /// back to their screen. Only root's word counts for that.
    async fn open_alone(
        &mut self,
        person: &PersonId,
        hash: Option<&Secret>,
        uid: u32,
    ) -> Result<Kept, Answer> {
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
        let hash = hash.filter(|_| uid == 0);
        if hash.is_some_and(|hash| !self.gate.said_twice(person, hash, Instant::now())) {
            return Err(Answer::Repeat);
        }
        let who = Opener { person: person.clone(), uid, fingerprint: None };
        let opened = self.open(policy, who).await;
        let opened = opened.map_err(|failure| self.no_volume(&failure))?;
        self.gate.begin(person);
        if let Some(hash) = hash {
            self.gate.keep_unproven(person, hash);
        }
        tracing::warn!(%person, uid, "work is open without headquarters");
        Ok(opened)
    }

    fn no_volume(&self, failure: &Failure) -> Answer {
        let why = failure.tell(self.context.out.voice());
        tracing::error!(code = failure.code, cause = why.cause, "work cannot be opened here");
        self.tell(|standing| standing.hinder(Some(format!("{}: {}", failure.code, why.cause))));
        Answer::Failed
    }
}
