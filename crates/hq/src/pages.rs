//! The ledger page by page: however long it is, nobody holds more of it than a page.

use hanare_ledger::{Export, Head, Verifier};
use hanare_model::Timestamp;

use crate::admin::{LedgerExported, LedgerVerified, Problem};
use crate::shared::Hq;

/// Shows every line up to the present end to `take`, oldest first, until it says `false`; where that end is.
pub(crate) async fn each(hq: &Hq, mut take: impl FnMut(&str) -> bool) -> Result<Head, Problem> {
    let (mut lines, head) = hq.writer.ledger(0, None).await?;
    while let Some((last, _)) = lines.last() {
        let last = *last;
        if !lines.iter().filter(|(seq, _)| *seq <= head.seq).all(|(_, line)| take(line)) {
            break;
        }
        lines = if last < head.seq { hq.writer.ledger(last, None).await?.0 } else { Vec::new() };
    }
    Ok(head)
}

/// The first line of an export up to the present end, and the signature over all of it; the caller fetches the records' lines.
pub(crate) async fn export(hq: &Hq, now: Timestamp) -> Result<LedgerExported, Problem> {
    let (_, head) = hq.writer.ledger(u64::MAX, None).await?;
    let signing_key = hq.signing.verify_key();
    let bug = |error: serde_json::Error| Problem::Bug { text: error.to_string() };
    let (mut export, header) = Export::start(signing_key, head, now).map_err(bug)?;
    let mut left = head.seq;
    each(hq, |line| {
        // What was appended since belongs to the next export.
        let is_part = left > 0;
        if is_part {
            export.record(line);
            left -= 1;
        }
        is_part
    })
    .await?;
    let signature = export.finish(&hq.signing);
    Ok(LedgerExported { header, signature, signing_key, records: head.seq, head: head.hash.to_string() })
}

/// Whether the ledger holds, by headquarters' own key.
pub(crate) async fn verified(hq: &Hq) -> Result<LedgerVerified, Problem> {
    let signing_key = hq.signing.verify_key();
    let mut verifier = Verifier::new(signing_key);
    let mut fault = None;
    let head = each(hq, |line| {
        fault = verifier.accept(line).err();
        fault.is_none()
    })
    .await?;
    let fault = match fault {
        Some(fault) => Some(format!("record {}: {fault}", verifier.head().seq.saturating_add(1))),
        None if verifier.head() != head => Some("records are missing at the end".to_owned()),
        None => None,
    };
    Ok(LedgerVerified {
        valid: fault.is_none(),
        records: head.seq,
        head: head.hash.to_string(),
        fault,
        signing_key,
    })
}
