//! Makes a sealed item from what a person has made, in constant memory.

use std::io::{self, Read, Write};

use age::Encryptor;
use hanare_model::SigningKey;

use super::head::{CONTEXT, Head, MAGIC, MAX_FRAME, MAX_NOTE, Note};
use super::key::recipient;
use crate::digest::{Digest, Digester};

/// What a node seals with.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// Headquarters' public half for the company.
    pub to: hanare_model::SealingKey,
    /// The node's own key.
    pub key: SigningKey,
}

/// Writes an item: the note, and the content until `content` ends. Returns the content's length and digest.
///
/// # Errors
/// What `content` or `out` says; [`io::ErrorKind::InvalidInput`] for a key that is none.
pub fn write(
    sealing: &Sealing,
    note: &Note,
    content: &mut impl Read,
    out: &mut (impl Write + ?Sized),
) -> io::Result<(u64, Digest)> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
    let recipient = recipient(&sealing.to).ok_or_else(|| bad("the sealing key is no key"))?;
    let head =
        Head { id: note.id, company: note.company.clone(), signer: sealing.key.verify_key(), to: sealing.to };
    let mut out = Hashing { out, digester: Digester::default() };
    out.write_all(MAGIC)?;
    let head = serde_json::to_vec(&head)?;
    out.write_all(&u32::try_from(head.len()).map_err(io::Error::other)?.to_le_bytes())?;
    out.write_all(&head)?;
    let recipients: [&dyn age::Recipient; 1] = [&recipient];
    let encryptor = Encryptor::with_recipients(recipients.into_iter()).map_err(io::Error::other)?;
    let mut inner = encryptor.wrap_output(&mut out)?;
    let note = serde_json::to_vec(note)?;
    if note.len() > MAX_NOTE {
        return Err(bad("the note is too long"));
    }
    inner.write_all(&u32::try_from(note.len()).map_err(io::Error::other)?.to_le_bytes())?;
    inner.write_all(&note)?;
    let told = copy(content, &mut inner)?;
    inner.finish()?;
    let message = [CONTEXT, out.digester.finish().as_bytes()].concat();
    out.out.write_all(&sealing.key.sign(&message))?;
    Ok(told)
}

/// The content in frames, and its digest.
fn copy(content: &mut impl Read, inner: &mut impl Write) -> io::Result<(u64, Digest)> {
    let mut buffer = vec![0; MAX_FRAME];
    let (mut size, mut digester) = (0, Digester::default());
    loop {
        let len = match content.read(&mut buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let piece = buffer.get(..len).unwrap_or_default();
        inner.write_all(&u32::try_from(len).map_err(io::Error::other)?.to_le_bytes())?;
        if piece.is_empty() {
            break;
        }
        inner.write_all(piece)?;
        digester.update(piece);
        size += piece.len() as u64;
    }
    let digest = digester.finish();
    inner.write_all(digest.as_bytes())?;
    Ok((size, digest))
}

/// Digests what it passes on.
struct Hashing<'a, W: ?Sized> {
    out: &'a mut W,
    digester: Digester,
}

impl<W: Write + ?Sized> Write for Hashing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.digester.update(bytes.get(..len).unwrap_or_default());
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
