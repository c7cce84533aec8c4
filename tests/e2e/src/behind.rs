//! What stands behind headquarters: a server in its own network, and the internet.

use hanare_lab::{Host, Result};

use crate::Deployment;

/// Arguments of `hq init` for headquarters' own networks.
pub const NETWORKS: [&str; 2] = ["--network", "192.168.10.0/24,fd10::/64"];
/// The server in them, IPv4 first.
pub const SERVER: [&str; 2] = ["192.168.10.5", "fd10::5"];
/// A web server on the internet, IPv4 first.
pub const WEB: [&str; 2] = ["203.0.113.80", "2001:db8:99::80"];

/// Puts [`SERVER`] into headquarters' network, behind headquarters' `eth1`.
///
/// # Errors
/// If anything is refused.
pub fn server(deployment: &Deployment<'_>) -> Result<Host> {
    let segment = deployment.lab.segment("behind")?;
    deployment.lab.plug(&deployment.hq.host, &segment, "eth1", &["192.168.10.1/24", "fd10::1/64"])?;
    let server = deployment.lab.host("server")?;
    deployment.lab.plug(&server, &segment, "eth0", &["192.168.10.5/24", "fd10::5/64"])?;
    server.sh("ip route add default via 192.168.10.1")?;
    server.sh("ip -6 route add default via fd10::1")?;
    Ok(server)
}

/// Puts [`WEB`] behind headquarters' `eth2`. It knows nothing of any overlay: it answers whom it can reach.
///
/// # Errors
/// If anything is refused.
pub fn web(deployment: &Deployment<'_>) -> Result<Host> {
    let segment = deployment.lab.segment("internet")?;
    deployment.lab.plug(&deployment.hq.host, &segment, "eth2", &["203.0.113.1/24", "2001:db8:99::1/64"])?;
    let web = deployment.lab.host("web")?;
    deployment.lab.plug(&web, &segment, "eth0", &["203.0.113.80/24", "2001:db8:99::80/64"])?;
    Ok(web)
}
