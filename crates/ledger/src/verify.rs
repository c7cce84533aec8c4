//! Verifying: one pass over the lines, with a verdict that never calls the unknown good.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::VerifyKey;

use crate::record::{Hash, Head, Record};

/// What a verification came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is what the holder of a key that the verifier brought along has signed.
    Valid {
        /// Where the chain ends.
        head: Head,
    },
    /// Nothing is wrong, but something that was needed for a *yes* is missing.
    Incomplete {
        /// Where the chain ends.
        head: Head,
        /// What is missing.
        gap: Gap,
    },
    /// Something was changed, removed, added or signed by somebody else.
    Broken(Broken),
}

/// What keeps a verdict from being *valid*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The only key was the one that the data itself names: whoever forged the data named it.
    KeyFromElsewhere,
    /// The export came without its signature file: records could be missing at its end.
    Signature,
}

/// Where a chain is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct Broken {
    /// Line of the file, from 1; for a chain without header, the record's place.
    pub line: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not a record (or header), or not in its one spelling.
    #[error("not a record as the ledger writes it")]
    Form,
    /// A number is missing, doubled or out of order.
    #[error("its number does not follow the record before")]
    Sequence,
    /// `prev` is not the hash of the record before.
    #[error("it does not continue the record before")]
    Link,
    /// Signed by another key, or changed after signing.
    #[error("its signature does not match")]
    Signature,
    /// The header promises other records than those that follow.
    #[error("the header names another last record")]
    End,
    /// The signature over the whole export does not match.
    #[error("the signature over the export does not match")]
    Export,
}

/// Checks a chain line by line, in constant memory.
#[derive(Debug, Clone)]
pub struct Verifier {
    key: VerifyKey,
    head: Head,
}

impl Verifier {
    /// Checks a whole chain.
    #[must_use]
    pub const fn new(key: VerifyKey) -> Self {
        Self::after(Head::GENESIS, key)
    }

    /// Checks what extends `head`.
    #[must_use]
    pub const fn after(head: Head, key: VerifyKey) -> Self {
        Self { key, head }
    }

    /// Where the chain ends so far.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Takes the next line, without its newline.
    ///
    /// # Errors
    /// The first [`Fault`] found; the verifier is of no use after it.
    pub fn accept(&mut self, line: &str) -> Result<Record, Fault> {
        let record = Record::parse(line).ok_or(Fault::Form)?;
        if Some(record.seq) != self.head.seq.checked_add(1) {
            return Err(Fault::Sequence);
        }
        if record.prev != self.head.hash {
            return Err(Fault::Link);
        }
        let signature = STANDARD.decode(&record.signature).map_err(|_| Fault::Signature)?;
        let signed = record.signed_bytes().map_err(|_| Fault::Form)?;
        self.key.verify(&signed, &signature).map_err(|_| Fault::Signature)?;
        self.head = Head { seq: record.seq, hash: Hash::of(line.as_bytes()) };
        Ok(record)
    }
}

/// Checks a chain's lines against a key that the caller trusts.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a str>, key: &VerifyKey) -> Verdict {
    let mut verifier = Verifier::new(*key);
    for (line, number) in lines.into_iter().zip(1..) {
        if let Err(fault) = verifier.accept(line) {
            return Verdict::Broken(Broken { line: number, fault });
        }
    }
    Verdict::Valid { head: verifier.head() }
}
