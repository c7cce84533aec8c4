//! One run of a program: what it said and how it ended, with a limit in time.

use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// What a program said and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// Program and arguments.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// The exit status; `None` after a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Whether it ended with zero.
    #[must_use]
    pub fn good(&self) -> bool {
        self.status.success()
    }

    /// Takes any status but zero for an error.
    ///
    /// # Errors
    /// [`Error::Failed`] with the end of what it said.
    pub fn must(self) -> Result<Self> {
        if self.good() {
            return Ok(self);
        }
        let said = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = said.trim().lines().collect();
        let stderr = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n");
        Err(Error::Failed { command: self.command, status: self.status.to_string(), stderr })
    }

    /// Standard output as one JSON document.
    ///
    /// # Errors
    /// [`Error::Content`] if it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).map_err(|error| Error::Content {
            what: format!("the output of `{}`", self.command),
            why: error.to_string(),
        })
    }
}

/// Program and arguments as a person would type them.
pub(crate) fn spell(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    // Entering a host is noise to the reader.
    match words.iter().position(|word| word == "--") {
        Some(at) if words.first().is_some_and(|word| word == "nsenter") => words.split_off(at + 1).join(" "),
        Some(_) | None => words.join(" "),
    }
}

/// Runs `command` to its end with `input` on its standard input; kills it after `limit`.
///
/// # Errors
/// [`Error::Start`] if it cannot be started, [`Error::Timeout`] if it had to be killed. A status other than zero is no error
/// here: see [`Output::must`].
pub fn run(command: &mut Command, input: &str, limit: Duration) -> Result<Output> {
    let name = spell(command);
    let start = Instant::now();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| Error::Start { command: name.clone(), source })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input has closed it: its status says what it thought of that.
        let _unread = stdin.write_all(input.as_bytes());
    }
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = loop {
        if let Some(status) = child.try_wait().map_err(Error::system(format!("waiting for `{name}`")))? {
            break status;
        }
        if start.elapsed() > limit {
            let _gone = child.kill();
            let _reaped = child.wait();
            return Err(Error::Timeout { what: format!("the end of `{name}`"), limit });
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = |thread: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&thread.join().unwrap_or_default()).into_owned()
    };
    Ok(Output { command: name, status, stdout: text(stdout), stderr: text(stderr) })
}

fn drain<R: Read + Send + 'static>(stream: Option<R>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _partial = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_and_named() {
        let error = run(Command::new("sleep").arg("60"), "", Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("sleep 60"), "{error}");
    }

    #[test]
    fn a_failure_carries_what_was_said() {
        let output =
            run(Command::new("sh").args(["-c", "cat >&2; exit 3"]), "なぜ", Duration::from_secs(5)).unwrap();
        assert_eq!(output.code(), Some(3));
        assert!(output.must().unwrap_err().to_string().contains("なぜ"));
    }
}
