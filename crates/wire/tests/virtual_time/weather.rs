//! A bad network: loss, repetition, delay, reordering.

use proptest::prelude::*;

use crate::world::{CALM, Weather, World, cases, millis, outer, peer, secs};
use hanare_model::Peer;

fn weather() -> impl Strategy<Value = Weather> {
    (0u64..35, 0u64..20, 1u64..50, 0u64..400).prop_map(|(loss_percent, repeat_percent, least, spread)| {
        Weather { loss_percent, repeat_percent, delay_ms: (least, least + spread), down: false }
    })
}

proptest! {
    #![proptest_config(cases(24))]

    /// `World::receive` asserts for every packet that it was sent and never came out before.
    #[test]
    fn what_arrives_was_sent_and_arrives_once(seed in any::<u64>(), weather in weather(), hq_initiates in any::<bool>()) {
        let mut world = World::pair(seed, hq_initiates);
        world.run(secs(2));
        world.weather = weather;
        for _ in 0..400 {
            if world.dice.chance(50) { world.send(1, 0); }
            if world.dice.chance(50) { world.send(0, 1); }
            let pause = world.dice.below(3000);
            world.run(millis(pause));
        }
        world.weather = CALM;
        world.run(secs(12));
        prop_assert!(world.both_ways(0, 1));
    }

    #[test]
    fn three_sites_talk_through_headquarters_in_any_weather(seed in any::<u64>(), weather in weather()) {
        let mut world = World::new(seed);
        let hq = world.add(1, vec![peer(2, &["10.88.0.2/32"]), peer(3, &["10.88.0.3/32"])]);
        let towards_hq = Peer { endpoint: Some(outer(1)), initiate: true, ..peer(1, &["10.88.0.0/16"]) };
        let two = world.add(2, vec![towards_hq.clone()]);
        let three = world.add(3, vec![towards_hq]);
        world.weather = weather;
        for _ in 0..200 {
            if world.elapsed > secs(20) {
                world.send(hq, two);
                world.send(hq, three);
            }
            world.send(two, hq);
            world.send(three, hq);
            world.run(millis(1500));
        }
        world.weather = CALM;
        world.run(secs(12));
        prop_assert!(world.both_ways(hq, two) && world.both_ways(hq, three));
    }
}

#[test]
fn nothing_is_lost_on_a_calm_network_over_many_rekeys() {
    let mut world = World::pair(1, false);
    world.run(secs(1));
    world.talk(0, 1, millis(250), secs(1200));
    world.run(secs(1));
    let arrived = world.nodes[0].delivered.len() + world.nodes[1].delivered.len();
    assert_eq!(arrived, world.sent.len());
}

#[test]
fn an_idle_session_stays_alive_without_traffic() {
    let mut world = World::pair(2, false);
    world.run(secs(1));
    for _ in 0..2000 {
        world.run(secs(1));
        assert!(world.stats(0, 2).connected && world.stats(1, 1).connected, "{:?}", world.elapsed);
    }
}

#[test]
fn keepalives_are_sent_and_without_any_duty_an_idle_tunnel_falls_silent() {
    let mut world = World::new(3);
    world.add(1, vec![peer(2, &["10.88.0.2/32"])]);
    let hq = Peer { endpoint: Some(outer(1)), ..peer(1, &["10.88.0.0/16"]) };
    world.add(2, vec![hq.clone()]);
    world.run(secs(100));
    assert!(world.capture.is_empty(), "nobody wants to talk");
    world.send(1, 0);
    world.run(secs(600));
    let quiet = world.capture.len();
    world.run(secs(600));
    assert_eq!(world.capture.len(), quiet);
    world.change(1, |core, now| core.upsert(Peer { keepalive: Some(25), ..hq }, now));
    world.run(secs(10));
    let before = world.capture.len();
    world.run(secs(100));
    assert_eq!(world.capture.len() - before, 4, "one keepalive in 25 s");
}

#[test]
fn both_sides_may_begin_at_once() {
    for seed in 0..20 {
        let mut world = World::pair(seed, true);
        world.run(millis(100));
        assert!(world.both_ways(0, 1));
    }
}
