//! Which USB devices are there, and word of their coming and going.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use tokio::io::unix::AsyncFd;

use crate::deed::Deed;
use crate::error::HostError;
use crate::readiness;
use crate::underlay::Watch;

const DEVICES: &str = "/sys/bus/usb/devices";

/// The devices that are there now, as `vendor:product` in lower case.
#[must_use]
pub fn present() -> BTreeSet<String> {
    let entries = fs::read_dir(DEVICES).into_iter().flatten().flatten();
    let number = |path: &std::path::Path, file: &str| fs::read_to_string(path.join(file)).ok();
    entries
        .filter_map(|entry| {
            let path = entry.path();
            let (vendor, product) = (number(&path, "idVendor")?, number(&path, "idProduct")?);
            Some(format!("{}:{}", vendor.trim(), product.trim()))
        })
        .collect()
}

/// Tells when a device came or went.
#[derive(Debug)]
pub struct Changes(AsyncFd<Watch>);

impl Changes {
    /// Begins to listen; must be called inside a tokio runtime.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn listen() -> Result<Self, HostError> {
        let failed = |error: io::Error| HostError::io(Deed::Watch.of("uevent"), &error);
        readiness::readable_watch(Watch::devices()?).map(Self).map_err(failed)
    }

    /// Waits until something changed.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn next(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        self.0.get_ref().drain();
        ready.clear_ready();
        Ok(())
    }
}
