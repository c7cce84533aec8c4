//! A notification on a person's desktop: freedesktop.org's Notifications, over the bus of their session.
//!
//! Whoever owns that bus answers, or does not: only a process without privileges asks it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use zbus::{Variant, connection};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const PATIENCE: Duration = Duration::from_secs(3);
/// It stays until it is closed.
const CRITICAL: u8 = 2;

/// Shows a text; what in it would be markup is shown as it is.
///
/// # Errors
/// Where there is no bus, nobody on it shows notifications, or it does not answer in time.
pub async fn notify(bus: &Path, title: &str, text: &str) -> zbus::Result<()> {
    let address = format!("unix:path={}", bus.display());
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let hints = BTreeMap::from([("urgency", Variant::U8(CRITICAL))]);
    let body = ("hanare", 0u32, "", title, text.as_str(), Vec::<&str>::new(), hints, 0i32);
    let show = async {
        let bus = connection::Builder::address(address.as_str()).build().await?;
        bus.call_method(Some(NAME), PATH, Some(NAME), "Notify", &body).await.map(drop)
    };
    match tokio::time::timeout(PATIENCE, show).await {
        Ok(done) => done,
        Err(_) => Err(zbus::Error::InputOutput(std::sync::Arc::new(std::io::ErrorKind::TimedOut.into()))),
    }
}
