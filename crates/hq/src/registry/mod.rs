//! The registry as it is in memory: what the database holds, indexed. One task writes both, so that reading needs no query.

mod change;
mod closing;
mod decide;
mod enrol;
mod external;
mod invite;
mod node;
mod notice;
mod overtime;
mod person;
mod policy;
mod receipts;
mod records;
mod rows;
mod taking;
mod tenants;
mod tries;
mod waiting;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use hanare_ledger::{Hash, Head};
use hanare_model::plan::RoomPlace;
use hanare_model::policy::{Policy, Resident, Site};
use hanare_model::{
    CompanyId, NodeName, OfficeId, PersonId, PresharedKey, PublicKey, RoomId, Timestamp, VerifyKey,
};
use ipnet::IpNet;

pub(crate) use change::Change;
pub(crate) use closing::{Closing, waiting};
pub(crate) use decide::{Act, Context, Decision, Outcome, decide};
pub(crate) use enrol::{Joined, Joining};
pub(crate) use notice::{SHOWN_SECONDS, notices};
pub(crate) use overtime::Overtime;
pub(crate) use person::PersonAct;
pub(crate) use receipts::WipesRow;
pub(crate) use rows::{
    CompanyRow, InviteRow, LOST, NodeRow, NoticeRow, OfficeRow, PersonRow, PolicyRow, RoomRow, SessionRow,
    TryKey, TryRow,
};
pub(crate) use taking::{Passing, Taken, Taking};
pub(crate) use waiting::Waiting;
pub(crate) use work::{Opened, Opening, account, refused_before};

use crate::settings::Settings;

/// Everything that is registered.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    pub settings: Settings,
    pub companies: BTreeMap<CompanyId, CompanyRow>,
    pub offices: BTreeMap<OfficeId, OfficeRow>,
    pub rooms: BTreeMap<RoomId, RoomRow>,
    /// By `WireGuard` key; revoked ones too.
    pub nodes: BTreeMap<PublicKey, NodeRow>,
    pub invites: BTreeMap<String, InviteRow>,
    pub quarantine: BTreeMap<IpNet, Timestamp>,
    pub persons: BTreeMap<PersonId, PersonRow>,
    pub tries: BTreeMap<TryKey, TryRow>,
    /// Of names that nobody has.
    pub strangers: BTreeMap<TryKey, TryRow>,
    /// By node.
    pub sessions: BTreeMap<PublicKey, SessionRow>,
    /// What is known of endpoints' wipes.
    pub wipes: BTreeMap<PublicKey, WipesRow>,
    /// Receipts that are held, by the hash of their bytes.
    pub receipts: BTreeMap<PublicKey, Arc<BTreeSet<Hash>>>,
    /// Where headquarters stands in nodes' own ledgers.
    pub ledgers: BTreeMap<PublicKey, Head>,
    /// What persons are to know, by [`NoticeRow::id`].
    pub notices: BTreeMap<u64, NoticeRow>,
    pub policy: Option<PolicyRow>,
    /// What it says; the defaults if there is none.
    pub in_force: Arc<Policy>,
    by_signing_key: BTreeMap<VerifyKey, PublicKey>,
    by_name: BTreeMap<NodeName, PublicKey>,
}

impl Registry {
    /// An empty registry.
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            companies: BTreeMap::new(),
            offices: BTreeMap::new(),
            rooms: BTreeMap::new(),
            nodes: BTreeMap::new(),
            invites: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            persons: BTreeMap::new(),
            tries: BTreeMap::new(),
            strangers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            wipes: BTreeMap::new(),
            receipts: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            notices: BTreeMap::new(),
            policy: None,
            in_force: Arc::default(),
            by_signing_key: BTreeMap::new(),
            by_name: BTreeMap::new(),
        }
    }

    /// Takes a change in; the database has taken the same one, or will in the same transaction.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::Company(row) => {
                self.companies.insert(row.id.clone(), row);
            }
            Change::CompanyGone(id) => {
                self.companies.remove(&id);
            }
            Change::Office(row) => {
                self.offices.insert(row.id.clone(), row);
            }
            Change::OfficeGone(id) => {
                self.offices.remove(&id);
            }
            Change::Room(row) => {
                self.rooms.insert(row.id.clone(), row);
            }
            Change::RoomGone(id) => {
                self.rooms.remove(&id);
            }
            Change::Invite(row) => {
                self.invites.insert(row.id.clone(), row);
            }
            Change::Node(row) => self.put_node(*row),
            Change::Quarantine(prefix, until) => {
                self.quarantine.insert(prefix, until);
            }
            Change::Policy(row) => {
                // It was readable when it was applied.
                self.in_force = Arc::new(row.text.parse().unwrap_or_default());
                self.policy = Some(row);
            }
            Change::Person(row) => {
                self.persons.insert(row.id.clone(), *row);
            }
            Change::Try(row) => {
                self.tries.insert(row.key.clone(), row);
            }
            Change::StrangersTry(row) => tries::remember_stranger(&mut self.strangers, row),
            Change::Session(row) => {
                self.sessions.insert(row.node, row);
            }
            Change::NodeKeyGone(key) => {
                if let Some(row) = self.nodes.get_mut(&key) {
                    row.preshared_key = PresharedKey::from_bytes([0; 32]);
                }
            }
            Change::Wipes(row) => {
                self.wipes.insert(row.node, *row);
            }
            Change::Receipt(row) => {
                Arc::make_mut(self.receipts.entry(row.node).or_default()).insert(row.hash);
            }
            Change::ReceiptHeld(node, hash) => {
                Arc::make_mut(self.receipts.entry(node).or_default()).insert(hash);
            }
            Change::NodeLedger(node, head) => {
                self.ledgers.insert(node, head);
            }
            Change::Notice(row) => {
                self.notices.insert(row.id, row);
            }
        }
    }

    fn put_node(&mut self, row: NodeRow) {
        let key = row.public_key;
        if let Some(signing) = row.signing_key {
            self.by_signing_key.insert(signing, key);
        }
        if row.revoked_at.is_none() {
            self.by_name.insert(row.name.clone(), key);
        } else if self.by_name.get(&row.name) == Some(&key) {
            self.by_name.remove(&row.name);
        }
        self.nodes.insert(key, row);
    }

    /// The node that has this signing key, revoked or not.
    pub(crate) fn node_by_signing_key(&self, key: &VerifyKey) -> Option<&NodeRow> {
        self.by_signing_key.get(key).and_then(|key| self.nodes.get(key))
    }

    /// The enrolled node of this name.
    pub(crate) fn node_by_name(&self, name: &NodeName) -> Option<&NodeRow> {
        self.by_name.get(name).and_then(|key| self.nodes.get(key))
    }

    /// The node of this name, or the last revoked one that had it.
    pub(crate) fn node_or_last(&self, name: &NodeName) -> Option<&NodeRow> {
        self.node_by_name(name).or_else(|| {
            self.nodes.values().filter(|node| node.name == *name).max_by_key(|node| node.revoked_at)
        })
    }

    /// Enrolled nodes.
    pub(crate) fn enrolled(&self) -> impl Iterator<Item = &NodeRow> {
        self.nodes.values().filter(|node| node.revoked_at.is_none())
    }

    /// Enrolled nodes of a room.
    pub(crate) fn nodes_of(&self, room: &RoomId) -> impl Iterator<Item = &NodeRow> {
        self.enrolled().filter(move |node| node.room == *room)
    }

    /// Where a person's work is open.
    pub(crate) fn open_sessions(
        &self,
        person: &PersonId,
        now: Timestamp,
    ) -> impl Iterator<Item = &SessionRow> {
        self.sessions.values().filter(move |session| session.person == *person && session.is_open(now))
    }

    /// Places of all rooms.
    pub(crate) fn places(&self) -> Vec<RoomPlace> {
        self.rooms.values().map(|room| room.place).collect()
    }

    /// Addresses of all enrolled nodes.
    pub(crate) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.enrolled().flat_map(|node| node.addresses).collect()
    }

    /// What nobody may have yet.
    pub(crate) fn held(&self, now: Timestamp) -> Vec<IpNet> {
        self.quarantine.iter().filter(|(_, until)| **until > now).map(|(prefix, _)| *prefix).collect()
    }

    /// What a policy is compiled against.
    pub(crate) fn site(&self, interface: &str, api_port: u16) -> Site {
        let overlay = &self.settings.overlay;
        Site {
            interface: interface.to_owned(),
            overlay: overlay.prefixes().to_vec(),
            own: overlay.hq().to_vec(),
            api_port,
            networks: self.settings.networks.clone(),
            dns: self.settings.dns.clone(),
            internet: self.settings.internet,
            companies: self.companies.keys().cloned().collect(),
            rooms: self
                .rooms
                .values()
                .map(|room| Resident {
                    room: room.id.clone(),
                    company: room.company.clone(),
                    prefixes: overlay.room(room.place).to_vec(),
                })
                .collect(),
        }
    }
}
