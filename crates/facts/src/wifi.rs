//! Saved Wi-Fi connections of `NetworkManager`: how each is secured. No name of a network and no passphrase is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::Gap;
use crate::root::{Root, if_any};

pub(crate) const DIRECTORY: &str = "/etc/NetworkManager/system-connections";

/// A saved connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wifi {
    /// Its number among the files, sorted by name, from 1: names of networks tell where people have been.
    pub number: usize,
    /// How it is secured.
    pub security: WifiSecurity,
}

/// How a Wi-Fi connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WifiSecurity {
    /// Not at all.
    Open,
    /// WEP, or LEAP over it.
    Wep,
    /// Encrypted without a log-in (OWE).
    Owe,
    /// A passphrase for everybody (WPA2).
    Psk,
    /// WPA3 with a passphrase.
    Sae,
    /// 802.1X; `pinned` if both the authority and the server's name are fixed.
    Enterprise {
        /// Whether an impostor's server would be refused.
        pinned: bool,
    },
    /// Something that this program does not know.
    NotUnderstood,
}

pub(crate) fn connections(root: &Root) -> Result<Vec<Wifi>, Gap> {
    let Some(names) = if_any(root.names(DIRECTORY))? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let text = root.text(&format!("{DIRECTORY}/{name}"))?;
        found.extend(security(&text).map(|security| Wifi { number: index.saturating_add(1), security }));
    }
    Ok(found)
}

/// `None` for a connection of another kind.
fn security(text: &str) -> Option<WifiSecurity> {
    let sections = sections(text);
    let value = |section: &str, name: &str| {
        sections.get(section).and_then(|values| values.get(name)).map(String::as_str)
    };
    let kind = value("connection", "type")?;
    if kind != "wifi" && kind != "802-11-wireless" {
        return None;
    }
    let key = ["wifi-security", "802-11-wireless-security"].iter().find_map(|name| value(name, "key-mgmt"));
    Some(match key {
        None => WifiSecurity::Open,
        Some("none" | "ieee8021x") => WifiSecurity::Wep,
        Some("owe") => WifiSecurity::Owe,
        Some("wpa-psk" | "wpa-none") => WifiSecurity::Psk,
        Some("sae") => WifiSecurity::Sae,
        Some("wpa-eap" | "wpa-eap-suite-b-192") => {
            let has = |name| value("802-1x", name).is_some_and(|value| !value.is_empty());
            let authority = has("ca-cert") || has("ca-path");
            WifiSecurity::Enterprise {
                pinned: authority && (has("domain-suffix-match") || has("domain-match")),
            }
        }
        Some(_) => WifiSecurity::NotUnderstood,
    })
}

fn sections(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((name, value)) = line.split_once('=') {
            let values = sections.entry(section.clone()).or_default();
            values.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_securing_is_told_from_the_others() {
        let of = |rest: &str| security(&format!("[connection]\ntype=wifi\n[wifi]\nssid=home\n{rest}"));
        let key = |key: &str| of(&format!("[wifi-security]\nkey-mgmt={key}\npsk=secret\n"));
        assert_eq!(of(""), Some(WifiSecurity::Open));
        assert_eq!(key("none"), Some(WifiSecurity::Wep));
        assert_eq!(key("wpa-psk"), Some(WifiSecurity::Psk));
        assert_eq!(key("sae"), Some(WifiSecurity::Sae));
        assert_eq!(key("wpa-eap"), Some(WifiSecurity::Enterprise { pinned: false }));
        let pinned =
            "[wifi-security]\nkey-mgmt=wpa-eap\n[802-1x]\nca-cert=/ca.pem\ndomain-suffix-match=hq.example\n";
        assert_eq!(of(pinned), Some(WifiSecurity::Enterprise { pinned: true }));
        let half = pinned.replace("domain-suffix-match=hq.example\n", "");
        assert_eq!(of(&half), Some(WifiSecurity::Enterprise { pinned: false }));
        assert_eq!(key("quantum"), Some(WifiSecurity::NotUnderstood));
        assert_eq!(security("[connection]\ntype=ethernet\n"), None);
    }
}
