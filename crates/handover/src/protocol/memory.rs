//! What headquarters remembers of what it has acknowledged. One that was put back from a backup has forgotten some of it, and
//! nobody but an endpoint can know: it remembers where headquarters stood when it last answered.

use serde::{Deserialize, Serialize};

use super::VersionId;

/// Where headquarters stood when it acknowledged something. The number ascends; the name is drawn, so that a headquarters that
/// was put back and has gone on since is known by it, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Ascends with what is acknowledged.
    pub number: u64,
    /// Drawn at random.
    pub name: VersionId,
}

/// What headquarters says of its memory together with an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Where it stands now: everything that is acknowledged or shown in this answer lies before it.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// It does not know where it is said to have stood, or part of what it held by then is gone: nothing was done, and
    /// whatever it acknowledged before is to be asked about ([`Check`]).
    #[serde(default)]
    pub forgotten: bool,
}

/// Does headquarters know where it stood?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// As it said last; `None` if it never did.
    pub mark: Option<Mark>,
}

/// Which of these versions does headquarters not hold, with all that is in them?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// At most [`super::MAX_ASK`].
    pub versions: Vec<VersionId>,
}

/// Those that it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Their places in [`Check::versions`], ascending.
    pub missing: Vec<u32>,
}
