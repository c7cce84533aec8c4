//! `hanare handover import`: sealed items brought by hand.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_handover::protocol::{Became, SealedAnswer, SealedPart};
use hanare_handover::seal::{self, Refused};
use hanare_hq::admin::HandoverImport;
use serde_json::json;

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{input, table};

/// How much of an item travels at once: base64 of it fits a request.
const PIECE: usize = 4 * 1024 * 1024;

/// Takes in sealed items that somebody has carried here.
pub(super) fn run(context: &Context, files: &[PathBuf]) -> Outcome {
    let mut items = Vec::new();
    for path in files {
        items.push((path, bring(context, path)?));
    }
    let all_safe = items.iter().all(|(_, became)| became.is_safe());
    let mut told = Vec::new();
    for (path, became) in &items {
        let mut item = serde_json::to_value(became).unwrap_or_default();
        if let Some(item) = item.as_object_mut() {
            item.insert("path".to_owned(), json!(path));
        }
        told.push(item);
    }
    context.out.result("handover.import", &json!({"items": told}), |voice| {
        let row = |(path, became): &(&PathBuf, Became)| vec![path.display().to_string(), said(became, voice)];
        table::rows(voice, &["label-file", "label-became"], items.iter().map(row).collect())
    })?;
    Ok(if all_safe { Exit::Good } else { Exit::Refused })
}

fn said(became: &Became, voice: &Voice) -> String {
    match became {
        Became::Kept { .. } => voice.say("became-kept"),
        Became::Conflict { .. } => voice.say("became-conflict"),
        Became::Known { .. } => voice.say("became-known"),
        Became::Quarantined => voice.say("became-quarantined"),
        Became::Full => voice.say("became-full"),
        Became::Refused { reason } => voice.say_with("became-refused", &[("reason", reason)]),
    }
}

/// Brings one item, in parts. A file that is none is told so by headquarters, like one that was changed.
fn bring(context: &Context, path: &Path) -> Result<Became, Failure> {
    let unreadable = |error: std::io::Error| input::unreadable(path, &error);
    let refused = |reason: &str| Ok(Became::Refused { reason: reason.to_owned() });
    let mut file = input::open(path)?;
    let total = file.metadata().map_err(unreadable)?.len();
    let Ok(head) = seal::peek(&mut file) else { return refused(Refused::NotSealed.code()) };
    let (mut offset, mut bytes) = (0, Vec::new());
    loop {
        let part = SealedPart { id: head.id, offset, total, parent: None, bytes: bytes.into() };
        let was_question = part.bytes.is_empty();
        let ask = HandoverImport { signer: head.signer, part: STANDARD.encode(part.body()) };
        match context.ask(ask)? {
            SealedAnswer::Done { became, .. } => return Ok(became),
            SealedAnswer::More { have } if have >= total || (have == offset && !was_question) => {
                return refused(Refused::NotSealed.code());
            }
            SealedAnswer::More { have } => {
                offset = have;
                let len = usize::try_from(total - have).unwrap_or(PIECE).min(PIECE);
                bytes = vec![0; len];
                file.read_exact_at(&mut bytes, have).map_err(unreadable)?;
            }
        }
    }
}
