//! Where this repository and its build are.

use std::path::PathBuf;
use std::process::Command;

/// The top of the source tree that this program was built from.
pub(crate) fn top() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// Where tools are kept that Debian has not.
pub(crate) fn tools() -> PathBuf {
    top().join("target/tools")
}

/// The cargo that started this, or the one in the search path.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(top()).env("PATH", hanare_lab::search_path());
    command
}
