//! The programs that a laboratory needs, and the Debian packages that bring them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::{Error, Result};

/// A program and the Debian package that brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// What is looked for in the search path.
    pub program: &'static str,
    /// What brings it.
    pub package: &'static str,
}

const fn tool(program: &'static str, package: &'static str) -> Tool {
    Tool { program, package }
}

/// For the laboratory itself and the demo.
pub const LABORATORY: &[Tool] = &[
    tool("unshare", "util-linux"),
    tool("nsenter", "util-linux"),
    tool("setpriv", "util-linux"),
    tool("mount", "mount"),
    tool("hostname", "hostname"),
    tool("ip", "iproute2"),
    tool("nft", "nftables"),
    tool("ping", "iputils-ping"),
    tool("sysctl", "procps"),
    tool("wg", "wireguard-tools"),
    tool("wg-quick", "wireguard-tools"),
    tool("wireguard-go", "wireguard-go"),
];

/// For the tests, beside [`LABORATORY`].
pub const TESTS: &[Tool] = &[
    tool("cc", "gcc"),
    tool("curl", "curl"),
    tool("ssh-keygen", "openssh-client"),
    tool("runuser", "util-linux"),
    tool("socat", "socat"),
    tool("zbarimg", "zbar-tools"),
    tool("script", "bsdutils"),
    tool("strace", "strace"),
];

/// For the pages that people read in a browser, and for what other programs read.
pub const BROWSER: &[Tool] = &[tool("chromium", "chromium"), tool("junitparser", "junitparser")];

/// What the audit is measured beside, and with.
pub const AUDITORS: &[Tool] =
    &[tool("lynis", "lynis"), tool("unshare", "util-linux"), tool("ssh-keygen", "openssh-client")];

/// For virtual machines, beside [`TESTS`].
pub const MACHINES: &[Tool] = &[
    tool("qemu-system-x86_64", "qemu-system-x86"),
    tool("mmdebstrap", "mmdebstrap"),
    tool("mke2fs", "e2fsprogs"),
    tool("debugfs", "e2fsprogs"),
];

/// For the eraser's tests: file systems and what handles them.
pub const WIPE: &[Tool] = &[
    tool("mkfs.ext4", "e2fsprogs"),
    tool("chattr", "e2fsprogs"),
    tool("filefrag", "e2fsprogs"),
    tool("mkfs.xfs", "xfsprogs"),
    tool("mkfs.btrfs", "btrfs-progs"),
    tool("findmnt", "util-linux"),
    tool("blockdev", "util-linux"),
    tool("debugfs", "e2fsprogs"),
    tool("strace", "strace"),
    tool("cc", "gcc"),
];

/// Other erasers, for the bench.
pub const ERASERS: &[Tool] =
    &[tool("shred", "coreutils"), tool("srm", "secure-delete"), tool("fstrim", "util-linux")];

/// Others that bring files to a server, for the bench.
pub const CARRIERS: &[Tool] = &[tool("restic", "restic"), tool("rclone", "rclone")];

/// For the bench, beside [`LABORATORY`].
pub const BENCH: &[Tool] = &[tool("iperf3", "iperf3"), tool("ethtool", "ethtool"), tool("tc", "iproute2")];

/// Whether this is root of the machine itself, not of a user namespace of its own.
#[must_use]
pub fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
    rustix::process::geteuid().is_root() && is_whole
}

/// The caller's search path and the directories where Debian keeps an administrator's programs, which an ordinary user's
/// path may lack.
#[must_use]
pub fn search_path() -> String {
    let mut path = std::env::var("PATH").unwrap_or_default();
    for directory in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
        if !path.split(':').any(|known| known == directory) {
            if !path.is_empty() {
                path.push(':');
            }
            path.push_str(directory);
        }
    }
    path
}

/// What of `tools` is not there.
#[must_use]
pub fn missing(tools: &[Tool]) -> Vec<Tool> {
    let path = search_path();
    let there =
        |program: &str| path.split(':').any(|directory| PathBuf::from(directory).join(program).is_file());
    tools.iter().copied().filter(|tool| !there(tool.program)).collect()
}

/// One line that installs `tools` on Debian.
#[must_use]
pub fn line_to_paste(tools: &[Tool]) -> String {
    let packages: BTreeSet<&str> = tools.iter().map(|tool| tool.package).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    format!("sudo apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// Makes sure that `tools` are there: installs what is missing when this is root, names it otherwise.
///
/// # Errors
/// [`Error::Missing`] with one line to paste.
pub fn install(tools: &[Tool]) -> Result<()> {
    let absent = missing(tools);
    if absent.is_empty() {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() {
        let packages: BTreeSet<&str> = absent.iter().map(|tool| tool.package).collect();
        let apt = |arguments: &[&str]| {
            // Talk belongs on stderr: stdout is the demo's data.
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(std::process::Stdio::null())
                .stdout(std::io::stderr())
                .status()
        };
        let _may_be_stale = apt(&["-q", "update"]);
        let mut arguments = vec!["-q", "install", "--yes", "--no-install-recommends"];
        arguments.extend(packages);
        let _checked_below = apt(&arguments);
    }
    let absent = missing(tools);
    if absent.is_empty() {
        return Ok(());
    }
    let programs: Vec<&str> = absent.iter().map(|tool| tool.program).collect();
    Err(Error::Missing { programs: programs.join(", "), line: line_to_paste(&absent) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_once_in_one_line() {
        let absent = [tool("no-such-a", "pkg-b"), tool("no-such-b", "pkg-b"), tool("no-such-c", "pkg-a")];
        assert_eq!(missing(&absent).len(), 3);
        assert!(line_to_paste(&absent).ends_with("--no-install-recommends pkg-a pkg-b"));
        assert!(missing(&[tool("sh", "dash")]).is_empty());
    }

    #[test]
    fn the_administrators_directories_are_searched() {
        assert!(search_path().split(':').any(|directory| directory == "/usr/sbin"));
    }
}
