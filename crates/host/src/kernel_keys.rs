//! A key that the kernel may use and nobody can read back: `logon` keys of the calling thread's own keyring.
#![expect(unsafe_code, reason = "neither the standard library nor rustix has keyrings")]

use std::ffi::CString;
use std::io;

/// Only this thread sees it, and it ends with the thread.
const THREAD_KEYRING: libc::c_long = -1;
const REVOKE: libc::c_long = 3;
const UNLINK: libc::c_long = 9;

/// Puts `secret` where the kernel's own code finds it as `logon:NAME`, calls `work`, and takes it away again: revoked, so that
/// the kernel overwrites it.
///
/// # Errors
/// The keyring's refusal; what `work` says is its own.
pub fn with_logon_key<T>(name: &str, secret: &[u8], work: impl FnOnce() -> T) -> io::Result<T> {
    let description = CString::new(name)?;
    // SAFETY: both strings end with a zero, the payload is as long as it says, and the kernel copies all three.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"logon".as_ptr(),
            description.as_ptr(),
            secret.as_ptr(),
            secret.len(),
            THREAD_KEYRING,
        )
    };
    if serial < 0 {
        return Err(io::Error::last_os_error());
    }
    let outcome = work();
    // SAFETY: both calls take plain numbers. Neither can be refused for a key that this thread owns.
    unsafe {
        libc::syscall(libc::SYS_keyctl, REVOKE, serial);
        libc::syscall(libc::SYS_keyctl, UNLINK, serial, THREAD_KEYRING);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> bool {
        let description = CString::new(name).unwrap();
        // SAFETY: both strings end with a zero; the last argument says that no key is to be made.
        let serial = unsafe {
            libc::syscall(
                libc::SYS_request_key,
                c"logon".as_ptr(),
                description.as_ptr(),
                std::ptr::null::<u8>(),
                0,
            )
        };
        serial >= 0
    }

    #[test]
    fn a_key_is_there_for_the_work_and_gone_after_it() {
        assert!(!found("hanare:test-key"));
        assert!(with_logon_key("hanare:test-key", &[7; 64], || found("hanare:test-key")).unwrap());
        assert!(!found("hanare:test-key"));
    }
}
