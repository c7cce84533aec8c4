//! What ends a day, and how: what the receipt says, whether people are warned, and how much of the end there is time for.

use std::time::Duration;

use hanare_model::work::WorkEnd;
use hanare_wipe::policy::Limits;
use hanare_wipe::receipt::Cause;
use serde::{Deserialize, Serialize};

/// A dock or a key that lost its contact for a moment is back within these.
const PULLED: Duration = Duration::from_secs(15);

/// What ends a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Trigger {
    /// The calendar, or the cap on the boot clock.
    EndOfDay,
    /// The person, who asked for it.
    Closed,
    /// The person's last session on this machine has ended.
    LoggedOut,
    /// Headquarters closed the session.
    Session(WorkEnd),
    /// Headquarters revoked this node.
    Revoked,
    /// Another person's work was opened.
    Another,
    /// The machine is going down.
    Shutdown,
    /// A device that the policy names is gone.
    DeviceRemoved,
}

impl Trigger {
    pub(super) const fn cause(self) -> Cause {
        match self {
            Self::EndOfDay | Self::Session(WorkEnd::Expired) => Cause::EndOfDay,
            Self::Closed | Self::LoggedOut | Self::Another | Self::Session(WorkEnd::Closed) => Cause::LogOut,
            Self::Revoked | Self::Session(WorkEnd::NodeGone) => Cause::Revoked,
            Self::Session(
                WorkEnd::NextOpening
                | WorkEnd::Elsewhere
                | WorkEnd::Disabled
                | WorkEnd::Reset
                | WorkEnd::Ordered,
            ) => Cause::Headquarters,
            Self::Shutdown => Cause::Shutdown,
            Self::DeviceRemoved => Cause::DeviceRemoved,
        }
    }

    /// How long people see it coming.
    pub(super) fn countdown(self, limits: &Limits) -> Duration {
        match self {
            Self::EndOfDay | Self::Session(WorkEnd::Ordered | WorkEnd::Expired | WorkEnd::Elsewhere) => {
                limits.countdown
            }
            Self::DeviceRemoved => PULLED.min(limits.countdown),
            Self::Closed
            | Self::LoggedOut
            | Self::Session(
                WorkEnd::Closed
                | WorkEnd::NextOpening
                | WorkEnd::Disabled
                | WorkEnd::Reset
                | WorkEnd::NodeGone,
            )
            | Self::Revoked
            | Self::Another
            | Self::Shutdown => Duration::ZERO,
        }
    }

    /// Whether the person's whole account ends, not only what uses the volume: whoever closes their work may go on with what
    /// is not work.
    pub(super) const fn ends_account(self) -> bool {
        !matches!(self, Self::Closed | Self::Session(WorkEnd::Closed))
    }

    /// Whether programs are waited for: a thief's are not.
    pub(super) const fn is_polite(self) -> bool {
        !matches!(self, Self::Revoked | Self::Session(WorkEnd::NodeGone))
    }
}
