//! `hanare audit checklist`: whether a checklist can be used.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_audit::{Checklist, SATELLITE_OFFICE};
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::input;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check { file: PathBuf },
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Check { file } => {
                let checklist = read(Some(&file))?;
                let items = checklist.items.len();
                let document =
                    json!({"valid": true, "name": checklist.name, "items": items, "hash": checklist.hash});
                context.out.result("audit.checklist.check", &document, |voice| {
                    voice.say_with("audit-checklist-good", &[("path", &file.display()), ("items", &items)])
                })?;
                Ok(if items == 0 { Exit::Incomplete } else { Exit::Good })
            }
        }
    }
}

/// The checklist in a file; without one the one that comes with the program.
pub(super) fn read(file: Option<&Path>) -> Result<Checklist, Failure> {
    let Some(file) = file else {
        return SATELLITE_OFFICE
            .parse()
            .map_err(|error| foreign::checklist_error(&error, Path::new("satellite-office.toml")));
    };
    input::text(file)?.parse().map_err(|error| foreign::checklist_error(&error, file))
}
