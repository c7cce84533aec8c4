//! resolvconf(8), Debian's or openresolv's: records by name on standard input.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::deed::Deed;
use crate::error::HostError;

const PROGRAMS: [&str; 3] = ["/usr/sbin/resolvconf", "/sbin/resolvconf", "/usr/bin/resolvconf"];
/// Where the two keep their records.
const RECORDS: [&str; 3] =
    ["/run/resolvconf/interface", "/run/resolvconf/interfaces", "/run/resolvconf/keys"];

pub(super) fn is_here() -> bool {
    program().is_some()
}

pub(super) fn add(record: &str, servers: &[IpAddr]) -> Result<(), HostError> {
    run(&["-a", record], super::lines(servers).as_bytes())
}

/// A record that is not there is none to remove.
pub(super) fn remove(record: &str) -> Result<(), HostError> {
    if !is_here() {
        return Ok(());
    }
    let removed = run(&["-d", record], b"");
    // openresolv refuses to remove what is not there, where Debian's resolvconf is silent.
    if RECORDS.iter().any(|directory| Path::new(directory).join(record).exists()) { removed } else { Ok(()) }
}

fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|path| Path::new(path).exists())
}

fn run(arguments: &[&str], input: &[u8]) -> Result<(), HostError> {
    let failed = |error: &std::io::Error| HostError::io(Deed::Run.of("resolvconf"), error);
    let program = program().ok_or_else(|| HostError::ProgramMissing {
        program: "resolvconf".to_owned(),
        package: "openresolv".to_owned(),
    })?;
    // What it writes is for everybody to read, whatever our own files are.
    let mut child = Command::new("/bin/sh")
        .args(["-c", "umask 022; exec \"$0\" \"$@\"", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may end before it has read everything; its own words say why.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(HostError::Program { program: "resolvconf".to_owned(), text })
}
