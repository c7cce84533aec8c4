//! `hanare audit facts`: look and judge nothing; the document can be judged elsewhere.

use std::path::{Path, PathBuf};

use hanare_facts::{Clock, Facts, MAX_LEN, Root, View};
use hanare_model::Timestamp;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::{input, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "endpoint|gateway|hq", default_value = "endpoint")]
    view: View,
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let facts = collect(self.root.as_deref(), self.view, times::now())?;
        // They are data for a program in either form.
        let text = if context.out.json() {
            serde_json::to_string(&facts)
        } else {
            serde_json::to_string_pretty(&facts)
        };
        let text = text.map_err(|error| Failure::new(Exit::Bug, "bug").because(&error))?;
        context.out.data(&text)?;
        Ok(Exit::Good)
    }
}

/// Looks at this machine, or at the files below a root.
pub(super) fn collect(root: Option<&Path>, view: View, at: Timestamp) -> Result<Facts, Failure> {
    let root = root.map_or_else(Root::live, Root::of).map_err(|error| {
        Failure::new(Exit::Input, "audit-root").with("path", error.path.display()).because(&error.source)
    })?;
    let clock = hanare_host::clock::state().ok().map(|state| Clock {
        is_synchronised: state.is_synchronised,
        max_error_microseconds: state.max_error_microseconds,
    });
    Ok(hanare_facts::collect(&root, view, at, clock))
}

/// Facts that were collected elsewhere or earlier.
pub(super) fn replay(path: &Path) -> Result<Facts, Failure> {
    let wrong = || Failure::new(Exit::Input, "audit-facts").with("path", path.display());
    let text = input::text_up_to(path, MAX_LEN)?;
    let facts: Facts = serde_json::from_str(&text).map_err(|error| wrong().because(&error))?;
    let version =
        Phrase::new("cause-version").with("found", &facts.schema).with("known", hanare_facts::SCHEMA);
    facts.checked().map_err(|_| wrong().with_phrase("cause", version))
}
