//! Collecting: every source is read once; what cannot be read becomes a gap and stops nothing else.

use hanare_model::Timestamp;

use crate::clock::Clock;
use crate::fact::{Fact, Gap, GapKind, Reading, Trust, View};
use crate::machine::{Facts, Origin, SCHEMA};
use crate::root::Root;
use crate::{
    accounts, antivirus, firewall, journal, modprobe, nearby, network, routes, software, storage, sudo,
    waiting, wifi,
};

const CLOCK: &str = "adjtimex";

/// Looks at a machine. `at` is the time that the facts carry, `clock` what the kernel says of its clock.
#[must_use]
pub fn collect(root: &Root, view: View, at: Timestamp, clock: Option<Clock>) -> Facts {
    let look = Look { root, at };
    Facts {
        schema: SCHEMA.to_owned(),
        view,
        at,
        origin: if root.is_live() { Origin::Live } else { Origin::Files },
        root: rustix::process::geteuid().is_root(),
        system: look.files("/etc/os-release", software::system),
        storage: look.running("/proc/self/mountinfo, /proc/swaps, /sys/dev/block", storage::storage),
        updates: look.running("/var/lib/apt, /run/reboot-required, /boot", software::updates),
        waiting: look.running("/var/lib/dpkg/status, /var/lib/apt/lists", waiting::waiting),
        antivirus: look.running("/var/lib/clamav, /proc", antivirus::antivirus),
        routes: look.running("netlink: route", routes::routes),
        firewall: look.running("netlink: nftables", |_| firewall::firewall()),
        listeners: look.running("/proc/net/{tcp,tcp6,udp,udp6}", network::listeners),
        modules: look.files("/etc/modprobe.d, /sys/module", modprobe::modules),
        clock: look.running(CLOCK, |_| clock.ok_or_else(|| Gap::new(GapKind::Failed, CLOCK))),
        accounts: look.files("/etc/passwd", accounts::accounts),
        passwords: look.files("/etc/shadow", accounts::passwords),
        sudo: look.files(sudo::FILE, sudo::rules),
        journal: look.files("/etc/systemd/journald.conf, /var/log/journal", journal::journal),
        resolvers: look.running(network::RESOLVERS, network::resolvers),
        nearby: look.running("/sys/class/net, /etc/cups/printers.conf", nearby::nearby),
        wifi: look.files(wifi::DIRECTORY, wifi::connections),
    }
}

struct Look<'a> {
    root: &'a Root,
    at: Timestamp,
}

impl Look<'_> {
    /// A fact about files.
    fn files<T>(&self, source: &str, read: impl FnOnce(&Root) -> Result<T, Gap>) -> Fact<T> {
        let reading = read(self.root).map_or_else(Reading::Gap, Reading::Known);
        Fact { source: source.to_owned(), at: self.at, trust: Trust::Measured, reading }
    }

    /// A fact about a running machine, which a tree of files is not.
    fn running<T>(&self, source: &str, read: impl FnOnce(&Root) -> Result<T, Gap>) -> Fact<T> {
        self.files(
            source,
            |root| {
                if root.is_live() { read(root) } else { Err(Gap::new(GapKind::NotLive, source)) }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_machine_reads_and_replays() {
        let at = Timestamp::from_seconds(1_800_000_000);
        let facts = collect(&Root::live().unwrap(), View::Endpoint, at, None);
        assert_eq!(facts.origin, Origin::Live);
        assert!(facts.storage.known().is_ok_and(|storage| !storage.mounts.is_empty()), "{facts:?}");
        assert!(facts.accounts.known().is_ok_and(|accounts| !accounts.administrators.is_empty()));
        assert!(facts.listeners.known().is_ok() && facts.modules.known().is_ok());
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), facts);
    }

    #[test]
    fn an_empty_tree_is_gaps_and_no_crash() {
        let dir = tempfile::tempdir().unwrap();
        let facts = collect(&Root::of(dir.path()).unwrap(), View::Endpoint, Timestamp::from_seconds(0), None);
        assert_eq!(facts.accounts.known().unwrap_err().kind, GapKind::Absent);
        assert_eq!(facts.passwords.known().unwrap_err().kind, GapKind::Absent);
        assert_eq!(facts.storage.known().unwrap_err().kind, GapKind::NotLive);
        assert_eq!(facts.listeners.known().unwrap_err().kind, GapKind::NotLive);
    }
}
