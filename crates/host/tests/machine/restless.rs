//! A machine whose surroundings do not come to rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hanare_host::kill_switch::{Checked, KillSwitch};

use crate::kill_switch::policy;
use crate::world::{Peer, inside, run};

#[test]
fn networks_that_come_and_go_without_end_keep_it_neither_from_closing_nor_from_following() {
    inside(
        "restless::networks_that_come_and_go_without_end_keep_it_neither_from_closing_nor_from_following",
        false,
        || {
            let peer = Peer::new();
            peer.wire("eth0", "eth0");
            let stop = Arc::new(AtomicBool::new(false));
            let neighbour = std::thread::spawn({
                let stop = Arc::clone(&stop);
                move || {
                    let mut announced = 0;
                    while !stop.load(Ordering::Relaxed) {
                        for verb in ["add", "del"] {
                            run(&format!("ip -6 address {verb} 2001:db8:7:7::1/64 dev eth0 nodad"));
                            announced += 1;
                        }
                    }
                    announced
                }
            });
            let state = tempfile::tempdir().unwrap();
            let mut switch = KillSwitch::engage(state.path(), policy()).unwrap();
            for round in 0..30 {
                switch.check().unwrap();
                let mut other = policy();
                other.api.insert(format!("192.0.2.9:{}", 1000 + round).parse().unwrap());
                switch.set_policy(other).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
            assert!(neighbour.join().unwrap() > 30, "nothing came or went");
            run("ip -6 address replace 2001:db8:8:8::1/64 dev eth0 nodad");
            assert_eq!(switch.check().unwrap(), Checked::DevicesChanged);
            assert_eq!(switch.check().unwrap(), Checked::Intact);
        },
    );
}
