//! A report as files for people and for other programs. Equal reports give equal bytes.

mod html;

use clap::ValueEnum;
use hanare_audit::{Report, formats};
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
    Html,
    Sarif,
    Junit,
    Csv,
    Oscal,
}

impl Format {
    /// Every format.
    pub(super) const ALL: [Self; 6] =
        [Self::Json, Self::Html, Self::Sarif, Self::Junit, Self::Csv, Self::Oscal];

    /// The file's name.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Json => "report.json",
            Self::Html => "report.html",
            Self::Sarif => "report.sarif",
            Self::Junit => "junit.xml",
            Self::Csv => "report.csv",
            Self::Oscal => "oscal.json",
        }
    }
}

/// The report in that format. `bytes` are the JSON's, which others refer to by their hash.
pub(super) fn rendered(format: Format, report: &Report, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(match format {
        Format::Json => bytes.to_vec(),
        Format::Html => html::page(report, bytes).into_bytes(),
        Format::Sarif => pretty(&formats::sarif(report))?,
        Format::Junit => formats::junit(report).into_bytes(),
        Format::Csv => formats::csv(report).into_bytes(),
        Format::Oscal => pretty(&formats::oscal(report))?,
    })
}

fn pretty(document: &Value) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(document);
    text.map(|text| (text + "\n").into_bytes())
        .map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))
}
