//! Outages, restarts and moves: how soon traffic resumes, timed from both sides.

use std::time::Duration;

use hanare_model::Peer;
use hanare_wire::{Event, Received, Sent};
use proptest::prelude::*;

use crate::world::{World, cases, millis, outer, peer, secs};

/// What the issue promises.
const RESUMES: Duration = Duration::from_secs(15);

fn outage(world: &mut World, span: Duration, traffic: Option<Duration>) -> Duration {
    world.weather.down = true;
    match traffic {
        Some(interval) => world.talk(0, 1, interval, span),
        None => world.run(span),
    }
    world.weather.down = false;
    world.elapsed
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn traffic_resumes_after_an_outage_whenever_it_begins(
        seed in any::<u64>(), age in 0u64..300, lasts in prop_oneof![Just(200u64), 1u64..2000],
        busy in any::<bool>(), hq_initiates in any::<bool>(),
    ) {
        let mut world = World::pair(seed, hq_initiates);
        world.run(secs(1));
        world.talk(0, 1, millis(500), secs(age + 1));
        let back = outage(&mut world, secs(lasts), busy.then_some(secs(1)));
        world.talk(0, 1, millis(200), secs(20));
        for place in [0, 1] {
            let resumed = world.heard_after(place, back).map(|at| at - back);
            prop_assert!(resumed.is_some_and(|after| after <= RESUMES), "place {place}: {resumed:?}");
        }
    }
}

#[test]
fn headquarters_that_restarts_begins_itself_and_traffic_is_back_in_ten_seconds() {
    for (seed, idle) in [(1, true), (2, false)] {
        let mut world = World::pair(seed, false);
        world.run(secs(5));
        assert!(world.both_ways(0, 1));
        if idle {
            world.run(secs(60));
        }
        let remembered = Peer { endpoint: Some(outer(2)), initiate: true, ..peer(2, &["10.88.0.2/32"]) };
        world.restart(0, 1, vec![remembered]);
        let back = world.elapsed;
        world.talk(0, 1, millis(100), secs(11));
        for place in [0, 1] {
            let after = world.heard_after(place, back).unwrap() - back;
            assert!(after <= secs(1), "place {place}: {after:?}");
        }
    }
}

#[test]
fn a_forgetful_headquarters_is_found_again_by_its_node() {
    let mut world = World::pair(4, false);
    world.run(secs(5));
    world.talk(0, 1, millis(500), secs(30));
    world.restart(0, 1, vec![peer(2, &["10.88.0.2/32"])]);
    let back = world.elapsed;
    // Only the node talks: headquarters does not know where it is.
    for _ in 0..100 {
        world.send(1, 0);
        world.run(millis(200));
    }
    let after = world.heard_after(0, back).unwrap() - back;
    assert!(after <= secs(8), "{after:?}");
}

#[test]
fn a_node_that_moves_is_followed_on_its_first_packet_and_on_its_word_without_one() {
    for with_traffic in [true, false] {
        let mut world = World::pair(5, false);
        world.run(secs(5));
        assert!(world.both_ways(0, 1));
        world.nodes[1].address = outer(77);
        if with_traffic {
            world.send(1, 0);
        } else {
            world.change(1, hanare_wire::Core::underlay_changed);
        }
        world.run(secs(1));
        assert_eq!(world.stats(0, 2).endpoint, Some(outer(77)));
        assert!(world.both_ways(0, 1));
        let roamed =
            |event: &Event| matches!(event, Event::Roamed { endpoint, .. } if *endpoint == outer(77));
        assert_eq!(world.nodes[0].events.iter().filter(|(_, event)| roamed(event)).count(), 1);
    }
}

#[test]
fn a_late_packet_from_the_old_address_does_not_move_the_endpoint_back() {
    let mut world = World::pair(6, false);
    world.run(secs(5));
    world.weather.down = true;
    world.send(1, 0);
    let late = world.capture.pop().unwrap();
    world.send(1, 0);
    world.weather.down = false;
    let newer = world.capture.pop().unwrap();
    world.run(secs(1));
    let _ = world.receive(0, outer(77), &newer.bytes);
    assert_eq!(world.stats(0, 2).endpoint, Some(outer(77)));
    assert!(matches!(world.receive(0, outer(2), &late.bytes), Received::Packet { .. }));
    assert_eq!(world.stats(0, 2).endpoint, Some(outer(77)));
}

#[test]
fn packets_wait_for_the_session_and_arrive_in_order() {
    let mut world = World::pair(7, false);
    let sent: Vec<(u64, Sent)> =
        (0..5).map(|_| world.send_to(1, world.nodes[1].inner, world.nodes[0].inner)).collect();
    assert!(matches!(sent[0].1, Sent::Handshake { .. }));
    assert!(sent[1..].iter().all(|(_, sent)| *sent == Sent::Queued));
    world.run(secs(1));
    assert_eq!(world.nodes[0].delivered.len(), 5);
    let mut unreachable = World::pair(8, false);
    unreachable.weather.down = true;
    for _ in 0..10_000 {
        unreachable.send(1, 0);
    }
    unreachable.run(secs(30));
    unreachable.weather.down = false;
    unreachable.run(secs(15));
    assert_eq!(unreachable.nodes[0].delivered.len(), 0, "what is old is not delivered");
    assert!(unreachable.both_ways(0, 1));
}
