//! A program that is run to its end, or for so long and no longer.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Runs that did not end although they were killed: they hang in the kernel.
static STUCK: AtomicUsize = AtomicUsize::new(0);
/// With so many of them no other is started: it would hang as well, and each holds a process and a thread.
const MAX_STUCK: usize = 4;

/// Runs a program with an input and collects what it says.
///
/// # Errors
/// `TimedOut` if it has not ended by then; it is killed. Otherwise what the system says.
pub(super) fn run(
    program: &str,
    arguments: &[&str],
    input: Option<&[u8]>,
    patience: Duration,
) -> io::Result<Output> {
    if STUCK.load(Ordering::Relaxed) >= MAX_STUCK {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        let input = input.to_owned();
        // It may end, or hang, before it has read everything; its own words say why.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let (say, ended) = mpsc::channel();
    STUCK.fetch_add(1, Ordering::Relaxed);
    std::thread::spawn(move || {
        let output = child.wait_with_output();
        STUCK.fetch_sub(1, Ordering::Relaxed);
        // Nobody may wait any more.
        let _ = say.send(output);
    });
    ended.recv_timeout(patience).unwrap_or_else(|_| {
        pidfd_send_signal(&handle, Signal::KILL)?;
        Err(io::ErrorKind::TimedOut.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_waited_for_only_so_long_and_killed() {
        // More than a pipe holds, which is never read.
        let input = vec![b'x'; 1024 * 1024];
        let patience = Duration::from_millis(200);
        // More often than may hang at once: a killed one does not.
        for _ in 0..2 * MAX_STUCK {
            let error = run("sleep", &["1000"], Some(&input), patience).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = run("cat", &[], Some(&input), Duration::from_secs(30)).unwrap();
        assert_eq!(output.stdout, input, "one that works is not disturbed");
        assert_eq!(run("no-such-program", &[], None, patience).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
