//! An auditor's desk: a folder with a state directory, and the command run in it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Exit status, stdout, stderr.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanare"));
        command.args(["--lang", "en", "--state"]).arg(self.at("state")).arg("--runtime").arg(self.at("run"));
        let output = command.arg("audit").args(arguments).current_dir(self.0.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let (status, out, err) = self.run(&[&["--json"], arguments].concat());
        (status, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out} {err}")))
    }

    /// A tree of files whose accounts are in order.
    pub(crate) fn tree(&self) -> String {
        self.write("tree/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
        self.write("tree/etc/shadow", "root:*:19000:0:99999:7:::\n");
        self.at("tree").to_str().unwrap().to_owned()
    }

    /// A private key; its public half is KEY.pub.
    pub(crate) fn key(&self, name: &str) -> String {
        let path = self.at(name);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "auditor", "-f"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        path.to_str().unwrap().to_owned()
    }
}
