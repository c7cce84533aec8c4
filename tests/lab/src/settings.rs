//! What a confined work volume sets on the whole machine, which no namespace keeps apart.

use std::fs;

/// How the kernel treats memory of a process that crashes, as confinement changes it: `core(5)`, `proc_sys_fs(5)`.
pub const SETTINGS: [&str; 2] = ["/proc/sys/kernel/core_pattern", "/proc/sys/fs/suid_dumpable"];

/// The kernel's own defaults.
const DEFAULTS: [&str; 2] = ["core", "0"];

/// Puts [`SETTINGS`] back when it is dropped, whatever becomes of a test. One test at a time may change them.
#[derive(Debug)]
pub struct Settings(Vec<Option<Vec<u8>>>);

impl Settings {
    /// What is there now is kept, and the kernel's defaults are set, so that what confinement sets is a change.
    #[must_use]
    pub fn keep() -> Self {
        let before = SETTINGS.iter().map(|path| fs::read(path).ok()).collect();
        set(&DEFAULTS.map(|value| Some(value.into())));
        Self(before)
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        set(&self.0);
    }
}

fn set(values: &[Option<Vec<u8>>]) {
    for (path, value) in SETTINGS.iter().zip(values) {
        if let Some(value) = value {
            // Who has not the right to has not changed anything either.
            let _ = fs::write(path, value);
        }
    }
}
