//! Exports: a header line, the records' lines, and a signature over every byte in a file of its own.

use hanare_model::{SigningKey, Timestamp, VerifyKey};
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::record::Head;
use crate::sshsig::{self, Namespace};
use crate::verify::{Broken, Fault, Gap, Verdict, Verifier};

/// The namespace of the signature over an export.
pub const NAMESPACE: Namespace = Namespace::new("hanare-ledger");
/// The `schema` of an export's header.
pub const SCHEMA: &str = "hanare.ledger.export/1";

/// First line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// When it was exported.
    pub at: Timestamp,
    /// The key that signed the records, by its own word; a verdict needs it from elsewhere.
    pub key: VerifyKey,
    /// What the exported records extend; the genesis for a whole ledger.
    pub from: Head,
    /// The last record in this export.
    pub head: Head,
}

/// Writes an export line by line.
#[derive(Clone)]
pub struct Export {
    header: Header,
    digest: digest::Context,
}

impl Export {
    /// Starts an export of everything up to `head`, and returns its first line with the newline.
    ///
    /// # Errors
    /// Never in practice: every member has a JSON form.
    pub fn start(key: VerifyKey, head: Head, at: Timestamp) -> Result<(Self, String), serde_json::Error> {
        let header = Header { schema: SCHEMA.to_owned(), at, key, from: Head::GENESIS, head };
        let mut line = serde_json::to_string(&header)?;
        line.push('\n');
        let mut digest = digest::Context::new(&digest::SHA512);
        digest.update(line.as_bytes());
        Ok((Self { header, digest }, line))
    }

    /// The header as it was written.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Takes note of a record's line, given without its newline; the caller writes both.
    pub fn record(&mut self, line: &str) {
        self.digest.update(line.as_bytes());
        self.digest.update(b"\n");
    }

    /// Signs what was written: the content of the signature file.
    #[must_use]
    pub fn finish(self, key: &SigningKey) -> String {
        sshsig::sign(&sshsig::Digest::from(self.digest), NAMESPACE, key)
    }
}

/// Verifies an export line by line, in constant memory.
pub struct ExportVerifier {
    key: Option<VerifyKey>,
    digest: digest::Context,
    lines: u64,
    state: State,
}

enum State {
    Header,
    Records { header: Header, chain: Verifier },
    Broken(Broken),
}

impl ExportVerifier {
    /// Starts. Without a `key` from elsewhere the header's own is used, and the verdict is at best incomplete.
    #[must_use]
    pub fn new(key: Option<VerifyKey>) -> Self {
        Self { key, digest: digest::Context::new(&digest::SHA512), lines: 0, state: State::Header }
    }

    /// Takes the next line, with its newline: a last line without one is refused.
    pub fn feed(&mut self, line: &[u8]) {
        self.digest.update(line);
        self.lines = self.lines.saturating_add(1);
        let outcome = match line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) {
            None => Err(Fault::Form),
            Some(text) => match &mut self.state {
                State::Broken(_) => return,
                State::Records { chain, .. } => chain.accept(text).map(|_| None),
                State::Header => read_header(text, self.key).map(Some),
            },
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(next)) => self.state = next,
            Err(fault) => self.state = State::Broken(Broken { line: self.lines, fault }),
        }
    }

    /// The verdict, with the content of the signature file if there is one.
    #[must_use]
    pub fn finish(self, signature: Option<&str>) -> Verdict {
        let broken = |fault| Verdict::Broken(Broken { line: self.lines, fault });
        let (header, chain) = match self.state {
            State::Broken(broken) => return Verdict::Broken(broken),
            // The first line is what is missing.
            State::Header => return Verdict::Broken(Broken { line: 1, fault: Fault::Form }),
            State::Records { header, chain } => (header, chain),
        };
        let head = chain.head();
        if head != header.head {
            return broken(Fault::End);
        }
        let Some(signature) = signature else { return Verdict::Incomplete { head, gap: Gap::Signature } };
        let signer = sshsig::verify(signature, &sshsig::Digest::from(self.digest), NAMESPACE);
        if signer.ok() != Some(self.key.unwrap_or(header.key)) {
            return broken(Fault::Export);
        }
        match self.key {
            Some(_) => Verdict::Valid { head },
            None => Verdict::Incomplete { head, gap: Gap::KeyFromElsewhere },
        }
    }
}

fn read_header(text: &str, key: Option<VerifyKey>) -> Result<State, Fault> {
    let header: Header = serde_json::from_str(text).map_err(|_| Fault::Form)?;
    let again = serde_json::to_string(&header).map_err(|_| Fault::Form)?;
    if again != text || header.schema != SCHEMA {
        return Err(Fault::Form);
    }
    if key.is_some_and(|key| key != header.key) {
        return Err(Fault::Signature);
    }
    let chain = Verifier::after(header.from, header.key);
    Ok(State::Records { header, chain })
}
