//! Content-defined chunks: a file is cut where its content says, so that a changed middle leaves the rest as it was.

use std::io::{self, Read};

use fastcdc::v2020::{Error, StreamCDC};

use crate::digest::{Digest, Digester};

/// Smallest, average and largest chunk in bytes. An office file of a few megabytes has tens of chunks, and a small edit
/// sends a few hundred kilobytes; the largest one fits one request ([`crate::protocol::MAX_CHUNKS_BODY`]).
pub const SIZES: [usize; 3] = [64 * 1024, 256 * 1024, 1024 * 1024];

/// One chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// SHA-256 of its bytes, by which both ends know it.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Names bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

/// What a whole content came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its length in bytes.
    pub size: u64,
    /// SHA-256 of all of it.
    pub digest: Digest,
}

/// Cuts what `source` yields and gives each chunk away before the next is read: memory is bounded by the largest chunk. An
/// empty content has no chunks.
///
/// # Errors
/// What the source or the taker says.
pub fn cut<E: From<io::Error>>(
    source: impl Read,
    mut take: impl FnMut(Chunk) -> Result<(), E>,
) -> Result<Whole, E> {
    let [least, average, most] = SIZES;
    let mut digester = Digester::default();
    let mut size = 0;
    for piece in StreamCDC::new(source, least, average, most) {
        let piece = piece.map_err(|error| match error {
            Error::IoError(error) => error,
            Error::Empty => io::Error::from(io::ErrorKind::UnexpectedEof),
            Error::Other(text) => io::Error::other(text),
        })?;
        digester.update(&piece.data);
        size += piece.data.len() as u64;
        take(Chunk::new(piece.data))?;
    }
    Ok(Whole { size, digest: digester.finish() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn chunks(content: &[u8]) -> (Vec<Chunk>, Whole) {
        let mut all = Vec::new();
        let whole = cut::<io::Error>(content, |chunk| {
            all.push(chunk);
            Ok(())
        });
        (all, whole.unwrap())
    }

    fn noise(len: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut step = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        (0..len).map(|_| step()).collect()
    }

    #[test]
    fn a_byte_put_in_at_the_front_changes_one_chunk_or_two() {
        let content = noise(8 << 20, 7);
        let (before, _) = chunks(&content);
        let (after, _) = chunks(&[b"!", content.as_slice()].concat());
        let known: BTreeSet<Digest> = before.iter().map(|chunk| chunk.digest).collect();
        let new = after.iter().filter(|chunk| !known.contains(&chunk.digest)).count();
        assert!((1..=2).contains(&new), "{new} of {}", after.len());
        assert!(after.len() > 10, "{} chunks", after.len());
    }

    #[test]
    fn nothing_has_no_chunks_and_the_digest_of_nothing() {
        let (all, whole) = chunks(b"");
        assert_eq!((all.len(), whole.size, whole.digest), (0, 0, Digest::of(b"")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn chunks_put_together_are_the_content(len in 0usize..3_000_000, seed: u64) {
            let content = noise(len, seed);
            let (all, whole) = chunks(&content);
            let together: Vec<u8> = all.iter().flat_map(|chunk| chunk.bytes.iter().copied()).collect();
            prop_assert_eq!(&together, &content);
            prop_assert_eq!(whole, Whole { size: len as u64, digest: Digest::of(&content) });
            prop_assert!(all.iter().all(|chunk| chunk.bytes.len() <= SIZES[2]));
        }
    }
}
