//! Keeps data plane, interface and firewall as headquarters publishes them: what the machine does not take now is asked of it
//! again, and nothing is open meanwhile that was not before.

use std::time::Duration;

use hanare_host::hands::{Client, Notice};
use hanare_hq::{FirewallState, PlaneLink, PlaneReport, Published};
use tokio::time::Instant;

use super::data::{DataPlane, NotApplied};
use crate::failure::Failure;

/// The first wait before a change is tried again; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// The longest wait.
const LAST_RETRY: Duration = Duration::from_secs(8);

/// What is in force, and what should be.
pub(super) struct Keeper<'a> {
    plane: &'a DataPlane,
    hands: &'a Client,
    link: &'a PlaneLink,
    in_force: Published,
    wanted: Published,
    firewall: FirewallState,
    pause: Duration,
    retry: Option<Instant>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        plane: &'a DataPlane,
        hands: &'a Client,
        link: &'a PlaneLink,
        in_force: Published,
    ) -> Self {
        let wanted = in_force.clone();
        let (pause, retry) = (FIRST_RETRY, None);
        Self { plane, hands, link, in_force, wanted, firewall: FirewallState::InForce, pause, retry }
    }

    /// Takes in what was published.
    pub(super) async fn want(&mut self, wanted: Published) -> Result<(), Failure> {
        self.wanted = wanted;
        self.catch_up().await
    }

    /// Comes true when it is time for [`Keeper::catch_up`].
    pub(super) async fn due(&self) {
        match self.retry {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Makes everything as it should be, as far as the machine lets it.
    pub(super) async fn catch_up(&mut self) -> Result<(), Failure> {
        self.retry = None;
        if self.firewall == FirewallState::Lost {
            // The host process says when it is back.
            return Ok(());
        }
        let unsure = self.firewall == FirewallState::Behind;
        match self.plane.apply(self.hands, &self.in_force, &self.wanted, unsure).await {
            Ok(()) => {
                self.firewall = FirewallState::InForce;
                self.pause = FIRST_RETRY;
                self.in_force = self.wanted.clone();
                self.link.applied(&self.in_force);
                Ok(())
            }
            Err(NotApplied::Ended(failure)) => Err(failure),
            Err(NotApplied::Machine(error)) => {
                tracing::error!(%error, retry_seconds = self.pause.as_secs_f64(), "the machine did not take what was published");
                self.firewall = FirewallState::Behind;
                self.retry = Some(Instant::now() + self.pause);
                self.pause = (self.pause * 2).min(LAST_RETRY);
                Ok(())
            }
        }
    }

    /// What the host process noticed.
    pub(super) async fn notice(&mut self, notice: &Notice) -> Result<(), Failure> {
        match notice {
            Notice::FirewallLost { why } => {
                tracing::error!(
                    why,
                    "headquarters' firewall cannot be restored: nothing is forwarded until it is"
                );
                self.firewall = FirewallState::Lost;
                self.plane.isolate()
            }
            Notice::FirewallRestored { what } => {
                tracing::warn!(what, "another program changed headquarters' firewall; it is back");
                if self.firewall == FirewallState::Lost {
                    self.firewall = FirewallState::Behind;
                    self.catch_up().await?;
                }
                Ok(())
            }
            Notice::UnderlayChanged | Notice::InterfaceLost | Notice::Stop | Notice::Locked => {
                self.plane.notice(notice, self.interface())
            }
        }
    }

    /// How all of it is.
    pub(super) async fn report(&self) -> PlaneReport {
        let report = self.plane.report().await;
        let forwarding = report.forwarding && self.firewall != FirewallState::Lost;
        PlaneReport { forwarding, firewall: self.firewall, ..report }
    }

    /// The tunnel interface's name.
    pub(super) fn interface(&self) -> &str {
        &self.in_force.interface
    }
}
