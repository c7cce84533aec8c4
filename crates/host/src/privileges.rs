//! Giving privileges away, for good: none for workers, what `wg set` wants for a bare device, and for a while one for a thread
//! that binds sockets.

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

use crate::deed::Deed;
use crate::error::HostError;

/// First call of a worker, before it starts a thread or parses anything: it dies with its host process, and it has no
/// capability and no way to one.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub fn become_worker() -> Result<(), HostError> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("PR_SET_PDEATHSIG"))?;
    drop_to(CapabilitySet::empty())
}

/// Keeps nothing, for a command that speaks with a server in the network: whose files it may open by then is its user's.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub fn give_up() -> Result<(), HostError> {
    drop_to(CapabilitySet::empty())
}

/// Keeps `CAP_NET_ADMIN` and `CAP_NET_BIND_SERVICE` and nothing else (`hanare device`): `wg set` may name a mark and a port below
/// 1024.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub fn become_device() -> Result<(), HostError> {
    drop_to(CapabilitySet::NET_ADMIN | CapabilitySet::NET_BIND_SERVICE)
}

/// Keeps `CAP_NET_BIND_SERVICE` and nothing else, in this thread: for one that binds a worker's sockets and ends before the worker
/// reads from them.
///
/// # Errors
/// [`HostError::Io`] if the kernel refuses; the caller must not go on.
pub fn become_binder() -> Result<(), HostError> {
    drop_to(CapabilitySet::NET_BIND_SERVICE)
}

/// Whether this thread may change the network of its namespace.
#[must_use]
pub fn has_net_admin() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_ADMIN))
}

/// Whether a process (its number, or `self`) can gain no privileges any more, as [`become_worker`] leaves a worker and
/// whatever that starts; also if it is gone, so that nobody can tell. Number 0 is a process of an outer namespace of
/// process numbers, where no worker gets to.
pub(crate) fn are_confined(process: &str) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return process != "0" };
    let is_confined = |status: String| {
        status.lines().any(|line| line.strip_prefix("NoNewPrivs:").is_some_and(|set| set.trim() == "1"))
    };
    // One thread is enough: it holds the same descriptors as the others.
    threads
        .flatten()
        .any(|thread| std::fs::read_to_string(thread.path().join("status")).is_ok_and(is_confined))
}

fn drop_to(keep: CapabilitySet) -> Result<(), HostError> {
    let own = rustix::thread::capabilities(None).map_err(failed("capget"))?;
    // The bounding set can be narrowed only with CAP_SETPCAP. A process without it has nothing to gain from the set:
    // no_new_privs below closes the only way, a file with capabilities.
    if own.effective.contains(CapabilitySet::SETPCAP) {
        for bit in 0..64 {
            let capability = CapabilitySet::from_bits_retain(1 << bit);
            if keep.contains(capability) {
                continue;
            }
            match remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                // The first number that this kernel does not know.
                Err(rustix::io::Errno::INVAL) => break,
                Err(error) => return Err(failed("PR_CAPBSET_DROP")(error)),
            }
        }
    }
    clear_ambient_capability_set().map_err(failed("PR_CAP_AMBIENT_CLEAR_ALL"))?;
    set_no_new_privs(true).map_err(failed("PR_SET_NO_NEW_PRIVS"))?;
    let kept = own.permitted & keep;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(failed("capset"))
}

fn failed(what: &'static str) -> impl Fn(rustix::io::Errno) -> HostError {
    move |error| HostError::io(Deed::Privileges.of(what), &error.into())
}
