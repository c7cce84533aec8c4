//! The operating system's reasons, as phrases of the catalogue: what it calls "No such file or directory" has words in every
//! language.

use std::error::Error;
use std::io;

use rustix::io::Errno;

use crate::failure::Phrase;

/// The reason that the system gave somewhere below `error`, if it is one that people meet.
pub(super) fn system_reason(error: &(dyn Error + 'static)) -> Option<Phrase> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(phrase) = error.raw_os_error().and_then(errno_reason) {
                return Some(phrase);
            }
            // The resolver's library has no errno; std writes this before its words.
            if error.to_string().starts_with("failed to lookup address information") {
                return Some(Phrase::new("os-name"));
            }
            // What an I/O error wraps is not its source, only that one's source is.
            if let Some(inner) = error.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = error.source();
    }
    None
}

/// The phrase for an errno, with its number for whoever looks it up.
pub(crate) fn errno_reason(errno: i32) -> Option<Phrase> {
    let id = match Errno::from_raw_os_error(errno) {
        Errno::PERM | Errno::ACCESS => "os-permission",
        Errno::NOENT => "os-absent",
        Errno::EXIST => "os-exists",
        Errno::NOTDIR => "os-no-directory",
        Errno::ISDIR => "os-directory",
        Errno::NAMETOOLONG => "os-name-too-long",
        Errno::NOSPC | Errno::DQUOT => "os-full",
        Errno::ROFS => "os-read-only",
        Errno::IO => "os-input-output",
        Errno::BUSY => "os-busy",
        Errno::NODEV | Errno::NXIO => "os-no-device",
        Errno::MFILE | Errno::NFILE => "os-descriptors",
        Errno::NOMEM => "os-memory",
        Errno::INVAL => "os-invalid",
        Errno::ADDRINUSE => "os-address-in-use",
        Errno::ADDRNOTAVAIL => "os-address-absent",
        Errno::NETUNREACH | Errno::HOSTUNREACH => "os-no-way",
        Errno::TIMEDOUT => "os-timed-out",
        Errno::CONNREFUSED => "os-refused",
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE => "os-cut",
        _ => return None,
    };
    Some(Phrase::new(id).with("errno", errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::failure::Failure;
    use crate::voice::{Language, Voice};

    #[test]
    fn the_systems_reasons_speak_the_language_of_the_person() {
        for errno in
            [1, 2, 5, 6, 12, 13, 16, 17, 19, 20, 21, 22, 23, 24, 28, 30, 32, 36, 98, 99, 101, 104, 110, 111]
        {
            let failure = |language| {
                let error = io::Error::from_raw_os_error(errno);
                Failure::new(Exit::Input, "unreadable").because(&error).tell(&Voice::new(language)).cause
            };
            let (english, japanese) = (failure(Language::English), failure(Language::Japanese));
            assert!(english.is_ascii() && english.contains(&errno.to_string()), "{errno}: {english}");
            assert!(!japanese.is_ascii() && !japanese.contains("error"), "{errno}: {japanese}");
        }
    }

    #[test]
    fn a_reason_below_another_error_is_found_and_an_unknown_one_keeps_its_words() {
        let below = io::Error::other(io::Error::from_raw_os_error(28));
        assert!(system_reason(&below).is_some());
        assert!(system_reason(&io::Error::other("odd")).is_none());
        let failure = Failure::new(Exit::Input, "unreadable").because(&io::Error::other("odd"));
        let cause = failure.tell(&Voice::new(Language::Japanese)).cause;
        assert!(!cause.starts_with("odd") && cause.contains("詳細: odd"), "{cause}");
    }
}
