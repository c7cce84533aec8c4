//! The audit as an auditor meets it: exit statuses, reports that anybody verifies, checklists that cannot be used.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

mod desk;

use std::fs;
use std::path::Path;
use std::process::Command;

use desk::Desk;
use serde_json::Value;

const ITEM: &str = r#"version = 1
name = "x"
title = { ja = "あ", en = "a" }
[[item]]
id = "DEV-09"
tier = "basic"
confidence = "inferred"
views = ["endpoint"]
responsible = "tenant"
effort = "small"
evidence_days = 1
title = { ja = "あ", en = "a" }
measure = { ja = "あ", en = "a" }
remedy = { ja = "あ", en = "a" }
check.endpoint.name = "accounts"
"#;

/// The truth table: what is there × the exit status.
#[test]
fn only_what_is_good_as_a_whole_ends_with_0() {
    let desk = Desk::new();
    let tree = desk.tree();
    let one = desk.write("one.toml", ITEM);
    let none = desk.write("none.toml", "version = 1\nname = \"x\"\ntitle = { ja = \"あ\", en = \"a\" }\n");
    let run = |more: &[&str]| desk.json(&[&["run", "--root", &tree], more].concat());
    let (status, report) = run(&["--checklist", &one]);
    assert_eq!((status, &report["results"][0]["status"]), (0, &Value::from("pass")), "{report}");
    assert_eq!(
        (report["schema"].as_str(), &report["counts"]["pass"]),
        (Some("hanare.audit.run/1"), &Value::from(1))
    );
    // Good and unknown.
    assert_eq!(run(&["--only", "DEV-09,DEV-01", "--view", "endpoint"]).0, 7);
    // Unknown, due, nothing.
    assert_eq!(run(&["--only", "DEV-01"]).0, 7);
    let (status, report) = run(&["--only", "GOV-01", "--view", "hq"]);
    assert_eq!((status, &report["results"][0]["status"]), (7, &Value::from("attest-due")));
    assert_eq!(run(&["--only", "GOV-01", "--view", "endpoint"]).0, 7, "nothing was evaluated");
    let (status, report) = run(&["--checklist", &none]);
    assert_eq!((status, report["results"].as_array().map(Vec::len)), (7, Some(0)), "no item at all");
    assert_eq!(report["grade"]["with_waivers"], "none");
    // The whole list: every item of it is there, and not all are good.
    let (status, report) = run(&[]);
    let mut ids: Vec<&str> =
        report["results"].as_array().unwrap().iter().filter_map(|said| said["id"].as_str()).collect();
    ids.dedup();
    assert_eq!((status, ids.len()), (7, 65));
    // A failure counts more than whatever is unknown beside it.
    desk.write("tree/etc/shadow", "root::19000:0:99999:7:::\n");
    let (status, report) = run(&["--only", "DEV-09,DEV-01", "--view", "endpoint"]);
    let failed = report["results"].as_array().unwrap().iter().find(|said| said["id"] == "DEV-09").unwrap();
    assert_eq!((status, &failed["status"]), (1, &Value::from("fail")));
    for part in ["reason", "fix", "reason_ja", "fix_ja"] {
        assert!(failed[part].as_str().is_some_and(|text| !text.is_empty()), "{part}");
    }
    // Evidence gone.
    fs::remove_file(desk.at("tree/etc/shadow")).unwrap();
    let (status, report) = run(&["--only", "DEV-09", "--view", "endpoint"]);
    assert_eq!((status, &report["results"][0]["status"]), (7, &Value::from("unknown")));
}

#[test]
fn bad_input_has_its_status() {
    let desk = Desk::new();
    let file = desk.write("file", "x");
    let bad = desk.write("bad.toml", "version = 1\nname = \"x\"\ncolour = 1\n");
    let code = |arguments: &[&str]| {
        let (status, document) = desk.json(arguments);
        (status, document["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code(&["run", "--root", "/nonexistent"]), (3, "audit-root".to_owned()));
    assert_eq!(code(&["run", "--root", &file]), (3, "audit-root".to_owned()));
    assert_eq!(code(&["run", "--only", "DEV-99"]), (2, "audit-no-item".to_owned()));
    assert_eq!(code(&["explain", "DEV-99"]), (2, "audit-no-item".to_owned()));
    assert_eq!(code(&["run", "--facts", &file]), (3, "audit-facts".to_owned()));
    assert_eq!(code(&["run", "--view", "moon"]), (2, "usage-value".to_owned()));
    assert_eq!(code(&["run", "--sign", &file]), (2, "usage-missing-argument".to_owned()));
    assert_eq!(code(&["checklist", "check", &bad]), (3, "checklist".to_owned()));
    let (_, _, err) = desk.run(&["checklist", "check", &bad]);
    assert!(err.contains("bad.toml:3:1"), "{err}");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(code(&["run", "--out", "o", "--sign", &file]), (3, "audit-key-open".to_owned()));
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(code(&["run", "--out", "o", "--sign", &file]), (3, "audit-key".to_owned()));
    assert!(!desk.at("o").exists(), "a refused run wrote something");
    let long = desk.write("long.toml", &format!("# {}\n", "x".repeat(1024 * 1024)));
    assert_eq!(code(&["checklist", "check", &long]).0, 3);
}

#[test]
fn equal_facts_and_time_give_equal_bytes() {
    let desk = Desk::new();
    let (status, facts, _) = desk.run(&["facts"]);
    assert_eq!(status, 0);
    let facts = desk.write("facts.json", &facts);
    let report = |out: &str, language: &str| {
        let out = desk.at(out);
        let arguments = ["--lang", language, "run", "--facts", &facts, "--out", out.to_str().unwrap()];
        desk.run(&arguments);
        fs::read(out.join("report.json")).unwrap()
    };
    let first = report("one", "en");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == report("two", "ja"), "the second report differs");
    let first: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(first["facts"]["endpoint"]["replayed"], true);
    assert_eq!(first["notice"]["ja"], "自己点検であり認証ではない、公式本文は未参照");
}

#[test]
fn a_report_verifies_and_any_changed_byte_does_not() {
    let desk = Desk::new();
    let (key, other) = (desk.key("key"), desk.key("other"));
    let one = desk.write("one.toml", ITEM);
    let tree = desk.tree();
    let sign = |out: &str, key: &str| {
        let arguments = [
            "run",
            "--root",
            &tree,
            "--checklist",
            &one,
            "--out",
            out,
            "--sign",
            key,
            "--at",
            "2099-01-01T00:00:00Z",
        ];
        desk.run(&arguments);
        desk.at(out).join("report.json").to_str().unwrap().to_owned()
    };
    let public = format!("{key}.pub");
    let first = sign("first", &key);
    let second = sign("second", &key);
    let verify =
        |report: &str, more: &[&str]| desk.json(&[&["verify", report, "--key", &public], more].concat());
    let (status, good) = verify(&first, &[]);
    assert_eq!(
        (status, &good["valid"], good["at"].as_str()),
        (0, &Value::from(true), Some("2099-01-01T00:00:00Z"))
    );
    assert!(good.get("office").is_some());
    let (_, next) = verify(&second, &[]);
    let (first_hash, second_hash) = (good["hash"].as_str().unwrap(), next["hash"].as_str().unwrap());
    // The later one extends the earlier one, and not the other way round.
    assert_eq!(verify(&second, &["--head", first_hash]).0, 0);
    assert_eq!(verify(&first, &["--head", second_hash]).0, 1);
    assert_eq!(verify(&first, &["--not-before", "2099-01-01T00:00:01Z"]).0, 7);
    assert_eq!(verify(&first, &["--not-before", "2099-01-01T00:00:00Z"]).0, 0);
    assert_eq!(verify(&sign("foreign", &other), &[]).0, 1);
    assert_eq!(verify("/nonexistent", &[]).0, 3);
    // OpenSSH says the same.
    let signers = desk.write("signers", &format!("auditor {}", fs::read_to_string(&public).unwrap()));
    let openssh = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "hanare-report", "-I", "auditor", "-f", &signers, "-s"])
        .arg(format!("{first}.sig"))
        .stdin(fs::File::open(&first).unwrap())
        .output()
        .unwrap();
    assert!(openssh.status.success(), "{}", String::from_utf8_lossy(&openssh.stderr));
    // Some bytes by the command, all of them by the library's test.
    let whole = fs::read(&first).unwrap();
    for index in (0..whole.len()).step_by(97) {
        let mut changed = whole.clone();
        changed[index] ^= 1;
        fs::write(&first, changed).unwrap();
        let (status, bad) = verify(&first, &[]);
        assert_eq!((status, &bad["valid"]), (1, &Value::from(false)), "byte {index}");
    }
    fs::write(&first, b"no JSON").unwrap();
    assert_eq!(verify(&first, &[]).0, 1);
    fs::write(&first, &whole).unwrap();
    assert_eq!(verify(&first, &[]).0, 0);
    fs::remove_file(Path::new(&format!("{first}.sig"))).unwrap();
    assert_eq!(verify(&first, &[]).0, 1);
}

#[test]
fn an_unsigned_report_has_no_signature_of_an_earlier_one_beside_it() {
    let desk = Desk::new();
    let key = desk.key("key");
    desk.run(&["run", "--out", "o", "--sign", &key]);
    assert!(desk.at("o/report.json.sig").exists());
    desk.run(&["run", "--out", "o"]);
    assert!(desk.at("o/report.json").exists() && !desk.at("o/report.json.sig").exists());
}

#[test]
fn a_person_reads_what_it_is_before_what_it_found() {
    let desk = Desk::new();
    let tree = desk.tree();
    for (language, notice) in [
        ("ja", "自己点検であり認証ではない、公式本文は未参照"),
        ("en", "A self-assessment, not a certificate"),
    ] {
        let (_, out, _) = desk.run(&["--lang", language, "run", "--root", &tree]);
        assert!(out.starts_with(notice), "{out}");
        assert!(out.contains("DEV-09") && out.contains("GOV-01") && out.contains("basic"), "{out}");
    }
}
