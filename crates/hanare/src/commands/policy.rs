//! `hanare policy`: what may cross headquarters.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_hq::admin::{PolicyApply, PolicyShow};
use hanare_model::policy::Policy;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::input;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check { file: PathBuf },
    Apply { file: PathBuf },
    Show,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Check { file } => {
                let text = input::text(&file)?;
                let policy = parse(&text, &file)?;
                let (rules, devices) = (policy.allow.len(), policy.devices.len());
                let document = json!({"valid": true, "rules": rules, "devices": devices});
                context.out.result("policy.check", &document, |voice| {
                    let about: [(_, &dyn std::fmt::Display); 3] =
                        [("path", &file.display()), ("rules", &rules), ("devices", &devices)];
                    voice.say_with("policy-good", &about)
                })?;
            }
            Self::Apply { file } => {
                let text = input::text(&file)?;
                parse(&text, &file)?;
                let shown = context.ask(PolicyApply { text }).map_err(|failure| failure.in_file(&file))?;
                context.out.result("policy.apply", &shown, |_| String::new())?;
                if !shown.in_force {
                    context.out.warn("policy-pending", &[]);
                    return Ok(Exit::Incomplete);
                }
                context.out.talk(if shown.changed { "policy-applied" } else { "policy-unchanged" }, &[]);
            }
            Self::Show => {
                let shown = context.ask(PolicyShow {})?;
                context.out.result("policy.show", &shown, |_| shown.text.clone())?;
                if shown.text.is_empty() {
                    context.out.talk("policy-default", &[]);
                }
            }
        }
        Ok(Exit::Good)
    }
}

fn parse(text: &str, file: &Path) -> Result<Policy, Failure> {
    text.parse().map_err(|error| foreign::policy_error(&error, file))
}
