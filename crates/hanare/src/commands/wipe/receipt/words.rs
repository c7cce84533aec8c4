//! A receipt and what is wrong with one, in a person's words.

use hanare_wipe::receipt::{Cause, ChainFault, Receipt, Refused};
use hanare_wipe::{Method, Verdict};

use crate::voice::Voice;
use crate::{show, table, times};

pub(super) fn detail(receipt: &Receipt, voice: &Voice) -> String {
    let outcome = &receipt.outcome;
    let skipped =
        outcome.skipped.iter().map(|skipped| format!("{} ×{}", skipped.reason.as_str(), skipped.count));
    let key = outcome.volume.map(|end| {
        let word = if end.key_destroyed { "receipt-key-destroyed" } else { "receipt-key-alive" };
        voice.say_with(word, &[("seconds", &format!("{:.2}", end.seconds))])
    });
    let verified = [
        ("bytes", &show::size(outcome.verified.reread_bytes) as &dyn std::fmt::Display),
        ("remnants", &outcome.verified.remnants),
    ];
    let verified_by = if outcome.verified.sampled { "receipt-verified-sampled" } else { "receipt-verified" };
    table::fields(
        voice,
        vec![
            ("label-seq", receipt.counter.to_string()),
            ("label-receipt-verdict", voice.say(verdict(outcome.verdict))),
            ("label-receipt-cause", voice.say(cause(receipt.cause))),
            ("label-receipt-started", times::tell(receipt.started)),
            ("label-receipt-ended", times::tell(receipt.at)),
            ("label-receipt-method", voice.say(method(outcome.method))),
            (
                "label-receipt-work-volume",
                receipt.volume_kind.map(|kind| kind.to_string()).unwrap_or_default(),
            ),
            ("label-receipt-volume-key", key.unwrap_or_default()),
            ("label-receipt-files", outcome.files.to_string()),
            ("label-receipt-size", show::size(outcome.bytes)),
            ("label-receipt-verified", voice.say_with(verified_by, &verified)),
            ("label-receipt-left-out", skipped.collect::<Vec<_>>().join(", ")),
            ("label-receipt-sealed", outcome.sealed.to_string()),
            ("label-receipt-lost", outcome.lost.to_string()),
            ("label-receipt-absent", outcome.absent.to_string()),
            ("label-receipt-interruptions", receipt.interruptions.to_string()),
            (
                "label-receipt-policy",
                receipt.policy.as_ref().map(|policy| policy.name.clone()).unwrap_or_default(),
            ),
            ("label-receipt-machine", receipt.machine.name.clone()),
            ("label-receipt-boot", receipt.boot_id.to_string()),
            ("label-receipt-tool", format!("{} {}", receipt.certificate.tool, receipt.certificate.version)),
        ],
    )
}

pub(super) fn told(fault: &ChainFault, voice: &Voice) -> String {
    match fault {
        ChainFault::Missing { first, last } if first == last => {
            voice.say_with("chain-missing-one", &[("number", first)])
        }
        ChainFault::Missing { first, last } => {
            voice.say_with("chain-missing", &[("first", first), ("last", last)])
        }
        ChainFault::Refused { path, why } => {
            let why = voice.say(refused(*why));
            voice.say_with("chain-refused", &[("path", &path.display()), ("why", &why)])
        }
        ChainFault::Misnamed { path } => voice.say_with("chain-misnamed", &[("path", &path.display())]),
        ChainFault::Link { counter } => voice.say_with("chain-link", &[("number", counter)]),
        ChainFault::Strange { path } => voice.say_with("chain-strange", &[("path", &path.display())]),
        ChainFault::Head => voice.say("chain-head"),
        ChainFault::OldHead => voice.say("chain-old-head"),
        ChainFault::Recorded { counter } => voice.say_with("chain-recorded", &[("number", counter)]),
    }
}

pub(super) const fn refused(why: Refused) -> &'static str {
    match why {
        Refused::Unsigned => "receipt-unsigned",
        Refused::Form => "receipt-form",
        Refused::Changed => "receipt-changed",
        Refused::Signer => "receipt-signer",
        Refused::Content => "receipt-content",
    }
}

pub(crate) const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Command => "cause-command",
        Cause::Shutdown => "cause-shutdown",
        Cause::EndOfDay => "cause-end-of-day",
        Cause::LogOut => "cause-log-out",
        Cause::Revoked => "cause-revoked",
        Cause::Headquarters => "cause-headquarters",
        Cause::DeviceRemoved => "cause-device-removed",
        Cause::PowerLost => "cause-power-lost",
    }
}

pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "verdict-pass",
        Verdict::Partial => "verdict-partial",
        Verdict::Fail => "verdict-fail",
    }
}

const fn method(method: Method) -> &'static str {
    match method {
        Method::Clear => "method-clear",
        Method::CryptographicErase => "method-cryptographic-erase",
    }
}
