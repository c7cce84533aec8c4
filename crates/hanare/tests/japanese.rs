//! What a Japanese person reads when something is wrong with this machine is Japanese, as its commands say it.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

mod words;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use words::english;

/// Runs the program as a Japanese person does; what it printed.
fn run(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env("LANG", "ja_JP.UTF-8")
        // Without the log, which is for machines.
        .arg("-q")
        .arg("--state")
        .arg(dir.join("state"))
        .arg("--runtime")
        .arg(dir.join("run"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn is_japanese(said: &str) {
    assert!(!said.is_empty() && !said.is_ascii(), "{said}");
    assert_eq!(english(said), Vec::<String>::new(), "{said}");
}

const INIT: [&str; 6] = ["hq", "init", "--company", "acme", "--endpoint", "192.0.2.1:51820"];

#[test]
fn a_damaged_file_of_the_node_is_named_with_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let node = dir.path().join("state/node");
    fs::create_dir_all(&node).unwrap();
    fs::write(node.join("hq.json"), "{\n \"format\": 1,\n \"pin\": }\n").unwrap();
    fs::write(node.join("lease.json"), "{\"format\":1}").unwrap();
    for command in [["up"].as_slice(), &["status"], &["join", "/dev/null"]] {
        let said = run(dir.path(), command);
        is_japanese(&said);
    }
    let said = run(dir.path(), &["status"]);
    assert!(said.contains(".json") && said.contains("1 行"), "{said}");
}

#[test]
fn a_headquarters_that_cannot_be_made_or_opened_says_so_in_japanese() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("state"), "a file").unwrap();
    is_japanese(&run(dir.path(), &INIT));
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .arg("--state")
        .arg(dir.path().join("state"))
        .args(INIT)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let database = dir.path().join("state/hq.sqlite3");
    let mut torn = fs::read(&database).unwrap();
    torn.iter_mut().skip(20).for_each(|byte| *byte = 0xa5);
    fs::write(&database, torn).unwrap();
    is_japanese(&run(dir.path(), &["hq", "serve", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]));
    fs::write(&database, "no database at all, but long enough to be looked at ".repeat(64)).unwrap();
    is_japanese(&run(dir.path(), &["hq", "serve", "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]));
}
