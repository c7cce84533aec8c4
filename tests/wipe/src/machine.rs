//! The shipped `hanare` as these tests run it: a state directory of its own, one JSON document.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hanare_lab::{Program, Shifted};
use serde_json::Value;

use crate::Result;

/// A machine that is not enrolled.
#[derive(Debug, Clone)]
pub struct Machine {
    program: Program,
    state: PathBuf,
}

/// What a command told.
#[derive(Debug, Clone)]
pub struct Told {
    /// The exit status.
    pub status: Option<i32>,
    /// The document.
    pub document: Value,
    /// Everything that was printed.
    pub text: String,
}

impl Machine {
    /// A machine with its state in `state`.
    ///
    /// # Errors
    /// If the binary is not built.
    pub fn new(state: &Path) -> Result<Self> {
        Ok(Self { program: Program::built()?, state: state.to_path_buf() })
    }

    /// The same with a copy of the program in `folder`: a machine on which `/tmp` is confined sees nothing that was there.
    ///
    /// # Errors
    /// If the binary is not built or cannot be copied.
    pub fn with_copy(state: &Path, folder: &Path) -> Result<Self> {
        let copy = folder.join("hanare");
        std::fs::copy(Program::built()?.path(), &copy)?;
        Ok(Self { program: Program::at(copy)?, state: state.to_path_buf() })
    }

    /// Where its state is.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program.path());
        command.args(["--lang", "en", "--json", "--state"]).arg(&self.state).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Erases trees.
    ///
    /// # Errors
    /// If the command cannot be run or says no document.
    pub fn wipe(&self, trees: &[&Path]) -> Result<Told> {
        told(self.wiping(trees).spawn()?)
    }

    /// Starts to erase a tree.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub fn start(&self, tree: &Path) -> Result<Child> {
        Ok(self.wiping(&[tree]).spawn()?)
    }

    /// Starts any other command.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Child> {
        Ok(self.command(arguments).spawn()?)
    }

    /// Runs a command that is killed by SIGKILL as it makes the system call `call` for the `count`th time, before the kernel
    /// does anything. Says whether it came that far.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn killed_at(&self, call: &str, count: u32, arguments: &[&str]) -> Result<bool> {
        let output = self.traced(call, &format!("signal=SIGKILL:when={count}"), arguments).output()?;
        Ok(output.status.signal() == Some(9) || output.status.code() == Some(128 + 9))
    }

    /// Runs a command whose system calls `call` all fail with `error`.
    ///
    /// # Errors
    /// If it cannot be run or says no document.
    pub fn failing_at(&self, call: &str, error: &str, arguments: &[&str]) -> Result<Told> {
        told(self.traced(call, &format!("error={error}"), arguments).spawn()?)
    }

    /// The same for those on one path only.
    ///
    /// # Errors
    /// If it cannot be run or says no document.
    pub fn failing_on(&self, path: &Path, call: &str, error: &str, arguments: &[&str]) -> Result<Told> {
        let mut command = self.traced(call, &format!("error={error}"), arguments);
        let mut on = Command::new(command.get_program());
        on.arg("-P").arg(path).args(command.get_args());
        on.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command = on;
        told(command.spawn()?)
    }

    /// Starts a command that waits `milliseconds` before the kernel does what each of its system calls `call` wants.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn delayed_at(&self, call: &str, milliseconds: u32, arguments: &[&str]) -> Result<Child> {
        Ok(self.traced(call, &format!("delay_enter={milliseconds}000"), arguments).spawn()?)
    }

    fn traced(&self, call: &str, injected: &str, arguments: &[&str]) -> Command {
        traced(&self.command(arguments), call, injected)
    }

    fn wiping(&self, trees: &[&Path]) -> Command {
        let mut command = self.command(&["wipe", "tree", "--yes", "--standalone", "-v"]);
        command.args(trees);
        command
    }

    /// Any other command.
    ///
    /// # Errors
    /// If the command cannot be run or says no document.
    pub fn run(&self, arguments: &[&str]) -> Result<Told> {
        told(self.spawn(arguments)?)
    }

    /// Any other command, with a clock that is `days` ahead, or behind.
    ///
    /// # Errors
    /// If the command cannot be run or says no document.
    pub fn run_at(&self, clock: &Shifted, days: i64, arguments: &[&str]) -> Result<Told> {
        let mut command = self.command(arguments);
        clock.by(&mut command, days);
        told(command.spawn()?)
    }

    /// The receipts: only the documents, not their signatures.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn receipts(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut waiting = vec![self.state.join("wipe/receipts")];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|ending| ending == "json") && numbered(&path) {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }
}

/// The same command, with something done to its system calls `call`.
#[must_use]
pub fn traced(untraced: &Command, call: &str, injected: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{injected}"), "--"]);
    command.arg(untraced.get_program()).args(untraced.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn numbered(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.bytes().take(8).filter(u8::is_ascii_digit).count() == 8
}

/// Waits for a command's end.
///
/// # Errors
/// If it says no document.
pub fn told(child: Child) -> Result<Told> {
    let output = child.wait_with_output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let document = serde_json::from_str(&out).map_err(|error| format!("{error}: {out}{err}"))?;
    Ok(Told { status: output.status.code(), document, text: format!("{out}{err}") })
}

impl Told {
    /// A member of the document as text; empty if it has none.
    #[must_use]
    pub fn word(&self, name: &str) -> &str {
        self.document.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A list of the document; empty if it has none.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<Value> {
        self.document.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// A number of the document, such as `verified/remnants`.
    #[must_use]
    pub fn number(&self, pointer: &str) -> u64 {
        self.document.pointer(&format!("/{pointer}")).and_then(Value::as_u64).unwrap_or(u64::MAX)
    }

    /// How many things were left out as `kind`.
    #[must_use]
    pub fn skipped(&self, kind: &str) -> u64 {
        let entries = self.document.get("skipped").and_then(Value::as_array).into_iter().flatten();
        let of_kind = entries.filter(|entry| entry.get("kind").and_then(Value::as_str) == Some(kind));
        of_kind.filter_map(|entry| entry.get("count").and_then(Value::as_u64)).sum()
    }
}
