//! Paths narrower than the tunnel's datagrams, between the two ends or at the node's own device, over both families.

use std::time::Duration;

use hanare_e2e::{Deployment, carry};
use hanare_lab::{Host, Lab, Node, Result, inside};

const LIMIT: Duration = Duration::from_mins(8);
const LOAD: u64 = 10_000_000;

/// Where the narrow link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between two routers: nobody's own device says so.
    Between,
    /// The node's own device.
    Own,
}

struct Way {
    number: u8,
    mtu: u32,
    ipv6: bool,
    place: Place,
}

/// A node behind a path of its own to headquarters, of one family only.
fn node(lab: &Lab, deployment: &Deployment<'_>, way: &Way) -> Result<Host> {
    let Way { number, mtu, ipv6, place } = *way;
    let pc = lab.host(&format!("pc{number}"))?;
    let outer = lab.host(&format!("router{number}"))?;
    let net = |part: u8, host: u8| {
        if ipv6 {
            format!("2001:db8:{number}:{part}::{host}/64")
        } else {
            format!("10.{number}.{part}.{host}/24")
        }
    };
    let bare = |text: String| text.split('/').next().unwrap_or_default().to_owned();
    let uplink =
        if ipv6 { format!("2001:db8::a{number}/64") } else { format!("192.0.2.{}/24", 100 + number) };
    lab.plug(&outer, &deployment.segment, "eth0", &[&uplink])?;
    let ip = if ipv6 { "ip -6" } else { "ip -4" };
    let hq = if ipv6 { "2001:db8::/64" } else { "192.0.2.0/24" };
    let forward = |host: &Host| host.sh("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    forward(&outer)?;
    let narrow = |host: &Host, device: &str| host.sh(&format!("ip link set {device} mtu {mtu}"));
    match place {
        Place::Own => {
            lab.cable((&pc, "eth0", &[&net(1, 2)]), (&outer, "eth1", &[&net(1, 1)]))?;
            narrow(&pc, "eth0")?;
            narrow(&outer, "eth1")?;
        }
        Place::Between => {
            let inner = lab.host(&format!("inner{number}"))?;
            forward(&inner)?;
            lab.cable((&pc, "eth0", &[&net(1, 2)]), (&inner, "eth0", &[&net(1, 1)]))?;
            lab.cable((&inner, "eth1", &[&net(2, 2)]), (&outer, "eth1", &[&net(2, 1)]))?;
            narrow(&inner, "eth1")?;
            narrow(&outer, "eth1")?;
            inner.sh(&format!("{ip} route add {hq} via {}", bare(net(2, 1))))?;
            outer.sh(&format!("{ip} route add {} via {}", net(1, 0), bare(net(2, 2))))?;
        }
    }
    pc.sh(&format!("{ip} route add {hq} via {}", bare(net(1, 1))))?;
    let prefix = if ipv6 { format!("2001:db8:{number}::/48") } else { format!("10.{number}.0.0/16") };
    deployment.hq.host.sh(&format!("{ip} route add {prefix} via {}", bare(uplink)))?;
    Ok(pc)
}

fn cross(lab: &Lab, deployment: &Deployment<'_>, way: &Way) -> Result<()> {
    let pc = node(lab, deployment, way)?;
    let mut node = Node::new(&pc, &deployment.program);
    node.enrol(&deployment.hq, "kofu/306", "endpoint")?;
    node.start(&[])?;
    node.wait_for("up", Duration::from_secs(30))?;
    for ipv6 in [false, true] {
        let (hq, own) = (deployment.hq.socket(ipv6, 9000)?, node.socket(ipv6, 9000)?);
        let start = std::time::Instant::now();
        carry(&pc, &deployment.hq.host, hq, LOAD)?;
        carry(&deployment.hq.host, &pc, own, LOAD)?;
        let family = |ipv6| if ipv6 { 6 } else { 4 };
        println!(
            "measured: a path of {} bytes over IPv{}, {:?}: 10 MB each way inside IPv{} in {:.1} s",
            way.mtu,
            family(way.ipv6),
            way.place,
            family(ipv6),
            start.elapsed().as_secs_f64()
        );
    }
    node.daemon.iter_mut().try_for_each(|daemon| daemon.stop(Duration::from_secs(5)).map(drop))
}

#[test]
fn the_tunnel_carries_whole_files_over_a_narrow_path() {
    inside("narrow_path::the_tunnel_carries_whole_files_over_a_narrow_path", LIMIT, |lab| {
        let deployment = Deployment::open(lab)?;
        let mut number = 0;
        for ipv6 in [false, true] {
            for place in [Place::Between, Place::Own] {
                for mtu in [1400, 1280] {
                    number += 1;
                    cross(lab, &deployment, &Way { number, mtu, ipv6, place })?;
                }
            }
        }
        Ok(())
    });
}
