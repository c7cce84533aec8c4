//! Reads a sealed item at headquarters: whose it is, whether the node signed it, and only then what is in it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use age::Decryptor;
use age::stream::StreamReader;
use hanare_model::VerifyKey;

use super::head::{CONTEXT, Head, MAGIC, MAX_FRAME, MAX_HEAD, MAX_NOTE, Note, Refused, SIGNATURE_LEN};
use super::key::CompanyKey;
use crate::digest::{DIGEST_LEN, Digest, Digester};

/// How much is hashed at once.
const PIECE: usize = 64 * 1024;

/// Reads the head alone; nothing of it is proven.
///
/// # Errors
/// [`Refused::NotSealed`]
pub fn peek(source: &mut impl Read) -> Result<Head, Refused> {
    let mut magic = [0; MAGIC.len()];
    fill(source, &mut magic)?;
    if magic != *MAGIC {
        return Err(Refused::NotSealed);
    }
    let len = length(source)?;
    if len > MAX_HEAD {
        return Err(Refused::NotSealed);
    }
    let mut head = vec![0; len];
    fill(source, &mut head)?;
    serde_json::from_slice(&head).map_err(|_| Refused::NotSealed)
}

/// Checks that `node` signed all of it, before anything of it is decrypted.
///
/// # Errors
/// [`Refused`]
pub fn verify(file: &mut File, node: &VerifyKey) -> Result<Head, Refused> {
    let len = file.seek(SeekFrom::End(0))?;
    let signed = len.checked_sub(SIGNATURE_LEN).ok_or(Refused::NotSealed)?;
    file.rewind()?;
    let head = peek(file)?;
    if head.signer != *node {
        return Err(Refused::Node);
    }
    file.rewind()?;
    let (mut digester, mut buffer) = (Digester::default(), vec![0; PIECE]);
    let mut body = (&*file).take(signed);
    loop {
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => digester.update(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut signature = [0; 64];
    fill(file, &mut signature)?;
    let message = [CONTEXT, digester.finish().as_bytes()].concat();
    node.verify(&message, &signature).map_err(|_| Refused::Signature)?;
    Ok(head)
}

/// Opens an item that was [`verify`]ed.
///
/// # Errors
/// [`Refused`]
pub fn open(mut file: File, key: &CompanyKey) -> Result<(Note, Contents), Refused> {
    let len = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let head = peek(&mut file)?;
    let start = file.stream_position()?;
    let left = len.checked_sub(start + SIGNATURE_LEN).ok_or(Refused::NotSealed)?;
    if head.to != key.public() {
        return Err(Refused::Key);
    }
    let (note, contents) = decrypt(BufReader::new(file.take(left)), key)?;
    if note.id != head.id || note.company != head.company {
        return Err(Refused::Content("the note is another item's".to_owned()));
    }
    Ok((note, contents))
}

type Inner = BufReader<io::Take<File>>;

fn decrypt(inner: Inner, key: &CompanyKey) -> Result<(Note, Contents), Refused> {
    let content = |error: &dyn std::fmt::Display| Refused::Content(error.to_string());
    let identity = key.identity().ok_or(Refused::Key)?;
    let decryptor = Decryptor::new_buffered(inner).map_err(|error| content(&error))?;
    let identities: [&dyn age::Identity; 1] = [&identity];
    let mut source = decryptor.decrypt(identities.into_iter()).map_err(|error| content(&error))?;
    let len = length(&mut source)?;
    if len > MAX_NOTE {
        return Err(Refused::Content("the note is too long".to_owned()));
    }
    let mut note = vec![0; len];
    fill(&mut source, &mut note)?;
    let note = serde_json::from_slice(&note).map_err(|error| content(&error))?;
    Ok((note, Contents { source, left: 0, ended: false, digester: Digester::default() }))
}

/// An item's content; it ends well only if all of it came and is what was sealed.
pub struct Contents {
    source: StreamReader<Inner>,
    /// Bytes of the frame that are still to come.
    left: usize,
    ended: bool,
    digester: Digester,
}

impl Contents {
    fn end(&mut self) -> io::Result<()> {
        let mut told = [0; DIGEST_LEN];
        self.source.read_exact(&mut told)?;
        if self.digester.clone().finish() != Digest::from_bytes(told) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content is not what was sealed"));
        }
        if self.source.read(&mut [0])? != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more than the content was sealed"));
        }
        self.ended = true;
        Ok(())
    }
}

impl Read for Contents {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut len = [0; 4];
            self.source.read_exact(&mut len)?;
            self.left = u32::from_le_bytes(len) as usize;
            if self.left > MAX_FRAME {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
            }
            if self.left == 0 {
                return self.end().map(|()| 0);
            }
        }
        let most = buffer.len().min(self.left);
        let part = buffer.get_mut(..most).unwrap_or_default();
        let len = self.source.read(part)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.digester.update(part.get(..len).unwrap_or_default());
        self.left -= len;
        Ok(len)
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents(…)")
    }
}

fn length(source: &mut impl Read) -> Result<usize, Refused> {
    let mut len = [0; 4];
    fill(source, &mut len)?;
    Ok(u32::from_le_bytes(len) as usize)
}

fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<(), Refused> {
    source.read_exact(buffer).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof { Refused::NotSealed } else { Refused::Io(error) }
    })
}
