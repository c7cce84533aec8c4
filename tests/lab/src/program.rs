//! The `hanare` command as a laboratory's hosts run it: the shipped binary, its own state directory on each host.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Error, Host, Output, Result, output};

/// Longest time for one command; `join` tries for 30 s before it gives up.
const LIMIT: Duration = Duration::from_secs(45);

/// The `hanare` binary.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Takes the binary at `path`.
    ///
    /// # Errors
    /// [`Error::Path`] if it is not there.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        match std::fs::metadata(&path) {
            Ok(_) => Ok(Self { path }),
            Err(source) => Err(Error::Path { path, source }),
        }
    }

    /// Finds the binary that was built with the current program: beside it, or one directory up for a test binary.
    /// `HANARE_BIN` names another one.
    ///
    /// # Errors
    /// [`Error::Path`] if it is not there.
    pub fn built() -> Result<Self> {
        if let Some(path) = std::env::var_os("HANARE_BIN") {
            return Self::at(path);
        }
        let current = std::env::current_exe().map_err(Error::system("finding the current program"))?;
        let directory = current.parent().unwrap_or(Path::new("/"));
        let directory =
            if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory };
        Self::at(directory.join("hanare"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command line on `host`, with the host's own state and runtime directories, in English.
    #[must_use]
    pub fn command(&self, host: &Host, arguments: &[&str]) -> Command {
        Self::spelled(host.command(&self.path), host, arguments)
    }

    /// The same as started by another program, whose own arguments end where a program's name is expected.
    #[must_use]
    pub fn command_under(&self, wrapper: &[&str], host: &Host, arguments: &[&str]) -> Command {
        let mut command = host.command("env");
        command.args(wrapper).arg(&self.path);
        Self::spelled(command, host, arguments)
    }

    fn spelled(mut command: Command, host: &Host, arguments: &[&str]) -> Command {
        command.args(["--lang", "en", "--state"]).arg(host.directory().join("state"));
        command.args(["--runtime", "/run/hanare"]).args(arguments);
        command
    }

    /// Runs a command line on `host` to its end, however it ends.
    ///
    /// # Errors
    /// If it cannot be started or takes longer than 45 s.
    pub fn attempt(&self, host: &Host, arguments: &[&str], input: &str) -> Result<Output> {
        output::run(&mut self.command(host, arguments), input, LIMIT)
    }

    /// Runs a command line on `host` and takes failure for an error.
    ///
    /// # Errors
    /// If it cannot be started, takes longer than 45 s, or fails.
    pub fn run(&self, host: &Host, arguments: &[&str]) -> Result<Output> {
        self.attempt(host, arguments, "")?.must()
    }
}
