//! What the system needs, recognised by more than its name: a bind mount gives a directory another one.

use super::{Identity, descend};
use crate::system::directories;

/// What those directories are: a bind mount gives them other names.
pub(super) fn identities() -> Vec<Identity> {
    directories().filter_map(|directory| descend(directory).ok()?.1.last().copied()).collect()
}
