//! Every environment variable that this program reads, and nowhere else.
//!
//! `NOTIFY_SOCKET` is read by the sd-notify library, `TZ` and `TZDIR` by jiff.

use crate::voice::Language;

/// The language that the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set, otherwise English.
#[must_use]
pub fn language() -> Language {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).map_or(Language::English, |locale| {
        if locale == "ja" || locale.starts_with("ja_") || locale.starts_with("ja.") {
            Language::Japanese
        } else {
            Language::English
        }
    })
}

/// Whether the person wants no colour (<https://no-color.org>).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
