use super::*;
use crate::SATELLITE_OFFICE;

const ITEM: &str = r#"[[item]]
id = "DEV-01"
tier = "basic"
confidence = "inferred"
views = ["endpoint"]
responsible = "tenant"
effort = "small"
evidence_days = 1
title = { ja = "あ", en = "a" }
measure = { ja = "あ", en = "a" }
remedy = { ja = "あ", en = "a" }
"#;

fn with(items: &str) -> String {
    format!("version = 1\nname = \"x\"\ntitle = {{ ja = \"あ\", en = \"a\" }}\n{items}")
}

fn wrong(text: &str) -> (usize, usize, Fault) {
    let error = text.parse::<Checklist>().unwrap_err();
    (error.position.line, error.position.column, error.fault)
}

#[test]
fn the_satellite_office_has_its_65_items() {
    let checklist: Checklist = SATELLITE_OFFICE.parse().unwrap();
    assert_eq!(checklist.items.len(), 65);
    let count = |tier| checklist.items.iter().filter(|item| item.tier == tier).count();
    assert_eq!((count(Tier::RiskPlan), count(Tier::Environment)), (2, 3));
    // Nobody here has read the official text.
    assert!(checklist.items.iter().all(|item| item.official_ref.is_empty()));
    for item in &checklist.items {
        let is_sourced = !item.sources.is_empty();
        assert_eq!(is_sourced, item.confidence != Confidence::Inferred, "{}", item.id);
    }
}

#[test]
fn no_borrowed_badge_is_in_the_checklist() {
    let lower = SATELLITE_OFFICE.to_lowercase();
    for word in ["equivalent", "premium", "同等", "相当", "認証済"] {
        assert!(!lower.contains(word), "{word}");
    }
}

#[test]
fn what_is_wrong_has_its_line_and_column() {
    assert_eq!(with("").parse::<Checklist>().unwrap().items, []);
    assert!(with(ITEM).parse::<Checklist>().is_ok());
    assert_eq!(wrong(&with(&ITEM.repeat(2))), (16, 6, Fault::Twice("DEV-01".to_owned())));
    assert_eq!(wrong(&with(&ITEM.replace("DEV-01", "dev-1"))), (5, 6, Fault::Id("dev-1".to_owned())));
    assert_eq!(wrong(&with(&ITEM.replace("[\"endpoint\"]", "[]"))), (8, 9, Fault::NoView));
    assert_eq!(
        wrong(&with(&ITEM.replace("days = 1", "days = 0"))),
        (11, 17, Fault::Number { given: 0, most: 3650 })
    );
    assert_eq!(wrong(&with(&ITEM.replacen("en = \"a\"", "en = \" \"", 1))), (12, 9, Fault::Empty));
    assert_eq!(wrong(&with(ITEM).replace("version = 1", "version = 2")), (1, 11, Fault::Version(2)));
    let (line, column, fault) = wrong(&with(&ITEM.replace("\"basic\"", "5")));
    assert!((line, column) == (6, 8) && matches!(fault, Fault::Form(_)), "{line}:{column} {fault}");
    let (line, _, fault) = wrong(&with(&format!("{ITEM}colour = 1\n")));
    assert!(line == 15 && matches!(fault, Fault::Form(_)), "{fault}");
    let long = with(&format!("{ITEM}# {}\n", "x".repeat(MAX_LEN)));
    assert_eq!(wrong(&long).2, Fault::TooLong(long.len()));
}

#[test]
fn circles_and_references_to_nothing_are_refused() {
    let item = |id: &str, requires: &str| format!("{}requires = [{requires}]\n", ITEM.replace("DEV-01", id));
    let own = with(&item("DEV-01", "\"DEV-01\""));
    assert_eq!(wrong(&own).2, Fault::Cycle("DEV-01".to_owned()));
    let circle = item("DEV-01", "\"DEV-02\"") + &item("DEV-02", "\"DEV-03\"") + &item("DEV-03", "\"DEV-01\"");
    assert_eq!(wrong(&with(&circle)).2, Fault::Cycle("DEV-01".to_owned()));
    let none = with(&item("DEV-01", "\"DEV-02\""));
    assert_eq!(wrong(&none), (15, 13, Fault::NoItem("DEV-02".to_owned())));
    let fine = item("DEV-01", "\"DEV-02\"") + &item("DEV-02", "");
    assert!(with(&fine).parse::<Checklist>().is_ok());
}

#[test]
fn a_check_has_its_own_parameters_and_no_others() {
    let check = |text: &str| with(&format!("{ITEM}[item.check.endpoint]\n{text}\n"));
    assert!(check("name = \"accounts\"").parse::<Checklist>().is_ok());
    assert_eq!(wrong(&check("name = \"journal\"")), (16, 8, Fault::Wants("min_days")));
    assert_eq!(wrong(&check("name = \"accounts\"\nmin_days = 3")), (17, 12, Fault::Stray("min_days")));
    let day = "name = \"updates\"\nlists_max_days = 7\nsupport = { debian-12 = \"soon\" }";
    assert_eq!(wrong(&check(day)).2, Fault::Day("soon".to_owned()));
    let stray = with(&format!("{ITEM}[item.check.hq]\nname = \"accounts\"\n"));
    assert_eq!(wrong(&stray), (16, 8, Fault::StrayView(View::Hq)));
}

/// The schema is for editors; where both can speak they must say the same.
#[test]
fn the_schema_knows_every_check_parameter_and_member() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../policies/checklist.schema.json")).unwrap();
    let words: Vec<CheckName> =
        serde_json::from_value(schema["$defs"]["check"]["properties"]["name"]["enum"].clone()).unwrap();
    assert_eq!(words.len(), 12);
    let toml: toml::Value = toml::from_str(SATELLITE_OFFICE).unwrap();
    let known = |place: &str, name: &str| schema["$defs"][place]["properties"].get(name).is_some();
    for item in toml["item"].as_array().unwrap() {
        for name in item.as_table().unwrap().keys() {
            assert!(known("item", name), "{name}");
        }
        for check in item.get("check").and_then(toml::Value::as_table).into_iter().flatten() {
            for name in check.1.as_table().unwrap().keys() {
                assert!(known("check", name), "{name}");
            }
        }
    }
}
