//! That headquarters was put back from a backup, as its store of work data has noted it.

use std::collections::BTreeSet;

use hanare_model::Timestamp;

use crate::admin::PutBackSeen;
use crate::shared::Hq;

/// So long it is news, in seconds.
const NEWS: i64 = 30 * 24 * 3600;

/// What is to be said of it. A store that nobody ever handed work to stays closed.
pub(crate) async fn seen(hq: &Hq, now: Timestamp) -> Option<PutBackSeen> {
    if !hq.work.is_used() {
        return None;
    }
    let noted = match hq.work.open().await {
        Ok(store) => store.put_backs().await,
        Err(error) => Err(error),
    };
    let noted = noted.inspect_err(|error| tracing::warn!(%error, "the store of work data")).ok()?;
    let since = now.seconds().saturating_sub(NEWS);
    let news: Vec<_> = noted.into_iter().filter(|noted| noted.at.seconds() >= since).collect();
    let nodes: BTreeSet<(&str, &str)> = news
        .iter()
        .filter(|noted| !noted.node.is_empty())
        .map(|noted| (noted.company.as_str(), noted.node.as_str()))
        .collect();
    let at = news.iter().map(|noted| noted.at).max()?;
    Some(PutBackSeen { at, nodes: nodes.len() as u64 })
}
