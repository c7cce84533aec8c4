//! Devices of the office that this machine uses: Wi-Fi that it is on, printers on the network. Neither names nor addresses are kept.

use serde::{Deserialize, Serialize};

use crate::fact::Gap;
use crate::root::{Root, if_any};

const INTERFACES: &str = "/sys/class/net";
/// Print queues; only root reads it.
const QUEUES: &str = "/etc/cups/printers.conf";
/// Ways to a printer that are no network (CUPS backends).
const LOCAL: [&str; 6] = ["cups-pdf", "file", "hal", "parallel", "serial", "usb"];

/// What this machine uses of its surroundings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nearby {
    /// Wireless interfaces that are connected.
    pub wireless: Vec<String>,
    /// How print queues reach printers on the network (`ipp`, `socket`), one for each queue.
    pub printers: Vec<String>,
}

pub(crate) fn nearby(root: &Root) -> Result<Nearby, Gap> {
    let mut wireless = Vec::new();
    for name in root.names(INTERFACES)? {
        let at = |what: &str| format!("{INTERFACES}/{name}/{what}");
        let is_wireless = root.exists(&at("phy80211"))? || root.exists(&at("wireless"))?;
        if is_wireless && if_any(root.text(&at("operstate")))?.is_none_or(|state| state.trim() != "down") {
            wireless.push(name);
        }
    }
    let queues = if_any(root.text(QUEUES))?.unwrap_or_default();
    Ok(Nearby { wireless, printers: ways(&queues) })
}

/// `DeviceURI socket://192.0.2.9:9100`.
fn ways(queues: &str) -> Vec<String> {
    let way = |line: &str| {
        let (scheme, _) = line.trim().strip_prefix("DeviceURI ")?.trim().split_once(':')?;
        (!LOCAL.contains(&scheme)).then(|| scheme.to_owned())
    };
    queues.lines().filter_map(way).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_connected_counts_and_what_is_only_built_in_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("sys/class/net/eth0/operstate", "up\n");
        put("sys/class/net/wlan0/operstate", "down\n");
        put("sys/class/net/wlan0/phy80211/index", "0\n");
        let found = || nearby(&Root::of(dir.path()).unwrap());
        assert_eq!(found().unwrap(), Nearby::default());
        put("sys/class/net/wlan0/operstate", "up\n");
        put(
            "etc/cups/printers.conf",
            "<Printer a>\nDeviceURI usb://X\n</Printer>\n<Printer b>\nDeviceURI socket://192.0.2.9\n</Printer>\n",
        );
        let wireless = vec!["wlan0".to_owned()];
        assert_eq!(found().unwrap(), Nearby { wireless, printers: vec!["socket".to_owned()] });
        fs::remove_dir_all(dir.path().join("sys")).unwrap();
        assert!(found().is_err(), "without a look nothing is absent");
    }
}
