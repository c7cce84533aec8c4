//! What is about to end a day, and when: told by the daemon, by the machine, or by the calendar.

use hanare_model::work::WorkEnd;
use hanare_tunnel::control::{HqTime, Session, Today};

use super::keeping::Kept;
use super::machine::Happened;
use super::trigger::Trigger;

/// What the daemon's word means for a day.
pub(super) enum Said {
    Nothing(Option<HqTime>),
    Renewed(Session),
    End(Trigger),
}

/// A daemon that was started anew knows no session, and has not ended any: the day goes on, and the person opens it again.
/// `is_doubtful` says that this day began at a log-in screen without headquarters, and that a proof need not be of who began it.
pub(super) fn said(today: Today, kept: &Kept, is_doubtful: bool) -> Said {
    let Today { open, ended, revoked, time, .. } = today;
    if revoked {
        return Said::End(Trigger::Revoked);
    }
    match open {
        Some(open) if open.person != kept.noted.person => return Said::End(Trigger::Another),
        // Whoever began without headquarters may have been somebody else: what they made is sealed, and theirs is another volume.
        Some(open) if kept.is_alone() && (is_doubtful || !kept.is_same_desk(open.uid)) => {
            return Said::End(Trigger::Another);
        }
        // Also the same one, for an agent that has taken over and does not know it yet.
        Some(open) if open.fingerprint != kept.noted.fingerprint || !kept.is_proven => {
            return Said::Renewed(open);
        }
        Some(_) => return Said::Nothing(time),
        None => {}
    }
    match ended {
        Some((session, WorkEnd::NextOpening)) if session == kept.noted.fingerprint => Said::Nothing(time),
        Some((session, why)) if session == kept.noted.fingerprint => Said::End(Trigger::Session(why)),
        _ => Said::Nothing(time),
    }
}

/// What is about to end the day, and when by the boot clock.
#[derive(Debug, Default)]
pub(super) struct Coming {
    pub(super) trigger: Option<(Trigger, u64)>,
    /// What was said last of the time that is left.
    said: Option<u64>,
    /// What keeps the machine from going down meanwhile.
    pub(super) held: Option<Happened>,
}

impl Coming {
    /// The sooner end stands; a calendar's end moves with overtime, and a device that is back ends nothing.
    pub(super) fn hear(
        &mut self,
        trigger: Option<Trigger>,
        happened: Option<&Happened>,
        kept: &Kept,
        now: u64,
    ) {
        if matches!(happened, Some(Happened::DeviceBack)) {
            self.trigger.take_if(|(trigger, _)| *trigger == Trigger::DeviceRemoved);
        }
        if let Some(trigger) = trigger
            && self.trigger.is_none_or(|(known, _)| known != trigger)
        {
            let at = now.saturating_add(trigger.countdown(&kept.policy.limits).as_secs());
            if self.trigger.is_none_or(|(_, known)| at < known) {
                (self.trigger, self.said) = (Some((trigger, at)), None);
            }
        }
        let Some(day) = &kept.noted.day else { return };
        let warn = day.end().saturating_sub(kept.policy.limits.countdown.as_secs());
        match self.trigger {
            Some((Trigger::EndOfDay, _)) if now < warn => (self.trigger, self.said) = (None, None),
            Some((Trigger::EndOfDay, _)) => self.trigger = Some((Trigger::EndOfDay, day.end())),
            None if now >= warn => self.trigger = Some((Trigger::EndOfDay, day.end())),
            Some((_, at)) if day.end() < at => self.trigger = Some((Trigger::EndOfDay, day.end())),
            Some(_) | None => {}
        }
    }

    pub(super) fn due(&self, now: u64) -> Option<Trigger> {
        self.trigger.filter(|(_, at)| *at <= now).map(|(trigger, _)| trigger)
    }

    /// When the day ends, as far as that is known.
    pub(super) fn at(&self, kept: &Kept) -> Option<u64> {
        let by_calendar = kept.noted.day.map(|day| day.end());
        self.trigger.map(|(_, at)| at).or(by_calendar)
    }

    /// Every minute, and at the last half of one.
    pub(super) fn is_to_be_said(&mut self, left: u64) -> bool {
        let step = if left <= 30 { 0 } else { left.div_ceil(60) };
        self.said.replace(step) != Some(step)
    }
}
