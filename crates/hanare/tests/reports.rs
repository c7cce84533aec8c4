//! Reports in every format, what became of an office from one to the next, and the page in a real browser, which
//! only `-- --ignored` runs, since it wants chromium.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

mod desk;

use std::fs;
use std::process::Command;

use desk::Desk;
use serde_json::Value;

const FILES: [&str; 6] =
    ["report.json", "report.html", "report.sarif", "junit.xml", "report.csv", "oscal.json"];

#[test]
fn every_format_is_written_and_equal_facts_give_equal_bytes() {
    let desk = Desk::new();
    let (_, facts, _) = desk.run(&["facts"]);
    let facts = desk.write("facts.json", &facts);
    let write = |out: &str, language: &str| {
        let format = ["--format", "json,html,sarif,junit,csv,oscal"];
        desk.run(&[&["--lang", language, "run", "--facts", &facts, "--out", out], &format[..]].concat());
        FILES.map(|file| fs::read(desk.at(out).join(file)).unwrap())
    };
    let first = write("one", "en");
    assert!(first == write("two", "ja"), "the second is not equal");
    assert!(first.iter().all(|bytes| !bytes.is_empty()));
    // Only what was asked for; a signature is over the JSON, which is written with it.
    let key = desk.key("key");
    desk.run(&["run", "--facts", &facts, "--out", "page", "--format", "html", "--sign", &key]);
    assert!(desk.at("page/report.html").exists() && desk.at("page/report.json.sig").exists());
    assert!(!desk.at("page/report.csv").exists());
    assert_eq!(desk.json(&["run", "--out", "x", "--format", "pdf"]).0, 2);
}

/// A building's and an item's names that would be markup, a script, a formula.
#[test]
fn the_page_fetches_nothing_runs_nothing_and_shows_names_as_text() {
    let desk = Desk::new();
    let hostile = "<script src=http://e/>=1+1";
    let site = format!("version = 1\noffice = \"kofu\"\noffice_name = \"{hostile}\"\n");
    let site = desk.write("site.toml", &site);
    let list = include_str!("../../../policies/checklists/satellite-office.toml");
    let list =
        desk.write("list.toml", &list.replace("en = \"Security policy\"", &format!("en = \"{hostile}\"")));
    desk.run(&["run", "--site", &site, "--checklist", &list, "--out", "o", "--format", "html,json,csv"]);
    let page = fs::read_to_string(desk.at("o/report.html")).unwrap();
    for word in ["<script", "https:", "@import", "url(", "javascript:", "onload", "onclick", "<link", "<img"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("&lt;script src=http://e/&gt;").count(), page.matches("http:").count());
    assert!(page.matches("&lt;script").count() >= 2 && page.contains("default-src 'none'"));
    assert!(page.contains("lang=\"ja\"") && page.contains("lang=\"en\"") && page.contains("<svg"));
    let signed = hanare_ledger::Hash::of(&fs::read(desk.at("o/report.json")).unwrap());
    assert!(page.contains(&signed.to_string()), "the hash of what is signed");
    let notice = page.find("自己点検であり認証ではない").unwrap();
    assert!(notice < page.find("<article").unwrap(), "what it is comes first");
    // Every tag that opens closes.
    for tag in ["section", "article", "ul", "dl", "main", "svg", "figure", "p", "span"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

/// A tree whose accounts are in order, or not, as a report about DEV-09 alone.
fn report(desk: &Desk, out: &str, is_good: bool, only: &str) -> String {
    let tree = desk.tree();
    if !is_good {
        desk.write("tree/etc/shadow", "root::19000:0:99999:7:::\n");
    }
    desk.run(&["run", "--root", &tree, "--view", "endpoint", "--only", only, "--out", out]);
    format!("{out}/report.json")
}

#[test]
fn diff_says_what_got_better_and_worse_and_why() {
    let desk = Desk::new();
    let good = report(&desk, "good", true, "DEV-09");
    let bad = report(&desk, "bad", false, "DEV-09");
    let other = report(&desk, "other", true, "DEV-01");
    let diff = |old: &str, new: &str| {
        let (exit, document) = desk.json(&["diff", old, new]);
        (exit, document["changes"].clone())
    };
    assert_eq!(diff(&good, &good), (0, Value::Array(vec![])));
    let (exit, changes) = diff(&good, &bad);
    assert_eq!((exit, &changes[0]["from"], &changes[0]["to"]), (1, &"pass".into(), &"fail".into()));
    assert_eq!((&changes[0]["id"], &changes[0]["view"]), (&"DEV-09".into(), &"endpoint".into()));
    assert!(changes[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert_eq!(diff(&bad, &good).0, 0);
    let (exit, changes) = diff(&good, &other);
    assert_eq!(
        (exit, &changes[1]["to"]),
        (1, &Value::Null),
        "what is not looked at any more is worse: {changes}"
    );
    let (_, said, _) = desk.run(&["diff", &good, &bad]);
    assert!(said.contains("WORSE") && said.contains("DEV-09"), "{said}");
    let none = desk.write("none.json", "{}");
    assert_eq!(desk.json(&["diff", &good, &none]).0, 3);
    assert_eq!(desk.json(&["diff", &good, "/nonexistent"]).0, 3);
}

#[test]
fn history_lists_what_is_kept_and_notices_what_was_changed() {
    let desk = Desk::new();
    let site = desk.write("site.toml", "version = 1\noffice = \"kofu\"\n");
    assert_eq!(desk.json(&["history", "kofu"]).0, 7);
    for at in ["2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"] {
        desk.run(&["report", "kofu", "--site", &site, "--at", at]);
    }
    let (exit, document) = desk.json(&["history", "kofu"]);
    let reports = document["reports"].as_array().unwrap();
    assert_eq!((exit, reports.len(), &reports[0]["at"]), (0, 2, &"2026-11-27T00:00:00Z".into()));
    let path = reports[0]["path"].as_str().unwrap();
    let text = fs::read_to_string(path).unwrap().replace("attest-due", "attested");
    fs::write(path, text).unwrap();
    let (exit, document) = desk.json(&["history", "kofu"]);
    assert_eq!(
        (exit, &document["reports"][0]["intact"], &document["reports"][1]["intact"]),
        (1, &false.into(), &true.into())
    );
}

/// A building and a company whose names have no place to break.
const SITE: &str = r#"version = 1
office = "kofu"
office_name = "甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府甲府"
company_name = "ACMEACMEACMEACMEACMEACMEACMEACMEACMEACMEACME<b>&"
"#;

/// Chromium on a page, without its sandbox where this is root.
fn chromium(desk: &Desk, arguments: &[&str]) -> String {
    let profile = format!("--user-data-dir={}", desk.at("profile").display());
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            &profile,
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Where pictures are kept for people: `HANARE_SCREENSHOTS`, or nowhere.
fn kept(desk: &Desk, name: &str) {
    if let Some(directory) = std::env::var_os("HANARE_SCREENSHOTS") {
        fs::copy(desk.at(name), std::path::Path::new(&directory).join(name)).unwrap();
    }
}

#[test]
#[ignore = "wants chromium"]
fn the_page_fits_a_phone_a_desk_and_paper_in_both_languages() {
    let desk = Desk::new();
    let site = desk.write("site.toml", SITE);
    desk.run(&["run", "--site", &site, "--out", ".", "--format", "html"]);
    let page = fs::read_to_string(desk.at("report.html")).unwrap();
    // The other language is one choice away; here it is made beforehand.
    let english = page.replacen("id=\"show-ja\" checked", "id=\"show-ja\"", 1).replacen(
        "id=\"show-en\"",
        "id=\"show-en\" checked",
        1,
    );
    assert_ne!(page, english);
    desk.write("english.html", &english);
    for (name, other) in [("report", "Results"), ("english", "結果")] {
        for width in [400, 1200] {
            let shot = format!("{name}-{width}.png");
            let (window, to) = (format!("--window-size={width},1600"), desk.at(&shot));
            let to = format!("--screenshot={}", to.display());
            let url = format!("file://{}", desk.at(&format!("{name}.html")).display());
            chromium(&desk, &[&window, &to, &url]);
            assert!(fs::metadata(desk.at(&shot)).unwrap().len() > 10_000, "{shot} shows nothing");
            kept(&desk, &shot);
            // A page around it measures: nothing is wider than the window, and only one language is seen.
            let frame = format!(
                "<iframe id=f width={width} height=1600 style=border:0 src={name}.html></iframe><p id=o></p><script>\
                 f.onload=()=>{{const d=f.contentDocument;o.textContent=d.documentElement.scrollWidth+' '+\
                 d.body.innerText.includes('{other}')+' '+(d.body.innerText.length>1000)}}</script>"
            );
            let around = desk.write("around.html", &format!("<!DOCTYPE html><meta charset=utf-8>{frame}"));
            let dom = chromium(
                &desk,
                &[
                    "--allow-file-access-from-files",
                    "--virtual-time-budget=5000",
                    "--window-size=1400,1700",
                    "--dump-dom",
                    &format!("file://{around}"),
                ],
            );
            let said = dom.split("<p id=\"o\">").nth(1).and_then(|rest| rest.split("</p>").next()).unwrap();
            assert_eq!(said, format!("{width} false true"), "{name} at {width} px: {dom}");
        }
        let paper = format!("{name}-a4.pdf");
        let to = format!("--print-to-pdf={}", desk.at(&paper).display());
        let url = format!("file://{}", desk.at(&format!("{name}.html")).display());
        chromium(&desk, &["--no-pdf-header-footer", &to, &url]);
        assert!(fs::read(desk.at(&paper)).unwrap().starts_with(b"%PDF"));
        kept(&desk, &paper);
    }
}

#[test]
#[ignore = "wants junitparser"]
fn another_program_reads_the_same_counts_from_junit() {
    let desk = Desk::new();
    let (_, document) = desk.json(&["run", "--out", ".", "--format", "junit"]);
    let mut merge = Command::new("junitparser");
    let output = merge.args(["merge", "junit.xml", "merged.xml"]).current_dir(desk.at(".")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let merged = fs::read_to_string(desk.at("merged.xml")).unwrap();
    let (_, head) = merged.split_once("<testsuites ").unwrap();
    let head = head.split_once('>').unwrap().0;
    let count = |status: &str| document["counts"][status].as_u64().unwrap();
    let unsure = count("unknown") + count("attest-due") + count("error");
    let all = document["results"].as_array().unwrap().len();
    for (name, number) in [("tests", all as u64), ("failures", count("fail")), ("errors", unsure)] {
        assert!(head.contains(&format!("{name}=\"{number}\"")), "{name} {number}: {head}");
    }
}
