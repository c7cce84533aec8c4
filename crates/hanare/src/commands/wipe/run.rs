//! `hanare wipe run`: the end of the day, now: tear down, erase, verify, receipt.

use std::path::PathBuf;

use hanare_wipe::policy::Policy;
use hanare_wipe::receipt::Cause;
use hanare_wipe::run;
use hanare_wipe::tree::Survey;
use hanare_wipe::volume::{self, State};
use serde_json::json;

use super::volume::{places, still_readable};
use super::{counted, ending, plan, report, signer};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[arg(long)]
    standalone: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { policy: file, confirmation, standalone } = self;
        let policy = file.as_deref().map(plan::read).transpose()?;
        signer::may_wipe(context, standalone)?;
        let voice = context.out.voice();
        let what = match &policy {
            Some(policy) => voice.say_with("what-policy", &[("name", &policy.name)]),
            None => voice.say("what-volume"),
        };
        let failed = |error| foreign::run_error(error, file.as_deref());
        if !confirmation.go_on(context, &what)? {
            return would(context, policy.as_ref(), failed);
        }
        // A policy without a volume leaves one alone.
        let names_volume = policy.as_ref().is_none_or(|policy| policy.volume.is_some());
        let ended = if names_volume {
            counted::announce(context);
            volume::end_by(places(context), policy.as_ref(), Cause::Command, times::now())
                .map_err(foreign::volume_error)?
        } else {
            None
        };
        // What of the volume can still be read is in its own verdict.
        let is_ended = ended.is_some();
        let done = match (ended, &policy) {
            (Some(ended), _) => Some(ending::record(context, ended)?),
            (None, Some(policy)) => {
                let key = signer::own_or_new(context)?;
                run::leftovers(places(context), key, policy, Cause::Command, &times::now).map_err(failed)?
            }
            (None, None) => None,
        };
        let Some(done) = done else {
            still_readable(context)?;
            return Err(Failure::new(Exit::Impossible, "nothing-to-wipe"));
        };
        let said = report::tell(context, "wipe.run", &done)?;
        // An earlier one has a receipt of its own.
        if is_ended { Ok(said) } else { still_readable(context).map(|()| said) }
    }
}

/// What would go; changes nothing.
fn would(
    context: &Context,
    policy: Option<&Policy>,
    failed: impl FnOnce(run::RunError) -> Failure,
) -> Outcome {
    let status = volume::status(places(context)).map_err(foreign::volume_error)?;
    let goes = status.state == State::Open && policy.is_none_or(|policy| policy.volume.is_some());
    let mut document = json!({"dry_run": true, "volume": status});
    let trees = policy.map(|policy| run::judge(policy, &context.state)).transpose().map_err(failed)?;
    let named = policy.map_or(0, |policy| policy.work.trees.len());
    let absent = trees.as_ref().map_or(0, |roots| named.saturating_sub(roots.len()));
    let survey = trees.map(|roots| Survey::of(&roots));
    if let (Some(Survey { files, bytes, skipped }), Some(members)) =
        (survey.clone(), document.as_object_mut())
    {
        members.insert("files".to_owned(), json!(files));
        members.insert("bytes".to_owned(), json!(bytes));
        members.insert("absent".to_owned(), json!(absent));
        members.insert("skipped".to_owned(), json!(skipped.into_skipped()));
    }
    context.out.result("wipe.run", &document, |voice| {
        let volume = voice.say(if goes { "wipe-volume-would-go" } else { "volume-not-open" });
        match survey {
            None => volume,
            Some(Survey { files, bytes, .. }) => {
                let trees = voice.say_with("wipe-would-go", &[("files", &files), ("bytes", &bytes)]);
                let absent =
                    (absent > 0).then(|| voice.say_with("wipe-would-be-absent", &[("count", &absent)]));
                [Some(volume), Some(trees), absent].into_iter().flatten().collect::<Vec<_>>().join("\n")
            }
        }
    })?;
    Ok(Exit::Good)
}
