//! What happens to the machine: it is about to go down, its person has logged out, a dock or a key is pulled.

use std::time::Duration;

use hanare_host::logind::{Hold, Logind, Told, machine_is_stopping};
use hanare_host::{account, usb};
use hanare_wipe::policy::Policy;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::trigger::Trigger;

/// Before the log-in manager is asked again whether it is there.
const AGAIN: Duration = Duration::from_secs(10);
/// A session that is being left is told by no signal.
const LOOK: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Happened {
    /// A signal asks this agent to end.
    Stop,
    /// The machine goes down, and waits until this is dropped.
    GoingDown(#[expect(dead_code, reason = "held until it is dropped")] Option<Hold>),
    /// The account that people work as has no session any more.
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
            Self::DeviceBack => None,
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
    /// Watches what this policy wants watched; nothing without one.
    pub(super) fn watch(policy: Option<&Policy>) -> Self {
        let (tell, happened) = mpsc::channel(8);
        let mut tasks = Vec::new();
        if let Some(policy) = policy {
            let account = policy.person.user.as_deref().and_then(account::uid);
            tasks.push(tokio::spawn(sessions(account, tell.clone())));
            if !policy.person.usb.is_empty() {
                tasks.push(tokio::spawn(devices(policy.person.usb.clone(), tell)));
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

async fn sessions(account: Option<u32>, tell: mpsc::Sender<Happened>) {
    loop {
        match Logind::connect().await {
            Ok(logind) => {
                if listen(logind, account, &tell).await.is_none() {
                    tracing::info!("the log-in manager is gone");
                }
            }
            Err(error) => tracing::debug!(%error, "no log-in manager"),
        }
        if tell.is_closed() {
            return;
        }
        sleep(AGAIN).await;
    }
}

/// `None` when the bus is gone, or nobody wants to know any more.
async fn listen(mut logind: Logind, account: Option<u32>, tell: &mpsc::Sender<Happened>) -> Option<()> {
    const WHY: &str = "work is handed over and the work volume ends";
    let mut hold =
        logind.hold(WHY).await.inspect_err(|error| tracing::warn!(%error, "no shutdown waits")).ok();
    let mut was_in = false;
    loop {
        let told = tokio::select! {
            told = logind.next() => Some(told?),
            () = sleep(LOOK) => None,
        };
        match told {
            Some(Told::GoingDown) => tell.send(Happened::GoingDown(hold.take())).await.ok()?,
            Some(Told::Stays) => hold = logind.hold(WHY).await.ok(),
            Some(Told::Sessions) | None => {}
        }
        let Some(uid) = account else { continue };
        let Ok(is_in) = logind.is_logged_in(uid).await else { continue };
        if std::mem::replace(&mut was_in, is_in) && !is_in {
            tell.send(Happened::LoggedOut).await.ok()?;
        }
    }
}

async fn devices(named: Vec<String>, tell: mpsc::Sender<Happened>) {
    let changes = match usb::Changes::listen() {
        Ok(changes) => changes,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "devices are not watched");
            return;
        }
    };
    let missing = || {
        let present = usb::present();
        named.iter().filter(|name| !present.contains(*name)).count()
    };
    let mut before = missing();
    while changes.next().await.is_ok() {
        let now = missing();
        let happened = match now.cmp(&before) {
            std::cmp::Ordering::Greater => Some(Happened::DeviceGone),
            std::cmp::Ordering::Less if now == 0 => Some(Happened::DeviceBack),
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal => None,
        };
        before = now;
        if let Some(happened) = happened
            && tell.send(happened).await.is_err()
        {
            return;
        }
    }
}
