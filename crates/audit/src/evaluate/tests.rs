//! Nothing is left out, and nothing that is not known is good.

use hanare_facts::{Root, collect};

use super::*;
use crate::SATELLITE_OFFICE;
use crate::grade::{Grade, grade, score};
use crate::statement::EXTERNAL_AUDIT;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn checklist() -> Checklist {
    SATELLITE_OFFICE.parse().unwrap()
}

fn here() -> BTreeMap<View, Facts> {
    BTreeMap::from([(View::Endpoint, collect(&Root::live().unwrap(), View::Endpoint, NOW, None))])
}

/// Answers that all came out alike.
fn all(checklist: &Checklist, status: Status) -> Vec<Answer> {
    let mut answers = evaluate(checklist, &BTreeMap::new(), &Known::default(), &Asked::default(), NOW);
    for answer in &mut answers {
        answer.status = status;
    }
    answers
}

#[test]
fn every_item_is_answered_from_every_view_that_it_has() {
    let checklist = checklist();
    let answers = evaluate(&checklist, &here(), &Known::default(), &Asked::default(), NOW);
    let wanted: usize = checklist.items.iter().map(|item| item.views.len()).sum();
    assert_eq!(answers.len(), wanted);
    for answer in &answers {
        let item = checklist.item(&answer.id).unwrap();
        let is_checked = item.checks.contains_key(&answer.view) && answer.view == View::Endpoint;
        assert_eq!(answer.evidence.is_empty(), !is_checked, "{answer:?}");
        if !is_checked {
            let due = answer.view == View::Hq && item.attestation.is_some();
            assert_eq!(answer.status, if due { Status::AttestDue } else { Status::Unknown }, "{answer:?}");
        }
    }
    let asked =
        Asked { view: Some(View::Hq), only: BTreeSet::from(["GOV-01".to_owned(), "DEV-01".to_owned()]) };
    let answers = evaluate(&checklist, &here(), &Known::default(), &asked, NOW);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].id.as_str(), answers[0].status), ("GOV-01", Status::AttestDue));
}

#[test]
fn without_facts_and_at_a_wrong_time_nothing_passes() {
    let checklist = checklist();
    let is_good = |answers: Vec<Answer>| answers.iter().any(|answer| answer.status.is_good());
    assert!(!is_good(evaluate(&checklist, &BTreeMap::new(), &Known::default(), &Asked::default(), NOW)));
    let earlier = Timestamp::from_seconds(NOW.seconds() - 1);
    let before = evaluate(&checklist, &here(), &Known::default(), &Asked::default(), earlier);
    assert!(before.iter().all(|answer| answer.evidence.is_empty() || answer.reason.why == Why::Future));
    let later = Timestamp::from_seconds(NOW.seconds() + 400 * 86_400);
    assert!(!is_good(evaluate(&checklist, &here(), &Known::default(), &Asked::default(), later)));
}

#[test]
fn an_item_that_rests_on_another_does_not_pass_without_it() {
    let on = SATELLITE_OFFICE.replacen("id = \"DEV-09\"\n", "id = \"DEV-09\"\nrequires = [\"DEV-02\"]\n", 1);
    let on: Checklist = on.parse().unwrap();
    let item = on.item("DEV-09").unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("etc")).unwrap();
    std::fs::write(dir.path().join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    std::fs::write(dir.path().join("etc/shadow"), "root:*:19000:0:99999:7:::\n").unwrap();
    let facts = collect(&Root::of(dir.path()).unwrap(), View::Endpoint, NOW, None);
    let facts = BTreeMap::from([(View::Endpoint, facts)]);
    let alone = checklist();
    let status = |list: &Checklist, item| answer(list, item, View::Endpoint, &facts, None, NOW);
    assert_eq!(status(&alone, alone.item("DEV-09").unwrap()).status, Status::Pass);
    // Evidence of a day counts for a day, and not a second longer.
    let at = |seconds| {
        let later = Timestamp::from_seconds(NOW.seconds() + seconds);
        answer(&alone, alone.item("DEV-09").unwrap(), View::Endpoint, &facts, None, later).reason.why
    };
    assert_eq!((at(86_400), at(86_401)), (Why::Good, Why::Stale));
    let rested = status(&on, item);
    assert_eq!((rested.status, rested.reason.why), (Status::Unknown, Why::Requires));
}

#[test]
fn the_worst_view_counts_and_a_view_that_was_not_asked_for_is_unknown() {
    let checklist = checklist();
    let mut answers = all(&checklist, Status::Pass);
    let good = |answers: &[Answer]| {
        merged(&checklist, answers).values().filter(|status| **status == Some(Status::Pass)).count()
    };
    assert_eq!(good(&answers), 65);
    let position =
        answers.iter().position(|answer| answer.id == "NET-07" && answer.view == View::Gateway).unwrap();
    for status in
        [Status::Fail, Status::Error, Status::Unknown, Status::AttestDue, Status::Waived, Status::Attested]
    {
        answers[position].status = status;
        assert_eq!(merged(&checklist, &answers)["NET-07"], Some(status));
    }
    answers.remove(position);
    assert_eq!(merged(&checklist, &answers)["NET-07"], Some(Status::Unknown));
    answers.retain(|answer| answer.id != "NET-07");
    assert_eq!(merged(&checklist, &answers)["NET-07"], None);
}

#[test]
fn grades_are_reached_only_by_what_is_good() {
    let checklist = checklist();
    let at = |answers: &[Answer]| grade(&checklist, answers, false);
    // Without an external audit on record `full` is out of reach whatever passes.
    let perfect = all(&checklist, Status::Pass);
    let audited = |answers: &[Answer]| grade(&checklist, answers, true);
    assert_eq!((audited(&perfect).without_waivers, audited(&perfect).blockers.len()), (Grade::Full, 0));
    assert_eq!(at(&perfect).blockers[0].id, EXTERNAL_AUDIT);
    assert_eq!(audited(&all(&checklist, Status::Waived)).with_waivers, Grade::Full);
    assert_eq!((at(&perfect).without_waivers, at(&perfect).next), (Grade::BasicRiskPlan, Grade::Full));
    assert_eq!(at(&all(&checklist, Status::Attested)).without_waivers, Grade::BasicRiskPlan);
    let waived = at(&all(&checklist, Status::Waived));
    assert_eq!((waived.with_waivers, waived.without_waivers), (Grade::BasicRiskPlan, Grade::None));
    for status in [Status::Fail, Status::Error, Status::Unknown, Status::AttestDue] {
        let mut answers = perfect.clone();
        let set = |answers: &mut Vec<Answer>, id: &str| {
            for answer in answers.iter_mut().filter(|answer| answer.id == id) {
                answer.status = status;
            }
        };
        set(&mut answers, "GOV-07");
        assert_eq!(at(&answers).without_waivers, Grade::Basic, "{status:?}");
        assert_eq!(at(&answers).blockers[0].id, "GOV-07");
        set(&mut answers, "DEV-01");
        assert_eq!(at(&answers).without_waivers, Grade::None, "{status:?}");
    }
    assert_eq!(at(&[]).without_waivers, Grade::None);
    assert_eq!(at(&[]).with_waivers, Grade::None);
    let empty: Checklist = SATELLITE_OFFICE.split("\n[[item]]").next().unwrap().parse().unwrap();
    assert_eq!(grade(&empty, &[], true).with_waivers, Grade::None, "nothing to judge is no grade");
}

#[test]
fn blockers_are_the_cheapest_first() {
    let checklist = checklist();
    let blockers = grade(&checklist, &all(&checklist, Status::Fail), false).blockers;
    let efforts: Vec<_> =
        blockers.iter().map(|blocker| checklist.item(&blocker.id).unwrap().effort).collect();
    assert!(efforts.is_sorted() && efforts.first() < efforts.last(), "{efforts:?}");
}

#[test]
fn not_to_know_costs_more_than_to_fail() {
    let checklist = checklist();
    let points = |status| score(&checklist, &all(&checklist, status)).points;
    assert_eq!((points(Status::Pass), points(Status::Fail), points(Status::Unknown)), (65 * 4, 0, -65));
    assert_eq!(
        (points(Status::AttestDue), points(Status::Waived), points(Status::NotApplicable)),
        (-65, 65 * 2, 0)
    );
    assert_eq!(score(&checklist, &all(&checklist, Status::NotApplicable)).most, 0);
}
