//! TOML that a person wrote, read strictly: whatever is wrong has its place in the text.

use serde::de::DeserializeOwned;

use crate::position::Position;

/// Why a text is not the TOML that was wanted, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct Misformed {
    /// Where.
    pub position: Position,
    /// The parser's words.
    pub message: String,
}

/// Reads a whole text.
///
/// # Errors
/// [`Misformed`] for what is no TOML, or TOML of another form than `T`.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Misformed> {
    toml::from_str(text).map_err(|error| Misformed {
        position: Position::of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}
