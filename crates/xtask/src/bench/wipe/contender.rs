//! Who erases.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Failure, release};

/// An eraser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    /// This one.
    Hanare,
    /// `rm -rf` and `sync`.
    Rm,
    /// `rm -rf`, `sync` and `fstrim`.
    RmTrim,
    /// `shred -u`, three passes and renaming, as it is by default.
    Shred,
    /// `srm -r -ll`, one pass: its fastest way.
    Srm,
    /// One overwrite past the page cache, nothing removed: what the device can do.
    Overwrite,
}

/// One run.
pub(super) struct Run {
    pub(super) seconds: f64,
    pub(super) verifying: Option<f64>,
    pub(super) peak_kib: Option<u64>,
}

impl Contender {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hanare => "hanare",
            Self::Rm => "rm",
            Self::RmTrim => "rm-trim",
            Self::Shred => "shred",
            Self::Srm => "srm",
            Self::Overwrite => "overwrite",
        }
    }

    /// Whether it takes more than 1 ms for a file (`srm` 1.8, `shred` 9), so that three rounds of it would take an hour.
    pub(super) const fn is_slow(self) -> bool {
        matches!(self, Self::Shred | Self::Srm)
    }

    /// Whether it is meant to leave nothing.
    pub(super) const fn erases(self) -> bool {
        !matches!(self, Self::Overwrite)
    }

    /// Erases the tree.
    pub(super) fn run(self, mount: &Path, tree: &Path, state: &Path) -> Result<Run, Failure> {
        let tree = tree.to_str().ok_or("a path is not UTF-8")?;
        let mount = mount.to_str().ok_or("a path is not UTF-8")?;
        let plain = |commands: &[&[&str]]| timed(commands);
        match self {
            Self::Hanare => hanare(tree, state),
            Self::Rm => plain(&[&["rm", "-rf", tree], &["sync", "-f", mount]]),
            Self::RmTrim => plain(&[&["rm", "-rf", tree], &["sync", "-f", mount], &["fstrim", mount]]),
            Self::Shred => plain(&[
                &["find", tree, "-type", "f", "-exec", "shred", "-u", "{}", "+"],
                &["rm", "-rf", tree],
                &["sync", "-f", mount],
            ]),
            Self::Srm => plain(&[&["srm", "-r", "-ll", tree], &["sync", "-f", mount]]),
            Self::Overwrite => {
                let file = format!("{tree}/large-0");
                let pieces = format!("count={}", std::fs::metadata(&file)?.len() >> 22);
                let file = format!("of={file}");
                let how = ["bs=4M", "oflag=direct", "conv=notrunc,fsync"];
                plain(&[&["dd", "if=/dev/zero", &file, &pieces, how[0], how[1], how[2]]])
            }
        }
    }
}

fn timed(commands: &[&[&str]]) -> Result<Run, Failure> {
    let start = Instant::now();
    for words in commands {
        let (program, arguments) = words.split_first().ok_or("no program")?;
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(format!("{}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(Run { seconds: start.elapsed().as_secs_f64(), verifying: None, peak_kib: None })
}

fn hanare(tree: &str, state: &Path) -> Result<Run, Failure> {
    let mut command = Command::new(release("hanare"));
    command.args(["--json", "--state"]).arg(state).args(["wipe", "tree", tree, "--yes", "--standalone"]);
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).or(peak);
        std::thread::sleep(Duration::from_millis(5));
    }
    let wall = start.elapsed().as_secs_f64();
    let output = child.wait_with_output()?;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    if document.pointer("/verdict").and_then(serde_json::Value::as_str) != Some("pass") {
        return Err(document.to_string().into());
    }
    let verifying =
        document.pointer("/verified/seconds").and_then(serde_json::Value::as_f64).unwrap_or_default();
    Ok(Run { seconds: wall - verifying, verifying: Some(verifying), peak_kib: peak })
}
