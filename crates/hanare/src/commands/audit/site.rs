//! `hanare audit site`: what only people know about an office, as a file.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_audit::Site;
use hanare_model::OfficeId;
use serde_json::json;

use super::office::Office;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, input, times};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check { file: PathBuf },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Check { file } => {
                let site = read(&file)?;
                let document = json!({"valid": true, "office": site.office, "room": site.room});
                context.out.result("audit.site.check", &document, |voice| {
                    voice.say_with("audit-site-good", &[("path", &file.display()), ("office", &site.office)])
                })?;
                Ok(Exit::Good)
            }
        }
    }
}

/// The site in a file.
pub(super) fn read(file: &Path) -> Result<Site, Failure> {
    let text = input::text(file)?;
    Site::read(&text, times::is_zone).map_err(|error| foreign::site_error(&error, file))
}

/// An office's site: in the file that is named, or in the one that is kept here.
pub(super) fn of(context: &Context, office: &OfficeId, file: Option<&Path>) -> Result<Site, Failure> {
    let kept = Office::path(context, office).join("site.toml");
    let site = match file {
        Some(file) => read(file)?,
        None if kept.exists() => read(&kept)?,
        None => return Err(Failure::new(Exit::Input, "audit-site-missing").with("path", kept.display())),
    };
    if site.office != *office {
        let failure = Failure::new(Exit::Input, "audit-site-office").with("office", office);
        return Err(failure.with("other", &site.office));
    }
    Ok(site)
}
