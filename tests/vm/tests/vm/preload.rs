//! Libraries that a program is made to load before its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hanare_lab::run;

/// Compiles `src/NAME.c` into a library in `folder`.
pub(crate) fn library(folder: &Path, name: &str) -> PathBuf {
    let library = folder.join(format!("{name}.so"));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    compiler.arg(format!("{}/src/{name}.c", env!("CARGO_MANIFEST_DIR")));
    run(&mut compiler, "", Duration::from_secs(20)).and_then(hanare_lab::Output::must).expect("a library");
    library
}
