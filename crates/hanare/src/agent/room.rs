//! The room for sealed items as people meet it: they are told when it grows short, and when it is used up nobody changes work any
//! more, until headquarters has taken some of it.

use std::time::{Duration, Instant};

use hanare_handover::seal::Level;
use hanare_wipe::volume::{self, Writing};
use tokio::task::spawn_blocking;

use super::keeping::Kept;
use super::{Agent, sealing, words};

/// How often an alarm is said again.
const AGAIN: Duration = Duration::from_mins(5);

/// What was said of the room, and whether it has stopped work.
#[derive(Debug, Default)]
pub(super) struct Room {
    said: Level,
    at: Option<Instant>,
    stopped: bool,
}

impl Room {
    /// Whether this is news, or an alarm that is due again. That it is better than it was is said once.
    fn is_to_be_said(&mut self, level: Level, now: Instant) -> bool {
        let is_alarm = matches!(level, Level::Full | Level::Over);
        let is_again = is_alarm && self.at.is_none_or(|at| now.duration_since(at) >= AGAIN);
        if level == self.said && !is_again {
            return false;
        }
        (self.said, self.at) = (level, Some(now));
        true
    }
}

impl Agent<'_> {
    /// Looks how much room there is, and does what follows from it.
    pub(super) async fn mind_room(&self, kept: &mut Kept) {
        if let Err(error) = sealing::measure(&self.spool, &self.work, self.bounds.reserve) {
            tracing::warn!(%error, "the room for sealed items is not known");
        }
        let level = self.spool.level();
        let is_full = matches!(level, Level::Full | Level::Over);
        if is_full {
            kept.room.stopped = self.stop_writing().await;
        } else if std::mem::take(&mut kept.room.stopped) {
            self.let_write().await;
            tracing::info!("work may be changed again");
        }
        let stopped = kept.room.stopped;
        self.tell(|standing| standing.frozen = stopped);
        if kept.room.is_to_be_said(level, Instant::now()) {
            tracing::error!(?level, used = self.spool.used(), "the room for sealed items");
            let voice = self.context.out.voice();
            let told = words::reserve(level, voice).unwrap_or_else(|| voice.say("reserve-calm"));
            let line = voice.say_with("reserve-said", &[("state", &told)]);
            self.say(&line, kept);
        }
    }

    async fn stop_writing(&self) -> bool {
        let places = self.owned_places();
        match spawn_blocking(move || volume::stop_writing(places.borrow())).await {
            Ok(Ok(Writing::Stopped | Writing::Busy(_))) => true,
            Ok(Ok(Writing::Absent)) | Err(_) => false,
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "work goes on without room");
                false
            }
        }
    }

    /// Nobody is stopped any more; nothing to do for who is not.
    pub(super) async fn let_write(&self) {
        let places = self.owned_places();
        if let Ok(Err(error)) = spawn_blocking(move || volume::let_write(places.borrow())).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "work stays stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once_and_an_alarm_again() {
        let (mut room, start) = (Room::default(), Instant::now());
        let mut says = |level, seconds| room.is_to_be_said(level, start + Duration::from_secs(seconds));
        assert!(!says(Level::Calm, 0));
        assert!(says(Level::Warn, 1) && !says(Level::Warn, 1000));
        assert!(says(Level::Full, 1001) && !says(Level::Full, 1300) && says(Level::Full, 1301));
        assert!(says(Level::Over, 1302) && says(Level::Calm, 1303) && !says(Level::Calm, 9000));
    }
}
