//! A lost machine's sheet: what was refused to its key is on it, and nothing that was refused to anybody else.

use std::time::Duration;

use super::device::{Device, exchange};
use super::invite;
use super::work::Office;
use crate::admin::{LostNode, NodeLost, Wanted};

impl Office {
    async fn lost(&self) -> LostNode {
        // The ledger counts in seconds: what came before came in an earlier one.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        self.admin.call(NodeLost { name: "pc-1".parse().unwrap() }).await.unwrap().facts
    }

    async fn tries(&self, device: &Device, method: &str, path: &str) {
        let mut stream = device.connect(self.server.api_address(), true).await;
        assert_eq!(exchange(&mut stream, method, path, "{}").await.0, 403);
    }
}

fn told(facts: &LostNode) -> Vec<(Wanted, &str)> {
    facts.refusals.iter().map(|one| (one.what, one.why.as_str())).collect()
}

#[tokio::test]
async fn what_the_key_of_a_lost_machine_tried_is_on_its_sheet_and_nobody_elses_tries() {
    let (office, _) = Office::opened().await;
    let (stranger, other) = (Device::new(8), Device::new(9));
    let hq = office.server.private_key().public();
    let invite = invite(&office.admin, "kofu/306", "pc-3", 3600).await;
    other.join(office.server.api_address(), &hq, &invite).await.unwrap();
    // From outside the tunnel, before anybody knows that it is gone.
    let (work, lease) = (("POST", "/v1/work/open"), ("GET", "/v1/lease"));
    office.tries(&office.own, work.0, work.1).await;
    let first = office.lost().await;
    let outside = (Wanted::Work, "outside-the-tunnel");
    assert_eq!((told(&first), first.refused_since, first.revoked_now), (vec![outside], 0, true));
    assert_eq!(first.reported_at, first.at);
    office.tries(&office.own, lease.0, lease.1).await;
    office.tries(&office.own, "POST", "/v1/handover/browse").await;
    for (device, (method, path)) in [(&stranger, lease), (&stranger, work), (&other, work)] {
        office.tries(device, method, path).await;
    }
    let again = office.lost().await;
    assert_eq!(told(&again), [(Wanted::Work, "revoked"), (Wanted::Lease, "revoked"), outside]);
    assert_eq!((again.reported_at, again.refused_since, again.revoked_now), (first.at, 2, false));
    office.server.stop().await;
}
