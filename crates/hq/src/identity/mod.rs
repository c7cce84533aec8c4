//! Who a person is: what proves it, behind one narrow trait, so that a company's own identity provider can take its place.

mod embedded;
mod password;
mod totp;

use futures_util::future::BoxFuture;
use hanare_model::work::{PasswordFault, WorkOpen};
use hanare_model::{Secret, Timestamp};

pub(crate) use embedded::Embedded;
pub(crate) use password::PasswordHash;
pub(crate) use totp::TotpSecret;

/// No proof can be looked at now: too many wait, or the machine gives no memory or randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no proof can be looked at now")]
pub(crate) struct Overloaded;

/// What headquarters keeps of a person's secrets.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub password: PasswordHash,
    pub totp: TotpSecret,
}

/// What a proof came to. Whether its step was used before, the registry decides.
#[derive(Debug)]
pub(crate) enum Proof {
    /// Not proven; why, for the ledger only.
    Wrong(&'static str),
    /// Proven.
    Right {
        /// The one-time code's step.
        step: u64,
        /// The new password, if one came along.
        new: Option<Result<PasswordHash, PasswordFault>>,
    },
}

/// Proves persons.
pub(crate) trait IdentityProvider: Send + Sync {
    /// Looks at what a person says, at a time. `None`: nobody of that name may be here; that takes as long and is as wrong.
    fn prove<'a>(
        &'a self,
        account: Option<Account>,
        claim: &'a WorkOpen,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Proof, Overloaded>>;

    /// A temporary password and a new authenticator's secret, for somebody who starts, or starts over.
    fn credentials(&self) -> BoxFuture<'_, Result<Credentials, Overloaded>>;
}

/// What a person gets once.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// To be told to them.
    pub password: Secret,
    /// To be kept.
    pub account: Account,
}
