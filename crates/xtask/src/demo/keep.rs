//! `--keep`: a shell inside the laboratory, from which every machine can be entered.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hanare_lab::{Error, Lab, Program, Result};

use super::narrator::Narrator;

/// `on MACHINE COMMAND …`; `hanare` finds the machine's own state.
const ON: &str = "#!/bin/sh
machine=$1; shift
cd /
if [ \"$1\" = hanare ]; then shift; set -- \"$HANARE\" --state \"/run/lab/hosts/$machine/state\" \"$@\"; fi
exec nsenter -t \"$(cat \"/run/lab/hosts/$machine/pid\")\" -n -m -u -- \"$@\"
";

/// Opens the shell and waits until it is left.
pub(crate) fn open_a_shell(lab: &Lab, names: &[String], narrator: &Narrator) -> Result<()> {
    let directory = lab.directory().join("bin");
    let script = directory.join("on");
    let failed = |source| Error::Path { path: script.clone(), source };
    std::fs::create_dir_all(&directory).map_err(failed)?;
    std::fs::write(&script, ON).map_err(failed)?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
    narrator.tell("demo-keep", &[("machines", &names.join(" "))]);
    let path = format!("{}:{}", directory.display(), hanare_lab::search_path());
    let mut shell = Command::new("sh");
    shell.env("PATH", path).env("HANARE", Program::built()?.path()).current_dir(lab.directory());
    shell.status().map(drop).map_err(|source| Error::Start { command: "sh".to_owned(), source })
}
