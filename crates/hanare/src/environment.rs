//! Every environment variable that this program reads, and nowhere else.
//!
//! `NOTIFY_SOCKET` is read by the sd-notify library, `TZ` and `TZDIR` by jiff.

use std::path::PathBuf;

use crate::voice::Language;

/// The language that the environment asks for: the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set, otherwise English.
#[must_use]
pub fn language() -> Language {
    Language::of(|name| std::env::var(name).ok())
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

/// Whom PAM lets in, or not: `pam_exec(8)`.
pub(crate) fn pam_user() -> Option<String> {
    std::env::var("PAM_USER").ok().filter(|user| !user.is_empty())
}

/// Where systemd puts the credentials of a unit.
pub(crate) fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from).filter(|path| path.is_dir())
}

/// Whether the person wants no colour (<https://no-color.org>).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
