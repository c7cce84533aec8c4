//! Confining a worker: what a flaw in its parsers can still reach of the machine. Landlock for files and TCP, a filter of system
//! calls for the rest; both are inherited, and nothing takes them back.
//!
//! A worker is confined in two steps: [`confine`] before it starts a thread, and [`close_doors`] once its sockets stand, before
//! it reads the first byte that came from a network. From then on it has no socket but those that it was given.

mod calls;
mod landlock;
mod seccomp;

use std::path::PathBuf;

use crate::error::HostError;

/// What a worker may still do with one file or tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it; passed over if it is not there.
    Read,
    /// List the directories of a tree, not read its files.
    List,
    /// Read and write one file that is there, or everything in a tree, new files included.
    Write,
    /// Make and remove sockets in a directory; passed over if it is not there.
    Sockets,
    /// Remove empty directories from a tree.
    RemoveEmpty,
}

/// Everything that a worker needs of the machine; what is not listed is refused.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Files and trees.
    pub paths: Vec<(PathBuf, Access)>,
    /// The TCP ports that it may listen on; 0 is any, as for the kernel.
    pub listen: Vec<u16>,
    /// The TCP ports that it may connect to.
    pub connect: Vec<u16>,
}

/// How far a worker is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// The version of Landlock that is in force; `None` where the kernel has none.
    pub landlock: Option<u32>,
    /// Whether the filter of system calls is in force.
    pub system_calls: bool,
}

impl Confinement {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.landlock.is_some() && self.system_calls
    }
}

/// Confines this thread and those that it starts, for good. [`crate::privileges::become_worker`] comes first. A kernel that
/// knows one of the means not leaves it out: the caller says so where a person sees it.
///
/// # Errors
/// [`HostError::Io`] if a path cannot be granted or the kernel refuses what it knows; the caller must not go on.
pub fn confine(grants: &Grants) -> Result<Confinement, HostError> {
    // Before Linux 6.4 rustix reads `/proc/self/auxv` when it first needs one of its values, such as where the clock is, and
    // panics if it may not: it has to have read it by now.
    let _read_once = rustix::param::page_size();
    let landlock = landlock::restrict(grants)?;
    let system_calls = seccomp::install(&calls::dangerous())?;
    let confinement = Confinement { landlock, system_calls };
    if !confinement.is_whole() {
        tracing::warn!(?confinement, "this kernel cannot confine the worker");
    }
    Ok(confinement)
}

/// The second step, for all threads of the process: no new socket, no connection, no other mode or owner of a file. As root a
/// worker could otherwise ask the machine's services to do what it may not do itself, or open any file to everybody.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub fn close_doors() -> Result<bool, HostError> {
    seccomp::install(&calls::doors())
}

/// The second step of a process that does nothing but connect: sockets of the internet's families remain to it, and none that
/// listens.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub(crate) fn close_all_doors_but_out() -> Result<bool, HostError> {
    seccomp::install(&calls::doors_but_out())
}
