//! Whose work a token opens: the one question that what releases work asks.

use hanare_handover::store::Standing;
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

    /// What a token says of a person on a node. Nothing but a token that was given to them there proves that an item is theirs,
    /// also when its session is over: that their work is open there proves nothing, since whoever has the node's key and disk
    /// can make an item at any time.
    pub(crate) fn standing(&self, token: Option<&Secret>, node: &PublicKey, person: &PersonId) -> Standing {
        let row = self.registry.sessions.get(node).filter(|session| session.person == *person);
        let earlier = self.registry.wipes.get(node).map(|wipes| wipes.opened.as_slice()).unwrap_or_default();
        let before = || earlier.iter().filter(move |opened| opened.person == *person);
        let hash = token.map(fingerprint);
        let is_rows = row.zip(hash).is_some_and(|(row, hash)| row.fingerprint.ct_eq(&hash).into());
        let is_its = |hash: [u8; 32]| {
            let hash = hex::encode(hash);
            before().any(|opened| opened.session.as_bytes().ct_eq(hash.as_bytes()).into())
        };
        if is_rows || hash.is_some_and(is_its) {
            Standing::Proven
        } else if row.is_some() || before().next().is_some() {
            Standing::Unproven
        } else {
            Standing::Stranger
        }
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
