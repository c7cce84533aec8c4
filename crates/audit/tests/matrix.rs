//! The matrix of `tests/README.md`: every item has a row, every row names a test that there is, and what people state is held
//! for every item that waits for it.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by stopping there")]

use std::collections::{BTreeMap, BTreeSet};

use hanare_audit::{
    Asked, Checklist, EvidenceFile, Item, Known, SATELLITE_OFFICE, Stated, Statement, Statements, Status,
    evaluate,
};
use hanare_ledger::Hash;
use hanare_model::Timestamp;

const README: &str = include_str!("../../../tests/README.md");
/// Where the tests are that rows name.
const SOURCES: [&str; 3] = [
    include_str!("../src/checks/tests.rs"),
    include_str!("../src/checks/tests/network.rs"),
    include_str!("matrix.rs"),
];

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const END: Timestamp = Timestamp::from_seconds(1_800_086_400);

fn checklist() -> Checklist {
    SATELLITE_OFFICE.parse().unwrap()
}

fn file() -> EvidenceFile {
    EvidenceFile { name: "paper.pdf".to_owned(), hash: Hash::of(b"paper") }
}

/// The statuses of an item without any facts, with something stated about it or not, its evidence whole or not, at a time.
fn statuses(item: &Item, stated: Option<Stated>, is_whole: bool, at: Timestamp) -> BTreeSet<Status> {
    let until = "2027-01-15".parse().unwrap();
    let statement = |stated| Statement { id: item.id.clone(), stated, until, ends: END, made: NOW };
    let statements = Statements(stated.map(statement).into_iter().collect());
    let intact = if is_whole { BTreeSet::from([file().hash]) } else { BTreeSet::new() };
    let known = Known { site: None, statements, intact };
    let asked = Asked { view: None, only: BTreeSet::from([item.id.clone()]) };
    let answers = evaluate(&checklist(), &BTreeMap::new(), &known, &asked, at);
    answers.iter().map(|answer| answer.status).collect()
}

fn attestation() -> Stated {
    Stated::Attestation { by: "sato".to_owned(), evidence: vec![file()] }
}

fn only(status: Status) -> BTreeSet<Status> {
    BTreeSet::from([status])
}

#[test]
fn every_item_has_one_row_and_every_row_a_test() {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in README.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, id, test, good, fails, gone, ..] = cells.as_slice()
            && id.len() == 6
            && id.get(3..4) == Some("-")
        {
            assert!(![good, fails, gone].iter().any(|cell| cell.is_empty()), "{id} has an empty cell");
            rows.entry(id).or_default().push(test);
        }
    }
    let items = checklist().items;
    assert_eq!(items.len(), 65);
    for item in &items {
        let tests = rows.remove(item.id.as_str()).unwrap_or_default();
        let [test] = tests.as_slice() else { panic!("{} has {} rows", item.id, tests.len()) };
        let function = format!("fn {}(", test.trim_matches('`'));
        assert!(
            SOURCES.iter().any(|source| source.contains(&function)),
            "{}: there is no test {test}",
            item.id
        );
        // A check is tested by name, one test for each item.
        if !item.checks.is_empty() {
            let own = item.id.to_ascii_lowercase().replace('-', "_");
            assert!(test.trim_matches('`').starts_with(&own), "{}: {test}", item.id);
        }
    }
    assert!(rows.is_empty(), "no such items: {rows:?}");
}

#[test]
fn stated_items_are_attested_over_or_due() {
    let list = checklist();
    let items: Vec<&Item> =
        list.items.iter().filter(|item| item.checks.is_empty() && item.attestation.is_some()).collect();
    assert!(items.len() > 20);
    for item in items {
        let good = statuses(item, Some(attestation()), true, NOW);
        assert_eq!(good, only(Status::Attested), "{}", item.id);
        for (stated, is_whole, at) in
            [(Some(attestation()), true, END), (Some(attestation()), false, NOW), (None, true, NOW)]
        {
            let statuses = statuses(item, stated, is_whole, at);
            assert!(statuses.contains(&Status::AttestDue), "{}: {statuses:?}", item.id);
            assert!(statuses.iter().all(|status| !status.is_good()), "{}: {statuses:?}", item.id);
        }
    }
}

#[test]
fn unanswered_items_are_unknown_whatever_anybody_says() {
    let list = checklist();
    let items = list.items.iter().filter(|item| item.checks.is_empty() && item.attestation.is_none());
    for item in items {
        assert_eq!(statuses(item, None, true, NOW), only(Status::Unknown), "{}", item.id);
        assert_eq!(statuses(item, Some(attestation()), true, NOW), only(Status::Unknown), "{}", item.id);
        let waiver = || Some(Stated::Waiver { owner: "sato".to_owned(), reason: "not built".to_owned() });
        assert_eq!(statuses(item, waiver(), true, NOW), only(Status::Waived), "{}", item.id);
        assert_eq!(statuses(item, waiver(), true, END), only(Status::Unknown), "{}", item.id);
    }
}
