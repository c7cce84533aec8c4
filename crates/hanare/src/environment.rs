//! Every environment variable that this program reads, and nowhere else.
//!
//! `NOTIFY_SOCKET` is read by the sd-notify library, `TZ` and `TZDIR` by jiff.

use std::path::PathBuf;

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

/// Where a program of this name is, by `PATH` unless it is a path itself.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(is_program);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(is_program)
}

/// Whom PAM lets in, or not (`pam_exec(8)`).
pub(crate) fn pam_user() -> Option<String> {
    std::env::var("PAM_USER").ok().filter(|user| !user.is_empty())
}

/// Whether the person wants no colour (<https://no-color.org>).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
