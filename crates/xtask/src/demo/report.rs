//! What the demo found out, as `demo --json` prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hanare_lab::{Captured, Error, Kind, Ports};
use serde::Serialize;

/// Bytes that have to arrive in each direction.
const ENOUGH: u64 = 20_000_000;

/// The fields of `demo --json`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the names and types of these fields are promised to scripts"
)]
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    /// Nodes of ours that joined.
    pub(crate) enrolled: u32,
    /// Nodes with another `WireGuard` implementation.
    pub(crate) externals: u32,
    /// Nodes whose tunnel carries traffic.
    pub(crate) tunnels_up: u32,
    /// Everybody pinged headquarters, and headquarters everybody, over IPv4.
    pub(crate) ping_ok: bool,
    /// The same over IPv6.
    pub(crate) ping6_ok: bool,
    /// Bytes that arrived at headquarters.
    pub(crate) bytes_to_hq: u64,
    /// Bytes that arrived in the rooms.
    pub(crate) bytes_to_room: u64,
    /// Every transfer arrived as it was sent.
    pub(crate) digest_ok: bool,
    /// Company A does not reach B, while B answers its own room.
    pub(crate) isolation_ok: bool,
    /// What was seen outside the tunnel.
    pub(crate) underlay: Underlay,
    /// What came of an employee's work on one PC.
    pub(crate) handover: Handover,
    /// What came of the day's end there.
    pub(crate) wipe: Wipe,
    /// What the audit of that PC found, a planted fault among it.
    pub(crate) audit: Audit,
    /// From the first machine to the last packet.
    seconds: f64,
    /// What went wrong, if something did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Files by name, with the SHA-256 of what is in them.
pub(crate) type Digests = BTreeMap<String, String>;

/// Work that headquarters holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Handover {
    /// Files read back from headquarters.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Each has, byte for byte, what was written in the room, and none is missing.
    pub(crate) digest_ok: bool,
    /// Items that wait sealed in the room: nothing is sealed while the line is good.
    pub(crate) sealed: u64,
}

impl Handover {
    /// Compares what was written in the room with what was read back.
    pub(crate) fn compare(written: &Digests, held: &Digests, bytes: u64, sealed: u64) -> Self {
        let files = u64::try_from(held.len()).unwrap_or(u64::MAX);
        Self { files, bytes, digest_ok: held == written, sealed }
    }

    fn good(&self) -> bool {
        self.digest_ok && self.files > 0
    }
}

/// What a wipe said of itself.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Wipe {
    pub(crate) verdict: String,
    /// `None` if it did not say.
    pub(crate) remnants: Option<u64>,
}

impl Wipe {
    fn good(&self) -> bool {
        self.verdict == "pass" && self.remnants == Some(0)
    }
}

/// What an audit counted.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Audit {
    /// Results by status.
    #[serde(flatten)]
    pub(crate) counts: BTreeMap<String, u64>,
    /// The fault that was planted is among what failed.
    pub(crate) planted_found: bool,
    /// Where the report for people was kept, if it was.
    pub(crate) page: Option<PathBuf>,
}

impl Audit {
    fn good(&self) -> bool {
        self.planted_found && self.counts.get("fail").is_some_and(|count| *count > 0)
    }
}

/// Packets seen outside the tunnel, by kind.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Underlay {
    pub(crate) wireguard: usize,
    pub(crate) api_tls: usize,
    pub(crate) arp: usize,
    pub(crate) nd: usize,
    /// What should not have been there.
    pub(crate) other: BTreeMap<String, usize>,
}

impl Underlay {
    pub(crate) fn judge(packets: &[Captured], ports: &Ports) -> Self {
        let mut underlay = Self::default();
        for (kind, count) in Captured::tally(packets, ports) {
            match kind {
                Kind::WireGuard(_) => underlay.wireguard += count,
                Kind::ApiTls => underlay.api_tls += count,
                Kind::Arp => underlay.arp += count,
                Kind::NeighbourDiscovery => underlay.nd += count,
                Kind::Dhcp | Kind::Other(_) => {
                    underlay.other.insert(kind.to_string(), count);
                }
            }
        }
        underlay
    }

    fn good(&self) -> bool {
        self.other.is_empty() && self.wireguard > 0 && self.api_tls > 0
    }
}

impl Report {
    pub(crate) fn finish(&mut self, took: Duration, error: Option<&Error>) {
        self.schema = "hanare.demo/1";
        self.seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
        self.error = error.map(ToString::to_string);
    }

    /// Whether everything is as it should be.
    pub(crate) fn good(&self) -> bool {
        let counts = (self.enrolled, self.externals, self.tunnels_up) == (5, 1, 6);
        let flags = self.ping_ok && self.ping6_ok && self.digest_ok && self.isolation_ok;
        let bytes = self.bytes_to_hq >= ENOUGH && self.bytes_to_room >= ENOUGH;
        counts
            && flags
            && bytes
            && self.handover.good()
            && self.wipe.good()
            && self.audit.good()
            && self.underlay.good()
            && self.error.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_stray_packet_makes_it_bad() {
        let mut report = Report {
            enrolled: 5,
            externals: 1,
            tunnels_up: 6,
            ping_ok: true,
            ping6_ok: true,
            bytes_to_hq: ENOUGH,
            bytes_to_room: ENOUGH,
            digest_ok: true,
            isolation_ok: true,
            handover: Handover { files: 5, bytes: 5, digest_ok: true, sealed: 0 },
            wipe: Wipe { verdict: "pass".to_owned(), remnants: Some(0) },
            audit: Audit {
                counts: BTreeMap::from([("fail".to_owned(), 1)]),
                planted_found: true,
                page: None,
            },
            underlay: Underlay { wireguard: 1, api_tls: 1, ..Underlay::default() },
            ..Report::default()
        };
        assert!(report.good());
        report.underlay.other.insert("other: protocol 1".to_owned(), 1);
        assert!(!report.good());
    }

    #[test]
    fn one_byte_that_differs_or_one_file_that_is_missing_makes_it_bad() {
        let of = |files: &[(&str, &str)]| -> Digests {
            files.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect()
        };
        let written = of(&[("report-1", "aa"), ("report-2", "bb")]);
        let is_good = |held: &[(&str, &str)]| Handover::compare(&written, &of(held), 2, 0).good();
        assert!(is_good(&[("report-1", "aa"), ("report-2", "bb")]));
        assert!(!is_good(&[("report-1", "aa"), ("report-2", "bc")]));
        assert!(!is_good(&[("report-1", "aa")]));
        assert!(!is_good(&[("report-1", "aa"), ("report-2", "bb"), ("report-3", "cc")]));
    }
}
