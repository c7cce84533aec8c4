//! What people state counts as they stated it, and no longer, and never against what a machine saw.

use hanare_facts::View;

use super::*;
use crate::SATELLITE_OFFICE;
use crate::evaluate::{Asked, Known, evaluate};

/// 2026-11-27T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_795_737_600);
const END: Timestamp = Timestamp::from_seconds(1_795_737_600 + 86_400);

fn file() -> EvidenceFile {
    EvidenceFile { name: "policy.pdf".to_owned(), hash: Hash::of(b"policy") }
}

fn statement(id: &str, stated: Stated) -> Statement {
    Statement { id: id.to_owned(), stated, until: "2026-11-27".parse().unwrap(), ends: END, made: NOW }
}

fn attested_by_sato(id: &str) -> Statement {
    statement(id, Stated::Attestation { by: "sato".to_owned(), evidence: vec![file()] })
}

fn waived_by_sato(id: &str) -> Statement {
    statement(id, Stated::Waiver { owner: "sato".to_owned(), reason: "moving in March".to_owned() })
}

fn answer(id: &str, status: Status) -> Answer {
    Answer {
        id: id.to_owned(),
        view: View::Hq,
        status,
        reason: Reason::plain(Why::Good),
        evidence: Vec::new(),
        was_failed: status == Status::Fail,
    }
}

/// What becomes of a status at a time.
fn after(status: Status, statements: &[Statement], intact: bool, at: Timestamp) -> (Status, Why) {
    let mut answer = answer("GOV-01", status);
    let intact = if intact { BTreeSet::from([file().hash]) } else { BTreeSet::new() };
    apply(&mut answer, true, &Statements(statements.to_vec()), &intact, at);
    (answer.status, answer.reason.why)
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + seconds)
}

#[test]
fn an_attestation_counts_from_when_it_was_made_through_its_last_second() {
    let one = [attested_by_sato("GOV-01")];
    assert_eq!(after(Status::AttestDue, &one, true, NOW), (Status::Attested, Why::Attested));
    assert_eq!(after(Status::AttestDue, &one, true, later(86_399)), (Status::Attested, Why::Attested));
    assert_eq!(after(Status::AttestDue, &one, true, END), (Status::AttestDue, Why::AttestationOver));
    assert_eq!(
        after(Status::AttestDue, &one, true, later(-1)),
        (Status::AttestDue, Why::Good),
        "made in the future"
    );
    assert_eq!(after(Status::AttestDue, &one, false, NOW), (Status::AttestDue, Why::EvidenceGone));
    assert_eq!(after(Status::AttestDue, &[], true, NOW).0, Status::AttestDue);
    let other = [attested_by_sato("GOV-02")];
    assert_eq!(after(Status::AttestDue, &other, true, NOW).0, Status::AttestDue);
}

#[test]
fn the_latest_statement_replaces_the_earlier_ones() {
    let early = Statement { made: later(-1000), ..attested_by_sato("GOV-01") };
    let over = Statement { ends: NOW, ..attested_by_sato("GOV-01") };
    assert_eq!(after(Status::AttestDue, &[over, early], true, NOW).1, Why::AttestationOver);
}

#[test]
fn a_word_lifts_what_is_unknown_and_never_what_failed() {
    let one = [attested_by_sato("GOV-01")];
    for (from, to) in [
        (Status::Unknown, Status::Attested),
        (Status::Fail, Status::Fail),
        (Status::Error, Status::Error),
        (Status::Pass, Status::Pass),
        (Status::NotApplicable, Status::NotApplicable),
    ] {
        assert_eq!(after(from, &one, true, NOW).0, to, "{from:?}");
    }
    let mut no_word_counts = answer("GOV-01", Status::Unknown);
    apply(&mut no_word_counts, false, &Statements(one.to_vec()), &BTreeSet::from([file().hash]), NOW);
    assert_eq!(no_word_counts.status, Status::Unknown);
    assert_eq!(after(Status::Unknown, &one, true, END).0, Status::Unknown, "over");
}

#[test]
fn a_waiver_covers_what_is_not_good_until_it_is_over() {
    let one = [waived_by_sato("GOV-01")];
    for from in [Status::Fail, Status::Error, Status::Unknown, Status::AttestDue] {
        assert_eq!(after(from, &one, true, later(86_399)), (Status::Waived, Why::Waived), "{from:?}");
        assert_eq!(after(from, &one, true, END).0, from, "{from:?}");
        assert_eq!(after(from, &one, true, later(-1)).0, from, "{from:?}");
    }
    assert_eq!(after(Status::AttestDue, &one, true, END).1, Why::WaiverOver);
    for from in [Status::Pass, Status::NotApplicable] {
        assert_eq!(after(from, &one, true, NOW).0, from, "{from:?}");
    }
    let both = [attested_by_sato("GOV-01"), waived_by_sato("GOV-01")];
    assert_eq!(after(Status::AttestDue, &both, true, NOW).0, Status::Attested);
}

#[test]
fn what_contradicts_itself_is_found() {
    let checklist: Checklist = SATELLITE_OFFICE.parse().unwrap();
    let kinds = |answers: &[Answer], statements: Vec<Statement>, site: Option<&Site>, at| {
        let found = contradictions(&checklist, answers, &Statements(statements), site, at);
        found.into_iter().map(|one| (one.id, one.kind)).collect::<Vec<_>>()
    };
    let gov = |kind| vec![("GOV-01".to_owned(), kind)];
    let passed = [answer("GOV-01", Status::Pass)];
    assert_eq!(
        kinds(&passed, vec![waived_by_sato("GOV-01")], None, NOW),
        gov(ContradictionKind::WaivedAndGood)
    );
    assert_eq!(kinds(&passed, vec![waived_by_sato("GOV-01")], None, END), [], "over");
    let both = [answer("GOV-01", Status::Pass), answer("GOV-01", Status::Unknown)];
    assert_eq!(kinds(&both, vec![waived_by_sato("GOV-01")], None, NOW), []);
    let failed = [answer("GOV-01", Status::Fail)];
    let refuted = gov(ContradictionKind::AttestedAndFailed);
    assert_eq!(kinds(&failed, vec![attested_by_sato("GOV-01")], None, NOW), refuted);
    assert_eq!(kinds(&failed, vec![attested_by_sato("GOV-01")], None, END), []);
    let waived = [Answer { status: Status::Waived, ..answer("GOV-01", Status::Fail) }];
    assert_eq!(kinds(&waived, vec![attested_by_sato("GOV-01")], None, NOW), refuted);
    assert_eq!(kinds(&[answer("GOV-01", Status::Unknown)], vec![attested_by_sato("GOV-01")], None, NOW), []);
    let site = |retention: &str| {
        Site::read(&format!("version = 1\noffice = \"kofu\"\n[retention]\n{retention}"), |_| true).unwrap()
    };
    let about_people = [answer("PII-02", Status::Unknown)];
    let kept = |retention| kinds(&about_people, vec![], Some(&site(retention)), NOW);
    let above = [("PII-02".to_owned(), ContradictionKind::RetentionAboveItsBound)];
    assert_eq!(kept("entry_log_min_days = 91\npersonal_data_max_days = 90"), above);
    assert_eq!(kept("entry_log_min_days = 90\npersonal_data_max_days = 90"), []);
    assert_eq!(kept("footage_min_hours = 25\npersonal_data_max_days = 1"), above);
    assert_eq!(kept("footage_min_hours = 24\npersonal_data_max_days = 1"), []);
    assert_eq!(kept("entry_log_min_days = 91"), []);
}

#[test]
fn statements_reach_the_answers_of_an_audit() {
    let checklist: Checklist = SATELLITE_OFFICE.parse().unwrap();
    let statements = Statements(vec![attested_by_sato("GOV-02"), waived_by_sato("NET-01")]);
    let known = Known { site: None, statements, intact: BTreeSet::from([file().hash]) };
    let answers = evaluate(&checklist, &BTreeMap::new(), &known, &Asked::default(), NOW);
    let of = |id: &str| {
        let mine = answers.iter().filter(|answer| answer.id == id);
        mine.map(|answer| answer.status).collect::<Vec<_>>()
    };
    assert_eq!(of("GOV-02"), [Status::Attested, Status::Attested], "from the PC's view it was unknown");
    assert_eq!(of("NET-01"), [Status::Waived, Status::Waived]);
    assert_eq!(of("GOV-01"), [Status::AttestDue]);
    let external = Statements(vec![attested_by_sato(EXTERNAL_AUDIT)]);
    assert!(
        external.has_external_audit(&known.intact, NOW) && !external.has_external_audit(&known.intact, END)
    );
    assert!(!external.has_external_audit(&BTreeSet::new(), NOW));
}
