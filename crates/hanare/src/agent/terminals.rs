//! What people see while they work: a line on each of their terminals, as `wall` writes it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use rustix::fs::OFlags;

/// Where terminals are.
const PLACES: [&str; 2] = ["/dev/pts", "/dev"];

/// Says something on the terminals of this user.
pub(super) fn say(line: &str, uid: u32) {
    for path in terminals(uid) {
        // Never waits for a terminal that is stopped, and never becomes anybody's controlling process.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let opened = OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(&path);
        let said = opened.and_then(|mut terminal| write!(terminal, "\r\n{line}\r\n"));
        if let Err(error) = said {
            tracing::debug!(%error, path = %path.display(), "a terminal was not written to");
        }
    }
}

fn terminals(uid: u32) -> Vec<PathBuf> {
    let entries = PLACES.into_iter().flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    let is_terminal = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_digit())
            || name.strip_prefix("tty").is_some_and(|rest| !rest.is_empty())
    };
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_terminal))
        .filter(|entry| {
            entry.metadata().is_ok_and(|seen| seen.uid() == uid && seen.file_type().is_char_device())
        })
        .map(|entry| entry.path())
        .collect()
}
