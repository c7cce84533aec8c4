//! What people state about an office, as they meet it: who may, until when, what becomes of it in a report.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

mod desk;

use std::fs;
use std::path::PathBuf;

use desk::Desk;
use serde_json::Value;

const SITE: &str = r#"version = 1
office = "kofu"
room = "kofu/306"
office_name = "甲府テレワークヴィレッジ"
[[person]]
id = "sato"
roles = ["attester"]
[[person]]
id = "ito"
roles = ["owner"]
"#;

/// Two items for people and one that a machine looks at.
const CHECKLIST: &str = r#"version = 1
name = "x"
title = { ja = "あ", en = "a" }
[[item]]
id = "GOV-01"
tier = "basic"
confidence = "inferred"
views = ["hq"]
responsible = "tenant"
effort = "small"
evidence_days = 365
title = { ja = "あ", en = "a" }
measure = { ja = "あ", en = "a" }
remedy = { ja = "あ", en = "a" }
attestation = { ja = "あ", en = "a" }
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
attestation = { ja = "あ", en = "a" }
check.endpoint.name = "accounts"
"#;

struct Office {
    desk: Desk,
    site: String,
    list: String,
    paper: String,
}

impl Office {
    fn new() -> Self {
        let desk = Desk::new();
        let site = desk.write("site.toml", SITE);
        let list = desk.write("list.toml", CHECKLIST);
        let paper = desk.write("policy.pdf", "our policy");
        Self { desk, site, list, paper }
    }

    fn with(&self, arguments: &[&str]) -> (i32, Value) {
        let more = ["--site", &self.site, "--checklist", &self.list];
        self.desk.json(&[arguments, &more].concat())
    }

    fn attest(&self, id: &str, by: &str, until: &str) -> (i32, Value) {
        self.with(&[
            "attest",
            id,
            "--office",
            "kofu",
            "--by",
            by,
            "--until",
            until,
            "--evidence",
            &self.paper,
        ])
    }

    fn waive(&self, id: &str, until: &str) -> (i32, Value) {
        let reason = ["--reason", "new doors in March"];
        self.with(
            &[&["waive", id, "--office", "kofu", "--owner", "ito", "--until", until], &reason[..]].concat(),
        )
    }

    /// A report over facts of a tree whose accounts are in order, or not.
    fn report(&self, is_good: bool, more: &[&str]) -> (i32, Value) {
        let tree = self.desk.tree();
        if !is_good {
            self.desk.write("tree/etc/shadow", "root::19000:0:99999:7:::\n");
        }
        let (_, facts, _) = self.desk.run(&["facts", "--root", &tree]);
        let facts = self.desk.write("facts.json", &facts);
        self.with(&[&["report", "kofu", "--facts", &facts], more].concat())
    }

    fn evidence(&self) -> PathBuf {
        let kept = self.desk.at("state/audit/kofu/evidence");
        fs::read_dir(kept).unwrap().next().unwrap().unwrap().path()
    }
}

/// A day so many days from today, in Japan.
fn day(days: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let japan = i64::try_from(now).unwrap() + 9 * 3600 + days * 86_400;
    hanare_model::Timestamp::from_seconds(japan).to_string()[..10].to_owned()
}

fn code(answer: &(i32, Value)) -> (i32, &str) {
    (answer.0, answer.1.get("code").and_then(Value::as_str).unwrap_or_default())
}

fn status<'a>(report: &'a Value, id: &str) -> &'a str {
    let results = report["results"].as_array().unwrap();
    results.iter().find(|said| said["id"] == id).unwrap()["status"].as_str().unwrap()
}

#[test]
fn an_attestation_makes_an_office_good_until_its_last_day_is_over() {
    let office = Office::new();
    let (exit, report) = office.report(true, &[]);
    assert_eq!(
        (exit, status(&report, "GOV-01"), status(&report, "DEV-09")),
        (7, "attest-due", "pass"),
        "{report}"
    );
    let (exit, said) = office.attest("GOV-01", "sato", &day(1));
    assert_eq!((exit, said["schema"].as_str()), (0, Some("hanare.audit.attest/1")), "{said}");
    // 24:00 in Japan is 15:00 in UTC.
    assert_eq!(said["ends"].as_str().unwrap(), format!("{}T15:00:00Z", day(1)));
    let (exit, report) = office.report(true, &[]);
    assert_eq!((exit, status(&report, "GOV-01")), (0, "attested"), "{report}");
    assert_eq!(
        (&report["office"], &report["names"][0]),
        (&"kofu".into(), &"甲府テレワークヴィレッジ".into())
    );
    assert_eq!(report["grade"]["with_waivers"], "basic+risk-plan");
    let evidence = report["results"][0]["evidence"].as_array().unwrap();
    assert_eq!(
        (evidence[0]["trust"].as_str(), evidence[1]["trust"].as_str()),
        (Some("word"), Some("supplied"))
    );
    let last = format!("{}T14:59:59Z", day(1));
    let over = format!("{}T15:00:00Z", day(1));
    let only = ["--only", "GOV-01"];
    assert_eq!(office.report(true, &[&["--at", &last], &only[..]].concat()).0, 0);
    let (exit, report) = office.report(true, &[&["--at", &over], &only[..]].concat());
    assert_eq!((exit, status(&report, "GOV-01")), (7, "attest-due"));
    assert_eq!(report["results"][0]["reason_code"], "why-attestation-over");
    // The evidence that was kept is another, then gone.
    let kept = office.evidence();
    fs::write(&kept, "another policy").unwrap();
    let (exit, report) = office.report(true, &[]);
    assert_eq!(
        (exit, report["results"][0]["reason_code"].as_str()),
        (7, Some("why-evidence-gone")),
        "{report}"
    );
    fs::remove_file(&kept).unwrap();
    assert_eq!(office.report(true, &[]).0, 7);
}

#[test]
fn a_signed_report_names_the_office_to_whoever_verifies_it() {
    let office = Office::new();
    let key = office.desk.key("key");
    office.report(true, &["--out", "out", "--sign", &key]);
    let (exit, said) = office.desk.json(&["verify", "out/report.json", "--key", &format!("{key}.pub")]);
    assert_eq!((exit, said["office"].as_str()), (0, Some("kofu")), "{said}");
}

#[test]
fn what_a_machine_saw_fail_stays_failed_and_contradicts_the_word() {
    let office = Office::new();
    assert_eq!(office.attest("GOV-01", "sato", &day(1)).0, 0);
    assert_eq!(office.attest("DEV-09", "sato", &day(1)).0, 0);
    let (exit, report) = office.report(false, &[]);
    assert_eq!((exit, status(&report, "DEV-09")), (1, "fail"), "{report}");
    assert_eq!(report["contradictions"][0]["code"], "why-attested-and-failed");
    // Without facts nobody saw anything, and the word counts.
    let (exit, report) = office.with(&["report", "kofu"]);
    assert_eq!((exit, status(&report, "DEV-09")), (0, "attested"));
}

/// The truth table's part with waivers: what was waived × accepted × the exit status.
#[test]
fn a_waiver_ends_with_0_only_where_it_is_accepted() {
    let office = Office::new();
    assert_eq!(office.attest("GOV-01", "sato", &day(1)).0, 0);
    assert_eq!(office.report(false, &["--accept-waivers"]).0, 1);
    assert_eq!(office.waive("DEV-09", &day(1)).0, 0);
    let (exit, report) = office.report(false, &[]);
    assert_eq!((exit, status(&report, "DEV-09")), (7, "waived"), "{report}");
    let grade = &report["grade"];
    assert_eq!(
        (&grade["with_waivers"], &grade["without_waivers"]),
        (&"basic+risk-plan".into(), &"none".into())
    );
    assert_eq!(grade["blockers"][0]["id"], "DEV-09");
    assert_eq!(office.report(false, &["--accept-waivers"]).0, 0);
    let over = format!("{}T15:00:00Z", day(1));
    assert_eq!(office.report(false, &["--accept-waivers", "--at", &over]).0, 1);
    // What is good needs no waiver: one of the two is wrong.
    let (exit, report) = office.report(true, &["--accept-waivers"]);
    assert_eq!((exit, status(&report, "DEV-09")), (1, "pass"));
    assert_eq!(report["contradictions"][0]["code"], "why-waived-and-good");
}

#[test]
fn who_may_not_and_what_cannot_be_is_refused_and_nothing_is_kept() {
    let office = Office::new();
    assert_eq!(code(&office.attest("GOV-01", "nobody", &day(1))), (6, "audit-person"));
    assert_eq!(code(&office.attest("GOV-01", "ito", &day(1))), (6, "audit-attester"));
    assert_eq!(code(&office.attest("GOV-99", "sato", &day(1))), (2, "audit-no-item"));
    assert_eq!(code(&office.attest("GOV-01", "sato", &day(-1))), (3, "audit-until"));
    assert_eq!(code(&office.attest("GOV-01", "sato", &day(401))), (3, "audit-until"));
    assert_eq!(code(&office.attest("GOV-01", "sato", "soon")), (2, "usage-value"));
    let at = |more: &[&str]| {
        let head = ["attest", "GOV-01", "--until", "2099-01-01", "--by", "sato"];
        office.with(&[&head, more].concat())
    };
    assert_eq!(code(&at(&["--office", "nara", "--evidence", &office.paper])), (3, "audit-site-office"));
    assert_eq!(code(&at(&["--office", "kofu"])), (2, "usage-missing-argument"));
    let until = day(1);
    let shown = |evidence: &str| {
        let head = ["attest", "GOV-01", "--until", &until, "--by", "sato", "--office", "kofu"];
        office.with(&[&head[..], &["--evidence", evidence]].concat())
    };
    assert_eq!(code(&shown("/nonexistent")), (3, "unreadable"));
    assert_eq!(code(&shown("/dev/zero")), (3, "audit-evidence"));
    assert_eq!(code(&shown(&office.desk.write("empty", ""))), (3, "audit-evidence"));
    let waive = |id: &str, owner: &str, reason: &str| {
        let head = ["waive", id, "--office", "kofu", "--until", &until];
        let answer = office.with(&[&head[..], &["--owner", owner, "--reason", reason]].concat());
        (answer.0, answer.1["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(waive("GOV-01", "nobody", "x"), (6, "audit-person".to_owned()));
    assert_eq!(waive("GOV-99", "ito", "x"), (2, "audit-no-item".to_owned()));
    assert_eq!(waive("GOV-01", "ito", " "), (3, "text".to_owned()));
    assert!(!office.desk.at("state/audit/kofu/statements.json").exists());
    assert_eq!(office.report(true, &[]).0, 7);
    // No person's word counts for an item of the program's own list that says so.
    let own = ["attest", "NET-01", "--office", "kofu", "--by", "sato", "--until", &until];
    let own = office.desk.json(&[&own[..], &["--evidence", &office.paper, "--site", &office.site]].concat());
    assert_eq!(code(&own), (6, "audit-not-attestable"));
}

#[test]
fn a_site_file_is_pointed_into_and_one_that_is_kept_here_is_used() {
    let office = Office::new();
    let bad = office.desk.write("bad.toml", "version = 1\noffice = \"kofu\"\ncolour = 1\n");
    assert_eq!(code(&office.desk.json(&["site", "check", &bad])), (3, "site"));
    assert!(office.desk.run(&["site", "check", &bad]).2.contains("bad.toml:3:1"));
    assert_eq!(office.desk.json(&["site", "check", &office.site]).0, 0);
    let zone = office.desk.write("zone.toml", "version = 1\noffice = \"kofu\"\ntime_zone = \"Asia/Edo\"\n");
    assert_eq!(code(&office.desk.json(&["site", "check", &zone])), (3, "site"));
    assert_eq!(code(&office.desk.json(&["report", "kofu"])), (3, "audit-site-missing"));
    office.desk.write("state/audit/kofu/site.toml", SITE);
    assert_eq!(office.desk.json(&["report", "kofu"]).0, 7);
    office.desk.write("state/audit/kofu/statements.json", "{");
    assert_eq!(code(&office.desk.json(&["report", "kofu"])), (3, "audit-statements"));
}
