//! What is wrong with a file of the node; never its content.

use hanare_model::lease::SignedError;

/// Why a file is not what it should be. The words here are for logs; people hear the command's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Not the JSON that this program writes.
    #[error("line {line}, column {column}: {text}")]
    Json {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
        /// The parser's words.
        text: String,
    },
    /// A key's file holds no key.
    #[error("it does not hold a key of 32 bytes in base64")]
    Key,
    /// A key was there and is gone.
    #[error("a key vanished while it was made")]
    Vanished,
    /// Nothing says who signed it.
    #[error("hq.json, which says who signed it, is missing")]
    NoHeadquarters,
    /// The keys are not there.
    #[error("the keys that it was granted to are missing")]
    NoKeys,
    /// It is another node's.
    #[error("it was granted to another key")]
    OtherKey,
    /// Another key signed it, or something was changed.
    #[error("it was not signed by this headquarters")]
    Signature,
    /// The node's ledger ends in something else than a record.
    #[error("its last line is not a ledger record")]
    LastRecord,
    /// The node's ledger cannot go on from where it is.
    #[error("the ledger takes no more records: {0}")]
    Ledger(String),
}

impl From<&serde_json::Error> for Damage {
    fn from(error: &serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column(), text: error.to_string() }
    }
}

impl From<&SignedError> for Damage {
    fn from(error: &SignedError) -> Self {
        match error {
            SignedError::Signature => Self::Signature,
            SignedError::Content(source) => source.into(),
        }
    }
}
