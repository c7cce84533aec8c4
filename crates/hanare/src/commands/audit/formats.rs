//! What a report is written as.

use clap::ValueEnum;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
}

impl Format {
    /// The file's name.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Json => "report.json",
        }
    }
}
