//! restic and rclone beside ours: their servers at headquarters, their clients at a PC, through the same tunnel.

use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hanare_lab::{Daemon, Error, Output, Result, until};

use super::office::{Desk, Office};

pub(super) const RESTIC: &str = "restic";
pub(super) const RCLONE: &str = "rclone";
/// Their servers' ports.
const PORTS: [u16; 2] = [8000, 2022];
const START: Duration = Duration::from_secs(20);
/// Longer than anything here may take.
const LIMIT: Duration = Duration::from_mins(8);

/// `rclone serve restic`, and restic clients with a repository each.
pub(super) struct Restic {
    pub(super) server: Daemon,
    at: SocketAddr,
}

impl Restic {
    /// Serves `repositories` new ones in a folder on headquarters' disk.
    pub(super) fn serve(office: &Office<'_>, desk: &Desk, repositories: usize) -> Result<Self> {
        let at = office.headquarters.socket(false, PORTS[0])?;
        let folder = folder(office, RESTIC)?;
        let server = serve(office, at, &[OsStr::new("restic"), folder.as_os_str()])?;
        let this = Self { server, at };
        // Deriving a key takes half a second of a processor on purpose: one repository is made, and the others are copies.
        this.run(desk, 0, &[OsStr::new("init")])?.must()?;
        let host = &office.headquarters.host;
        for number in 1..repositories {
            host.sh(&format!("cp -r {0}/0 {0}/{number}", folder.display()))?;
        }
        Ok(this)
    }

    /// Opens a repository and does nothing with it: what a start costs, most of it for deriving a key.
    pub(super) fn open(&self, desk: &Desk, repository: usize) -> Result<()> {
        self.run(desk, repository, &[OsStr::new("cat"), OsStr::new("config")])?.must().map(drop)
    }

    /// Hands a folder over.
    pub(super) fn backup(&self, desk: &Desk, repository: usize, folder: &Path) -> Result<()> {
        self.run(desk, repository, &[OsStr::new("backup"), folder.as_os_str()])?.must().map(drop)
    }

    fn run(&self, desk: &Desk, repository: usize, arguments: &[&OsStr]) -> Result<Output> {
        let own = desk.host.directory();
        let password = own.join("restic-password");
        fs::write(&password, "nobody's secret")
            .map_err(|source| Error::Path { path: password.clone(), source })?;
        let mut command = desk.host.command(RESTIC);
        command.env("RESTIC_PASSWORD_FILE", &password).env("RESTIC_CACHE_DIR", own.join("restic-cache"));
        command
            .args(["--quiet", "--repo", &format!("rest:http://{}/{repository}/", self.at)])
            .args(arguments);
        hanare_lab::run(&mut command, "", LIMIT)
    }
}

/// `rclone serve sftp`, and rclone clients. Of what rclone serves it is the one that keeps times, by which a client sees what
/// has changed.
pub(super) struct Rclone {
    pub(super) server: Daemon,
    remote: String,
}

impl Rclone {
    pub(super) fn serve(office: &Office<'_>, desk: &Desk) -> Result<Self> {
        let at = office.headquarters.socket(false, PORTS[1])?;
        let folder = folder(office, RCLONE)?;
        let server = serve(office, at, &[OsStr::new("sftp"), OsStr::new("--no-auth"), folder.as_os_str()])?;
        // A password of a server that asks for none; rclone wants it in this form.
        let password = desk.host.sh("rclone obscure none")?.stdout;
        let remote = format!(":sftp,host={},port={},user=x,pass={}:", at.ip(), at.port(), password.trim());
        Ok(Self { server, remote })
    }

    /// Makes headquarters' copy like a folder.
    pub(super) fn sync(&self, desk: &Desk, folder: &Path) -> Result<()> {
        let mut command = desk.host.command(RCLONE);
        command.arg("sync").arg(folder).arg(format!("{}work", self.remote));
        hanare_lab::run(&mut command, "", LIMIT)?.must().map(drop)
    }
}

/// A new folder on headquarters' disk, beside its state.
fn folder(office: &Office<'_>, name: &str) -> Result<PathBuf> {
    let folder = office.headquarters.host.directory().join("state").join(name);
    // That disk may be mounted there only.
    office.headquarters.host.sh(&format!("mkdir {}", folder.display()))?;
    Ok(folder)
}

fn serve(office: &Office<'_>, at: SocketAddr, arguments: &[&OsStr]) -> Result<Daemon> {
    let host = &office.headquarters.host;
    let mut command = host.command(RCLONE);
    command.arg("serve").args(arguments).arg("--addr").arg(at.to_string());
    let server = host.spawn(&format!("rclone-{}", at.port()), &mut command)?;
    until("rclone's server", START, || host.connects(at).unwrap_or(false))?;
    Ok(server)
}
