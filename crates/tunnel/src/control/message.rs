//! What is asked over the control socket, and what is answered.

use hanare_host::HostError;
use hanare_model::PersonId;
use hanare_model::work::{WorkOpen, WorkRefusal};
use serde::{Deserialize, Serialize};

use super::{Status, Today, Work};

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
    /// Opens a person's work. Whoever uses this machine may ask: the person proves themselves to headquarters.
    WorkOpen {
        /// Who they are, and what proves it.
        claim: WorkOpen,
    },
    /// Closes it. Admins, and the user who opened it.
    WorkClose,
    /// Whose work is open; anybody on this machine may ask.
    WorkStatus,
    /// The working day with the session by which headquarters releases work, for the process that looks after it. Root only.
    WorkToday,
    /// A person's overtime is put on the record: headquarters', or this node's own where it is taken alone. Root only.
    WorkOvertime {
        /// Whose.
        person: PersonId,
        /// How much.
        seconds: u64,
        /// The wish's own number ([`hanare_model::work::WorkOvertime::grant`]).
        grant: Option<u32>,
        /// Without headquarters.
        alone: bool,
    },
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
        /// How many records of this node's ledger headquarters is not known to hold.
        #[serde(default)]
        records_missing: u64,
    },
    /// To [`Request::WorkOpen`] and [`Request::WorkStatus`].
    Work {
        /// How it stands.
        work: Work,
    },
    /// To [`Request::WorkClose`]: it is closed here.
    WorkClosed {
        /// Whether headquarters knows; `None` if nothing was open.
        told: Option<bool>,
    },
    /// To [`Request::WorkToday`].
    WorkToday {
        /// How it stands.
        today: Box<Today>,
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
    /// An unlock for a program whose name is no name.
    #[error("a program's name is one line, and not a long one")]
    Program,
    /// An unlock without a reason, or with one that is no line of a person's words.
    #[error("the reason is missing or too long")]
    Reason,
    /// An unlock for no time or too long a time.
    #[error("an unlock lasts from 1 second to 30 minutes")]
    Time,
    /// This user asked for an unlock a moment ago.
    #[error("the last unlock was a moment ago; wait {seconds} s")]
    UnlockTooSoon {
        /// How long to wait.
        seconds: u64,
    },
    /// This user, or everybody but the admins together, has too many questions open.
    #[error("too many questions are open")]
    Busy,
    /// The machine or the host process said no.
    #[error(transparent)]
    Host {
        /// Its words.
        #[from]
        failure: HostError,
    },
    /// Headquarters does not open work.
    #[error("headquarters does not open work")]
    Work {
        /// Why not.
        refusal: WorkRefusal,
    },
    /// Too many tries from this node.
    #[error("too many tries; wait {seconds} s")]
    TooSoon {
        /// How long to wait.
        seconds: u64,
    },
    /// Headquarters does not answer through the tunnel.
    #[error("headquarters does not answer through the tunnel")]
    HqSilent,
    /// Headquarters does not know this node, or not any more.
    #[error("headquarters does not take this node for one of its own")]
    NotEnrolled,
    /// Headquarters does not understand.
    #[error("headquarters does not understand this program")]
    OtherVersion,
    /// Another opening is under way.
    #[error("another opening is under way")]
    WorkBusy,
    /// No work is open here.
    #[error("no work is open here")]
    WorkNotOpen,
    /// The node's files would not go.
    #[error("{text}")]
    State {
        /// Which and why.
        text: String,
    },
}
