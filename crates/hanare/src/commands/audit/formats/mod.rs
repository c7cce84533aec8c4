//! A report as files for people and for other programs.

use clap::ValueEnum;
use hanare_audit::Report;

use crate::failure::Failure;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
}

impl Format {
    /// Every format.
    pub(super) const ALL: [Self; 1] = [Self::Json];

    /// The file's name.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Json => "report.json",
        }
    }
}

/// The report in that format. `bytes` are the JSON's, which others refer to by their hash.
pub(super) fn rendered(format: Format, _report: &Report, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    match format {
        Format::Json => Ok(bytes.to_vec()),
    }
}
