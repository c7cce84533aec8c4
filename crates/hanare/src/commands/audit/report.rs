//! `hanare audit report`: an office as a whole, from every view, with what people stated; kept for `history`.

use hanare_model::OfficeId;

use super::judging::{Options, Subject};
use super::office::Office;
use super::site;
use crate::context::{Context, Outcome};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    office: OfficeId,
    #[command(flatten)]
    options: Options,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { office, options } = self;
        let judged = options.judge(context, "audit.report", || {
            let site = site::of(context, &office, options.site.as_deref())?;
            Ok(Subject { site: Some(site), view: None, facts: options.replayed()? })
        })?;
        Office::of(context, &office).remember(&judged.report, &judged.bytes)?;
        Ok(judged.exit)
    }
}
