//! What headquarters said and the disk did not take: in force all the same, and written as soon as there is room for it.

use hanare_model::Signed;

use crate::state::{NodeState, StateError};

/// The newest lease and the tombstone, as long as they are in memory only.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    lease: Option<Signed>,
    tombstone: Option<Signed>,
    /// The last failure's words: a log that says the same every second hides the rest.
    told: Option<String>,
}

impl Unwritten {
    pub(super) fn lease(&mut self, signed: &Signed) {
        self.lease = Some(signed.clone());
    }

    pub(super) fn tombstone(&mut self, signed: &Signed) {
        self.tombstone = Some(signed.clone());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.lease.is_none() && self.tombstone.is_none()
    }

    /// Writes what is left to write. The tombstone goes first: it is what a restart must know.
    pub(super) fn write(&mut self, state: &NodeState) {
        let written = put(&mut self.tombstone, |signed| state.store_tombstone(signed))
            .and(put(&mut self.lease, |signed| state.store_lease(signed)));
        let failure = written.err().map(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error}: {source}")
        });
        if failure != self.told {
            if let Some(reason) = &failure {
                tracing::error!(reason, "headquarters' word is in force and not on the disk");
            } else {
                tracing::info!("headquarters' word is on the disk");
            }
            self.told = failure;
        }
    }
}

fn put(
    waiting: &mut Option<Signed>,
    write: impl FnOnce(&Signed) -> Result<(), StateError>,
) -> Result<(), StateError> {
    if let Some(signed) = waiting {
        write(signed)?;
    }
    *waiting = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hanare_model::{PrivateKey, SigningKey, Timestamp, Tombstone};

    use super::*;

    #[test]
    fn a_word_that_the_disk_does_not_take_waits_until_it_does() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("state");
        let state = NodeState::new(&place);
        let tombstone = Tombstone {
            node: "pc-1".parse().unwrap(),
            public_key: PrivateKey::from_bytes([7; 32]).public(),
            revoked_at: Timestamp::from_seconds(1),
            reason: String::new(),
        };
        let signed = Signed::seal(&tombstone, &SigningKey::from_seed([9; 32])).unwrap();
        let mut unwritten = Unwritten::default();
        unwritten.lease(&signed);
        unwritten.tombstone(&signed);
        for _ in 0..2 {
            unwritten.write(&state);
            assert!(!unwritten.is_empty() && unwritten.told.is_some());
        }
        state.make_keys().unwrap();
        unwritten.write(&state);
        assert!(unwritten.is_empty() && unwritten.told.is_none());
        for name in ["revoked.json", "lease.json"] {
            assert!(place.join("node").join(name).exists());
        }
    }
}
