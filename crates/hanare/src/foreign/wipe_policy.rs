//! What is wrong with a wipe policy, as a failure that points at its place.

use std::path::Path;

use hanare_wipe::policy::{Fault, MAX_HOURS, MAX_LEN, MAX_SECONDS, Misplaced, PolicyError, VERSION};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A wipe policy that cannot be used: `FILE:LINE:COLUMN`.
pub(crate) fn wipe_policy_error(error: &PolicyError, file: &Path) -> Failure {
    let place = format!("{}:{}:{}", file.display(), error.position.line, error.position.column);
    Failure::new(Exit::Input, "wipe-policy").with("place", place).with_phrase("cause", fault(&error.fault))
}

fn fault(fault: &Fault) -> Phrase {
    let about = |id, what: &dyn std::fmt::Display| Phrase::new(id).with("what", what);
    match fault {
        Fault::Form(text) => super::toml::form(text),
        Fault::TooLong(bytes) => about("policy-too-long", bytes).with("most", MAX_LEN),
        Fault::Version(version) => about("policy-version", version).with("known", VERSION),
        Fault::Name(name) => about("wipe-policy-name", name),
        Fault::Path { path, why } => about(misplaced(*why), path),
        Fault::Outside(path) => about("wipe-policy-outside", path),
        Fault::Overlap { path, other } => about("wipe-policy-overlap", path).with("other", other),
        Fault::Kept { path, kept } => about("wipe-policy-kept", path).with("other", kept),
        Fault::OffVolume(what) => about("wipe-policy-off-volume", what),
        Fault::Empty => Phrase::new("wipe-policy-empty"),
        Fault::Twice(what) => about("wipe-policy-twice", what),
        Fault::Seconds(seconds) => about("wipe-policy-seconds", seconds).with("most", MAX_SECONDS),
        Fault::Hours(hours) => about("wipe-policy-hours", hours).with("most", MAX_HOURS),
        Fault::Time(text) => about("wipe-policy-time", text),
        Fault::Date(text) => about("wipe-policy-date", text),
        Fault::Zone(text) => about("wipe-policy-zone", text),
        Fault::Usb(text) => about("wipe-policy-usb", text),
        Fault::User(text) => about("wipe-policy-user", text),
        Fault::Nothing => Phrase::new("wipe-policy-nothing"),
    }
}

const fn misplaced(why: Misplaced) -> &'static str {
    match why {
        Misplaced::Empty => "wipe-path-empty",
        Misplaced::Relative => "wipe-path-relative",
        Misplaced::Dots => "wipe-path-dots",
        Misplaced::Control => "wipe-path-control",
        Misplaced::System => "wipe-path-system",
        Misplaced::MountRoot => "wipe-path-mount-root",
    }
}
