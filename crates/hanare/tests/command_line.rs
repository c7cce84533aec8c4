//! The command line as people and scripts meet it: help in both languages, one document with `--json`, exit statuses.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::io::{BufRead as _, Write as _};
use std::process::{Command, Stdio};

use hanare::voice::Language;
use serde_json::Value;

/// Runs the program with its state and runtime directories in `dir`; what it ended with and printed.
fn run(dir: &tempfile::TempDir, input: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .args(["--lang", "en", "--state"])
        .arg(dir.path().join("state"))
        .arg("--runtime")
        .arg(dir.path().join("run"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends before it has read everything is none of this test's business.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn helps(language: Language) -> String {
    let mut out = String::new();
    let mut commands = vec![("hanare".to_owned(), hanare::command(language))];
    while let Some((path, command)) = commands.pop() {
        let mut shown = command.clone().term_width(100);
        out.extend(["$ ", &path, " --help\n", &shown.render_help().to_string(), "\n"]);
        let subs: Vec<_> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned().collect();
        commands.extend(subs.into_iter().rev().map(|sub| (format!("{path} {}", sub.get_name()), sub)));
    }
    out
}

#[test]
fn help_in_japanese() {
    insta::assert_snapshot!(helps(Language::Japanese));
}

#[test]
fn help_in_english() {
    insta::assert_snapshot!(helps(Language::English));
}

#[test]
fn every_failure_has_its_exit_status_and_is_one_document_with_json() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy.toml");
    std::fs::write(&policy, "version = 1\nunknown = true\n").unwrap();
    let policy = policy.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 19] = [
        (&["room"], 2, "usage-missing-command"),
        (&["room", "ad"], 2, "usage-unknown-command"),
        (&["room", "add", "kofu", "--company", "acme"], 2, "usage-value"),
        (&["room", "add", "kofu/306"], 2, "usage-missing-argument"),
        (&["room", "list", "--nonsense"], 2, "usage-unknown-argument"),
        (&["invite", "kofu/306", "--kind", "external"], 2, "usage-value"),
        (&["invite", "kofu/306", "--kind", "endpoint", "--expires", "soon"], 2, "usage-value"),
        (&["node", "revoke", "pc-1"], 2, "wants-yes"),
        (&["join"], 2, "invite-wanted"),
        (&["join", "hanare1:00000"], 2, "invite-in-argv"),
        (&["join", "-"], 3, "invite-damaged"),
        (&["join", "/nonexistent"], 3, "unreadable"),
        (&["policy", "check", policy], 3, "policy"),
        (&["ledger", "verify", "/nonexistent"], 3, "unreadable"),
        (&["unlock", "--reason", "portal", "--for", "31m"], 3, "unlock-too-long"),
        (&["unlock", "--reason", "portal", "--for", "1m", "--", "no-such-program"], 4, "no-such-program"),
        (&["up"], 4, "not-joined"),
        (&["hq", "serve"], 3, "hq-absent"),
        (&["hq", "status"], 5, "hq-not-running"),
    ];
    for (arguments, status, code) in cases {
        let (ended, out, err) = run(&dir, "hanare1:00000-00000", &[&["--json"], arguments].concat());
        let document: Value =
            serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?}: {out} {err}"));
        assert_eq!((ended, document["code"].as_str()), (status, Some(code)), "{arguments:?}");
        assert_eq!(document["schema"], "hanare.error/1");
        for part in ["text", "cause", "fix"] {
            assert!(document[part].as_str().is_some_and(|text| !text.is_empty()), "{arguments:?}: {part}");
        }
        let (ended, out, err) = run(&dir, "hanare1:00000-00000", arguments);
        assert_eq!((ended, out.as_str()), (status, ""), "{arguments:?}");
        assert!(err.contains("Why: ") && err.contains("What to do: "), "{arguments:?}: {err}");
    }
    assert!(!dir.path().join("state").exists(), "a failure left something behind");
}

/// Whole screens of failures in both languages: of the command line, of files, of what is not there.
#[test]
fn failures_as_people_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy.toml");
    std::fs::write(&policy, "version = 1\nunknown = true\n").unwrap();
    let policy = policy.to_str().unwrap();
    let cases: [&[&str]; 9] = [
        &["room", "add", "kofu", "--company", "acme"],
        &["room", "list", "--nonsense"],
        &["node", "revoke", "pc-1"],
        &["join", "-"],
        &["join", "/nonexistent"],
        &["policy", "check", policy],
        &["unlock", "--reason", "portal", "--for", "31m"],
        &["office", "add", "gujo", "--site-key", "floor"],
        &["hq", "status"],
    ];
    let mut screens = String::new();
    for language in ["ja", "en"] {
        for arguments in cases {
            let (_, _, told) = run(&dir, "hanare1:00000-00000", &[&["--lang", language], arguments].concat());
            screens.extend(["$ hanare ", &arguments.join(" "), "\n", &told, "\n"]);
        }
    }
    insta::assert_snapshot!(screens.replace(dir.path().to_str().unwrap(), "DIR"));
}

#[test]
fn a_bad_policy_is_shown_with_its_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy.toml");
    std::fs::write(&policy, "version = 1\nunknown = true\n").unwrap();
    let (_, _, err) = run(&dir, "", &["policy", "check", policy.to_str().unwrap()]);
    assert!(err.contains("policy.toml:2:1"), "{err}");
}

#[test]
fn a_headquarters_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let init = ["--json", "hq", "init", "--company", "acme", "--endpoint", "192.0.2.1:51820"];
    let (status, out, err) = run(&dir, "", &init);
    assert_eq!(status, 0, "{err}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["schema"], "hanare.hq.init/1");
    assert_eq!(document["addresses"][0], "10.88.0.1");
    let (status, out, _) = run(&dir, "", &init);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_ne!(status, 0);
    assert_eq!(document["code"], "hq-exists");
}

#[test]
fn a_machine_without_a_room_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (status, out, _) = run(&dir, "", &["--json", "status"]);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, document["schema"].as_str()), (1, Some("hanare.status/1")));
    assert_eq!(document["warnings"][0]["code"], "not-joined");
    for field in ["state", "interface", "addresses", "hq", "kill_switch", "unlocked_until", "lease_until"] {
        assert!(document.get(field).is_some(), "{field}");
    }
}

#[test]
fn watching_writes_a_document_per_look_until_nobody_reads() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .arg("--state")
        .arg(dir.path().join("state"))
        .arg("--runtime")
        .arg(dir.path().join("run"))
        .args(["--json", "status", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let document: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!((&document["schema"], &document["state"]), (&"hanare.status/1".into(), &"down".into()));
    }
    drop(lines);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()));
}

#[test]
fn a_broken_pipe_is_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hanare"))
        .arg("--help")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()));
}

#[test]
fn the_language_is_that_of_the_flag_then_of_the_environment() {
    let said = |flag: &[&str], variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanare"));
        command.env_clear().envs(variables.iter().copied()).args(flag).arg("room");
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let japanese = |text: String| text.contains("コマンドが足りません");
    assert!(japanese(said(&[], &[("LANG", "ja_JP.UTF-8")])));
    assert!(japanese(said(&[], &[("LC_MESSAGES", "ja_JP.UTF-8"), ("LANG", "en_US.UTF-8")])));
    assert!(!japanese(said(&[], &[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")])));
    assert!(!japanese(said(&["--lang", "en"], &[("LC_ALL", "ja_JP.UTF-8")])));
    assert!(japanese(said(&["--lang", "ja"], &[])));
    assert!(!japanese(said(&[], &[])));
}

#[test]
fn an_empty_export_fails_at_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    std::fs::write(&path, "").unwrap();
    let (code, told, _) = run(&dir, "", &["--json", "ledger", "verify", path.to_str().unwrap()]);
    let document: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, document["line"].as_u64()), (1, Some(1)), "{told}");
}

/// The words of a command line as a shell makes them, up to what is no part of the command.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut quoted) = (Vec::new(), String::new(), None, false);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') => (quote, quoted) = (Some(c), true),
            (None, '|' | '<' | '>' | '&' | ';' | '#') => break,
            (None, ' ') => {
                if quoted || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                quoted = false;
            }
            (_, c) => word.push(c),
        }
    }
    words
}

#[test]
fn every_command_shows_examples_that_it_understands_in_both_languages() {
    for language in Language::ALL {
        let mut commands = vec![(vec!["hanare".to_owned()], hanare::command(language))];
        let mut shown = 0;
        while let Some((path, command)) = commands.pop() {
            let subs: Vec<_> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned().collect();
            if subs.is_empty() {
                let help = command.clone().term_width(200).render_help().to_string();
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                // Behind the path, or what else stands before it, where another program's file names the command.
                let examples: Vec<_> = after
                    .lines()
                    .filter_map(|line| line.strip_prefix("  "))
                    .map(|line| line.split_once("/usr/bin/").map_or(line, |(_, command)| command).trim())
                    .filter(|line| line.starts_with("hanare "))
                    .collect();
                assert!(!examples.is_empty(), "{path:?} has no example: {help}");
                for example in examples {
                    assert!(help.contains(example), "{path:?} does not show {example}");
                    let words = words(example);
                    if let Err(error) = hanare::command(language).try_get_matches_from(&words) {
                        panic!("{path:?}: {example}: {error}");
                    }
                    shown += 1;
                }
            }
            for sub in subs {
                commands.push(([path.clone(), vec![sub.get_name().to_owned()]].concat(), sub));
            }
        }
        assert!(shown > 50, "{shown}");
    }
}
