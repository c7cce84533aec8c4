//! How the kernel's scheduler treats a thread that carries packets.

#![expect(unsafe_code, reason = "neither rustix nor the C library has a function for sched_setattr")]

use std::io;

/// The shortest slice that Linux gives (`sched_setattr(2)`, since 6.12), in nanoseconds.
const SLICE: u64 = 100_000;

const SIZE: u32 = 48;

/// `struct sched_attr` in its first size (`SCHED_ATTR_SIZE_VER0`).
#[repr(C)]
#[derive(Debug, Default)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// How long a thread may run before others have their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// As everybody's.
    Usual,
    /// The shortest.
    Short,
}

/// Asks for slices of this thread's own. Short ones mean the same share of a processor, in smaller pieces and hence sooner
/// after it wakes: with the usual 3 ms whoever fills a receive buffer has overrun it before its reader's turn. Needs no
/// privilege; a kernel that does not know slices of a thread's own ignores it, and a thread with a policy other than the usual
/// one is left alone.
///
/// # Errors
/// As the kernel says.
pub fn take_turns(turns: Turns) -> io::Result<()> {
    let attributes = attributes()?;
    if i32::try_from(attributes.policy) != Ok(libc::SCHED_OTHER) {
        return Ok(());
    }
    let runtime = match turns {
        // The kernel's own choice.
        Turns::Usual => 0,
        Turns::Short => SLICE,
    };
    let attributes = Attributes { size: SIZE, runtime, nice: attributes.nice, ..Attributes::default() };
    // SAFETY: `attributes` says its own size, lives through the call, and the kernel only reads it.
    let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Those of this thread.
fn attributes() -> io::Result<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: the kernel writes `SIZE` bytes at most, which `attributes` has; every bit pattern is valid for it.
    let got = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, SIZE, 0) };
    if got == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_knows_slices_gives_the_shortest() {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let slice = std::thread::spawn(|| {
            let slice = || attributes().unwrap().runtime;
            let before = slice();
            take_turns(Turns::Short).unwrap();
            let short = slice();
            take_turns(Turns::Usual).unwrap();
            (before, short, slice())
        });
        let (before, short, after) = slice.join().unwrap();
        assert_eq!(short == SLICE, version >= (6, 12), "{short} ns on {release}");
        assert_eq!(before, after, "on {release}");
    }

    #[test]
    fn a_thread_keeps_its_niceness() {
        std::thread::spawn(|| {
            // SAFETY: takes and gives integers; the thread is this test's own.
            let before = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 5) };
            assert_eq!(before, 0);
            take_turns(Turns::Short).unwrap();
            // SAFETY: as above.
            assert_eq!(unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }, 5);
        })
        .join()
        .unwrap();
    }
}
