//! resolv.conf covered by a file of ours.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::deed::Deed;
use crate::error::HostError;
use crate::files;

/// What is covered, and by what.
pub(super) fn paths(state: &Path) -> (PathBuf, PathBuf) {
    let target = std::fs::canonicalize(super::RESOLV_CONF).unwrap_or_else(|_| super::RESOLV_CONF.into());
    let source = std::path::absolute(state).unwrap_or_else(|_| state.to_owned()).join("resolv.conf");
    (target, source)
}

pub(super) fn add(target: &Path, source: &Path, servers: &[IpAddr]) -> Result<(), HostError> {
    files::write_atomic(source, super::lines(servers).as_bytes(), 0o644)
        .map_err(|error| HostError::io(Deed::Write.of(source.display()), &error))?;
    run(Command::new("mount").arg("--bind").arg(source).arg(target), "mount")
}

/// Uncovers resolv.conf if, and only if, it is our file that covers it.
pub(super) fn remove(target: &Path, source: &Path) -> Result<(), HostError> {
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    if let (Some(covered), Some(ours)) = (identity(target), identity(source))
        && covered == ours
    {
        run(Command::new("umount").arg(target), "umount")?;
    }
    files::remove(source).map(drop).map_err(|error| HostError::io(Deed::Remove.of(source.display()), &error))
}

fn run(command: &mut Command, program: &str) -> Result<(), HostError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| HostError::io(Deed::Run.of(program), &error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(HostError::Program { program: program.to_owned(), text })
}
