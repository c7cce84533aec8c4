//! A version on its way into the index: named, sealed, and not yet judged.

use super::error::StoreError;
use super::keys::{Keys, Kind, Name, random_id};
use super::manifest::{Manifest, content_name};
use super::pack;
use crate::digest::Digest;
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
    /// A deletion of what has only moved.
    pub moved: bool,
    pub size: u64,
    /// `None` for a deletion.
    pub content: Option<Name>,
    pub deleted_content: Name,
    pub manifest: Vec<u8>,
    /// Keyed names and, of the whole list, lengths are compared.
    pub chunks: Vec<Name>,
}

/// A class as the index says it.
pub(super) const fn word(class: Class) -> &'static str {
    match class {
        Class::Work => "work",
        Class::Settings => "settings",
    }
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
        class: word(version.class),
        moved: version.moved,
        size,
        deleted_content: content,
        content: (!matches!(version.content, Content::Deleted)).then_some(content),
        manifest: manifest.seal(keys, &id)?,
        chunks: chunks.iter().map(|digest| pack::name(keys, digest)).collect(),
    })
}

/// Whether a file's digest cannot be that of its chunks. What has one chunk or none, as most files have, is told without reading any.
pub(super) fn contradicts_itself(content: &Content) -> bool {
    let Content::File { digest, chunks, .. } = content else { return false };
    match chunks.as_slice() {
        [] => *digest != Digest::of(b""),
        [only] => digest != only,
        [_, _, ..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{World, file, hanako, version};
    use super::*;
    use crate::protocol::Placed;

    #[tokio::test]
    async fn a_file_whose_digest_is_not_that_of_its_only_chunk_is_malformed() {
        let mut world = World::new().await;
        world.kept(&hanako(), "good", None, b"contents").await;
        world.kept(&hanako(), "empty", None, b"").await;
        for bytes in [&b"contents"[..], b""] {
            let (mut content, _) = file(bytes);
            let Content::File { digest, .. } = &mut content else { panic!("no file") };
            *digest = Digest::of(b"something else");
            let placed = world.place(&hanako(), vec![version("bad", None, content)]).await;
            assert_eq!(placed, [Placed::Malformed]);
        }
    }
}
