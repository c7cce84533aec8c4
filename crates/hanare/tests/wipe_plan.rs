//! The plan: what would go is counted, nothing is changed, no name inside a tree is told; a bad policy is shown with its place.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

struct Machine {
    directory: tempfile::TempDir,
    root: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        Self { directory, root }
    }

    fn run(&self, language: &str, policy: &str, more: &[&str]) -> (i32, String, String) {
        let file = self.directory.path().join("policy.toml");
        fs::write(&file, policy).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hanare"))
            .args(["--lang", language, "--state"])
            .arg(self.root.join("state"))
            .args(["wipe", "plan", "--policy"])
            .arg(file)
            .args(more)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn policy(&self, trees: &[&str]) -> String {
        let quoted = |path: &Path| format!("\"{}\"", path.display());
        let trees: Vec<String> = trees.iter().map(|name| quoted(&self.root.join(name))).collect();
        let allowed = quoted(&self.root);
        format!("version = 1\nname = \"x\"\n[work]\nallowed = [{allowed}]\ntrees = [{}]\n", trees.join(", "))
    }
}

/// Every path below a directory, with content or target.
fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            all.extend(snapshot(&path));
            all.push((path, Vec::new()));
        } else if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
            all.push((path, target));
        } else {
            let content = fs::read(&path).unwrap();
            all.push((path, content));
        }
    }
    all.sort();
    all
}

#[test]
fn what_would_go_is_counted_and_nothing_is_changed_or_named() {
    let machine = Machine::new();
    let tree = machine.root.join("work/tree");
    fs::create_dir_all(tree.join("inner/deeper")).unwrap();
    fs::create_dir_all(machine.root.join("outside")).unwrap();
    for (name, length) in
        [("report-kofu.txt", 5000), ("inner/budget-kofu.ods", 10), ("inner/deeper/empty-kofu", 0)]
    {
        fs::write(tree.join(name), vec![7; length]).unwrap();
    }
    fs::write(machine.root.join("outside/precious"), vec![1; 100_000]).unwrap();
    symlink(machine.root.join("outside"), tree.join("link-kofu")).unwrap();
    let policy = machine.policy(&["work/tree", "work/none"]);
    fs::write(machine.directory.path().join("policy.toml"), &policy).unwrap();
    let before = snapshot(&machine.root);
    let (_, out, err) = machine.run("en", &policy, &["--json"]);
    let document: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}"));
    assert_eq!(document["schema"], "hanare.wipe.plan/1");
    let goes = &document["trees"][0];
    assert_eq!((&goes["fate"], &goes["files"]), (&"goes".into(), &4.into()), "{goes}");
    let bytes = goes["bytes"].as_u64().unwrap();
    assert!((5010..20_000).contains(&bytes), "a link was followed, or files were not counted: {bytes}");
    assert!(goes["filesystem"].as_str().is_some_and(|kind| !kind.is_empty()));
    assert_eq!(document["trees"][1]["fate"], "absent");
    assert_eq!(document["policy"]["name"], "x");
    assert!(
        document["places"]
            .as_array()
            .is_some_and(|places| places.iter().any(|place| place["kind"] == "journal"))
    );
    assert!(["on", "off", "unsaid"].contains(&document["init_on_free"].as_str().unwrap()));
    for language in ["ja", "en"] {
        let (_, text, talk) = machine.run(language, &policy, &["-v"]);
        for said in [&text, &talk, &out] {
            assert!(!said.contains("kofu"), "a name inside the tree was told: {said}");
        }
        assert!(!text.contains("plan-") && !text.contains("skip-"), "a message is missing: {text}");
    }
    assert_eq!(snapshot(&machine.root), before);
    assert!(!machine.root.join("state").exists());
}

#[test]
fn a_tree_that_a_wipe_would_refuse_makes_the_plan_incomplete() {
    let machine = Machine::new();
    fs::create_dir_all(machine.root.join("real")).unwrap();
    symlink(machine.root.join("real"), machine.root.join("link")).unwrap();
    fs::create_dir_all(machine.root.join("state/inner")).unwrap();
    for tree in ["link", "state", "state/inner"] {
        let (status, out, _) = machine.run("en", &machine.policy(&[tree]), &["--json"]);
        let document: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((status, &document["trees"][0]["fate"]), (7, &"refused".into()), "{tree}");
        assert!(document["trees"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!(document["complete"], false);
    }
}

#[test]
fn a_bad_policy_is_shown_with_its_line_and_column_in_both_languages() {
    let machine = Machine::new();
    for tree in ["/", "/home", "/etc", "", "../x", "/home/../etc", "/opt/x"] {
        let policy = format!("version = 1\nname = \"x\"\nwork.trees = [\"/home/a\", \"{tree}\"]\n");
        for language in ["ja", "en"] {
            let (status, _, err) = machine.run(language, &policy, &[]);
            assert_eq!(status, 3, "{tree}: {err}");
            assert!(err.contains("policy.toml:3:26"), "{tree}: {err}");
        }
    }
    let (status, out, _) = machine.run("en", "version = 2\n", &["--json"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &document["code"]), (3, &"wipe-policy".into()));
}
