//! A disk with a Debian of this machine's release, the built `hanare` and its units. The Debian is made once below `target/`.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hanare_lab::{Program, run};
use tempfile::TempDir;

use crate::{Guest, Result, content, system};

/// What is in the guest, beside the least that Debian is.
const PACKAGES: &str = "systemd-sysv,udev,linux-image-cloud-amd64,e2fsprogs,kmod,dmsetup,systemd-resolved,dbus,nftables,\
                        iproute2,iputils-ping,dnsmasq-base,libpam-systemd,polkitd,passwd,util-linux";
/// The kernel of it, without any driver that a cloud does not need.
const CLOUD: &str = "linux-image-cloud-amd64";
/// Debian's ordinary one, with its modules in an initial file system: 300 MB more, and it boots slower.
const STANDARD: &str = "linux-image-amd64";
/// Where a Debian names its mirrors.
const SOURCES: [&str; 2] = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];
/// Says in the guest's root what it was made of, once it is whole.
const MADE: &str = "etc/hanare-image";
/// Reads a script a line in base64, answers with its status and what it said.
const AGENT: &str = "#!/bin/bash
exec 3<>/dev/virtio-ports/agent
echo HELLO >&3
while read -r line <&3; do
  said=$(printf %s \"$line\" | base64 -d | bash 2>&1)
  status=$?
  printf 'END %s %s\\n' \"$status\" \"$(printf %s \"$said\" | base64 -w0)\" >&3
done
";
const AGENT_UNIT: &str = "[Unit]
Description=Scripts from outside
After=systemd-user-sessions.service
[Service]
ExecStart=/usr/local/sbin/guest-agent
[Install]
WantedBy=multi-user.target
";
/// Sparse: what a guest never writes takes no room.
const SIZE: &str = "8G";
/// Under load, with the packages from a mirror.
const LIMIT: Duration = Duration::from_mins(15);

/// A disk and the kernel that boots it.
#[derive(Debug, Clone)]
pub struct Image {
    /// Never booted itself: every guest gets a copy.
    pub(crate) disk: PathBuf,
    pub(crate) kernel: PathBuf,
    /// What a kernel with modules starts from; such a machine has a USB controller.
    pub(crate) initrd: Option<PathBuf>,
    folder: PathBuf,
    #[expect(dead_code, reason = "a disk that has no name any more lives as long as this")]
    kept: Option<Arc<File>>,
}

/// What this process made, with the lock that keeps other runs away until it ends.
static MADE_HERE: Mutex<Option<(File, Vec<Image>)>> = Mutex::new(None);
/// What folders of guests are called.
const GUEST: &str = "guest-";

impl Image {
    /// Makes it with the `hanare` that lies beside the test, once in a process.
    ///
    /// # Errors
    /// Without root, without the tools, without a mirror to fetch Debian from, or while another run is at it.
    pub fn make() -> Result<Self> {
        Self::with_kernel(CLOUD)
    }

    /// The same with a kernel and a controller for USB.
    ///
    /// # Errors
    /// As for [`Image::make`].
    pub fn with_usb() -> Result<Self> {
        Self::with_kernel(STANDARD)
    }

    fn with_kernel(package: &str) -> Result<Self> {
        let mut made =
            MADE_HERE.lock().map_err(|_| content("the guest's disk", "making it failed before"))?;
        let wants_initrd = package == STANDARD;
        let is_wanted = |image: &&Self| image.initrd.is_some() == wants_initrd;
        if let Some(image) = made.as_ref().and_then(|(_, images)| images.iter().find(is_wanted)) {
            return Ok(image.clone());
        }
        hanare_lab::install(hanare_lab::MACHINES)?;
        let program = Program::built()?;
        let folder = target(program.path())?.join("vm");
        fs::create_dir_all(&folder).map_err(system("making target/vm"))?;
        let (_lock, images) = match made.as_mut() {
            Some(made) => made,
            None => made.insert((hold(&folder)?, Vec::new())),
        };
        let image = Self::make_in(&folder, &program, package)?;
        images.push(image.clone());
        Ok(image)
    }

    /// The machine as a guest that was switched off has left its disk in `folder`: later guests begin with that. It takes its room
    /// until this process ends, and no longer.
    ///
    /// # Errors
    /// If the disk cannot be opened.
    pub fn left_by(&self, folder: &Path) -> Result<Self> {
        let left = Guest::disk(folder);
        let disk = File::open(&left).map_err(system(left.display().to_string()))?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), disk.as_raw_fd()));
        Ok(Self { disk: path, kept: Some(Arc::new(disk)), ..self.clone() })
    }

    /// A folder for guests, beside the image: what they write does not fit into every `/tmp`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn folder(&self) -> Result<TempDir> {
        tempfile::Builder::new()
            .prefix(GUEST)
            .tempdir_in(&self.folder)
            .map_err(system("making a guest's folder"))
    }

    pub(crate) fn copy_to(&self, disk: &Path) -> Result<()> {
        let mut copy = Command::new("cp");
        copy.arg("--sparse=always").arg(&self.disk).arg(disk);
        run(&mut copy, "", LIMIT)?.must().map(drop)
    }

    fn make_in(folder: &Path, program: &Program, kernel: &str) -> Result<Self> {
        let name = if kernel == STANDARD { "root-usb" } else { "root" };
        let root = folder.join(name);
        let wanted = PACKAGES.replace(CLOUD, kernel);
        let holds = fs::read_to_string(root.join(MADE)).unwrap_or_default();
        if holds != wanted {
            debian(folder, &root, &wanted)?;
        }
        put(
            &root.join("usr/bin/hanare"),
            &fs::read(program.path()).map_err(system("reading hanare"))?,
            0o755,
        )?;
        units(&root)?;
        let disk = folder.join(format!("{name}.img"));
        // One that is there would keep blocks of the one before.
        let _may_be_absent = fs::remove_file(&disk);
        let mut make = Command::new("mke2fs");
        make.args(["-q", "-t", "ext4", "-d"]).arg(&root).arg(&disk).arg(SIZE);
        make.env("PATH", hanare_lab::search_path());
        run(&mut make, "", LIMIT)?.must()?;
        let boot = root.join("boot");
        let initrd = if kernel == STANDARD { Some(begins_with(&boot, "initrd")?) } else { None };
        let kernel = begins_with(&boot, "vmlinuz")?;
        Ok(Self { disk, kernel, initrd, folder: folder.to_owned(), kept: None })
    }
}

fn begins_with(boot: &Path, name: &str) -> Result<PathBuf> {
    fs::read_dir(boot)
        .map_err(system("looking for the kernel"))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)))
        .ok_or_else(|| content("the guest's boot directory", format!("no {name}")))
}

/// Keeps other runs away, and removes what one that was killed has left: gigabytes.
fn hold(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let lock = File::create(&path).map_err(system(path.display().to_string()))?;
    lock.try_lock()
        .map_err(|error| content(&path.display().to_string(), format!("another run holds it: {error}")))?;
    for entry in fs::read_dir(folder).map_err(system("reading target/vm"))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(GUEST) {
            fs::remove_dir_all(entry.path()).map_err(system("removing an earlier guest"))?;
        }
    }
    Ok(lock)
}

fn debian(folder: &Path, root: &Path, packages: &str) -> Result<()> {
    let release = fs::read_to_string("/etc/os-release").map_err(system("reading /etc/os-release"))?;
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let archive = folder.join("root.tar");
    let mut make = Command::new("mmdebstrap");
    make.args(["--variant=minbase", &format!("--include={packages}")]);
    make.args(proxies()?.iter().map(|line| format!("--aptopt={line}")));
    make.arg(name.unwrap_or("bookworm")).arg(&archive);
    // This machine's own mirrors; without them mmdebstrap takes Debian's.
    make.args(SOURCES.iter().find(|path| names_debian(Path::new(path))));
    make.env("PATH", hanare_lab::search_path());
    run(&mut make, "", LIMIT)?.must()?;
    // What an interrupted run left.
    let _may_be_absent = fs::remove_dir_all(root);
    fs::create_dir_all(root).map_err(system("making the guest's root"))?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(root), "", LIMIT)?.must()?;
    fs::remove_file(&archive).map_err(system("removing the archive"))?;
    put(&root.join(MADE), packages.as_bytes(), 0o644)
}

fn names_debian(sources: &Path) -> bool {
    let text = fs::read_to_string(sources).unwrap_or_default();
    text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("debian"))
}

/// The proxies that this machine's apt goes through, as lines of its configuration.
fn proxies() -> Result<Vec<String>> {
    let said = run(Command::new("apt-config").args(["dump", "Acquire"]), "", LIMIT)?.must()?.stdout;
    let is_proxy = |line: &&str| line.split(' ').next().is_some_and(|key| key.ends_with("::Proxy"));
    Ok(said.lines().filter(is_proxy).filter(|line| !line.contains("\"\"")).map(str::to_owned).collect())
}

/// The agent, and the units and the rule as the package will bring them.
fn units(root: &Path) -> Result<()> {
    put(&root.join("usr/local/sbin/guest-agent"), AGENT.as_bytes(), 0o755)?;
    let system_units = root.join("etc/systemd/system");
    put(&system_units.join("guest-agent.service"), AGENT_UNIT.as_bytes(), 0o644)?;
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/hanare/units");
    let read = |name: &str| {
        let path = ours.join(name);
        fs::read(&path).map_err(system(path.display().to_string()))
    };
    let rule = "90-hanare-guard.rules";
    put(&root.join("etc/udev/rules.d").join(rule), &read(rule)?, 0o644)?;
    for unit in [
        "hanare-wipe-resume.service",
        "hanare-guard.service",
        "hanare-wipe-agent.service",
        "hanare-up.service",
        "hanare-hq.service",
    ] {
        put(&system_units.join(unit), &read(unit)?, 0o644)?;
    }
    for (place, file) in [
        ("etc/systemd/logind.conf.d/10-hanare.conf", "10-hanare-logind.conf"),
        ("etc/polkit-1/rules.d/10-hanare.rules", "10-hanare.rules"),
    ] {
        let path = root.join(place);
        fs::create_dir_all(path.parent().unwrap_or(root))
            .map_err(system("making a directory of settings"))?;
        put(&path, &read(file)?, 0o644)?;
    }
    let hooks = root.join("usr/lib/systemd/system-shutdown");
    fs::create_dir_all(&hooks).map_err(system("making the directory of hooks"))?;
    put(&hooks.join("hanare.shutdown"), &read("hanare.shutdown")?, 0o755)?;
    for (wanted_by, unit) in [
        ("multi-user.target", "guest-agent.service"),
        ("multi-user.target", "hanare-wipe-resume.service"),
        ("sysinit.target", "hanare-guard.service"),
    ] {
        let wants = system_units.join(format!("{wanted_by}.wants"));
        fs::create_dir_all(&wants).map_err(system("enabling a unit"))?;
        let link = wants.join(unit);
        // Enabled by an earlier run.
        let _may_be_absent = fs::remove_file(&link);
        symlink(format!("../{unit}"), link).map_err(system("enabling a unit"))?;
    }
    Ok(())
}

fn put(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let failed = || system(path.display().to_string());
    fs::write(path, content).map_err(failed())?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed())
}

/// `target/debug/hanare` is two levels below `target`.
fn target(program: &Path) -> Result<PathBuf> {
    let target = program.ancestors().nth(2).ok_or_else(|| content("the path of hanare", "too short"))?;
    Ok(target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_which_removes_what_a_killed_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let (left, kept) = (folder.path().join("guest-left"), folder.path().join("root"));
        for path in [&left, &kept] {
            fs::create_dir(path).unwrap();
        }
        let first = hold(folder.path()).unwrap();
        assert!(!left.exists() && kept.exists());
        fs::create_dir(&left).unwrap();
        assert!(hold(folder.path()).is_err() && left.exists());
        drop(first);
        hold(folder.path()).unwrap();
    }
}
