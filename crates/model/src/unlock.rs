//! Whether, for how long and how often people may open a node's kill switch.

use serde::{Deserialize, Serialize};

/// Seconds that an unlock may last at most, whatever a policy says (30 minutes).
pub const MAX_SECONDS: u64 = 30 * 60;
/// Seconds between two unlocks of one person that a policy may ask for at most.
pub const MAX_GAP: u64 = 24 * 60 * 60;

/// Who may do something at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Every local user.
    Everybody,
    /// Root and the group `hanare`.
    Admins,
    /// Not even root.
    Nobody,
}

impl Who {
    /// Whether somebody may, who is an admin or is not.
    #[must_use]
    pub const fn lets(self, is_admin: bool) -> bool {
        match self {
            Self::Everybody => true,
            Self::Admins => is_admin,
            Self::Nobody => false,
        }
    }
}

/// The terms of a company's policy; part of every lease, so that a node without headquarters keeps the last ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockTerms {
    /// Seconds that one may last.
    pub seconds: u64,
    /// Seconds between two of one person, who is no admin.
    pub gap_seconds: u64,
    /// Who may open DNS and the web for a portal.
    pub portal: Who,
    /// Who may open everything.
    pub all: Who,
}

impl Default for UnlockTerms {
    /// A portal for the person in the room, and no more: whoever may open everything could open it again and again.
    fn default() -> Self {
        Self { seconds: MAX_SECONDS, gap_seconds: 10, portal: Who::Everybody, all: Who::Admins }
    }
}

impl UnlockTerms {
    /// Whether nothing is said: a lease leaves it out then.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_nobody_and_admins_are_not_everybody() {
        for (who, person, admin) in
            [(Who::Everybody, true, true), (Who::Admins, false, true), (Who::Nobody, false, false)]
        {
            assert_eq!((who.lets(false), who.lets(true)), (person, admin));
        }
        assert!(UnlockTerms::default().is_default());
        assert!(!UnlockTerms { seconds: 60, ..UnlockTerms::default() }.is_default());
    }
}
