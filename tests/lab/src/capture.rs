//! Captures of what is on a wire, made with tcpdump and judged by [`crate::classify`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::{Daemon, Error, Host, Kind, Lab, Link, Ports, Result, classify, until};

/// A capture under way.
#[derive(Debug)]
pub struct Capture {
    tcpdump: Daemon,
    file: PathBuf,
}

/// One captured packet.
#[derive(Debug, Clone)]
pub struct Captured {
    /// Seconds since the epoch.
    pub at: Duration,
    /// What follows the link header.
    pub ethertype: u16,
    /// From the network header on; cut where the capture cuts.
    pub bytes: Vec<u8>,
    /// How long `bytes` was on the wire.
    pub length: usize,
}

impl Capture {
    /// Captures everything that enters the laboratory's bridges, from all hosts. Keeps 256 bytes of each packet.
    ///
    /// # Errors
    /// If tcpdump cannot be started.
    pub fn everywhere(lab: &Lab, label: &str) -> Result<Self> {
        Self::start(Command::new("tcpdump"), lab.directory(), label, &["-i", "any", "-Q", "in", "-s", "256"])
    }

    /// Captures, whole, what leaves `link`'s host.
    ///
    /// # Errors
    /// If tcpdump cannot be started.
    pub fn leaving(lab: &Lab, link: &Link, label: &str) -> Result<Self> {
        Self::start(
            Command::new("tcpdump"),
            lab.directory(),
            label,
            &["-i", &link.port, "-Q", "in", "-s", "0"],
        )
    }

    /// Captures, whole, both directions of an interface of a host.
    ///
    /// # Errors
    /// If tcpdump cannot be started.
    pub fn on(host: &Host, interface: &str, label: &str) -> Result<Self> {
        Self::start(host.command("tcpdump"), host.directory(), label, &["-i", interface, "-s", "0"])
    }

    fn start(mut command: Command, directory: &Path, label: &str, arguments: &[&str]) -> Result<Self> {
        let file = directory.join(format!("{label}.pcap"));
        // -Z root: the user that tcpdump would change to does not exist inside a user namespace.
        command
            .args(["-Z", "root", "-n", "-U", "-B", "65536", "--immediate-mode", "-w"])
            .arg(&file)
            .args(arguments);
        let tcpdump = Daemon::start(&mut command, &directory.join(format!("{label}.tcpdump")))?;
        until("tcpdump's start", Duration::from_secs(10), || tcpdump.said().contains("listening on"))?;
        Ok(Self { tcpdump, file })
    }

    /// What has been captured so far.
    ///
    /// # Errors
    /// [`Error::Content`] if the file is not what tcpdump writes.
    pub fn so_far(&self) -> Result<Vec<Captured>> {
        let bytes = std::fs::read(&self.file).map_err(Error::path(&self.file))?;
        read(&bytes).ok_or_else(|| Error::Content {
            what: self.file.display().to_string(),
            why: "not a capture".into(),
        })
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// [`Error::Content`] if the kernel dropped packets: then the capture proves nothing.
    pub fn stop(mut self) -> Result<Vec<Captured>> {
        // What the last packets need from the kernel to tcpdump.
        std::thread::sleep(Duration::from_millis(200));
        self.tcpdump.signal(Signal::INT)?;
        self.tcpdump.wait(Duration::from_secs(10))?;
        let said = self.tcpdump.said();
        let lost = said.lines().find(|line| line.contains("dropped by kernel"));
        if !lost.is_some_and(|line| line.trim().starts_with("0 packets")) {
            let why = lost.unwrap_or("tcpdump did not say how many packets it lost").to_owned();
            return Err(Error::Content { what: self.file.display().to_string(), why });
        }
        self.so_far()
    }
}

impl Captured {
    /// Judges the packet.
    #[must_use]
    pub fn kind(&self, ports: &Ports) -> Kind {
        classify(self.ethertype, &self.bytes, self.length, ports)
    }

    /// Counts packets by kind.
    #[must_use]
    pub fn tally(packets: &[Self], ports: &Ports) -> BTreeMap<Kind, usize> {
        let mut tally = BTreeMap::new();
        for packet in packets {
            *tally.entry(packet.kind(ports)).or_default() += 1;
        }
        tally
    }
}

/// Reads a little-endian pcap file (the format of `tcpdump -w`); a cut last record is ignored. `None` if it is something else.
fn read(bytes: &[u8]) -> Option<Vec<Captured>> {
    let nanoseconds = match long(bytes, 0)? {
        0xa1b2_c3d4 => false,
        0xa1b2_3c4d => true,
        _ => return None,
    };
    // LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2 (from tcpdump.org's list): where the EtherType is, and
    // how long the link header is. LINKTYPE_RAW has neither.
    let (type_at, header) = match long(bytes, 20)? & 0xffff {
        1 => (Some(12), 14),
        113 => (Some(14), 16),
        276 => (Some(0), 20),
        101 => (None, 0),
        _ => return None,
    };
    let mut packets = Vec::new();
    let mut rest = bytes.get(24..)?;
    while let (Some(seconds), Some(fraction), Some(kept), Some(length)) =
        (long(rest, 0), long(rest, 4), long(rest, 8), long(rest, 12))
    {
        let kept = usize::try_from(kept).ok()?;
        let Some(frame) = rest.get(16..16 + kept) else { break };
        let fraction = if nanoseconds { fraction } else { fraction.saturating_mul(1000) };
        let ethertype = match type_at {
            Some(at) => u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?),
            None if frame.first().is_some_and(|first| first >> 4 == 6) => 0x86dd,
            None => 0x0800,
        };
        packets.push(Captured {
            at: Duration::new(u64::from(seconds), fraction),
            ethertype,
            bytes: frame.get(header..)?.to_vec(),
            length: usize::try_from(length).ok()?.saturating_sub(header),
        });
        rest = rest.get(16 + kept..)?;
    }
    Some(packets)
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_read_up_to_a_cut_record() {
        let mut file = Vec::new();
        for value in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 256, 1, 7, 5, 16, 60] {
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 12]);
        file.extend([0x08, 0x06, 1, 2]);
        file.extend([1, 2, 3]);
        let packets = read(&file).unwrap();
        assert_eq!(packets.len(), 1);
        assert_eq!((packets[0].ethertype, packets[0].length), (0x0806, 46));
        assert_eq!(packets[0].at, Duration::new(7, 5000));
        assert!(read(b"something else that is long enough").is_none());
    }
}
