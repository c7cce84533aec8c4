//! The checks: pure functions from facts to a verdict with what it was judged by.

mod absence;
mod device;
mod firewall;
mod network;
mod software;
mod storage;

use hanare_facts::{Fact, Facts, Gap, GapKind, Trust};
use hanare_model::Timestamp;

use crate::checklist::{Check, DeviceClass};
use crate::site::Site;
use crate::status::{Evidence, Status};
use crate::why::{Reason, Why};

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) reason: Reason,
    pub(crate) evidence: Vec<Evidence>,
}

/// What a check comes to before its evidence is added: a status and why, or the gap that it stopped at.
type Judged = Result<(Status, Reason), Reason>;

/// Runs a check.
pub(crate) fn run(check: &Check, facts: &Facts, site: Option<&Site>, at: Timestamp) -> Verdict {
    let mut look = Look { facts, site, at, evidence: Vec::new(), weakest: Trust::Measured };
    let judged = match check {
        Check::DiskEncryption => storage::encrypted(&mut look),
        Check::Updates { lists_max_days, support } => software::updated(&mut look, *lists_max_days, support),
        Check::Listeners { allowed } => network::listening(&mut look, allowed),
        Check::UsbStorage => device::usb_storage(&mut look),
        Check::Clock { max_error_seconds } => device::clock(&mut look, *max_error_seconds),
        Check::Antivirus { definitions_max_days } => device::antivirus(&mut look, *definitions_max_days),
        Check::FullTunnel => network::full_tunnel(&mut look),
        Check::Accounts => device::accounts(&mut look),
        Check::Journal { min_days } => software::journal(&mut look, *min_days),
        Check::Resolvers { approved } => network::resolvers(&mut look, approved),
        Check::WifiEncryption => network::wifi_encryption(&mut look),
        Check::WifiLogIn => network::wifi_log_in(&mut look),
    };
    look.verdict(judged)
}

/// Whether an item has no meaning where the office states that it has no such devices. `facts` are a PC's there.
pub(crate) fn absent(class: DeviceClass, facts: Option<&Facts>, at: Timestamp) -> Verdict {
    let statement = absence::statement(class, at);
    let Some(facts) = facts else {
        let reason = Reason::plain(Why::NoneUnseen);
        return Verdict { status: Status::Unknown, reason, evidence: vec![statement] };
    };
    let mut look = Look { facts, site: None, at, evidence: vec![statement], weakest: Trust::Measured };
    let judged = absence::absent(&mut look, class);
    look.verdict(judged)
}

/// A check's eyes: what it looks at becomes its evidence.
struct Look<'a> {
    facts: &'a Facts,
    site: Option<&'a Site>,
    at: Timestamp,
    evidence: Vec<Evidence>,
    weakest: Trust,
}

impl<'a> Look<'a> {
    fn verdict(self, judged: Judged) -> Verdict {
        let (status, reason) = match judged {
            // What was only handed in or said never makes a pass.
            Ok((Status::Pass | Status::NotApplicable, _)) if self.weakest > Trust::Device => {
                (Status::Unknown, Reason::plain(Why::NotMeasured))
            }
            Ok(judged) => judged,
            Err(reason) => (Status::Unknown, reason),
        };
        Verdict { status, reason, evidence: self.evidence }
    }

    /// A fact's value, and `said` of it as evidence; the reason if nothing is known.
    fn see<T>(&mut self, fact: &'a Fact<T>, said: impl FnOnce(&T) -> String) -> Result<&'a T, Reason> {
        let value = match fact.known() {
            Ok(value) => said(value),
            Err(gap) => gap_word(gap.kind).to_owned(),
        };
        self.evidence.push(Evidence { source: fact.source.clone(), value, at: fact.at, trust: fact.trust });
        self.weakest = self.weakest.max(fact.trust);
        fact.known().map_err(gap_reason)
    }
}

/// The word in the evidence for what is not known.
const fn gap_word(kind: GapKind) -> &'static str {
    match kind {
        GapKind::Absent => "absent",
        GapKind::Permission => "permission denied",
        GapKind::NotRegular => "not a regular file",
        GapKind::TooLarge => "too large",
        GapKind::NotText => "not UTF-8",
        GapKind::NotUnderstood => "not understood",
        GapKind::NotLive => "not a running machine",
        GapKind::Failed => "unreadable",
    }
}

fn gap_reason(gap: &Gap) -> Reason {
    let why = match gap.kind {
        GapKind::Absent => Why::GapAbsent,
        GapKind::Permission => Why::GapPermission,
        GapKind::NotRegular => Why::GapNotRegular,
        GapKind::TooLarge => Why::GapTooLarge,
        GapKind::NotText => Why::GapNotText,
        GapKind::NotUnderstood => Why::GapNotUnderstood,
        GapKind::NotLive => Why::GapNotLive,
        GapKind::Failed => Why::GapFailed,
    };
    Reason::about(why, &gap.source)
}

#[expect(clippy::unnecessary_wraps, reason = "checks end with it, beside unknown")]
fn pass() -> Judged {
    Ok((Status::Pass, Reason::plain(Why::Good)))
}

#[expect(clippy::unnecessary_wraps, reason = "checks end with it, beside unknown")]
fn fail(why: Why, what: impl Into<String>) -> Judged {
    Ok((Status::Fail, Reason::about(why, what)))
}

fn unknown(why: Why, what: impl Into<String>) -> Judged {
    Err(Reason::about(why, what))
}

fn listed<T: AsRef<str>>(list: &[T]) -> String {
    if list.is_empty() {
        "-".to_owned()
    } else {
        list.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
