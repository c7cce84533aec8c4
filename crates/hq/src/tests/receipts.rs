//! Receipts of wipes as they come in, in virtual time: on time, late, again, forged, out of order, and never.

use hanare_ledger::receipt::NAMESPACE;
use hanare_ledger::{Hash, sshsig};
use hanare_model::report::{NodeReport, ReportTaken, SignedReceipt};
use hanare_model::{SigningKey, VerifyKey};
use serde_json::{Value, json};

use super::device::{Device, exchange};
use super::lockout::{World, key};
use super::{Home, invite, rooms};
use crate::admin::{
    NodeAcknowledge, NodeRevoke, NodeShow, NodeWipes, Problem, Request, StatusShow, WipeStanding,
};
use crate::registry::{Act, Change, Decision, Outcome, decide};
use crate::show;

const PC: u8 = 1;
const OTHER: u8 = 2;

pub(super) fn boot(number: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{number:02x}")
}

fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

/// A machine's own chain.
pub(super) struct Machine {
    seed: u8,
    head: (u64, Hash),
}

impl Machine {
    pub(super) fn new(world: &mut World, seed: u8) -> Self {
        let mut row = world.registry.nodes[&key(seed)].clone();
        row.signing_key = Some(signing(seed).verify_key());
        world.registry.apply(&Change::Node(Box::new(row)));
        Self { seed, head: (0, Hash::GENESIS) }
    }

    fn document(&self, boot_id: &str, verdict: &str) -> Value {
        json!({
            "schema": "hanare.receipt/1", "id": format!("{:032x}", self.head.0), "counter": self.head.0 + 1,
            "previous": self.head.1, "chain": "intact", "boot_id": boot_id, "cause": "end-of-day",
            "machine": {"name": "pc", "key": openssh(&signing(self.seed).verify_key())},
            "started": "2026-11-26T09:00:00Z", "at": "2026-11-26T09:00:01Z", "interruptions": 0,
            "outcome": {"verdict": verdict, "lost": 2, "sealed": 3}, "volume_kind": "dm-crypt",
        })
    }

    fn sign(&mut self, document: &Value) -> SignedReceipt {
        let document = document.to_string();
        self.head = (self.head.0 + 1, Hash::of(document.as_bytes()));
        signed(document, self.seed)
    }

    fn wipe(&mut self, boot_id: &str, verdict: &str) -> SignedReceipt {
        self.sign(&self.document(boot_id, verdict))
    }

    pub(super) fn report(&self, boot_id: &str, receipts: Vec<SignedReceipt>) -> NodeReport {
        NodeReport {
            boot_id: boot_id.to_owned(),
            session: None,
            head: self.head.0,
            whole: true,
            sealed: Some(3),
            volume: None,
            receipts,
        }
    }
}

fn openssh(key: &VerifyKey) -> String {
    sshsig::openssh_key(key, "pc")
}

fn signed(document: String, seed: u8) -> SignedReceipt {
    let signature = sshsig::sign(&sshsig::Digest::of(document.as_bytes()), NAMESPACE, &signing(seed));
    SignedReceipt { document, signature }
}

impl World {
    pub(super) fn act(&mut self, act: Act) -> Result<Decision, Problem> {
        let decision = decide(&self.registry, &self.context, act)?;
        decision.changes.iter().for_each(|change| self.registry.apply(change));
        Ok(decision)
    }

    /// What headquarters holds afterwards, and what it wrote down.
    pub(super) fn report(&mut self, seed: u8, report: NodeReport) -> (u64, Vec<String>) {
        let decision = self.act(Act::Report(key(seed), Box::new(report))).unwrap();
        let Outcome::Answer(taken) = decision.outcome else { panic!("a report has an answer") };
        let taken: ReportTaken = serde_json::from_value(taken).unwrap();
        (taken.head, decision.entries.into_iter().map(|entry| entry.kind).collect())
    }

    fn wipes(&self, seed: u8) -> NodeWipes {
        show::wipes(&self.registry, &self.registry.nodes[&key(seed)], self.context.now).unwrap()
    }

    fn standing(&self, seed: u8) -> WipeStanding {
        self.wipes(seed).standing
    }

    pub(super) fn close(&mut self, seed: u8) {
        self.act(Act::WorkClose(key(seed), [seed; 32])).unwrap();
    }

    /// Opened, told by the machine, closed.
    fn day(&mut self, machine: &Machine, boot_id: &str) {
        assert_eq!(self.right(machine.seed), None);
        let session = Some(hex::encode([machine.seed; 32]));
        self.report(machine.seed, NodeReport { session, ..machine.report(boot_id, Vec::new()) });
        self.wait(3600);
        self.close(machine.seed);
    }
}

#[test]
fn an_opening_is_unknown_until_its_receipt_comes() {
    let mut world = World::new();
    let mut pc = Machine::new(&mut world, PC);
    assert_eq!(world.standing(PC), WipeStanding::None);
    assert_eq!(world.right(PC), None);
    assert_eq!(world.standing(PC), WipeStanding::Open);
    world.close(PC);
    assert_eq!(world.standing(PC), WipeStanding::Unknown);
    for (verdict, standing) in
        [("pass", WipeStanding::Pass), ("partial", WipeStanding::Partial), ("fail", WipeStanding::Fail)]
    {
        world.day(&pc, &boot(1));
        assert_eq!(world.standing(PC), WipeStanding::Unknown);
        let receipt = pc.wipe(&boot(1), verdict);
        let (head, wrote) = world.report(PC, pc.report(&boot(1), vec![receipt]));
        assert_eq!((head, wrote), (pc.head.0, vec!["receipt.came".to_owned()]));
        assert_eq!(world.standing(PC), standing);
    }
    let known = world.wipes(PC);
    assert_eq!((known.counts.pass, known.counts.partial, known.counts.fail, known.counts.late), (1, 1, 1, 0));
    assert_eq!((known.counts.lost, known.told.unwrap().sealed), (6, Some(3)));
    assert!(known.unknown.is_empty() && known.missing.is_empty());
}

#[test]
fn what_comes_after_the_next_boot_is_late_and_what_does_not_come_then_is_an_alarm_until_acknowledged() {
    let mut world = World::new();
    let mut pc = Machine::new(&mut world, PC);
    // The power went: the receipt is written at the next boot.
    world.day(&pc, &boot(1));
    let late = pc.wipe(&boot(1), "partial");
    let before = NodeReport { receipts: Vec::new(), ..pc.report(&boot(2), Vec::new()) };
    assert_eq!(world.report(PC, before), (0, Vec::new()));
    assert_eq!(world.standing(PC), WipeStanding::Unknown, "it says that one is on its way");
    world.report(PC, pc.report(&boot(2), vec![late]));
    assert_eq!((world.standing(PC), world.wipes(PC).counts.late), (WipeStanding::Partial, 1));
    assert!(world.wipes(PC).last.unwrap().late);
    // No receipt at all.
    world.day(&pc, &boot(2));
    world.report(PC, pc.report(&boot(2), Vec::new()));
    assert_eq!(world.standing(PC), WipeStanding::Unknown, "it has not booted since");
    let (_, wrote) = world.report(PC, pc.report(&boot(3), Vec::new()));
    assert_eq!(
        (wrote.as_slice(), world.standing(PC)),
        (&["receipt.missing".to_owned()][..], WipeStanding::Missing)
    );
    // A good day afterwards does not make it good.
    world.day(&pc, &boot(3));
    let receipt = pc.wipe(&boot(3), "pass");
    world.report(PC, pc.report(&boot(3), vec![receipt]));
    assert_eq!(world.standing(PC), WipeStanding::Missing);
    let name = world.registry.nodes[&key(PC)].name.clone();
    let ask = |reason: &str| {
        let ask = NodeAcknowledge { name: name.clone(), reason: reason.to_owned() };
        Act::Admin(Box::new(Request::NodeAcknowledge(ask)))
    };
    assert!(matches!(world.act(ask(" ")), Err(Problem::Text { .. })));
    let entries = world.act(ask("disk replaced")).unwrap().entries;
    assert_eq!((entries[0].kind.as_str(), world.standing(PC)), ("receipt.acknowledged", WipeStanding::Pass));
}

#[test]
fn the_same_receipt_again_counts_once_and_ends_nothing_else() {
    let mut world = World::new();
    let mut pc = Machine::new(&mut world, PC);
    world.day(&pc, &boot(1));
    let receipt = pc.wipe(&boot(1), "pass");
    world.report(PC, pc.report(&boot(1), vec![receipt.clone()]));
    world.day(&pc, &boot(1));
    let (head, wrote) = world.report(PC, pc.report(&boot(1), vec![receipt.clone(), receipt]));
    assert_eq!((head, wrote.len()), (1, 0));
    let known = world.wipes(PC);
    assert_eq!((known.standing, known.counts.pass, known.counts.replayed), (WipeStanding::Unknown, 1, 2));
}

#[test]
fn forged_changed_foreign_and_contradicting_receipts_are_refused_on_the_record() {
    let mut world = World::new();
    let (mut pc, mut other) = (Machine::new(&mut world, PC), Machine::new(&mut world, OTHER));
    world.day(&pc, &boot(1));
    let good = pc.document(&boot(1), "pass");
    let (foreign, mut changed) = (other.wipe(&boot(1), "pass"), signed(good.to_string(), PC));
    changed.document = changed.document.replace("dm-crypt", "dm-crypT");
    let not_ours = signed(json!({"schema": "hanare.receipt/2"}).to_string(), PC);
    // Signed by this machine, and about another one.
    let about = signed(other.document(&boot(1), "pass").to_string(), PC);
    let none = SignedReceipt { document: good.to_string(), signature: "none".to_owned() };
    let long = signed(format!("{}{}", good, " ".repeat(300_000)), PC);
    let longer = signed(format!("{}{}", good, " ".repeat(40_000)), PC);
    for (receipt, why) in [
        (longer, "form"),
        (foreign, "signer"),
        (changed, "changed"),
        (not_ours, "content"),
        (about, "content"),
        (none, "form"),
        (long, "form"),
    ] {
        let decision = world.act(Act::Report(key(PC), Box::new(pc.report(&boot(1), vec![receipt])))).unwrap();
        assert_eq!(decision.entries[0].kind, "receipt.refused");
        assert_eq!(decision.entries[0].data["why"], why);
        assert_eq!((world.standing(PC), world.wipes(PC).head), (WipeStanding::Contradicted, 0));
    }
    // The right one comes, and another one in its place.
    let right = pc.sign(&good);
    world.report(PC, pc.report(&boot(1), vec![right]));
    let mut fork = good.clone();
    fork["cause"] = "command".into();
    let fork = signed(fork.to_string(), PC);
    let decision = world.act(Act::Report(key(PC), Box::new(pc.report(&boot(1), vec![fork])))).unwrap();
    assert_eq!((&decision.entries[0].data["why"], world.wipes(PC).head), (&json!("fork"), 1));
    assert_eq!(world.wipes(PC).counts.pass, 1);
}

#[test]
fn a_gap_and_a_chain_that_was_put_back_are_alarms() {
    let mut world = World::new();
    let mut pc = Machine::new(&mut world, PC);
    let _removed = pc.wipe(&boot(1), "fail");
    let second = pc.wipe(&boot(1), "pass");
    let (head, _) = world.report(PC, pc.report(&boot(1), vec![second]));
    assert_eq!((head, world.standing(PC)), (2, WipeStanding::Contradicted));
    assert_eq!(world.wipes(PC).counts.gaps, 1);
    let older = NodeReport { head: 1, ..pc.report(&boot(1), Vec::new()) };
    let (_, wrote) = world.report(PC, older.clone());
    assert_eq!((wrote.as_slice(), world.wipes(PC).counts.gaps), (&["receipt.put-back".to_owned()][..], 2));
    assert_eq!(world.report(PC, older), (2, Vec::new()), "once is enough");
}

#[tokio::test]
async fn a_machine_reports_with_its_own_key_also_when_it_is_revoked_and_nobody_else_does() {
    let home = Home::new().await;
    let server = home.serve().await;
    let (admin, hq) = (home.admin(), server.private_key().public());
    rooms(&admin).await;
    let (own, stranger) = (Device::new(1), Device::new(2));
    own.join(server.api_address(), &hq, &invite(&admin, "kofu/306", "pc-1", 3600).await).await.unwrap();
    let forged = signed("{}".to_owned(), PC);
    let report = |boot_id: &str, receipts: Vec<SignedReceipt>| {
        let (sealed, volume, session) = (None, None, None);
        let boot_id = boot_id.to_owned();
        let report = NodeReport { boot_id, session, head: 0, whole: true, sealed, volume, receipts };
        serde_json::to_string(&report).unwrap()
    };
    let api = server.api_address();
    let ask = async |device: &Device, body: String| {
        let mut stream = device.connect(api, true).await;
        exchange(&mut stream, "POST", "/v1/report", &body).await
    };
    assert_eq!(ask(&own, report(&boot(1), Vec::new())).await, (200, "{\"head\":0}".to_owned()));
    assert_eq!(ask(&stranger, report(&boot(1), Vec::new())).await.0, 403);
    assert_eq!(ask(&own, report("no boot", Vec::new())).await.0, 403);
    assert_eq!(ask(&own, report(&boot(1), vec![forged.clone(); 17])).await.0, 403);
    let name: hanare_model::NodeName = "pc-1".parse().unwrap();
    admin.call(NodeRevoke { name: name.clone(), reason: None, abandon_sealed: false }).await.unwrap();
    assert_eq!(ask(&own, report(&boot(1), vec![forged])).await.0, 200);
    let shown = admin.call(NodeShow { name }).await.unwrap().wipes.unwrap();
    assert_eq!((shown.standing, shown.counts.refused), (WipeStanding::Contradicted, 1));
    let status = admin.call(StatusShow {}).await.unwrap().wipes;
    assert_eq!((status.alarms, status.unknown), (1, 0));
    server.stop().await;
    // It is known after a restart, too.
    let server = home.serve().await;
    assert_eq!(home.admin().call(StatusShow {}).await.unwrap().wipes, status);
    server.stop().await;
}

#[test]
fn a_power_cut_before_the_first_report_is_no_missing_receipt() {
    let mut world = World::new();
    let mut machine = Machine::new(&mut world, PC);
    assert_eq!(world.right(PC), None);
    // The power is cut. The next boot writes the receipt, and its first report says only that there is one.
    let receipt = machine.wipe(&boot(1), "partial");
    world.wait(3600);
    world.report(PC, machine.report(&boot(2), Vec::new()));
    world.report(PC, machine.report(&boot(2), vec![receipt]));
    world.wait(24 * 3600);
    let (_, told) = world.report(PC, machine.report(&boot(3), Vec::new()));
    assert!(!told.iter().any(|kind| kind == "receipt.missing"), "{told:?}");
    assert_eq!(world.wipes(PC).counts.late, 1);
}
