//! Programs whose wall clock is wrong, or that live in another month.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Lab, Result, run};

/// A library that shifts the wall clock of whoever is started with it.
#[derive(Debug)]
pub struct Shifted {
    library: PathBuf,
}

impl Shifted {
    /// Builds it with the C compiler.
    ///
    /// # Errors
    /// If there is none, or it refuses.
    pub fn build(lab: &Lab) -> Result<Self> {
        Self::build_in(lab.directory())
    }

    /// The same in any folder.
    ///
    /// # Errors
    /// As [`Shifted::build`].
    pub fn build_in(folder: &Path) -> Result<Self> {
        let library = folder.join("shifted.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/shifted.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]);
        run(&mut compiler, "", Duration::from_secs(20))?.must()?;
        Ok(Self { library })
    }

    /// Makes `command` see the clock `days` later.
    pub fn later(&self, command: &mut Command, days: u32) {
        self.by(command, i64::from(days));
    }

    /// Makes `command` see the clock `days` later, or earlier.
    pub fn by(&self, command: &mut Command, days: i64) {
        command.env("LD_PRELOAD", &self.library).env("SHIFT", (days * 86_400).to_string());
    }
}
