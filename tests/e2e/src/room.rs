//! A room with a gateway: its LAN, and machines on it.

use hanare_lab::{Guest, Result, Segment};
use ipnet::IpNet;

use crate::{Deployment, Place};

/// A room's LAN behind its gateway, the gateway being enrolled or not.
#[derive(Debug)]
pub struct Room {
    /// The room's router: `eth0` is its uplink, `eth1` its side towards the room.
    pub gateway: Place,
    /// The room's Ethernet.
    pub segment: Segment,
    /// The LAN's prefixes, IPv4 first, as headquarters planned them.
    pub prefixes: Vec<IpNet>,
}

impl Room {
    /// Puts a machine named `gateway` between the deployment's Ethernet and a LAN for `room`. Its default route leads to
    /// headquarters' machine, which stands for the building's router.
    ///
    /// # Errors
    /// If anything is refused.
    pub fn build(deployment: &mut Deployment<'_>, room: &str, gateway: &str) -> Result<Self> {
        let gateway = deployment.place(gateway)?;
        gateway.host.sh("ip route add default via 192.0.2.1")?;
        gateway.host.sh("ip -6 route add default via 2001:db8::1")?;
        let segment = deployment.lab.segment(&format!("lan-{}", gateway.host.name()))?;
        deployment.lab.plug(&gateway.host, &segment, "eth1", &[])?;
        Ok(Self { gateway, segment, prefixes: deployment.hq.lan(room)? })
    }

    /// The same, enrolled and up.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn open(deployment: &mut Deployment<'_>, room: &str, gateway: &str) -> Result<Self> {
        let mut opened = Self::build(deployment, room, gateway)?;
        opened.gateway.node.enrol(&deployment.hq, room, "gateway")?;
        opened.gateway.node.up(&["--lan", "eth1"])?;
        Ok(opened)
    }

    /// A machine on the LAN without any program of ours: host `number` of each prefix, its default route to the gateway.
    ///
    /// # Errors
    /// If its namespaces or addresses are refused.
    pub fn machine(&self, deployment: &Deployment<'_>, name: &str, number: u8) -> Result<Guest> {
        let host = deployment.lab.host(name)?;
        deployment.lab.plug(&host, &self.segment, "eth0", &[])?;
        Guest::settle(&host, "eth0", &self.prefixes, number)
    }
}
