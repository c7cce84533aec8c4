//! A step that may take so long and no longer, and of which nothing is left however it ends.

use std::ffi::OsStr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;

/// Runs a command as root in a process namespace of its own and ends it after `limit`. With the namespace everything goes that
/// it has started, also if this process is killed; its mounts go with theirs.
pub(super) fn bounded(command: &Command, limit: Duration) -> Outcome {
    let mut chain = Command::new("setpriv");
    chain.args(["--pdeathsig", "KILL", "unshare", "-mp", "--fork", "--kill-child", "--mount-proc", "--"]);
    chain.arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        chain.env(key, value.unwrap_or(OsStr::new("")));
    }
    if let Some(folder) = command.get_current_dir() {
        chain.current_dir(folder);
    }
    let failed = |error: std::io::Error| Outcome::Failed(error.to_string());
    let mut child = match chain.spawn() {
        Ok(child) => child,
        Err(error) => return failed(error),
    };
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Outcome::Good,
            Ok(Some(status)) => return Outcome::Failed(status.to_string()),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(100)),
            over => {
                let _gone = child.kill();
                let _reaped = child.wait();
                let late = || Outcome::Failed(format!("ended after {} s: it was not done", limit.as_secs()));
                return over.map_or_else(failed, |_| late());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        if !hanare_lab::is_root() {
            return;
        }
        let path = std::env::temp_dir().join(format!("hanare-bound-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "exec 9> \"$0\"; flock 9; setsid sleep 300 & sleep 300"]).arg(&path);
        let outcome = bounded(&command, Duration::from_secs(2));
        assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("2 s")), "{outcome:?}");
        // The lock ends when the last process that has it open is gone.
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let start = Instant::now();
        while file.try_lock().is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "something is left");
            thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(bounded(&Command::new("true"), Duration::from_mins(1)), Outcome::Good);
        assert!(matches!(bounded(&Command::new("false"), Duration::from_mins(1)), Outcome::Failed(_)));
    }
}
