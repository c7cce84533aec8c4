//! The processes that use a volume: by working directory, root, program, open files or mapped ones.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use hanare_host::mounts::Mount;
use hanare_host::process::tables;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, CWD, OFlags, StatxFlags, makedev, statx};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How often holders are looked for while new ones appear.
const ROUNDS: u32 = 8;
/// How long a killed process may take to be gone: it gives gigabytes of memory back.
const DYING: Duration = Duration::from_secs(5);

/// Stopped processes.
#[derive(Debug, Default)]
pub(crate) struct Holders(Vec<Holder>);

#[derive(Debug)]
pub(super) struct Holder {
    pid: u32,
    handle: OwnedFd,
}

/// The search for processes to stop, which whoever waits for it can stop waiting for.
#[derive(Debug)]
pub(crate) struct Freezing(Option<Receiver<Holders>>);

impl Freezing {
    /// Begins to stop every process that uses the file system; there are none of one that was never mounted.
    pub(crate) fn start(device: Option<u64>) -> Self {
        Self(device.map(|device| {
            let (give, take) = channel();
            // Ends with the process, should it hang on one that hangs.
            std::thread::spawn(move || give.send(Holders::freeze(device)));
            take
        }))
    }

    /// The stopped ones, if they are found in time; at the next call otherwise.
    pub(crate) fn wait(&mut self, limit: Duration) -> Holders {
        let found = self.0.as_ref().and_then(|take| take.recv_timeout(limit).ok());
        if found.is_some() {
            self.0 = None;
        }
        found.unwrap_or_default()
    }
}

impl Holders {
    /// Takes over others.
    pub(crate) fn merge(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Stops every process that uses the file system `device`, until no new one is found.
    pub(crate) fn freeze(device: u64) -> Self {
        let mut holders = Self::default();
        for _ in 0..ROUNDS {
            let new: Vec<u32> = find(device)
                .into_iter()
                .filter(|pid| holders.0.iter().all(|known| known.pid != *pid))
                .collect();
            if new.is_empty() {
                break;
            }
            holders.stop(new);
        }
        holders
    }

    /// Whether one of them is this process.
    pub(super) fn has(&self, pid: u32) -> bool {
        self.0.iter().any(|holder| holder.pid == pid)
    }

    /// Stops more of them.
    pub(super) fn stop(&mut self, pids: Vec<u32>) {
        self.0.extend(pids.into_iter().filter_map(|pid| signal(pid, Signal::STOP)));
    }

    /// Lets them go on.
    pub(super) fn go_on(self) {
        for holder in &self.0 {
            // A process that is gone needs nothing.
            let _ = pidfd_send_signal(&holder.handle, Signal::CONT);
        }
    }

    /// Ends them, and whoever uses it by now; returns how many would not go.
    pub(crate) fn end(mut self, device: u64) -> usize {
        let until = Instant::now() + DYING;
        for _ in 0..ROUNDS {
            for holder in &self.0 {
                // A process that is gone already is what is wanted.
                let _ = pidfd_send_signal(&holder.handle, Signal::KILL);
            }
            for holder in &self.0 {
                wait(&holder.handle, until);
            }
            self.0 = find(device).into_iter().filter_map(|pid| signal(pid, Signal::KILL)).collect();
            if self.0.is_empty() || Instant::now() >= until {
                break;
            }
        }
        find(device).len()
    }

    /// Their files on the device that have no name any more, as links below `/proc`.
    pub(crate) fn open_files(&self, device: u64) -> Vec<PathBuf> {
        let mut links = Vec::new();
        for thread in self.0.iter().flat_map(|holder| tables(holder.pid)) {
            let process = PathBuf::from(format!("/proc/{thread}"));
            for folder in ["fd", "map_files"] {
                let entries = fs::read_dir(process.join(folder)).into_iter().flatten().flatten();
                links.extend(entries.map(|entry| entry.path()).filter(|link| on(link, device)));
            }
        }
        links
    }
}

/// Takes its mounts out of all other mount namespaces: a service with directories of its own for temporary files has some on a
/// volume that is confined to.
pub(super) fn unmount_elsewhere(device: u64) {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let mut seen = vec![namespace("self")];
    for pid in processes() {
        let own = namespace(&pid.to_string());
        if own.is_none() || seen.contains(&own) {
            continue;
        }
        seen.push(own);
        let mounts = hanare_host::mounts::seen_by(&pid.to_string()).unwrap_or_default();
        if mounts.iter().any(|mount| mount.device == device)
            && let Err(error) = hanare_host::mounts::unmount_in(pid, device)
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a mount elsewhere stays");
        }
    }
}

/// How many mounts of a file system are left, in whatever mount namespace a process of this machine is in.
pub(crate) fn mounts_left(device: u64) -> usize {
    mounts_of(device).len()
}

/// Those mounts.
pub(super) fn mounts_of(device: u64) -> Vec<Mount> {
    let mut seen = Vec::new();
    let mut left = Vec::new();
    for pid in processes() {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/mnt")) else { continue };
        if seen.contains(&namespace) {
            continue;
        }
        seen.push(namespace);
        let mounts = hanare_host::mounts::seen_by(&pid.to_string()).unwrap_or_default();
        left.extend(mounts.into_iter().filter(|mount| mount.device == device));
    }
    left
}

/// The processes that use a file system; never this one or the first of all.
pub(crate) fn find(device: u64) -> Vec<u32> {
    let own = std::process::id();
    processes().into_iter().filter(|pid| *pid != own && *pid != 1 && uses(*pid, device)).collect()
}

/// The processes that have a file open for writing by way of this mount, or write to the file system through memory; never this
/// one.
pub(super) fn writers(mount: &Mount) -> Vec<u32> {
    let own = std::process::id();
    let through = format!("mnt_id:\t{}", mount.id);
    let writes = |process: &Path| {
        let about = fs::read_dir(process.join("fdinfo")).into_iter().flatten().flatten();
        let mut about = about.filter_map(|entry| fs::read_to_string(entry.path()).ok());
        about.any(|about| about.lines().any(|line| line == through) && is_for_writing(&about))
            || maps(process, mount.device, "rw-s")
    };
    let is_one = |pid: &u32| *pid != own && *pid != 1 && writes(&PathBuf::from(format!("/proc/{pid}")));
    processes().into_iter().filter(is_one).collect()
}

/// `flags:\t0100002`: the last two bits of an octal number, where a descriptor that is a mere name has another one set.
fn is_for_writing(about: &str) -> bool {
    const ACCESS: u32 = OFlags::WRONLY.union(OFlags::RDWR).bits();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(0);
    flags & ACCESS != 0 && flags & OFlags::PATH.bits() == 0
}

/// Whether somebody has stopped it.
pub(super) fn stands_still(pid: u32) -> bool {
    let told = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    told.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

pub(super) fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn uses(pid: u32, device: u64) -> bool {
    let of = |thread: u32| PathBuf::from(format!("/proc/{thread}"));
    let opened = |thread: u32| fs::read_dir(of(thread).join("fd")).into_iter().flatten().flatten();
    threads(pid).any(|thread| ["cwd", "root", "exe"].iter().any(|link| on(&of(thread).join(link), device)))
        || tables(pid).into_iter().any(|thread| {
            opened(thread).any(|entry| on(&entry.path(), device)) || maps(&of(thread), device, "")
        })
}

/// Each can have a working directory and a root of its own.
fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Asks no file system that could hang.
fn on(link: &Path, device: u64) -> bool {
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    statx(CWD, link, flags, StatxFlags::TYPE)
        .is_ok_and(|seen| makedev(seen.stx_dev_major, seen.stx_dev_minor) == device)
}

/// A mapping outlives its descriptor: `… rw-s 00000000 fd:01 1234 /path`, the device in hexadecimal. `kind` is what those
/// begin with that count.
fn maps(process: &Path, device: u64, kind: &str) -> bool {
    let text = fs::read(process.join("maps")).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().any(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let counts = words.next().is_some_and(|word| word.starts_with(kind));
        let number = words.nth(1).and_then(|word| word.split_once(':'));
        counts
            && number.is_some_and(|(major, minor)| {
                let part = |text| u32::from_str_radix(text, 16).ok();
                part(major).zip(part(minor)).is_some_and(|(major, minor)| makedev(major, minor) == device)
            })
    })
}

/// Through a handle, so that the number cannot become somebody else's in between.
pub(super) fn signal(pid: u32, signal: Signal) -> Option<Holder> {
    let handle = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
    pidfd_send_signal(&handle, signal).ok()?;
    Some(Holder { pid, handle })
}

fn wait(handle: &OwnedFd, until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    let limit =
        Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
    // What is not gone then is counted by who calls.
    let _ = poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&limit));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_found_by_its_directory_and_by_its_open_file() {
        let directory = tempfile::tempdir().unwrap();
        let device = fs::metadata(directory.path()).unwrap().dev();
        let mut child = Command::new("sleep").arg("60").current_dir(directory.path()).spawn().unwrap();
        let here = uses(child.id(), device);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(here);
        let file = tempfile::tempfile().unwrap();
        let device = file.metadata().unwrap().dev();
        let mut child =
            Command::new("sleep").arg("60").current_dir("/proc").stdin(Stdio::from(file)).spawn().unwrap();
        let process = PathBuf::from(format!("/proc/{}", child.id()));
        let here = on(&process.join("fd/0"), device);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(here && !uses(child.id(), device));
    }
}
