//! What happens to the machine: it is about to go down, its person has logged out, a dock or a key is pulled. Whatever cannot be
//! watched for a while is tried again, and is said.

use std::time::{Duration, Instant};

use hanare_host::logind::{Hold, Logind, Told, machine_is_stopping};
use hanare_host::{account, usb};
use hanare_wipe::policy::Policy;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::message::{Standing, Unwatched};
use super::trigger::Trigger;

/// Before the log-in manager is asked again whether it is there, or the kernel for word of devices; doubled up to the last.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// A session that is being left is told by no signal.
const LOOK: Duration = Duration::from_secs(5);
/// A log-in manager that starts anew knows nobody for a moment: whoever is not there is looked for once more after this.
const SURE: Duration = Duration::from_secs(1);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Happened {
    /// A signal asks this agent to end.
    Stop,
    /// The machine goes down, and waits until this is dropped.
    GoingDown(#[expect(dead_code, reason = "held until it is dropped")] Option<Hold>),
    /// The account that people work as has a session.
    LoggedIn,
    /// It has none any more.
    LoggedOut,
    /// A device that the policy names is gone.
    DeviceGone,
    /// All of them are there again.
    DeviceBack,
}

impl Happened {
    /// What of a day it ends.
    pub(super) const fn trigger(&self) -> Option<Trigger> {
        match self {
            Self::Stop | Self::GoingDown(_) => Some(Trigger::Shutdown),
            Self::LoggedOut => Some(Trigger::LoggedOut),
            Self::DeviceGone => Some(Trigger::DeviceRemoved),
            Self::LoggedIn | Self::DeviceBack => None,
        }
    }

    /// Whether the account is logged in, if it is about that.
    pub(super) const fn is_in(&self) -> Option<bool> {
        match self {
            Self::LoggedIn => Some(true),
            Self::LoggedOut => Some(false),
            Self::Stop | Self::GoingDown(_) | Self::DeviceGone | Self::DeviceBack => None,
        }
    }
}

/// Watches the machine, until it is dropped.
#[derive(Debug)]
pub(super) struct Machine {
    happened: mpsc::Receiver<Happened>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Machine {
    /// Watches what this policy wants watched; nothing without one. `was_in`: an agent before this one has seen the account logged
    /// in, and nobody has seen it go.
    pub(super) fn watch(policy: Option<&Policy>, standing: &watch::Sender<Standing>, was_in: bool) -> Self {
        let (tell, happened) = mpsc::channel(8);
        let eyes = |what| Eyes { tell: tell.clone(), standing: standing.clone(), what };
        let mut tasks = Vec::new();
        if let Some(policy) = policy {
            let presence = Presence { was_in, missed: None };
            let of = (policy.person.user.clone(), presence);
            tasks.push(tokio::spawn(sessions(of, eyes(Unwatched::Sessions))));
            if !policy.person.usb.is_empty() {
                let named = policy.person.usb.clone();
                tasks.push(tokio::spawn(devices(named, eyes(Unwatched::Devices))));
            }
        }
        Self { happened, tasks }
    }

    /// Waits for what happens next.
    pub(super) async fn next(&mut self) -> Happened {
        match self.happened.recv().await {
            Some(happened) => happened,
            None => std::future::pending().await,
        }
    }
}

/// Whether whoever stops this agent turns the machine off.
pub(super) async fn is_going_down() -> bool {
    machine_is_stopping().await
}

/// Who watches something, and whom they tell.
#[derive(Debug)]
struct Eyes {
    tell: mpsc::Sender<Happened>,
    standing: watch::Sender<Standing>,
    what: Unwatched,
}

impl Eyes {
    /// `None` once nobody wants to know any more.
    async fn tell(&self, happened: Option<Happened>) -> Option<()> {
        match happened {
            Some(happened) => self.tell.send(happened).await.ok(),
            None => (!self.tell.is_closed()).then_some(()),
        }
    }

    fn are(&self, open: bool) {
        self.standing.send_if_modified(|standing| {
            if open { standing.unwatched.remove(&self.what) } else { standing.unwatched.insert(self.what) }
        });
    }
}

/// Whether the account is logged in, as far as was seen.
#[derive(Debug, Clone, Copy)]
struct Presence {
    was_in: bool,
    /// Since when it is not seen any more.
    missed: Option<Instant>,
}

impl Presence {
    fn see(&mut self, is_in: bool, now: Instant) -> Option<Happened> {
        if is_in {
            self.missed = None;
            return (!std::mem::replace(&mut self.was_in, true)).then_some(Happened::LoggedIn);
        }
        if !self.was_in || now.duration_since(*self.missed.get_or_insert(now)) < SURE {
            return None;
        }
        (self.was_in, self.missed) = (false, None);
        Some(Happened::LoggedOut)
    }

    /// When it is looked again, if nothing is told before.
    const fn next(&self) -> Duration {
        if self.was_in && self.missed.is_some() { SURE } else { LOOK }
    }
}

async fn sessions((account, mut presence): (Option<String>, Presence), eyes: Eyes) {
    let [first, last] = AGAIN;
    let mut wait = first;
    while !eyes.tell.is_closed() {
        match Logind::connect().await {
            Ok(logind) => {
                eyes.are(true);
                wait = first;
                if listen(logind, account.as_deref(), &mut presence, &eyes).await.is_none() {
                    tracing::warn!("the log-in manager is gone");
                }
            }
            Err(error) => tracing::debug!(%error, "no log-in manager"),
        }
        eyes.are(false);
        sleep(wait).await;
        wait = (wait * 2).min(last);
    }
}

/// `None` when the bus is gone, or nobody wants to know any more.
async fn listen(
    mut logind: Logind,
    account: Option<&str>,
    presence: &mut Presence,
    eyes: &Eyes,
) -> Option<()> {
    const WHY: &str = "work is handed over and the work volume ends";
    let mut hold =
        logind.hold(WHY).await.inspect_err(|error| tracing::warn!(%error, "no shutdown waits")).ok();
    loop {
        let told = tokio::select! {
            told = logind.next() => Some(told?),
            () = sleep(presence.next()) => None,
        };
        match told {
            Some(Told::GoingDown) => eyes.tell(Some(Happened::GoingDown(hold.take()))).await?,
            Some(Told::Stays) => hold = logind.hold(WHY).await.ok(),
            Some(Told::Sessions) | None => {}
        }
        // One that is made later counts too.
        let Some(uid) = account.and_then(account::uid) else { continue };
        let Ok(is_in) = logind.is_logged_in(uid).await else { continue };
        eyes.tell(presence.see(is_in, Instant::now())).await?;
    }
}

async fn devices(named: Vec<String>, eyes: Eyes) {
    let missing = || {
        let present = usb::present();
        named.iter().filter(|name| !present.contains(*name)).count()
    };
    let [first, last] = AGAIN;
    let (mut before, mut wait) = (missing(), first);
    loop {
        let changes = usb::Changes::listen();
        if let Err(error) = &changes {
            tracing::error!(error = error as &dyn std::error::Error, "devices are looked for now and then");
        }
        eyes.are(changes.is_ok());
        loop {
            // What came or went while nobody listened is seen here.
            let now = missing();
            if eyes.tell(changed(before, now)).await.is_none() {
                return;
            }
            before = now;
            let Ok(changes) = &changes else { break };
            match timeout(LOOK, changes.next()).await {
                Ok(Ok(())) | Err(_) => wait = first,
                Ok(Err(error)) => {
                    tracing::error!(%error, "word of devices does not come any more");
                    eyes.are(false);
                    break;
                }
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(last);
    }
}

/// What it means that so many of the devices are missing now.
fn changed(before: usize, now: usize) -> Option<Happened> {
    match now.cmp(&before) {
        std::cmp::Ordering::Greater => Some(Happened::DeviceGone),
        std::cmp::Ordering::Less if now == 0 => Some(Happened::DeviceBack),
        std::cmp::Ordering::Less | std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::block_on;

    #[test]
    fn who_is_missed_for_a_moment_has_not_logged_out() {
        let start = Instant::now();
        let mut presence = Presence { was_in: false, missed: None };
        let mut see = |is_in, milliseconds| {
            let seen = presence.see(is_in, start + Duration::from_millis(milliseconds));
            seen.and_then(|happened| happened.is_in())
        };
        assert_eq!(see(false, 0), None, "nobody was there");
        assert_eq!((see(true, 0), see(true, 1)), (Some(true), None));
        assert_eq!((see(false, 2), see(false, 900)), (None, None));
        assert_eq!(see(true, 1000), None, "the log-in manager was started anew");
        assert_eq!((see(false, 2000), see(false, 3000)), (None, Some(false)));
        assert_eq!(see(false, 9000), None, "once");
    }

    #[test]
    fn who_logged_out_while_nobody_looked_is_missed() {
        let now = Instant::now();
        let mut presence = Presence { was_in: true, missed: None };
        assert!(presence.see(false, now).is_none());
        assert_eq!(presence.next(), SURE);
        assert!(matches!(presence.see(false, now + SURE), Some(Happened::LoggedOut)));
        assert_eq!(presence.next(), LOOK);
    }

    #[test]
    fn a_device_ends_a_day_when_it_goes_and_not_when_it_comes() {
        assert!(matches!(changed(0, 1), Some(Happened::DeviceGone)));
        assert!(matches!(changed(1, 2), Some(Happened::DeviceGone)));
        assert!(changed(2, 1).is_none() && changed(1, 1).is_none());
        assert!(matches!(changed(1, 0), Some(Happened::DeviceBack)));
    }

    #[test]
    fn what_is_not_seen_is_said_until_it_is_seen_again() {
        let (tell, mut happened) = mpsc::channel(1);
        let (standing, told) = watch::channel(Standing::default());
        let eyes = Eyes { tell, standing, what: Unwatched::Devices };
        eyes.are(false);
        assert_eq!(told.borrow().unwatched.iter().collect::<Vec<_>>(), [&Unwatched::Devices]);
        eyes.are(true);
        assert!(told.borrow().unwatched.is_empty());
        let heard = block_on(async {
            let still = eyes.tell(None).await;
            happened.close();
            (still, eyes.tell(None).await, eyes.tell(Some(Happened::DeviceGone)).await)
        });
        assert_eq!(heard.ok(), Some((Some(()), None, None)), "it ends with who wants to know");
    }
}
