//! The reasons inside headquarters' refusals, as phrases of the catalogue.

use hanare_hq::admin::{BadText, Field, Noun, Owner};
use hanare_model::plan::Unfit;
use hanare_model::policy::{
    Fault, MAX_DEVICE_PORTS, MAX_DEVICES, MAX_HOLIDAYS, MAX_LEN, MAX_OVERTIME_HOURS, MAX_RULES, VERSION,
};
use hanare_model::unlock::{MAX_GAP, MAX_SECONDS};

use crate::failure::Phrase;

/// The word for what an id names.
pub(super) const fn word(noun: Noun) -> Phrase {
    Phrase::new(match noun {
        Noun::Company => "noun-company",
        Noun::Office => "noun-office",
        Noun::Room => "noun-room",
        Noun::Node => "noun-node",
        Noun::Invite => "noun-invite",
        Noun::Policy => "noun-policy",
        Noun::Person => "noun-person",
    })
}

/// Whose something is, or by what it is used.
pub(super) fn owner_phrase(owner: Owner) -> Phrase {
    match owner {
        Owner::Room(id) => Phrase::new("owner-room").with("id", id),
        Owner::Node(id) => Phrase::new("owner-node").with("id", id),
        Owner::Person(id) => Phrase::new("owner-person").with("id", id),
        Owner::Policy => Phrase::new("owner-policy"),
        Owner::Headquarters => Phrase::new("owner-hq"),
        Owner::Quarantine => Phrase::new("owner-quarantine"),
    }
}

/// Why a prefix cannot be an overlay or a room's.
pub(super) const fn unfit(reason: Unfit) -> Phrase {
    Phrase::new(match reason {
        Unfit::HostBits => "unfit-host-bits",
        Unfit::Overlay4Length => "unfit-overlay-length",
        Unfit::Overlay6Length => "unfit-overlay-length-six",
        Unfit::NotForHosts => "unfit-not-for-hosts",
        Unfit::Overlay6Range => "unfit-overlay-range",
        Unfit::OutsideOverlay => "unfit-outside-overlay",
        Unfit::RoomTooSmall => "unfit-room-too-small",
    })
}

/// A text's name.
pub(super) const fn field_phrase(field: Field) -> Phrase {
    Phrase::new(match field {
        Field::Name => "field-name",
        Field::Reason => "field-reason",
        Field::Site => "field-site",
    })
}

/// Why a text cannot be used.
pub(super) fn bad_text(reason: BadText) -> Phrase {
    match reason {
        BadText::Empty => Phrase::new("text-empty"),
        BadText::Long(most) => Phrase::new("text-long").with("most", most),
        BadText::Control => Phrase::new("text-control"),
    }
}

/// What is wrong with a policy.
pub(super) fn policy_fault(fault: &Fault) -> Phrase {
    let about = |id, what: &dyn std::fmt::Display| Phrase::new(id).with("what", what);
    match fault {
        Fault::Form(text) => super::toml::form(text),
        Fault::TooLong(bytes) => about("policy-too-long", bytes).with("most", MAX_LEN),
        Fault::Version(version) => about("policy-version", version).with("known", VERSION),
        Fault::ServicePlace(party) => about("policy-service-place", party),
        Fault::ServiceName(name) => about("policy-service-name", name),
        Fault::ServiceTwice(name) => about("policy-service-twice", name),
        Fault::NoReason => Phrase::new("policy-no-reason"),
        Fault::Starter(party) => about("policy-starter", party),
        Fault::NoService(name) => about("policy-no-service", name),
        Fault::OwnProtocol => Phrase::new("policy-own-protocol"),
        Fault::NoProtocol => Phrase::new("policy-no-protocol"),
        Fault::StrayPorts => Phrase::new("policy-stray-ports"),
        Fault::NoPorts => Phrase::new("policy-no-ports"),
        Fault::NoCompany(id) => about("policy-no-company", id),
        Fault::NoRoom(id) => about("policy-no-room", id),
        Fault::Undeclared(network) => about("policy-undeclared", network),
        Fault::DeviceRoom(party) => about("policy-device-room", party),
        Fault::DevicePlace(place) => about("policy-device-place", place),
        Fault::DeviceService => Phrase::new("policy-device-service"),
        Fault::TooManyDevices(count) => about("policy-device-count", count).with("most", MAX_DEVICES),
        Fault::TooManyRules(count) => about("policy-rule-count", count).with("most", MAX_RULES),
        Fault::TooManyPorts(count) => about("policy-device-ports", count).with("most", MAX_DEVICE_PORTS),
        Fault::UnlockMinutes(minutes) => {
            about("policy-unlock-minutes", minutes).with("most", MAX_SECONDS / 60)
        }
        Fault::Holiday(text) => about("wipe-policy-date", text),
        Fault::TooManyHolidays(count) => about("policy-holidays", count).with("most", MAX_HOLIDAYS),
        Fault::OvertimeHours(hours) => about("policy-overtime", hours).with("most", MAX_OVERTIME_HOURS),
        Fault::UnlockGap(seconds) => about("policy-unlock-gap", seconds).with("most", MAX_GAP),
        Fault::DeviceInside(network) => about("policy-device-inside", network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::failure::Failure;
    use crate::voice::{Language, Voice};

    fn said(phrase: Phrase, language: Language) -> String {
        Failure::new(Exit::Input, "prefix").with_phrase("cause", phrase).tell(&Voice::new(language)).cause
    }

    #[test]
    fn reasons_speak_the_language_of_the_person() {
        let phrases: [fn() -> Phrase; 10] = [
            || unfit(Unfit::HostBits),
            || owner_phrase(Owner::Room("kofu/306".parse().unwrap())),
            || owner_phrase(Owner::Quarantine),
            || bad_text(BadText::Long(200)),
            || policy_fault(&Fault::NoCompany("acme".parse().unwrap())),
            || policy_fault(&Fault::OwnProtocol),
            || policy_fault(&Fault::DevicePlace("0.0.0.0/0".to_owned())),
            || policy_fault(&Fault::TooManyDevices(65)),
            || policy_fault(&Fault::TooManyRules(501)),
            || policy_fault(&Fault::TooManyPorts(17)),
        ];
        for phrase in phrases {
            let (english, japanese) = (said(phrase(), Language::English), said(phrase(), Language::Japanese));
            assert!(english.is_ascii() && !english.contains('$') && !english.contains("owner-"), "{english}");
            assert!(!japanese.is_ascii() && !japanese.contains('$'), "{japanese}");
        }
        let room = owner_phrase(Owner::Room("kofu/306".parse().unwrap()));
        assert_eq!(said(room, Language::English), "room kofu/306");
    }
}
