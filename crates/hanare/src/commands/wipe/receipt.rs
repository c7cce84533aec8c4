//! `hanare wipe receipt`: what came of each wipe, and whether anybody changed the record of it.

mod words;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_ledger::sshsig;
use hanare_model::VerifyKey;
use hanare_wipe::receipt::{self as receipts, Entry, Listing, MAX_LEN, Receipt, Refused, signature_path};
use serde_json::{Value, json};

use super::signer;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{foreign, input, show, table, times};
pub(crate) use words::cause;
use words::{detail, refused, told, verdict};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List,
    Show {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    Verify {
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

/// What became of a receipt's verification.
enum Judged {
    /// Exactly what the machine signed.
    Good(Box<Receipt>, VerifyKey),
    /// Nothing is wrong, but whose it is can only be told with a key from elsewhere.
    NoKey(VerifyKey),
    /// Anything else.
    Bad(Refused),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List => list(context),
            Self::Show { file, key } => look(context, &file, key.as_deref(), true),
            Self::Verify { file, key } => look(context, &file, key.as_deref(), false),
        }
    }
}

fn list(context: &Context) -> Outcome {
    let key = signer::own(context)?.map(|key| key.verify_key());
    let own = key.map(|key| receipts::list(&context.state, &key)).transpose();
    let own = own.map_err(foreign::receipt_error)?;
    let others = receipts::others(&context.state, key.as_ref()).map_err(foreign::receipt_error)?;
    let entries = own.as_ref().map_or_else(Default::default, |listing| listing.entries.as_slice());
    let document = json!({
        "receipts": entries.iter().map(fields).collect::<Vec<_>>(),
        "whole": own.iter().chain(&others).all(Listing::is_whole),
        "faults": own.as_ref().map_or(&[][..], |listing| &listing.faults),
        "head": own.as_ref().map(Listing::head),
        "key": key.map(|key| sshsig::openssh_key(&key, "")),
        "other_keys": others.iter().map(other).collect::<Vec<_>>(),
    });
    context.out.result("wipe.receipt.list", &document, |voice| {
        let headings = [
            "label-seq",
            "label-time",
            "label-receipt-cause",
            "label-receipt-verdict",
            "label-receipt-files",
            "label-receipt-size",
            "label-receipt-path",
        ];
        table::rows(voice, &headings, entries.iter().map(|entry| row(entry, voice)).collect())
    })?;
    for listing in own.iter().chain(&others) {
        for fault in &listing.faults {
            context.out.warn("receipt-fault", &[("fault", &told(fault, context.out.voice()))]);
        }
    }
    if !others.is_empty() {
        context.out.talk("receipt-other-keys", &[("count", &others.len())]);
    }
    if !own.iter().chain(&others).all(Listing::is_whole) {
        return Ok(Exit::No);
    }
    // Receipts without the key that they would be checked with are not good: nobody has looked.
    Ok(if own.is_none() && !others.is_empty() { Exit::Incomplete } else { Exit::Good })
}

fn fields(entry: &Entry) -> Value {
    let receipt = &entry.receipt;
    json!({
        "path": entry.path,
        "boot_id": receipt.boot_id,
        "cause": receipt.cause,
        "verdict": receipt.outcome.verdict,
        "at": receipt.at,
        "counter": receipt.counter,
        "id": receipt.id,
    })
}

fn other(listing: &Listing) -> Value {
    let key = sshsig::openssh_key(&listing.key, "");
    json!({"key": key, "receipts": listing.entries.len(), "faults": listing.faults})
}

fn row(entry: &Entry, voice: &Voice) -> Vec<String> {
    let receipt = &entry.receipt;
    vec![
        receipt.counter.to_string(),
        times::tell(receipt.at),
        voice.say(cause(receipt.cause)),
        voice.say(verdict(receipt.outcome.verdict)),
        receipt.outcome.files.to_string(),
        show::size(receipt.outcome.bytes),
        entry.path.display().to_string(),
    ]
}

fn look(context: &Context, file: &Path, key: Option<&Path>, whole: bool) -> Outcome {
    let judged = judge(context, file, key)?;
    let (exit, document) = match &judged {
        Judged::Good(receipt, signer) => {
            let key = sshsig::openssh_key(signer, "");
            let document = json!({
                "valid": true, "at": receipt.at, "verdict": receipt.outcome.verdict, "cause": receipt.cause,
                "counter": receipt.counter, "id": receipt.id, "boot_id": receipt.boot_id, "key": key,
            });
            let full = json!({"valid": true, "receipt": receipt});
            (Exit::Good, if whole { full } else { document })
        }
        Judged::NoKey(signer) => {
            (Exit::Incomplete, json!({"valid": null, "key": sshsig::openssh_key(signer, "")}))
        }
        Judged::Bad(why) => (Exit::No, json!({"valid": false, "reason": why})),
    };
    let name = if whole { "wipe.receipt.show" } else { "wipe.receipt.verify" };
    context.out.result(name, &document, |voice| said(&judged, whole, voice))?;
    Ok(exit)
}

fn judge(context: &Context, file: &Path, key: Option<&Path>) -> Result<Judged, Failure> {
    let key = match key {
        Some(path) => Some(read_key(path)?),
        None => signer::own(context)?.map(|key| key.verify_key()),
    };
    let bytes = input::bytes(file, MAX_LEN)?;
    let Some(signature) = input::bytes_if_any(&signature_path(file), MAX_LEN)? else {
        return Ok(Judged::Bad(Refused::Unsigned));
    };
    let checked = match key {
        Some(key) => receipts::verify(&bytes, &signature, &key).map(|receipt| (receipt, Some(key))),
        None => receipts::open(&bytes, &signature).map(|(receipt, signer)| (receipt, Some(signer))),
    };
    Ok(match (checked, key) {
        (Err(why), _) => Judged::Bad(why),
        (Ok((receipt, _)), Some(key)) => Judged::Good(Box::new(receipt), key),
        (Ok((_, signer)), None) => signer.map_or(Judged::Bad(Refused::Form), Judged::NoKey),
    })
}

fn read_key(path: &Path) -> Result<VerifyKey, Failure> {
    sshsig::parse_openssh_key(&input::text(path)?).map_err(|error| {
        Failure::new(Exit::Input, "receipt-key").with("path", path.display()).because(&error)
    })
}

fn said(judged: &Judged, whole: bool, voice: &Voice) -> String {
    match judged {
        Judged::Good(receipt, _) if whole => detail(receipt, voice),
        Judged::Good(receipt, _) => {
            let (verdict, at) = (voice.say(verdict(receipt.outcome.verdict)), times::tell(receipt.at));
            voice.say_with(
                "receipt-valid",
                &[("number", &receipt.counter), ("at", &at), ("verdict", &verdict)],
            )
        }
        Judged::NoKey(_) => voice.say("receipt-needs-key"),
        Judged::Bad(why) => voice.say_with("receipt-invalid", &[("why", &voice.say(refused(*why)))]),
    }
}
