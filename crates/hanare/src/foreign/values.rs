//! Why a value on the command line is not one, in the person's language.

use std::error::Error;

use hanare_model::IdError;
use hanare_model::id::MAX_ID_LEN;
use hanare_model::peer::EndpointError;
use hanare_wipe::volume_kind::UnknownVolumeKind;

use crate::durations::NotADuration;
use crate::failure::Phrase;
use crate::sizes::NotASize;
use crate::voice::{UnknownLanguage, Voice};

/// Why the parser of a value refused it.
pub(crate) fn value_reason(error: &(dyn Error + 'static), voice: &Voice) -> String {
    if let Some(error) = error.downcast_ref::<IdError>() {
        return match error {
            IdError::Empty => voice.say("value-id-empty"),
            IdError::TooLong(_) => voice.say_with("value-id-too-long", &[("most", &MAX_ID_LEN)]),
            IdError::Character(_) => voice.say("value-id-character"),
            IdError::Room(_) => voice.say("value-room"),
        };
    }
    if error.is::<EndpointError>() {
        return voice.say("value-endpoint");
    }
    if error.is::<NotADuration>() {
        return voice.say("value-duration");
    }
    if error.is::<UnknownLanguage>() {
        return voice.say("value-language");
    }
    if error.is::<ipnet::AddrParseError>() {
        return voice.say("value-prefix");
    }
    if error.is::<std::net::AddrParseError>() {
        return voice.say("value-address");
    }
    if error.is::<NotASize>() {
        return voice.say("value-size");
    }
    if error.is::<UnknownVolumeKind>() {
        return voice.say("value-volume-kind");
    }
    if error.is::<hanare_facts::NotAView>() {
        return voice.say("value-view");
    }
    if error.is::<hanare_audit::NotADay>() {
        return voice.say("value-day");
    }
    if error.is::<jiff::Error>() {
        return voice.say("value-time");
    }
    Phrase::new("value-not-allowed").detail(error).say(voice)
}
