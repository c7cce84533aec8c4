//! systemd-resolved over D-Bus: servers and the default route for look-ups, for one link.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use crate::error::HostError;
use crate::netlink::Netlink;

const BUS: &str = "org.freedesktop.DBus";
const NAME: &str = "org.freedesktop.resolve1";
const PATH: &str = "/org/freedesktop/resolve1";
const INTERFACE: &str = "org.freedesktop.resolve1.Manager";
/// A bus that does not answer must not hold the host process.
const PATIENCE: Duration = Duration::from_secs(5);
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

/// Whether it runs now; it is never started by asking.
pub(super) fn runs() -> bool {
    if !std::path::Path::new("/run/dbus/system_bus_socket").exists() {
        return false;
    }
    let asked = on_bus(|bus| async move {
        let answer = bus.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "NameHasOwner", &(NAME,));
        answer.await?.body().deserialize::<bool>()
    });
    asked.unwrap_or(false)
}

pub(super) fn set(interface: &str, servers: &[IpAddr]) -> Result<(), HostError> {
    let index = index(interface)?.ok_or_else(|| HostError::NoSuchInterface { name: interface.to_owned() })?;
    let servers: Vec<(i32, Vec<u8>)> = servers
        .iter()
        .map(|server| match server {
            IpAddr::V4(ip) => (AF_INET, ip.octets().to_vec()),
            IpAddr::V6(ip) => (AF_INET6, ip.octets().to_vec()),
        })
        .collect();
    on_bus(move |bus| async move {
        let dns = (index, &servers);
        bus.call_method(Some(NAME), PATH, Some(INTERFACE), "SetLinkDNS", &dns).await?;
        // "." with routing only: every name is asked here, none is completed.
        let domains = (index, vec![(".", true)]);
        bus.call_method(Some(NAME), PATH, Some(INTERFACE), "SetLinkDomains", &domains).await?;
        let route = (index, true);
        bus.call_method(Some(NAME), PATH, Some(INTERFACE), "SetLinkDefaultRoute", &route).await?;
        Ok(())
    })
}

/// A link that is gone took its settings along.
pub(super) fn revert(interface: &str) -> Result<(), HostError> {
    let Some(index) = index(interface)? else { return Ok(()) };
    if !runs() {
        return Ok(());
    }
    on_bus(move |bus| async move {
        bus.call_method(Some(NAME), PATH, Some(INTERFACE), "RevertLink", &(index,)).await?;
        Ok(())
    })
}

fn index(interface: &str) -> Result<Option<i32>, HostError> {
    let link = Netlink::open()?.link(interface)?;
    Ok(link.and_then(|link| i32::try_from(link.index).ok()))
}

/// Runs `work` on a runtime of its own: the caller may be inside another one.
fn on_bus<T: Send, F>(work: impl FnOnce(zbus::Connection) -> F + Send) -> Result<T, HostError>
where
    F: Future<Output = zbus::Result<T>>,
{
    let failed = |text: String| HostError::Resolver { text };
    std::thread::scope(|scope| {
        let task = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| failed(error.to_string()))?;
            runtime.block_on(async {
                let call = async { work(zbus::Connection::system().await?).await };
                match tokio::time::timeout(PATIENCE, call).await {
                    Ok(result) => result.map_err(|error| failed(error.to_string())),
                    Err(_) => Err(failed("the bus does not answer".to_owned())),
                }
            })
        });
        task.join().unwrap_or_else(|_| Err(failed("the bus call failed".to_owned())))
    })
}
