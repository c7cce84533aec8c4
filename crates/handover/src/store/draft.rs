//! A version on its way into the index: named, sealed, and not yet judged.

use super::error::StoreError;
use super::keys::{Keys, Kind, Name, random_id};
use super::manifest::{Manifest, content_name};
use super::pack;
use crate::protocol::{Class, Content, NewVersion, VersionId};

/// A version that is ready to be written.
#[derive(Debug)]
pub(super) struct Draft {
    pub id: VersionId,
    /// The keyed name of its path.
    pub path: Name,
    pub parent: Option<VersionId>,
    /// The parent was acknowledged, and may have been forgotten.
    pub again: bool,
    pub class: &'static str,
    pub size: u64,
    /// `None` for a deletion.
    pub content: Option<Name>,
    pub deleted_content: Name,
    pub manifest: Vec<u8>,
    /// Keyed names and, of the whole list, lengths are compared.
    pub chunks: Vec<Name>,
}

/// Makes one; `origin` is what it follows.
pub(super) fn draft(keys: &Keys, version: &NewVersion, origin: &NewVersion) -> Result<Draft, StoreError> {
    let id = random_id()?;
    let manifest = Manifest { path: version.path.clone(), content: version.content.clone() };
    let (size, chunks) = match &version.content {
        Content::File { size, chunks, .. } => (*size, chunks.as_slice()),
        Content::Link { .. } | Content::Deleted => (0, [].as_slice()),
    };
    let content = content_name(keys, &version.content);
    Ok(Draft {
        id,
        path: keys.name(Kind::Path, &[version.path.as_bytes()]),
        parent: origin.parent,
        again: origin.again,
        class: match version.class {
            Class::Work => "work",
            Class::Settings => "settings",
        },
        size,
        deleted_content: content,
        content: (!matches!(version.content, Content::Deleted)).then_some(content),
        manifest: manifest.seal(keys, &id)?,
        chunks: chunks.iter().map(|digest| pack::name(keys, digest)).collect(),
    })
}
