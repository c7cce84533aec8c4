//! A phone under wireguard-go: the file that headquarters makes for it, and who speaks first after a restart.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use hanare_e2e::{Deployment, Implementation, now};
use hanare_lab::{Daemon, Host, Result, inside, until};

const LIMIT: Duration = Duration::from_mins(2);
/// What headquarters' first word after its restart may take (`INTERFACE`).
const PROMISE: Duration = Duration::from_secs(5);

/// The values of a key in a wg-quick file.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(" = "));
    lines.filter(|(name, _)| *name == key).flat_map(|(_, value)| value.split(", ")).collect()
}

/// Runs the file under wireguard-go without persistent keepalive: a peer that says nothing by itself.
fn idle_phone(host: &Host, file: &str) -> Result<(Daemon, Vec<IpAddr>)> {
    let daemon = Implementation::WireGuardGo.start(host, "wg0")?;
    let quick_only = ["Address", "MTU", "DNS", "PersistentKeepalive"];
    let kept = file.lines().filter(|line| !quick_only.iter().any(|key| line.starts_with(key)));
    let text: Vec<&str> = kept.collect();
    host.run("wg", ["setconf", "wg0", "/dev/stdin"], &text.join("\n"), LIMIT)?.must()?;
    let mut addresses = Vec::new();
    for address in values(file, "Address") {
        host.sh(&format!("ip address add {address} dev wg0"))?;
        addresses.push(address.split('/').next().unwrap().parse().unwrap());
    }
    host.sh("ip link set wg0 mtu 1360 up")?;
    for prefix in values(file, "AllowedIPs") {
        host.sh(&format!("ip route add {prefix} dev wg0"))?;
    }
    Ok((daemon, addresses))
}

#[test]
fn an_idle_peer_answers_within_five_seconds_of_headquarters_restart() {
    inside("external::an_idle_peer_answers_within_five_seconds_of_headquarters_restart", LIMIT, |lab| {
        let mut deployment = Deployment::open(lab)?;
        let phone = deployment.place("phone")?.host;
        let add = ["node", "add", "kofu/306", "--kind", "external", "--name", "phone", "--wg-quick", "-"];
        let file = deployment.hq.admin(&add)?.stdout;
        let (_wireguard_go, addresses) = idle_phone(&phone, &file)?;
        assert_eq!(
            phone.sh("wg show wg0 persistent-keepalive")?.stdout.split_whitespace().last(),
            Some("off")
        );
        until("the phone's handshake", Duration::from_secs(10), || {
            phone.pings(deployment.hq.addresses[0], 1).unwrap_or(false)
        })?;
        // Its place is written down two seconds after it was heard.
        std::thread::sleep(Duration::from_secs(4));
        for kill in [false, true] {
            if kill {
                deployment.hq.daemon.kill()?;
            } else {
                deployment.hq.daemon.stop(Duration::from_secs(10))?;
            }
            let before = handshake(&phone)?;
            // Handshakes are told in whole seconds.
            std::thread::sleep(Duration::from_millis(1100));
            deployment.hq.start_again()?;
            let returned = now();
            let hq = &deployment.hq.host;
            until("the phone's answer", Duration::from_secs(20), || {
                hq.pings(addresses[0], 1).unwrap_or(false)
            })?;
            let took = now().saturating_sub(returned);
            println!(
                "measured: idle wireguard-go answers {} ms after headquarters is back",
                took.as_millis()
            );
            assert!(took <= PROMISE, "{took:?}");
            assert!(handshake(&phone)? > before, "by a session that headquarters began");
            assert!(hq.pings(addresses[1], 2)?, "IPv6 too");
        }
        Ok(())
    });
}

fn handshake(phone: &Host) -> Result<u64> {
    let shown = phone.sh("wg show wg0 latest-handshakes")?.stdout;
    Ok(shown.split_whitespace().last().and_then(|text| text.parse().ok()).unwrap_or(0))
}

#[test]
fn its_file_holds_what_an_official_app_wants() {
    inside("external::its_file_holds_what_an_official_app_wants", LIMIT, |lab| {
        let deployment = Deployment::open_with(lab, &["--network", "192.168.10.0/24"])?;
        let path = deployment.hq.host.directory().join("phone.conf");
        let name = path.to_string_lossy().into_owned();
        let add = |name: &str, more: &[&str]| {
            let usual = ["--json", "node", "add", "kofu/306", "--kind", "external", "--name", name];
            deployment.program.attempt(&deployment.hq.host, &[&usual, more].concat(), "")
        };
        add("phone", &["--wg-quick", &name])?.must()?;
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        let addresses = values(&text, "Address");
        assert!(
            addresses.iter().any(|a| a.ends_with("/32")) && addresses.iter().any(|a| a.ends_with("/128"))
        );
        let allowed = values(&text, "AllowedIPs");
        assert!(allowed.contains(&"10.88.0.0/16") && allowed.contains(&"192.168.10.0/24"), "{text}");
        assert!(allowed.iter().any(|prefix| prefix.starts_with("fd") && prefix.ends_with("/48")), "{text}");
        assert_eq!(values(&text, "Endpoint"), ["192.0.2.1:51820"], "the first one");
        assert_eq!(values(&text, "PersistentKeepalive"), ["25"]);
        for key in ["PrivateKey", "PresharedKey", "MTU"] {
            assert_eq!(values(&text, key).len(), 1, "{key}");
        }
        assert!(values(&text, "DNS").is_empty(), "only with --dns");
        // An existing file stays as it is, and nothing is made for it.
        assert_eq!(add("other", &["--wg-quick", &name])?.code(), Some(4));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert!(!deployment.hq.ask(&["node", "list"])?.to_string().contains("other"));
        let with_dns = add("tablet", &["--dns", "10.88.0.1"])?.must()?.json()?;
        assert_eq!(values(with_dns["wg_quick"].as_str().unwrap(), "DNS"), ["10.88.0.1"]);
        Ok(())
    });
}
