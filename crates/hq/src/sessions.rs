//! Whose work a token opens: the one question that what releases work asks.

use hanare_model::{CompanyId, PersonId, PublicKey, Secret, Timestamp};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use crate::registry::Registry;

/// What is kept of a token.
pub(crate) fn fingerprint(token: &Secret) -> [u8; 32] {
    let mut out = [0; 32];
    let hash = digest(&SHA256, token.expose().as_bytes());
    out.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Open sessions, as the registry has them at one moment. The seam for the routes that release work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sessions<'a> {
    registry: &'a Registry,
    now: Timestamp,
}

impl<'a> Sessions<'a> {
    pub(crate) const fn new(registry: &'a Registry, now: Timestamp) -> Self {
        Self { registry, now }
    }

    /// Whether this person has proven themselves on this node: by a token that was given to them there (what was made while
    /// it was good is theirs, also when it is over), or because their work is open there now.
    pub(crate) fn proves(&self, token: Option<&Secret>, node: &PublicKey, person: &PersonId) -> bool {
        let session = self.registry.sessions.get(node).filter(|session| session.person == *person);
        session.is_some_and(|session| {
            let is_its = token.is_some_and(|token| session.fingerprint.ct_eq(&fingerprint(token)).into());
            is_its || session.is_open(self.now)
        })
    }

    /// The person whose work this token opens on this node, and whom they work for. A token is good on its own node only.
    pub(crate) fn person(&self, token: &Secret, node: &PublicKey) -> Option<(PersonId, CompanyId)> {
        let session = self.registry.sessions.get(node).filter(|session| session.may_finish(self.now))?;
        let is_its = bool::from(session.fingerprint.ct_eq(&fingerprint(token)));
        let is_enrolled = self.registry.nodes.get(node).is_some_and(|node| node.revoked_at.is_none());
        let person = self.registry.persons.get(&session.person)?;
        let may = is_its && is_enrolled && person.disabled_at.is_none();
        may.then(|| (session.person.clone(), session.company.clone()))
    }
}
