//! What is wrong with a site file, as a failure that points at its place.

use std::path::Path;

use hanare_audit::{MAX_SITE, SITE_VERSION, SiteError, SiteFault, Wanted};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// A site file that cannot be used: `FILE:LINE:COLUMN`.
pub(crate) fn site_error(error: &SiteError, file: &Path) -> Failure {
    let place = format!("{}:{}:{}", file.display(), error.position.line, error.position.column);
    Failure::new(Exit::Input, "site").with("place", place).with_phrase("cause", site_fault(&error.fault))
}

/// What is wrong, without its place.
pub(crate) fn site_fault(fault: &SiteFault) -> Phrase {
    let about = |id, what: &dyn std::fmt::Display| Phrase::new(id).with("what", what);
    match fault {
        SiteFault::Form(text) => super::toml::form(text),
        SiteFault::TooLong(bytes) => about("site-too-long", bytes).with("most", MAX_SITE),
        SiteFault::Version(version) => about("policy-version", version).with("known", SITE_VERSION),
        SiteFault::Not(wanted, text) => about(not(*wanted), text),
        SiteFault::Empty => Phrase::new("checklist-empty"),
        SiteFault::Twice(name) => about("site-twice", name),
        SiteFault::NoNetwork(name) => about("site-no-network", name),
        SiteFault::NoPerson(id) => about("site-no-person", id),
        SiteFault::OtherOffice(room) => about("site-other-office", room),
        SiteFault::Number { given, most } => about("checklist-number", given).with("most", most),
    }
}

const fn not(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Id => "site-not-id",
        Wanted::Room => "site-not-room",
        Wanted::Zone => "site-not-zone",
        Wanted::Address => "site-not-address",
        Wanted::Prefix => "site-not-prefix",
        Wanted::Socket => "site-not-socket",
        Wanted::Mac => "site-not-mac",
        Wanted::Listener => "site-not-listener",
        Wanted::Day => "site-not-day",
    }
}
