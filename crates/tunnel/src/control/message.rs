//! What is asked over the control socket, and what is answered.

use hanare_host::HostError;
use serde::{Deserialize, Serialize};

use super::Status;

/// One request. `unlock` and `leave` are read once more by the host process, as [`hanare_host::hands::Asked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How the tunnel stands; anybody on this machine may ask.
    Status,
    /// Ends the daemon; the kill switch stays closed. Admins only.
    Down,
    /// Opens the kill switch for a while, on the record. Admins, and the person of the local session where policy lets.
    Unlock {
        /// Why, in the person's words; not empty.
        reason: String,
        /// For how long, at most [`super::MAX_UNLOCK_SECONDS`].
        seconds: u64,
        /// Everything instead of DNS and TCP 80 and 443.
        all: bool,
        /// What the asking process becomes: the one program of a person that may use those ports.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        program: Option<String>,
    },
    /// Undoes everything, the kill switch included, and forgets the enrolment. Admins only.
    Leave,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status {
        /// How it stands.
        status: Box<Status>,
    },
    /// It was done.
    Done,
    /// To [`Request::Leave`]: it was done.
    Left {
        /// Whether headquarters knows; `None` if there was nobody to tell.
        told: Option<bool>,
    },
    /// It was not.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// Why the daemon did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum Problem {
    /// The person may not ask for this.
    #[error("{verb} is for root and the group hanare")]
    Forbidden {
        /// What was asked.
        verb: String,
    },
    /// The request makes no sense.
    #[error("the request is wrong: {why}")]
    Wrong {
        /// What is wrong with it.
        why: String,
    },
    /// This user, or everybody but the admins together, has too many questions open.
    #[error("too many questions are open")]
    Busy,
    /// The machine or the host process said no.
    #[error(transparent)]
    Host {
        /// Its words.
        failure: HostError,
    },
    /// The node's files would not go.
    #[error("{text}")]
    State {
        /// Which and why.
        text: String,
    },
}
