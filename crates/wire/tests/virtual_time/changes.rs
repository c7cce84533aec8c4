//! Changes while traffic flows: keys, clocks, peers.

use hanare_model::{Peer, PeerSet};
use hanare_wire::{ClockStep, Event, Reason, Received, Sent};
use proptest::prelude::*;

use crate::world::{World, cases, inner, key, millis, outer, peer, psk, secs};

fn all_arrived(world: &World) -> bool {
    world.nodes.iter().map(|node| node.delivered.len()).sum::<usize>() == world.sent.len()
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_preshared_key_changes_without_losing_a_packet(
        seed in any::<u64>(), hq_first in any::<bool>(), apart_ms in 0u64..40_000, age in 1u64..150,
    ) {
        let mut world = World::pair(seed, false);
        world.run(secs(1));
        world.talk(0, 1, millis(100), secs(age));
        let order = if hq_first { [0, 1] } else { [1, 0] };
        for (place, pause) in order.into_iter().zip([millis(apart_ms), secs(60)]) {
            world.change(place, |core, now| {
                let mut set = core.peers();
                for peer in set.peers.values_mut() {
                    peer.preshared_key = Some(psk(9));
                }
                core.set_peers(&set, now);
            });
            world.talk(0, 1, millis(100), pause);
        }
        world.run(secs(1));
        prop_assert!(all_arrived(&world), "{} of {}", world.nodes[0].delivered.len() + world.nodes[1].delivered.len(), world.sent.len());
        // And it is really the new key that carries the traffic.
        world.talk(0, 1, millis(500), secs(200));
        world.run(secs(1));
        prop_assert!(all_arrived(&world));
    }
}

#[test]
fn a_clock_that_steps_forward_or_back_costs_no_packet() {
    let mut world = World::pair(1, true);
    world.run(secs(1));
    for step in
        [ClockStep::Forward(secs(86_400)), ClockStep::Backward(secs(3600)), ClockStep::Forward(secs(5))]
    {
        for place in [0, 1] {
            world.talk(0, 1, millis(100), secs(20));
            world.change(place, |core, now| core.clock_stepped(step, now));
        }
        world.talk(0, 1, millis(100), secs(250));
    }
    world.run(secs(1));
    assert!(all_arrived(&world));
}

#[test]
fn a_node_restarted_with_an_earlier_clock_needs_its_peer_rebuilt() {
    let mut world = World::pair(2, false);
    world.run(secs(300));
    assert!(world.both_ways(0, 1));
    // Made without the usual trick, the new core's time stamps begin where the first core's began.
    let now = world.now();
    let mut core = hanare_wire::Core::new(&key(2), [99; 32], now);
    let hq = Peer { endpoint: Some(outer(1)), initiate: true, ..peer(1, &["10.88.0.0/16"]) };
    core.set_peers(&PeerSet::from_iter([hq]), now);
    world.nodes[1].core = core;
    world.run(secs(60));
    assert!(!world.stats(1, 1).connected, "refused as replays");
    assert!(world.dropped(0, 2, Reason::Replay) > 0);
    world.change(0, |core, now| core.rebuild(&key(2).public(), now));
    world.run(secs(10));
    assert!(world.stats(1, 1).connected);
    assert!(world.both_ways(0, 1));
}

#[test]
fn a_new_private_key_leaves_the_old_session_working_until_the_peer_knows() {
    let mut world = World::pair(3, false);
    world.run(secs(1));
    world.talk(0, 1, millis(100), secs(5));
    world.change(1, |core, now| core.set_private_key(&key(42), now));
    world.talk(0, 1, millis(100), secs(60));
    world.run(secs(1));
    assert!(all_arrived(&world));
    assert_eq!(world.nodes[1].core.public_key(), key(42).public());
}

#[test]
fn a_removed_peer_is_gone_at_once() {
    let mut world = World::pair(4, true);
    world.run(secs(5));
    assert!(world.both_ways(0, 1));
    world.change(0, |core, _| core.remove(&key(2).public()));
    let before = world.nodes[0].delivered.len();
    assert_eq!(world.nodes[0].core.route(inner(2).into()), None);
    world.send(1, 0);
    let data = world.capture.last().unwrap().bytes.clone();
    assert_eq!(world.receive(0, outer(2), &data), Received::Dropped(Reason::UnknownIndex));
    for _ in 0..300 {
        world.send(1, 0);
        world.run(secs(1));
    }
    assert_eq!(world.nodes[0].delivered.len(), before);
    assert!(!world.stats(1, 1).connected);
    assert!(world.nodes[0].core.drops().of(Reason::UnknownKey) > 0);
}

#[test]
fn a_place_is_not_shared_with_a_removed_peers_packets() {
    let mut world = World::pair(5, true);
    world.run(secs(5));
    let index = world.nodes[0].core.index(&key(2).public()).unwrap();
    world.change(0, |core, now| {
        core.remove(&key(2).public());
        core.upsert(peer(3, &["10.88.0.3/32"]), now);
    });
    assert_eq!(world.nodes[0].core.index(&key(3).public()), Some(index), "the place is used again");
    let mut out = [0u8; 256];
    let now = world.now();
    let sent = world.nodes[0].core.send(index, &[0x45; 64], &mut out, now);
    assert_eq!(sent, Sent::Dropped(Reason::NoEndpoint));
}

#[test]
fn replacing_the_peers_touches_only_what_differs() {
    let mut world = World::pair(6, false);
    world.run(secs(5));
    assert!(world.both_ways(0, 1));
    let (stats, events) = (world.stats(0, 2), world.nodes[0].events.len());
    world.change(0, |core, now| {
        let set =
            PeerSet::from_iter([peer(2, &["10.88.0.2/32", "10.99.0.0/24"]), peer(3, &["10.88.0.3/32"])]);
        core.set_peers(&set, now);
    });
    let after = world.stats(0, 2);
    assert_eq!(
        (stats.endpoint, stats.last_handshake, stats.rx_bytes),
        (after.endpoint, after.last_handshake, after.rx_bytes)
    );
    assert!(after.connected && world.both_ways(0, 1));
    assert_eq!(world.nodes[0].events.len(), events);
    assert!(
        world.nodes[0]
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::Established { rekey: false, .. }))
    );
    let effective = world.nodes[0].core.peers();
    assert_eq!(effective.peers[&key(2).public()].endpoint, Some(outer(2)), "as learnt");
}
