use proptest::prelude::*;

use super::*;

fn overlay(v4: &str) -> Overlay {
    Overlay::new(v4.parse().unwrap(), "fd12:3456:789a::/48".parse().unwrap(), &[]).unwrap()
}

#[test]
fn headquarters_is_the_first_host_and_the_first_room_comes_next() {
    let overlay = overlay("10.88.0.0/16");
    assert_eq!(overlay.hq().map(|a| a.to_string()), ["10.88.0.1", "fd12:3456:789a::1"]);
    let room = overlay.place_room(None, &[], &[]).unwrap();
    assert_eq!(room.v4.to_string(), "10.88.1.0/24");
    assert_eq!(overlay.nodes(room).map(|n| n.to_string()), ["10.88.1.0/25", "fd12:3456:789a:2::/64"]);
    assert_eq!(overlay.lan(room).map(|n| n.to_string()), ["10.88.1.128/25", "fd12:3456:789a:3::/64"]);
    let node = overlay.place_node(room, &BTreeSet::new(), &[]).unwrap();
    assert_eq!(node.map(|a| a.to_string()), ["10.88.1.1", "fd12:3456:789a:2::1"]);
}

#[test]
fn an_overlay_that_meets_a_network_is_refused() {
    let v6 = Overlay::unique_local([1, 2, 3, 4, 5]);
    let network = ["10.0.0.0/8".parse().unwrap()];
    let made = Overlay::new("10.88.0.0/16".parse().unwrap(), v6, &network);
    assert!(matches!(made, Err(PlanError::Overlap { .. })));
    for bad in ["10.88.0.1/16", "10.88.0.0/24", "127.0.0.0/16", "224.0.0.0/16"] {
        assert!(Overlay::new(bad.parse().unwrap(), v6, &[]).is_err(), "{bad}");
    }
}

#[test]
fn a_wanted_prefix_is_checked() {
    let overlay = overlay("10.88.0.0/16");
    let room = overlay.place_room(None, &[], &[]).unwrap();
    for bad in
        ["10.88.0.0/24", "10.88.1.0/25", "10.88.0.0/20", "10.89.0.0/24", "10.88.9.1/24", "10.88.9.0/30"]
    {
        assert!(overlay.place_room(Some(bad.parse().unwrap()), &[room], &[]).is_err(), "{bad}");
    }
    let held = ["10.88.7.9/32".parse().unwrap()];
    assert!(overlay.place_room(Some("10.88.7.0/24".parse().unwrap()), &[room], &held).is_err());
    assert!(overlay.place_room(Some("10.88.8.0/22".parse().unwrap()), &[room], &held).is_ok());
}

#[test]
fn a_full_overlay_says_so() {
    let overlay = overlay("10.88.0.0/22");
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(overlay.place_room(None, &rooms, &[]).unwrap());
    }
    assert_eq!(overlay.place_room(None, &rooms, &[]), Err(PlanError::Full("10.88.0.0/22".parse().unwrap())));
}

proptest! {
    #[test]
    fn rooms_never_overlap_and_never_take_what_is_held(
        steps in proptest::collection::vec((any::<bool>(), any::<u16>(), 18u8..=29), 1..60)
    ) {
        let overlay = overlay("10.88.0.0/17");
        let (mut rooms, mut held): (Vec<RoomPlace>, Vec<IpNet>) = (Vec::new(), Vec::new());
        for (remove, pick, length) in steps {
            if remove && !rooms.is_empty() {
                let gone = rooms.swap_remove(usize::from(pick) % rooms.len());
                held.extend(overlay.room(gone));
                continue;
            }
            let wanted = (length % 2 == 0).then(|| {
                let address = u32::from(overlay.v4().network()) | u32::from(pick & 0x7fff);
                Ipv4Net::new_assert(address.into(), length).trunc()
            });
            if let Ok(room) = overlay.place_room(wanted, &rooms, &held) {
                prop_assert!(overlay.v4().contains(&room.v4) && room.slot > 0);
                for net in overlay.room(room) {
                    prop_assert!(overlay.hq().iter().all(|own| !net.contains(own)));
                    prop_assert!(held.iter().all(|other| !overlap(other, &net)));
                    prop_assert!(rooms.iter().all(|r| overlay.room(*r).iter().all(|o| !overlap(o, &net))));
                }
                let ([n4, n6], [l4, l6]) = (overlay.nodes(room), overlay.lan(room));
                prop_assert!(!overlap(&n4, &l4) && !overlap(&n6, &l6));
                rooms.push(room);
            }
        }
    }

    #[test]
    fn a_room_fills_up_without_giving_an_address_twice(length in 22u8..=29, freed in any::<u8>()) {
        let overlay = overlay("10.88.0.0/16");
        let wanted = Ipv4Net::new_assert(Ipv4Addr::new(10, 88, 8, 0), length);
        let room = overlay.place_room(Some(wanted), &[], &[]).unwrap();
        let mut taken = BTreeSet::new();
        while let Ok(pair) = overlay.place_node(room, &taken, &[]) {
            let [nodes4, nodes6] = overlay.nodes(room);
            prop_assert!(nodes4.contains(&pair[0]) && nodes6.contains(&pair[1]));
            prop_assert!(pair.iter().all(|address| taken.insert(*address)));
        }
        prop_assert_eq!(taken.len(), 2 * ((1usize << (31 - length)) - 2));
        let gone = *taken.iter().nth(usize::from(freed) % (taken.len() / 2)).unwrap();
        taken.remove(&gone);
        prop_assert!(overlay.place_node(room, &taken, &[IpNet::from(gone)]).is_err());
    }
}
