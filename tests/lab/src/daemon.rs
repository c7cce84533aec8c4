//! A process that runs until it is told to stop, with its log.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result, output, until_some};

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let name = output::spell(command);
        let file = File::options().create(true).append(true).open(log).map_err(Error::path(log))?;
        let copy = file.try_clone().map_err(Error::path(log))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(copy)
            .spawn()
            .map_err(|source| Error::Start { command: name.clone(), source })?;
        Ok(Self { child, name, log: log.to_owned() })
    }

    /// The process's id inside the laboratory.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// [`Error::System`] if the kernel does not know.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(Error::system(format!("asking after `{}`", self.name)))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`Error::System`] if the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.map_or(Err(rustix::io::Errno::SRCH), |pid| kill_process(pid, signal))
            .map_err(|errno| Error::system(format!("signalling `{}`", self.name))(errno.into()))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of `{}`", self.name);
        until_some(&what, limit, || self.child.try_wait().ok().flatten())
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    ///
    /// # Errors
    /// [`Error::Timeout`] after `limit`.
    pub fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// Kills it (SIGKILL) and waits until it is gone, and with it the processes that it started: they have to notice by
    /// themselves.
    ///
    /// # Errors
    /// [`Error::System`] if it cannot be killed; [`Error::Timeout`] if what it started outlives it by two seconds.
    pub fn kill(&mut self) -> Result<()> {
        let orphans = self.children();
        self.child.kill().map_err(Error::system(format!("killing `{}`", self.name)))?;
        self.child.wait().map(drop).map_err(Error::system(format!("reaping `{}`", self.name)))?;
        // An orphan that nobody reaps is a zombie, and as good as gone once its other threads are.
        let threads = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        let runs = |pid: &u32| {
            status_line(*pid, "State:").is_some_and(|state| !state.starts_with('Z')) || threads(*pid) > 1
        };
        let what = format!("the end of what `{}` had started", self.name);
        until_some(&what, Duration::from_secs(2), || (!orphans.iter().any(runs)).then_some(()))
    }

    /// Peak resident memory in bytes of this process and of those it started that still run, each.
    #[must_use]
    pub fn peaks_of_memory(&self) -> Vec<u64> {
        family(self.pid()).into_iter().map(|pid| memory_field(pid, "VmHWM:")).collect()
    }

    /// Resident memory in bytes, now, of this process and of those it started that still run.
    #[must_use]
    pub fn memory(&self) -> u64 {
        family(self.pid()).into_iter().map(|pid| memory_field(pid, "VmRSS:")).sum()
    }

    /// The part of [`Daemon::memory`] that is no code of a program's file: what others can make grow. Code that was given back
    /// comes again when it is run.
    #[must_use]
    pub fn own_memory(&self) -> u64 {
        family(self.pid()).into_iter().map(|pid| memory_field(pid, "RssAnon:")).sum()
    }

    /// Processor time so far, in seconds, of this process and of those it started that still run.
    #[must_use]
    pub fn processor(&self) -> f64 {
        family(self.pid()).into_iter().map(processor).sum()
    }

    /// The processes that this one started, and theirs.
    #[must_use]
    pub fn children(&self) -> Vec<u32> {
        family(self.pid()).into_iter().filter(|pid| *pid != self.pid()).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `root` and everything that descends from it. By parent, because not every kernel lists children.
fn family(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| Some((pid, u32::try_from(status_number(pid, "PPid:")?).ok()?)))
        .collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

fn status_line(pid: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(field)).map(|rest| rest.trim().to_owned())
}

fn status_number(pid: u32, field: &str) -> Option<u64> {
    status_line(pid, field)?.split_whitespace().next()?.parse().ok()
}

/// User and system time of one process, in seconds.
fn processor(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    // proc(5): utime and stime are the 14th and 15th field; the kernel tells them in hundredths.
    let times = after_name.split_whitespace().skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A memory figure of `/proc/PID/status`, in bytes.
fn memory_field(pid: u32, field: &str) -> u64 {
    status_number(pid, field).unwrap_or(0) * 1024
}
