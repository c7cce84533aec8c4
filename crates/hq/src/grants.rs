//! Grants: what admins may copy for a while, in memory only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hanare_handover::WorkPath;
use hanare_model::Timestamp;

use crate::held::List;

/// How long one is good after it was last used.
const LIFE: Duration = Duration::from_hours(1);
/// How many there may be.
const MOST: usize = 64;

/// What an admin may copy.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Who asked; nobody else gets it.
    pub uid: u32,
    pub lists: Vec<List>,
    pub path: Option<WorkPath>,
    /// As it was at this time.
    pub at: Timestamp,
}

/// Too many are in use.
#[derive(Debug)]
pub(crate) struct Many;

/// All that are in use.
#[derive(Debug, Default)]
pub(crate) struct Grants(Mutex<BTreeMap<String, (Arc<Grant>, Instant)>>);

impl Grants {
    /// Keeps one under a name that nobody guesses, and gives the name back.
    pub(crate) fn put(&self, name: String, grant: Grant) -> Result<String, Many> {
        let mut grants = self.0.lock().map_err(|_| Many)?;
        grants.retain(|_, (_, used)| used.elapsed() < LIFE);
        if grants.len() >= MOST {
            return Err(Many);
        }
        grants.insert(name.clone(), (Arc::new(grant), Instant::now()));
        Ok(name)
    }

    /// The one of this name, for the user who asked for it.
    pub(crate) fn find(&self, name: &str, uid: u32) -> Option<Arc<Grant>> {
        let mut grants = self.0.lock().ok()?;
        let (grant, used) = grants.get_mut(name).filter(|(grant, _)| grant.uid == uid)?;
        if used.elapsed() >= LIFE {
            return None;
        }
        *used = Instant::now();
        Some(Arc::clone(grant))
    }
}
