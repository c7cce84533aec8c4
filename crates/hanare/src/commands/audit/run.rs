//! `hanare audit run`: look, judge, tell, and write a report that can be signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hanare_facts::View;

use super::judging::{Options, Subject};
use super::{facts, site};
use crate::context::{Context, Outcome};
use crate::times;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "endpoint|gateway|hq")]
    view: Option<View>,
    #[arg(long, value_name = "DIR", conflicts_with = "facts")]
    root: Option<PathBuf>,
    #[arg(long)]
    passive: bool,
    #[command(flatten)]
    options: Options,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { view, root, passive, options } = self;
        let judged = options.judge(context, "audit.run", || {
            let site = options.site.as_deref().map(site::read).transpose()?;
            let mut facts = options.replayed()?;
            if options.facts.is_empty() {
                let view = view.unwrap_or(View::Endpoint);
                facts = BTreeMap::from([(view, facts::collect(root.as_deref(), view, times::now())?)]);
            }
            Ok(Subject { site, view, facts })
        })?;
        if passive {
            context.out.talk("audit-passive", &[]);
        }
        Ok(judged.exit)
    }
}
