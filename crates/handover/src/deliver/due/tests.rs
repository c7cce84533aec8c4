use super::*;

fn path(text: &str) -> WorkPath {
    WorkPath::new(text.as_bytes()).unwrap()
}

fn look(due: &mut Due, now: Instant, all: &[(&str, bool)]) {
    due.look(now, |put| {
        for (name, held) in all {
            put(&path(name), *held);
        }
        true
    });
}

#[test]
fn a_closed_file_goes_soon_and_an_open_one_goes_torn_after_a_minute() {
    let (mut due, start) = (Due::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    due.changed(path("a"), start);
    due.closed(path("a"), at(1));
    assert_eq!(due.ready(at(1), 9), []);
    assert_eq!(due.next(), Some(at(2)));
    assert_eq!(due.ready(at(2), 9), [Ready { path: path("a"), open: false }]);
    due.landed(&path("a"));
    for second in 0..60 {
        due.changed(path("b"), at(second));
        assert_eq!(due.ready(at(second), 9), []);
    }
    assert_eq!(due.ready(at(60), 9), [Ready { path: path("b"), open: true }]);
    due.landed(&path("b"));
    due.changed(path("c"), at(100));
    assert_eq!(due.ready(at(109), 9), []);
    assert_eq!(due.ready(at(110), 9).len(), 1, "silence");
}

#[test]
fn what_is_only_looked_at_and_held_is_not_exposed_until_somebody_sees_it_change() {
    let (mut due, start) = (Due::default(), Instant::now());
    look(&mut due, start, &[("held", true), ("new", false)]);
    assert_eq!((due.len(), due.exposed()), (2, 1));
    due.changed(path("held"), start);
    assert_eq!(due.exposed(), 2);
}

#[test]
fn a_change_while_it_was_tried_is_not_forgotten() {
    let (mut due, start) = (Due::default(), Instant::now());
    due.closed(path("a"), start);
    let ready = due.ready(start + SETTLED, 9).remove(0);
    due.changed(path("a"), start + SETTLED);
    due.again(&ready, start + SETTLED, Duration::from_secs(100));
    assert_eq!(due.next(), Some(start + SETTLED + SILENT));
    due.landed(&path("a"));
    assert_eq!(due.len(), 1);
}

#[test]
fn what_is_not_acknowledged_is_sealed_once_and_again_after_a_change() {
    let (mut due, start) = (Due::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let a = || Ready { path: path("a"), open: false };
    due.closed(path("a"), start);
    // Also while it is on its way: a line may be slow.
    assert_eq!(due.ready(at(1), 9), [a()]);
    assert_eq!(due.to_seal(at(3), 9, true), []);
    assert_eq!(due.next_seal(true), Some(at(4)));
    assert_eq!(due.to_seal(at(4), 9, true), [a()]);
    assert_eq!(due.to_seal(at(4), 9, true), []);
    assert_eq!((due.len(), due.exposed()), (1, 1));
    due.sealed(&path("a"), true, at(5));
    assert_eq!((due.len(), due.exposed()), (1, 0));
    due.again(&a(), at(5), Duration::ZERO);
    assert_eq!(due.ready(at(5), 9), [a()]);
    due.again(&a(), at(5), Duration::ZERO);
    assert_eq!(due.to_seal(at(500), 9, true), []);
    // Whoever closes a file every second is sealed at least once a minute.
    for second in 500..560 {
        due.closed(path("a"), at(second));
        assert_eq!(due.to_seal(at(second), 9, true), []);
    }
    assert_eq!(due.to_seal(at(560), 9, true), [Ready { open: true, ..a() }], "as it comes");
    // While it is being sealed it is not handed over.
    assert_eq!(due.ready(at(561), 9), []);
    due.sealed(&path("a"), false, at(561));
    assert_eq!(due.next_seal(true), Some(at(561) + RETRY));
    assert_eq!(due.ready(at(561), 9), [a()], "it rests by now");
    due.landed(&path("a"));
    assert!(due.is_empty());
}

#[test]
fn one_that_was_looked_at_and_is_seen_or_goes_counts_once_or_not() {
    let (mut due, start) = (Due::default(), Instant::now());
    look(&mut due, start, &[("a", false), ("b", false), ("c", true), ("d", true)]);
    due.closed(path("a"), start);
    due.forget(&path("b"));
    due.forgotten(path("c"), start);
    assert_eq!((due.len(), due.exposed()), (3, 2));
    assert_eq!(due.ready(start + SETTLED, 9).len(), 3);
    for name in ["a", "c", "d"] {
        due.landed(&path(name));
    }
    assert!(due.is_empty());
    // However often everything is looked at, who waits first has waited since then.
    for second in 0..5 {
        look(&mut due, start + Duration::from_secs(second), &[("e", false)]);
    }
    assert_eq!(due.to_seal(start + UNSEALED, 9, true).len(), 1);
}

#[test]
fn what_headquarters_has_forgotten_is_sealed_and_what_people_do_goes_before_it() {
    let (mut due, start) = (Due::default(), Instant::now());
    look(&mut due, start, &[("a", true), ("folder/b", true)]);
    let looked = due.to_seal(start + UNSEALED, 9, true);
    for ready in &looked {
        due.sealed(&ready.path, true, start + UNSEALED);
    }
    assert_eq!((looked.len(), due.exposed()), (2, 0), "headquarters had them");
    due.forgotten(path("a"), start + UNSEALED);
    due.forgotten(path("folder/b"), start + UNSEALED);
    due.closed(path("z"), start + UNSEALED);
    assert_eq!(due.exposed(), 3);
    let late = start + LATEST;
    let names = |ready: Vec<Ready>| ready.into_iter().map(|ready| ready.path).collect::<Vec<_>>();
    assert_eq!(names(due.to_seal(late, 2, true)), [path("z"), path("a")]);
    due.sealed(&path("z"), true, late);
    assert_eq!(names(due.ready(late, 1)), [path("z")]);
    look(&mut due, late, &[("folder/c", false), ("folder-d", false)]);
    due.forget(&path("folder"));
    assert_eq!((due.len(), names(due.ready(late + SETTLED, 9))), (3, vec![path("folder-d")]));
}

#[test]
fn a_file_that_rests_while_headquarters_is_silent_is_not_torn() {
    let (mut due, start) = (Due::default(), Instant::now());
    due.closed(path("a"), start);
    let ready = due.ready(start + SETTLED, 9).remove(0);
    // Saved once more while nobody answers.
    due.closed(path("a"), start + 2 * SETTLED);
    due.unanswered(&ready);
    // And a minute after the first time, which nobody has been told of.
    due.closed(path("a"), start + 50 * SETTLED);
    assert_eq!(due.ready(start + LATEST + SETTLED, 9), [Ready { path: path("a"), open: false }]);
}

#[test]
fn what_only_waits_for_its_turn_is_not_torn() {
    let (mut due, start) = (Due::default(), Instant::now());
    let late = start + 10 * LATEST;
    due.closed(path("a"), start);
    look(&mut due, start, &[("b", false), ("c", false), ("d", false)]);
    assert_eq!((due.ready(start, 9), due.to_seal(start, 9, true)), (Vec::new(), Vec::new()));
    assert_eq!((due.next(), due.len(), due.exposed()), (Some(start + SETTLED), 4, 4));
    let calm = |name: &str| Ready { path: path(name), open: false };
    assert_eq!(due.ready(late, 2), [calm("a"), calm("b")]);
    assert_eq!(due.to_seal(late, 9, false), [calm("a")]);
    assert_eq!(due.to_seal(late, 9, true), [calm("c"), calm("d")]);
    assert_eq!(due.to_seal(late + UNSEALED, 9, true), [calm("b")], "its turn had just come");
    assert_eq!((due.len(), due.exposed(), due.exposed_paths().count()), (4, 4, 4));
    for name in ["a", "b", "c", "d"] {
        due.sealed(&path(name), true, late);
        due.landed(&path(name));
    }
    // Those two were never on their way.
    assert_eq!((due.len(), due.exposed()), (2, 0));
    look(&mut due, late, &[("c", false)]);
    assert_eq!(due.len(), 2, "it waits already");
}

/// A file that is closed every 3 s and takes 5 s to read: each try meets another content before it is done.
#[test]
fn a_file_that_changes_faster_than_it_is_read_is_taken_as_it_comes_within_two_minutes() {
    for seals in [false, true] {
        let (mut due, start) = (Due::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut reading: Option<(Ready, u64)> = None;
        let mut torn = None;
        for second in 0..120 {
            if second % 3 == 0 {
                due.closed(path("a"), at(second));
            }
            if let Some((ready, _)) = reading.take_if(|(_, since)| *since + 5 <= second) {
                if ready.open {
                    torn = Some(second);
                    break;
                }
                if seals {
                    due.sealed(&ready.path, false, at(second));
                } else {
                    due.again(&Ready { open: true, ..ready }, at(second), RETRY);
                }
            }
            if reading.is_none() {
                let ready = if seals { due.to_seal(at(second), 9, true) } else { due.ready(at(second), 9) };
                reading = ready.into_iter().next().map(|ready| (ready, second));
            }
        }
        assert!(torn.is_some(), "seals: {seals}");
    }
}

#[test]
fn an_open_file_is_sealed_torn_every_minute_while_it_changes() {
    let (mut due, start) = (Due::default(), Instant::now());
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut sealed = Vec::new();
    for second in 0..200 {
        due.changed(path("a"), at(second));
        for ready in due.to_seal(at(second), 9, true) {
            assert!(ready.open);
            due.sealed(&ready.path, true, at(second));
            sealed.push(second);
        }
    }
    assert_eq!(sealed, [60, 121, 182]);
    look(&mut due, start, &[("b", false)]);
    assert_eq!(due.to_seal(at(100), 9, false), [], "handing over looks at it anyway");
    assert_eq!(due.to_seal(at(100), 9, true).len(), 1);
}
