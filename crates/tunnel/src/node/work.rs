//! A person's work on this node: their proof goes to headquarters through the tunnel, the session stays in memory only.

use std::time::Duration;

use hanare_model::api::Refusal;
use hanare_model::work::{Notice, WorkEnd, WorkOpen, WorkOpened, WorkOvertime, WorkRefusal};
use hanare_model::{NodeKind, Secret, Timestamp};
use ring::digest::{SHA256, digest};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::daemon::{Daemon, Outcome, own_clock};
use super::inside::Inside;
use crate::api::ApiError;
use crate::control::{HqTime, Problem, Reply, Session, Today, Work as Shown, WorkState};

/// How long headquarters may take: longer than a queue of passwords there, shorter than whoever asked waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// And how long when the daemon ends; the host process waits five seconds for that.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is open, and what is being asked.
#[derive(Debug, Default)]
pub(super) struct Work {
    open: Option<Open>,
    /// A proof is at headquarters: one at a time, so that what it answers last is what holds.
    is_asking: bool,
    locked_until: Option<Timestamp>,
    /// The session whose end was heard last, maybe before its beginning, and why it ended.
    ended: Option<(String, WorkEnd)>,
}

#[derive(Debug)]
struct Open {
    opened: WorkOpened,
    fingerprint: String,
    since: Timestamp,
    /// By the boot clock: a clock that jumps ends nobody's work, and one that is set back does not prolong it.
    over_at: u64,
    /// The user who may close it.
    uid: u32,
}

impl Work {
    /// Nothing is anybody's any more.
    pub(super) fn forget(&mut self) {
        self.open = None;
    }

    /// Takes an opening in, unless its end was heard while its beginning was on its way.
    fn take(&mut self, opened: WorkOpened, uid: u32, now: Timestamp, boot: u64) -> Result<(), Problem> {
        let fingerprint = hex::encode(digest(&SHA256, opened.session.expose().as_bytes()));
        if self.ended.as_ref().is_some_and(|(ended, _)| *ended == fingerprint) {
            self.open = None;
            return Err(Problem::WorkNotOpen);
        }
        tracing::info!(person = %opened.person, until = %opened.until, "work is open");
        self.locked_until = None;
        let over_at = boot.saturating_add(opened.until.since(now).as_secs());
        self.open = Some(Open { opened, fingerprint, since: now, over_at, uid });
        Ok(())
    }

    /// Headquarters closed a session. An end that was heard again, or late, closes no other one.
    fn end(&mut self, session: String, reason: WorkEnd) {
        if let Some(open) = self.open.take_if(|open| open.fingerprint == session) {
            tracing::warn!(person = %open.opened.person, ?reason, "headquarters closed this person's work");
        }
        self.ended = Some((session, reason));
    }

    /// What others did with the work that is open here.
    fn notice(&mut self, session: &str, notices: Vec<Notice>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.fingerprint == session) {
            open.opened.notices = notices;
        }
    }

    /// What is open does not outlive its time, with or without a word from headquarters.
    fn lapse(&mut self, boot: u64) {
        if let Some(open) = self.open.take_if(|open| open.over_at <= boot) {
            tracing::info!(person = %open.opened.person, "the time of this person's opening is over");
            self.ended = Some((open.fingerprint, WorkEnd::Expired));
        }
    }

    fn shown(&self, now: Timestamp) -> Shown {
        let open = self.open.as_ref();
        let locked_until = self.locked_until.filter(|until| open.is_none() && *until > now);
        let state = match (open, self.is_asking, locked_until) {
            (Some(_), _, _) => WorkState::Open,
            (None, true, _) => WorkState::Opening,
            (None, false, Some(_)) => WorkState::Locked,
            (None, false, None) => WorkState::Closed,
        };
        Shown {
            state,
            person: open.map(|open| open.opened.person.clone()),
            name: open.map(|open| open.opened.name.clone()),
            since: open.map(|open| open.since),
            until: open.map(|open| open.opened.until),
            locked_until,
            notices: open.map(|open| open.opened.notices.clone()).unwrap_or_default(),
        }
    }
}

/// What came back from headquarters, and who waits for it.
#[derive(Debug)]
pub(super) struct Answered {
    uid: u32,
    reply: oneshot::Sender<Reply>,
    result: Result<WorkOpened, ApiError>,
}

/// Asks headquarters; the answer comes back as [`Answered`].
pub(super) fn open(daemon: &mut Daemon, claim: WorkOpen, uid: u32, reply: oneshot::Sender<Reply>) {
    let no = if daemon.revoked.is_some() {
        Some(Problem::NotEnrolled)
    } else if daemon.lease.kind != NodeKind::Endpoint {
        Some(Problem::Work { refusal: WorkRefusal::NotHere })
    } else if daemon.work.is_asking {
        Some(Problem::WorkBusy)
    } else {
        None
    };
    let (no, addresses) = match (no, &daemon.inside) {
        (None, Some(inside)) => (None, inside.addresses().to_vec()),
        (None, None) => (Some(Problem::HqSilent), Vec::new()),
        (no, _) => (no, Vec::new()),
    };
    if let Some(problem) = no {
        let _ = reply.send(Reply::Failed { problem });
        return;
    }
    daemon.work.is_asking = true;
    let (hands, identity, outcomes) =
        (daemon.hands.clone(), daemon.identity.clone(), daemon.outcomes.clone());
    tokio::spawn(async move {
        let asked = Inside::work_open(&hands, &addresses, &identity, &claim);
        let result =
            timeout(PATIENCE, asked).await.unwrap_or(Err(ApiError::Timeout { what: "opening work" }));
        let _ = outcomes.send(Outcome::Work(Box::new(Answered { uid, reply, result }))).await;
    });
}

/// Takes the answer in and passes it on. An error comes back if it says something about this node.
pub(super) fn answered(daemon: &mut Daemon, answered: Answered) -> Option<ApiError> {
    let Answered { uid, reply, result } = answered;
    daemon.work.is_asking = false;
    let now = daemon.clock.now(own_clock());
    let (answer, about_us) = match result {
        Ok(opened) => (take(daemon, opened, uid, now), None),
        Err(error) => {
            let problem = problem(&error);
            if let Problem::Work { refusal: WorkRefusal::Locked { retry_after_seconds } } = problem {
                daemon.work.locked_until = Some(now.after(Duration::from_secs(retry_after_seconds)));
            }
            (Reply::Failed { problem }, Some(error))
        }
    };
    // Whoever asked may be gone: nobody's work stays open for nobody.
    if reply.send(answer).is_err() && about_us.is_none() {
        tracing::info!("whoever opened work has gone");
        tell_closed(daemon, None);
    }
    about_us
}

fn take(daemon: &mut Daemon, opened: WorkOpened, uid: u32, now: Timestamp) -> Reply {
    if daemon.revoked.is_some() {
        daemon.work.forget();
        return Reply::Failed { problem: Problem::NotEnrolled };
    }
    match daemon.work.take(opened, uid, now, HqTime::boot_seconds()) {
        Ok(()) => Reply::Work { work: daemon.work.shown(now) },
        Err(problem) => Reply::Failed { problem },
    }
}

fn problem(error: &ApiError) -> Problem {
    match error {
        ApiError::Refused(Refusal::Work { work }) => Problem::Work { refusal: *work },
        ApiError::Refused(Refusal::TooMany { retry_after_seconds }) => {
            Problem::TooSoon { seconds: *retry_after_seconds }
        }
        ApiError::Refused(Refusal::NotEnrolled | Refusal::Revoked { .. }) => Problem::NotEnrolled,
        ApiError::Refused(_) => Problem::OtherVersion,
        ApiError::Connection { .. }
        | ApiError::Timeout { .. }
        | ApiError::NotHeadquarters
        | ApiError::Unavailable { .. }
        | ApiError::Answer { .. }
        | ApiError::Setup { .. } => {
            tracing::info!(%error, "a person's proof brought no answer");
            Problem::HqSilent
        }
    }
}

/// Closes it here at once, and tells headquarters.
pub(super) fn close(daemon: &mut Daemon, uid: u32, is_admin: bool, reply: oneshot::Sender<Reply>) {
    let is_anothers = daemon.work.open.as_ref().is_some_and(|open| open.uid != uid);
    if is_anothers && !is_admin {
        let problem = Problem::Forbidden { verb: "work close".to_owned() };
        let _ = reply.send(Reply::Failed { problem });
        return;
    }
    tell_closed(daemon, Some(reply));
}

fn tell_closed(daemon: &mut Daemon, reply: Option<oneshot::Sender<Reply>>) {
    let answer = |told| {
        if let Some(reply) = reply {
            // Whoever asked may be gone; it is closed all the same.
            let _ = reply.send(Reply::WorkClosed { told });
        }
    };
    let Some(open) = daemon.work.open.take() else { return answer(None) };
    tracing::info!(person = %open.opened.person, "work is closed");
    daemon.work.ended = Some((open.fingerprint.clone(), WorkEnd::Closed));
    let addresses = daemon.inside.as_ref().map(|inside| inside.addresses().to_vec());
    let Some(addresses) = addresses else { return answer(Some(false)) };
    let (hands, identity) = (daemon.hands.clone(), daemon.identity.clone());
    tokio::spawn(async move {
        let tell = Inside::work_close(&hands, &addresses, &identity, open.opened.session);
        let told = matches!(timeout(PATIENCE, tell).await, Ok(Ok(())));
        answer(Some(told));
    });
}

/// Asks headquarters to put overtime on its record.
pub(super) fn overtime(daemon: &Daemon, seconds: u64, grant: Option<u32>, reply: oneshot::Sender<Reply>) {
    let (Some(open), Some(inside)) = (&daemon.work.open, &daemon.inside) else {
        let _ = reply.send(Reply::Failed { problem: Problem::HqSilent });
        return;
    };
    let ask = WorkOvertime { session: open.opened.session.clone(), seconds, grant };
    let (hands, addresses, identity) =
        (daemon.hands.clone(), inside.addresses().to_vec(), daemon.identity.clone());
    tokio::spawn(async move {
        let asked = Inside::work_overtime(&hands, &addresses, &identity, &ask);
        let answered = timeout(PATIENCE, asked).await.unwrap_or(Err(ApiError::Timeout { what: "overtime" }));
        let _ = reply.send(match answered {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Failed { problem: problem(&error) },
        });
    });
}

/// The daemon ends, and the session with it: headquarters is told while the tunnel is still there, and not waited for long.
pub(super) async fn goodbye(daemon: &mut Daemon) {
    let Some(open) = daemon.work.open.take() else { return };
    let Some(inside) = &daemon.inside else { return };
    let (hands, addresses) = (daemon.hands.clone(), inside.addresses().to_vec());
    let tell = Inside::work_close(&hands, &addresses, &daemon.identity, open.opened.session);
    if !matches!(timeout(GOODBYE, tell).await, Ok(Ok(()))) {
        tracing::info!(person = %open.opened.person, "headquarters was not told that this person's work is closed");
    }
}

/// Headquarters closed a session.
pub(super) fn ended(daemon: &mut Daemon, session: String, reason: WorkEnd) {
    daemon.work.end(session, reason);
}

/// Headquarters tells the person whose work is open what others did with it.
pub(super) fn noticed(daemon: &mut Daemon, session: &str, notices: Vec<Notice>) {
    daemon.work.notice(session, notices);
}

/// Looks at the clock.
pub(super) fn tick(daemon: &mut Daemon) {
    daemon.work.lapse(HqTime::boot_seconds());
}

/// How it stands.
pub(super) fn report(daemon: &Daemon) -> Shown {
    daemon.work.shown(daemon.clock.now(own_clock()))
}

/// All of it, for whoever may have the session.
pub(super) fn today(daemon: &Daemon) -> Today {
    let open = daemon.work.open.as_ref().map(|open| Session {
        person: open.opened.person.clone(),
        name: open.opened.name.clone(),
        token: Secret::clone(&open.opened.session),
        fingerprint: open.fingerprint.clone(),
        uid: open.uid,
    });
    Today {
        open,
        ended: daemon.work.ended.clone(),
        revoked: daemon.revoked.is_some(),
        headquarters: daemon.health.is_up(daemon.watch.now()),
        time: daemon.clock.heard(),
    }
}

#[cfg(test)]
mod tests {
    use hanare_model::work::Noticed;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1000);

    fn opened(session: &str, until: i64) -> WorkOpened {
        WorkOpened {
            session: Secret::new(session.to_owned()),
            person: "hanako".parse().unwrap(),
            name: "花子".to_owned(),
            until: Timestamp::from_seconds(until),
            notices: Vec::new(),
        }
    }

    fn fingerprint(session: &str) -> String {
        hex::encode(digest(&SHA256, session.as_bytes()))
    }

    #[test]
    fn an_end_closes_its_own_session_and_no_later_one() {
        let mut work = Work::default();
        work.take(opened("first", 2000), 1000, NOW, 0).unwrap();
        work.take(opened("second", 2000), 1000, NOW, 0).unwrap();
        work.end(fingerprint("first"), WorkEnd::Disabled);
        assert_eq!(work.shown(NOW).state, WorkState::Open, "that was heard late");
        work.end(fingerprint("second"), WorkEnd::Disabled);
        assert_eq!(work.shown(NOW).state, WorkState::Closed);
        assert_eq!(work.shown(NOW).person, None);
    }

    #[test]
    fn an_end_that_overtakes_its_beginning_holds() {
        let mut work = Work::default();
        work.end(fingerprint("first"), WorkEnd::Disabled);
        assert_eq!(work.take(opened("first", 2000), 1000, NOW, 0), Err(Problem::WorkNotOpen));
        assert_eq!(work.shown(NOW).state, WorkState::Closed);
        work.take(opened("second", 2000), 1000, NOW, 0).unwrap();
        assert_eq!(work.shown(NOW).state, WorkState::Open);
    }

    #[test]
    fn time_ends_what_is_open_and_what_is_locked() {
        let mut work = Work { locked_until: Some(Timestamp::from_seconds(1060)), ..Work::default() };
        assert_eq!(work.shown(NOW).state, WorkState::Locked);
        assert_eq!(work.shown(Timestamp::from_seconds(1060)).state, WorkState::Closed);
        work.take(opened("first", 2000), 1000, NOW, 0).unwrap();
        assert_eq!(work.shown(NOW).locked_until, None, "a right proof ends it");
        work.lapse(999);
        assert_eq!(
            work.shown(Timestamp::from_seconds(9999)).state,
            WorkState::Open,
            "whatever the clock shows"
        );
        work.lapse(1000);
        assert_eq!(work.shown(NOW).state, WorkState::Closed);
    }

    #[test]
    fn a_notice_is_for_the_session_that_it_names() {
        let told = |what: &str| {
            let what = Noticed::Taken { reason: what.to_owned(), files: 1, bytes: 2 };
            vec![Notice { at: NOW, what }]
        };
        let mut work = Work::default();
        work.notice(&fingerprint("first"), told("for nobody"));
        work.take(opened("first", 2000), 1000, NOW, 0).unwrap();
        assert_eq!(work.shown(NOW).notices, []);
        work.notice(&fingerprint("another"), told("for another"));
        assert_eq!(work.shown(NOW).notices, []);
        work.notice(&fingerprint("first"), told("for her"));
        assert_eq!(work.shown(NOW).notices, told("for her"));
        work.end(fingerprint("first"), WorkEnd::Disabled);
        assert_eq!(work.shown(NOW).notices, []);
    }

    #[test]
    fn the_session_is_not_shown() {
        let mut work = Work::default();
        work.take(opened("a-token-of-hers", 2000), 1000, NOW, 0).unwrap();
        assert!(!format!("{work:?}").contains("a-token"), "{work:?}");
    }
}
