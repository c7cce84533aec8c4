//! Manifests: a version's path and content, sealed with its company's key.

use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::keys::{Keys, Kind, Name};
use crate::path::WorkPath;
use crate::protocol::{Content, VersionId};

/// What is sealed about a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub path: WorkPath,
    pub content: Content,
}

impl Manifest {
    pub(super) fn seal(&self, keys: &Keys, id: &VersionId) -> Result<Vec<u8>, StoreError> {
        // Maps with other keys than texts, which could fail, there are none.
        let mut bytes = serde_json::to_vec(self)
            .map_err(|error| StoreError::Damaged { path: "manifest".into(), text: error.to_string() })?;
        keys.object(id)?.seal(0, b"manifest", &mut bytes)?;
        Ok(bytes)
    }

    /// `None` if it is not what was sealed.
    pub(super) fn open(keys: &Keys, id: &VersionId, mut sealed: Vec<u8>) -> Result<Option<Self>, StoreError> {
        if keys.object(id)?.open(0, b"manifest", &mut sealed).is_none() {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&sealed).ok())
    }
}

/// Names what a content is, so that equal ones are known without reading them.
pub(super) fn content_name(keys: &Keys, content: &Content) -> Name {
    match content {
        Content::File { digest, size, .. } => {
            keys.name(Kind::Content, &[b"file", digest.as_bytes(), &size.to_le_bytes()])
        }
        Content::Link { target } => keys.name(Kind::Content, &[b"link", target]),
        Content::Deleted => keys.name(Kind::Content, &[b"deleted"]),
    }
}
