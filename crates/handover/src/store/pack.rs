//! Packs: many chunks of one company sealed into one object, so that a thousand small files cost one write to the disk.

use bytes::Bytes;

use super::error::StoreError;
use super::keys::{Keys, Kind, NAME_LEN, Name, TAG_LEN, random_id};
use crate::chunk::Chunk;
use crate::digest::Digest;
use crate::protocol::VersionId;

/// What a pack begins with.
const MAGIC: &[u8; 16] = b"hanare-pack/1\n\0\0";
/// Before each sealed chunk: its keyed name and its length, little-endian, so that an index can be made anew from packs.
const HEAD_LEN: usize = NAME_LEN + 4;

/// A sealed pack.
#[derive(Debug)]
pub(super) struct Pack {
    pub id: VersionId,
    /// What is written; given away before the pack is noted in the index.
    pub bytes: Vec<u8>,
    /// How long that is.
    pub size: u64,
    pub chunks: Vec<Packed>,
}

/// Where a chunk is in its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    pub name: Name,
    /// Which one it is, from 0.
    pub place: u32,
    /// Where its sealed bytes begin.
    pub start: u64,
    /// Its length before it was sealed.
    pub len: u64,
}

/// A chunk's name within its company.
pub(super) fn name(keys: &Keys, digest: &Digest) -> Name {
    keys.name(Kind::Chunk, &[digest.as_bytes()])
}

/// Seals chunks, each with its keyed name, into a new pack.
pub(super) fn pack(keys: &Keys, chunks: &[(Name, Bytes)]) -> Result<Pack, StoreError> {
    let id = random_id()?;
    let key = keys.object(&id)?;
    let len: usize = chunks.iter().map(|(_, bytes)| HEAD_LEN + bytes.len() + TAG_LEN).sum();
    let mut bytes = Vec::with_capacity(MAGIC.len() + len);
    bytes.extend_from_slice(MAGIC);
    let mut packed = Vec::with_capacity(chunks.len());
    let mut part = Vec::new();
    for (place, (name, chunk)) in (0u32..).zip(chunks) {
        part.clear();
        part.extend_from_slice(chunk);
        key.seal(place, name, &mut part)?;
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&u32::try_from(chunk.len()).unwrap_or(u32::MAX).to_le_bytes());
        packed.push(Packed { name: *name, place, start: bytes.len() as u64, len: chunk.len() as u64 });
        bytes.extend_from_slice(&part);
    }
    let size = bytes.len() as u64;
    Ok(Pack { id, bytes, size, chunks: packed })
}

/// How far the sealed bytes of a chunk reach.
pub(super) const fn extent(packed: &Packed) -> std::ops::Range<u64> {
    packed.start..packed.start + packed.len + TAG_LEN as u64
}

/// Opens a chunk's sealed bytes; `None` if they are not what was sealed, or not what `digest` says.
pub(super) fn open(
    keys: &Keys,
    id: &VersionId,
    packed: &Packed,
    digest: &Digest,
    sealed: Bytes,
) -> Result<Option<Vec<u8>>, StoreError> {
    let key = keys.object(id)?;
    let mut part = Vec::from(sealed);
    if key.open(packed.place, &packed.name, &mut part).is_none() {
        return Ok(None);
    }
    let chunk = Chunk::new(part);
    Ok((chunk.digest == *digest).then_some(chunk.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chunk_comes_back_and_a_flipped_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(&folder.path().join("acme")).unwrap();
        let chunks: Vec<Chunk> =
            [&b"one"[..], b"three", &[7; 5000]].map(|bytes| Chunk::new(bytes.to_vec())).into();
        let named: Vec<(Name, Bytes)> = chunks
            .iter()
            .map(|chunk| (name(&keys, &chunk.digest), Bytes::from(chunk.bytes.clone())))
            .collect();
        let pack = pack(&keys, &named).unwrap();
        let plain = b"three";
        assert!(!pack.bytes.windows(plain.len()).any(|window| window == plain));
        for (packed, chunk) in pack.chunks.iter().zip(&chunks) {
            let range = extent(packed);
            let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
            let sealed = pack.bytes[start..end].to_vec();
            let read = |sealed| open(&keys, &pack.id, packed, &chunk.digest, Bytes::from(sealed)).unwrap();
            assert_eq!(read(sealed.clone()).as_ref(), Some(&chunk.bytes));
            for at in [0, sealed.len() / 2, sealed.len() - 1] {
                let mut flipped = sealed.clone();
                flipped[at] ^= 1;
                assert_eq!(read(flipped), None);
            }
        }
    }
}
