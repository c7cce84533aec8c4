//! `hanare audit site`: what only people know about an office, as a file.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_audit::Site;
use hanare_model::OfficeId;
use serde_json::json;

use super::interview;
use super::office::Office;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::NewFile;
use crate::{foreign, input, times};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New { file: PathBuf },
    Check { file: PathBuf },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::New { file } => {
                // Before the first question: nobody answers for nothing.
                let new = NewFile::create(&file, 0o644)?;
                let text = interview::interview(context)?;
                let site = Site::read(&text, times::is_zone)
                    .map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
                new.keep(text.as_bytes())?;
                tell(context, "audit.site.new", &site, &file)
            }
            Self::Check { file } => {
                let site = read(&file)?;
                tell(context, "audit.site.check", &site, &file)
            }
        }
    }
}

fn tell(context: &Context, name: &str, site: &Site, file: &Path) -> Outcome {
    let document = json!({"valid": true, "path": file, "office": site.office, "room": site.room});
    context.out.result(name, &document, |voice| {
        voice.say_with("audit-site-good", &[("path", &file.display()), ("office", &site.office)])
    })?;
    Ok(Exit::Good)
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
