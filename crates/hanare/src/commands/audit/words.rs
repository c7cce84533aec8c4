//! Statuses, grades, tiers and reasons in words.

use hanare_audit::{BothTexts, Confidence, Grade, Reason, Responsible, Status, Tier};
use hanare_facts::{Trust, View};

use crate::voice::{Language, Voice};

/// The text in the voice's language.
pub(super) fn text(texts: &BothTexts, voice: &Voice) -> String {
    match voice.language() {
        Language::Japanese => texts.ja.clone(),
        Language::English => texts.en.clone(),
    }
}

/// Both languages at once: a report is read by people of either.
pub(super) struct Voices {
    ja: Voice,
    en: Voice,
}

impl Voices {
    pub(super) fn new() -> Self {
        Self { ja: Voice::new(Language::Japanese), en: Voice::new(Language::English) }
    }

    /// A message without placeholders.
    pub(super) fn say(&self, id: &str) -> BothTexts {
        BothTexts { ja: self.ja.say(id), en: self.en.say(id) }
    }

    /// A message with a count.
    pub(super) fn say_count(&self, id: &str, count: usize) -> BothTexts {
        let say = |voice: &Voice| voice.say_with(id, &[("count", &count)]);
        BothTexts { ja: say(&self.ja), en: say(&self.en) }
    }

    /// A reason with what it is about.
    pub(super) fn reason(&self, reason: &Reason) -> BothTexts {
        let say = |voice: &Voice| voice.say_with(reason.why.as_str(), &[("what", &reason.what)]);
        BothTexts { ja: say(&self.ja), en: say(&self.en) }
    }
}

pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Fail => "audit-fail",
        Status::Error => "audit-error",
        Status::Unknown => "audit-unknown",
        Status::AttestDue => "audit-attest-due",
        Status::Waived => "audit-waived",
        Status::Attested => "audit-attested",
        Status::Pass => "audit-pass",
        Status::NotApplicable => "audit-not-applicable",
    }
}

pub(super) const fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Measured => "trust-measured",
        Trust::Device => "trust-device",
        Trust::Supplied => "trust-supplied",
        Trust::Word => "trust-word",
    }
}

pub(super) const fn view(view: View) -> &'static str {
    match view {
        View::Endpoint => "view-endpoint",
        View::Gateway => "view-gateway",
        View::Hq => "view-hq",
    }
}

pub(super) const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::None => "grade-none",
        Grade::Basic => "grade-basic",
        Grade::BasicRiskPlan => "grade-basic-risk-plan",
        Grade::Full => "grade-full",
    }
}

pub(super) const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Basic => "tier-basic",
        Tier::RiskPlan => "tier-risk-plan",
        Tier::Applied => "tier-applied",
        Tier::Environment => "tier-environment",
    }
}

pub(super) const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Confirmed => "confidence-confirmed",
        Confidence::Named => "confidence-named",
        Confidence::Stated => "confidence-stated",
        Confidence::InUse => "confidence-in-use",
        Confidence::Inferred => "confidence-inferred",
    }
}

pub(super) const fn responsible(responsible: Responsible) -> &'static str {
    match responsible {
        Responsible::Operator => "responsible-operator",
        Responsible::Tenant => "responsible-tenant",
    }
}

#[cfg(test)]
mod tests {
    use hanare_audit::Why;

    use super::*;

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let voices = Voices::new();
        for why in Why::ALL {
            let said = voices.reason(&Reason::about(*why, "WHAT"));
            assert!(said.ja != why.as_str() && said.en != why.as_str() && said.ja != said.en, "{why:?}");
            assert_eq!(said.ja.contains("WHAT"), said.en.contains("WHAT"), "{why:?}");
        }
    }
}
