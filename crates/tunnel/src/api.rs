//! The node's side of headquarters' node API: TLS 1.3 with a pinned certificate, HTTP/1.1, JSON.

mod connection;
mod tls;

use std::io;

use hanare_model::api::Refusal;

pub(crate) use connection::Connection;
pub(crate) use tls::Identity;

/// Why a call to headquarters brought no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody there, or the connection was cut.
    #[error("the connection to headquarters failed: {what}")]
    Connection {
        /// The stage that failed.
        what: &'static str,
        /// The reason.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nothing came in time.
    #[error("headquarters did not answer in time: {what}")]
    Timeout {
        /// The stage that took too long.
        what: &'static str,
    },
    /// Somebody else answered.
    #[error("whoever answered does not have headquarters' certificate")]
    NotHeadquarters,
    /// Headquarters said no.
    #[error("headquarters refused")]
    Refused(Refusal),
    /// Headquarters answered with an error of its own (its disk is full, its database is locked).
    #[error("headquarters cannot answer now (HTTP status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not one of ours.
    #[error("headquarters' answer cannot be used: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
    /// This machine cannot make the connection at all.
    #[error("TLS cannot be set up: {why}")]
    Setup {
        /// Why.
        why: String,
    },
}

impl ApiError {
    /// Whether another try may succeed without anybody changing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Connection { .. }
            | Self::Timeout { .. }
            | Self::Unavailable { .. }
            | Self::Refused(Refusal::TooMany { .. })
            // A proxy on the way may cut an answer so that it looks complete.
            | Self::Answer { .. } => true,
            Self::NotHeadquarters | Self::Refused(_) | Self::Setup { .. } => false,
        }
    }

    pub(crate) fn connection(
        what: &'static str,
    ) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Connection { what, source }
    }

    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Connection { what, source: Box::new(source) }
    }
}
