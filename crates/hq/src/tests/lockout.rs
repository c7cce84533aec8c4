//! Locks in virtual time: the registry decides, and the tests say what time it is.

use hanare_model::plan::Overlay;
use hanare_model::work::WorkRefusal;
use hanare_model::{NodeKind, PersonId, PresharedKey, PrivateKey, PublicKey, Timestamp, VerifyKey};

use crate::identity::{Account, PasswordHash, Proof, TotpSecret};
use hanare_handover::seal::SealingSecret;

use crate::lease::LeaseTerms;
use crate::registry::{
    Act, Change, CompanyRow, Context, NodeRow, Opened, Opening, Outcome, PersonRow, Registry, decide,
};
use crate::settings::Settings;

const START: i64 = 1_800_000_000;

/// A headquarters in memory: aoba with hanako, and three nodes; midori with one.
pub(super) struct World {
    pub(super) registry: Registry,
    pub(super) context: Context,
    account: Account,
    step: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let overlay =
            Overlay::new("10.88.0.0/16".parse().unwrap(), "fd00:1:2::/48".parse().unwrap(), &[]).unwrap();
        let settings = Settings {
            overlay,
            endpoints: vec!["192.0.2.1:51820".parse().unwrap()],
            networks: Vec::new(),
            internet: hanare_model::Internet::None,
            dns: Vec::new(),
            mtu: 1360,
            created_at: Timestamp::from_seconds(START),
        };
        let sealing = SealingSecret::from_bytes(zeroize::Zeroizing::new([4; 32]));
        let keys = (PrivateKey::from_bytes([9; 32]).public(), sealing);
        let terms = LeaseTerms::new(&settings, keys, Vec::new(), 51821);
        let context = Context {
            now: Timestamp::from_seconds(START),
            actor: "test".to_owned(),
            interface: "hnhq0".to_owned(),
            api: Vec::new(),
            terms,
            pin: [0; 32],
        };
        let account =
            Account { password: PasswordHash::kept("hash".to_owned()), totp: TotpSecret::make().unwrap() };
        let mut world = Self { registry: Registry::new(settings), context, account, step: 0 };
        for id in ["aoba", "midori"] {
            let created_at = world.context.now;
            let row = CompanyRow { id: id.parse().unwrap(), name: id.to_owned(), created_at };
            world.registry.apply(&Change::Company(row));
        }
        for (seed, company) in [(1, "aoba"), (2, "aoba"), (3, "aoba"), (4, "midori")] {
            world.registry.apply(&Change::Node(Box::new(node(seed, company))));
        }
        let person = PersonRow {
            id: hanako(),
            company: "aoba".parse().unwrap(),
            name: "花子".to_owned(),
            created_at: world.context.now,
            disabled_at: None,
            successor: None,
            account: world.account.clone(),
            must_change: false,
            totp_step: 0,
        };
        world.registry.apply(&Change::Person(Box::new(person)));
        world
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.context.now = self.context.now.after(std::time::Duration::from_secs(seconds));
    }

    fn ask(&mut self, node: u8, person: &PersonId, proof: Proof) -> Opened {
        let opening = Opening {
            node: key(node),
            person: person.clone(),
            account: Some(self.account.clone()),
            proof,
            fingerprint: [node; 32],
        };
        let decision = decide(&self.registry, &self.context, Act::WorkOpen(Box::new(opening))).unwrap();
        decision.changes.iter().for_each(|change| self.registry.apply(change));
        let Outcome::Opened(opened) = decision.outcome else { panic!("an opening has its own outcome") };
        opened
    }

    fn wrong(&mut self, node: u8, person: &PersonId) -> Option<WorkRefusal> {
        refusal(&self.ask(node, person, Proof::Wrong("wrong-password")))
    }

    pub(super) fn right(&mut self, node: u8) -> Option<WorkRefusal> {
        self.step += 1;
        let proof = Proof::Right { step: self.step, new: None };
        refusal(&self.ask(node, &hanako(), proof))
    }
}

fn refusal(opened: &Opened) -> Option<WorkRefusal> {
    match opened {
        Opened::Open { .. } => None,
        Opened::Refused(refusal) => Some(*refusal),
    }
}

fn hanako() -> PersonId {
    "hanako".parse().unwrap()
}

pub(super) fn key(seed: u8) -> PublicKey {
    PrivateKey::from_bytes([seed; 32]).public()
}

fn node(seed: u8, company: &str) -> NodeRow {
    let time = Timestamp::from_seconds(START);
    NodeRow {
        public_key: key(seed),
        signing_key: Some(VerifyKey::from_bytes([seed; 32])),
        preshared_key: PresharedKey::from_bytes([seed; 32]),
        name: format!("pc-{seed}").parse().unwrap(),
        kind: NodeKind::Endpoint,
        company: company.parse().unwrap(),
        room: "kofu/306".parse().unwrap(),
        addresses: [format!("10.88.1.{seed}").parse().unwrap(), format!("fd00::{seed}").parse().unwrap()],
        lan: Vec::new(),
        enrolled_at: time,
        serial: 0,
        issued_at: time,
        expires_at: time,
        lease_digest: String::new(),
        endpoint: None,
        revoked_at: None,
        reason: None,
        has_left: false,
    }
}

const fn locked(seconds: u64) -> WorkRefusal {
    WorkRefusal::Locked { retry_after_seconds: seconds }
}

#[test]
fn five_wrong_proofs_lock_a_name_on_a_node_for_longer_each_time() {
    let mut world = World::new();
    for _ in 0..5 {
        assert_eq!(world.wrong(1, &hanako()), Some(WorkRefusal::Proof));
    }
    for minutes in [1, 2, 4, 8, 15, 15] {
        assert_eq!(world.right(1), Some(locked(minutes * 60)), "also for a right proof");
        world.wait(minutes * 60 - 1);
        assert_eq!(world.wrong(1, &hanako()), Some(locked(1)), "and what is asked meanwhile does not count");
        world.wait(1);
        assert_eq!(world.wrong(1, &hanako()), Some(WorkRefusal::Proof));
    }
    world.wait(15 * 60);
    assert_eq!(world.right(1), None, "waiting is a way back");
    for _ in 0..4 {
        assert_eq!(world.wrong(1, &hanako()), Some(WorkRefusal::Proof));
    }
    assert_eq!(world.right(1), None, "in a row: a right one begins anew");
}

#[test]
fn a_day_later_nobody_remembers() {
    let mut world = World::new();
    for _ in 0..4 {
        world.wrong(1, &hanako());
    }
    world.wait(24 * 3600 + 1);
    for _ in 0..4 {
        assert_eq!(world.wrong(1, &hanako()), Some(WorkRefusal::Proof));
    }
    assert_eq!(world.right(1), None);
}

/// Whoever knows a name tries it from another room, for hours.
#[test]
fn nobody_is_locked_out_of_their_own_machine_from_another_one() {
    let mut world = World::new();
    assert_eq!(world.right(1), None, "this one is hers");
    for _ in 0..200 {
        world.wrong(2, &hanako());
        world.wait(60);
    }
    assert_eq!(world.right(1), None);
    for seed in 20..26 {
        world.registry.apply(&Change::Node(Box::new(node(seed, "aoba"))));
        for _ in 0..5 {
            world.wrong(seed, &hanako());
        }
    }
    // Somewhere she has never been, she waits with everybody who says that they are her: a quarter of an hour at most.
    let Some(WorkRefusal::Locked { retry_after_seconds }) = world.right(3) else { panic!("not locked") };
    assert!((1..=15 * 60).contains(&retry_after_seconds), "{retry_after_seconds}");
    assert_eq!(world.right(1), None);
    assert_eq!(world.right(3), None, "and her own right proof ends that");
}

#[test]
fn guesses_from_many_machines_are_counted_together() {
    let mut world = World::new();
    for seed in 10..14 {
        world.registry.apply(&Change::Node(Box::new(node(seed, "aoba"))));
        for _ in 0..5 {
            assert_eq!(world.wrong(seed, &hanako()), Some(WorkRefusal::Proof));
        }
    }
    assert_eq!(world.wrong(3, &hanako()), Some(locked(60)), "twenty on four machines lock a fifth");
}

#[test]
fn a_name_that_nobody_has_is_locked_like_one_that_somebody_has() {
    let mut world = World::new();
    let nobody: PersonId = "nobody".parse().unwrap();
    for who in [hanako(), nobody.clone()] {
        let mut heard = Vec::new();
        for _ in 0..7 {
            heard.push(world.wrong(1, &who));
        }
        assert_eq!(heard[..5], [Some(WorkRefusal::Proof); 5], "{who}");
        assert_eq!(heard[5..], [Some(locked(60)); 2], "{who}");
    }
    assert!(world.registry.tries.keys().all(|key| key.person != nobody), "nothing of it is kept");
}

#[test]
fn another_companys_room_neither_opens_nor_locks() {
    let mut world = World::new();
    for _ in 0..5 {
        world.step += 1;
        let proof = Proof::Right { step: world.step, new: None };
        let asked = world.ask(4, &hanako(), proof);
        assert_eq!(refusal(&asked), Some(WorkRefusal::Proof), "it is as wrong as a wrong password");
    }
    assert_eq!(world.right(4), Some(locked(60)));
    assert!(world.registry.tries.is_empty() && world.registry.sessions.is_empty());
    assert_eq!(world.right(1), None, "where she works nothing happened");
}

#[test]
fn names_that_nobody_has_take_a_bounded_place() {
    let mut world = World::new();
    for number in 0..3000 {
        world.wrong(1, &format!("nobody-{number}").parse().unwrap());
        world.wait(1);
    }
    assert_eq!(world.registry.strangers.len(), 1024);
}

#[test]
fn a_code_is_taken_once() {
    let mut world = World::new();
    world.step = 7;
    assert_eq!(world.right(1), None);
    for step in [8, 7] {
        let again = world.ask(2, &hanako(), Proof::Right { step, new: None });
        assert_eq!(refusal(&again), Some(WorkRefusal::Proof), "{step}");
    }
    assert_eq!(world.right(2), None);
}

#[test]
fn a_person_sits_at_two_machines_and_a_machine_has_one_person() {
    let mut world = World::new();
    let open = |world: &World| {
        let now = world.context.now;
        let open = world.registry.sessions.values().filter(|session| session.is_open(now));
        let mut nodes: Vec<_> = open.map(|session| session.node).collect();
        nodes.sort();
        nodes
    };
    let keys = |seeds: &[u8]| {
        let mut keys: Vec<_> = seeds.iter().map(|seed| key(*seed)).collect();
        keys.sort();
        keys
    };
    for node in [1, 2] {
        assert_eq!(world.right(node), None);
        world.wait(60);
    }
    assert_eq!(open(&world), keys(&[1, 2]));
    assert_eq!(world.right(3), None);
    assert_eq!(open(&world), keys(&[2, 3]), "the one that she left first is closed");
    assert_eq!(world.right(2), None, "opening again where it is open closes nothing else");
    assert_eq!(open(&world), keys(&[2, 3]));
    world.wait(24 * 3600);
    assert_eq!(open(&world), keys(&[]), "a day is the longest");
    let lapsed = decide(&world.registry, &world.context, Act::WorkLapse).unwrap();
    assert_eq!(lapsed.entries.len(), 2, "and that is on the record");
}
