//! Closed means closed: each way of letting something in is found, and what is not understood is not called closed.

use super::*;

fn rule(conditions: &[Condition], verdict: Verdict) -> Rule {
    Rule { conditions: conditions.to_vec(), verdict }
}

fn base(family: Family, drops: bool, rules: Vec<Rule>) -> Chain {
    Chain {
        family,
        table: "t".to_owned(),
        name: format!("{family:?}"),
        hook: Some(Hook::Input),
        drops,
        rules,
    }
}

fn side(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { name: name.to_owned(), hook: None, drops: false, ..base(Family::Inet, false, rules) }
}

fn input(chains: Vec<Chain>) -> Passage {
    passage(&Firewall { chains }, Hook::Input)
}

/// One chain for both families with a policy and rules.
fn of(drops: bool, rules: Vec<Rule>) -> Passage {
    input(vec![base(Family::Inet, drops, rules)])
}

#[test]
fn a_policy_of_drop_with_the_usual_exceptions_is_closed() {
    let usual = || {
        vec![
            rule(&[Condition::Loopback], Verdict::Accept),
            rule(&[Condition::Established], Verdict::Accept),
            rule(&[Condition::Protocol(58)], Verdict::Accept),
            rule(&[Condition::Protocol(6), Condition::Port("to 22".to_owned())], Verdict::Accept),
            rule(&[], Verdict::None),
        ]
    };
    assert_eq!(of(true, usual()), Passage::Closed);
    assert_eq!(of(false, usual()), Passage::Open, "the policy");
    let mut last = usual();
    last.push(rule(&[], Verdict::Drop));
    assert_eq!(of(false, last), Passage::Closed, "a last rule does as a policy");
}

#[test]
fn what_lets_everything_of_a_kind_in_is_open() {
    for conditions in [
        vec![],
        vec![Condition::Family],
        vec![Condition::Protocol(6)],
        vec![Condition::Protocol(17)],
        vec![Condition::Protocol(17), Condition::Port("from 53".to_owned())],
        vec![Condition::Interface("eth0".to_owned())],
    ] {
        assert_eq!(of(true, vec![rule(&conditions, Verdict::Accept)]), Passage::Open, "{conditions:?}");
        let after = vec![rule(&[], Verdict::Drop), rule(&conditions, Verdict::Accept)];
        assert_eq!(of(true, after), Passage::Closed, "behind a drop of everything");
    }
}

#[test]
fn what_is_not_understood_is_never_closed_unless_it_only_takes_away() {
    let riddle = || Condition::NotUnderstood("socket".to_owned());
    assert_eq!(of(true, vec![rule(&[riddle()], Verdict::Accept)]), Passage::Unclear);
    assert_eq!(of(true, vec![rule(&[riddle()], Verdict::Drop)]), Passage::Closed);
    assert_eq!(of(true, vec![rule(&[riddle(), Condition::Loopback], Verdict::Accept)]), Passage::Closed);
    let both = vec![rule(&[riddle()], Verdict::Accept), rule(&[], Verdict::Accept)];
    assert_eq!(of(true, both), Passage::Open);
    let dropped = vec![rule(&[riddle()], Verdict::Accept), rule(&[], Verdict::Drop)];
    assert_eq!(of(true, dropped), Passage::Unclear);
    assert_eq!(of(true, vec![rule(&[], Verdict::Jump("nowhere".to_owned()))]), Passage::Unclear);
}

#[test]
fn jumps_are_followed() {
    let to = |verdict: Verdict, conditions: &[Condition], rules: Vec<Rule>| {
        input(vec![base(Family::Inet, true, vec![rule(conditions, verdict)]), side("side", rules)])
    };
    let jump = || Verdict::Jump("side".to_owned());
    let goto = || Verdict::Goto("side".to_owned());
    let accept = || vec![rule(&[], Verdict::Accept)];
    assert_eq!(to(jump(), &[], accept()), Passage::Open);
    assert_eq!(to(goto(), &[], accept()), Passage::Open);
    assert_eq!(to(jump(), &[Condition::Loopback], accept()), Passage::Closed);
    assert_eq!(
        to(jump(), &[], vec![rule(&[], Verdict::Return), rule(&[], Verdict::Accept)]),
        Passage::Closed
    );
    let then_open = |verdict| {
        let rules = vec![rule(&[], verdict), rule(&[], Verdict::Accept)];
        input(vec![base(Family::Inet, true, rules), side("side", vec![])])
    };
    assert_eq!(then_open(jump()), Passage::Open);
    assert_eq!(then_open(goto()), Passage::Closed, "nothing comes back");
    let circle =
        vec![base(Family::Inet, true, vec![rule(&[], jump())]), side("side", vec![rule(&[], jump())])];
    assert_eq!(input(circle), Passage::Unclear);
}

#[test]
fn both_families_have_to_be_closed_and_one_closed_chain_is_enough_for_each() {
    let closed = |family| base(family, true, vec![]);
    let open = |family| base(family, false, vec![]);
    assert_eq!(input(vec![]), Passage::Open);
    assert_eq!(input(vec![closed(Family::Ip)]), Passage::Open, "IPv6 is open");
    assert_eq!(input(vec![closed(Family::Ip), closed(Family::Ip6)]), Passage::Closed);
    assert_eq!(input(vec![closed(Family::Inet), open(Family::Ip)]), Passage::Closed);
    assert_eq!(input(vec![closed(Family::Other)]), Passage::Open);
    let output = Chain { hook: Some(Hook::Output), ..closed(Family::Inet) };
    assert_eq!(input(vec![output]), Passage::Open, "another hook");
}
