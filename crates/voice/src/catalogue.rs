//! The catalogue's files, compiled in.

use crate::Language;

/// Names of the catalogue's files, the same in every language.
pub const FILES: [&str; 15] = [
    "audit-reasons.ftl",
    "audit-words.ftl",
    "commands-audit.ftl",
    "commands-hq.ftl",
    "commands-node.ftl",
    "demo.ftl",
    "errors-hq.ftl",
    "errors-node.ftl",
    "errors.ftl",
    "objects.ftl",
    "output.ftl",
    "reasons.ftl",
    "wipe-erase.ftl",
    "wipe-record.ftl",
    "wipe-volume.ftl",
];

macro_rules! embedded {
    ($language:literal: $($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../hanare/locales/", $language, "/", $name)))),*]
    };
}

/// Name and content of each file of a language.
pub(crate) const fn files(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::Japanese => {
            embedded!("ja": "audit-reasons.ftl" "audit-words.ftl" "commands-audit.ftl"
            "commands-hq.ftl" "commands-node.ftl" "demo.ftl" "errors-hq.ftl"
            "errors-node.ftl" "errors.ftl" "objects.ftl" "output.ftl" "reasons.ftl" "wipe-erase.ftl" "wipe-record.ftl" "wipe-volume.ftl")
        }
        Language::English => embedded!("en": "audit-reasons.ftl" "audit-words.ftl" "commands-audit.ftl"
            "commands-hq.ftl" "commands-node.ftl" "demo.ftl" "errors-hq.ftl"
            "errors-node.ftl" "errors.ftl" "objects.ftl" "output.ftl" "reasons.ftl" "wipe-erase.ftl" "wipe-record.ftl" "wipe-volume.ftl"),
    }
}
