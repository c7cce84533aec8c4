//! Deciding: from the registry, the time and what is asked to changes, ledger entries and an answer. No I/O.

use std::net::SocketAddr;

use hanare_ledger::Entry;
use hanare_ledger::carried::NodeRecords;
use hanare_model::api::Leave;
use hanare_model::report::NodeReport;
use hanare_model::{Endpoint, PublicKey, RoomId, Timestamp};
use serde_json::Value;

use super::enrol::{self, Joined, Joining};
use super::work::{self, Opened, Opening};
use super::{
    Change, Closing, Overtime, Passing, PersonAct, Registry, Taking, closing, external, invite, node,
    overtime, person, policy, receipts, records, taking, tenants,
};
use crate::admin::{Problem, Request};
use crate::lease::LeaseTerms;

/// What the deciding code may know besides the registry.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Headquarters' clock.
    pub now: Timestamp,
    /// Who asks, as the ledger writes it: `uid 0`, `node pc-1`, `address 192.0.2.7`, `hq`.
    pub actor: String,
    /// The tunnel interface.
    pub interface: String,
    /// Where the node API listens from outside.
    pub api: Vec<Endpoint>,
    /// What every lease says.
    pub terms: LeaseTerms,
    /// The pin of headquarters' certificate.
    pub pin: [u8; 32],
}

/// What is asked of the writer.
#[derive(Debug)]
pub(crate) enum Act {
    /// By an admin. Boxed because it is the largest.
    Admin(Box<Request>),
    /// By a device with an invite.
    Join(Box<Joining>),
    /// A new lease for a node, if what it would say differs or half of its time has passed.
    Renew(PublicKey),
    /// By a node that leaves.
    Leave(PublicKey, Leave),
    /// Where nodes were last heard.
    Roamed(Vec<(PublicKey, SocketAddr)>),
    /// By an admin, about a person, with the secrets that were made for it.
    Person(Box<PersonAct>),
    /// By a person on a node, whose proof was looked at.
    WorkOpen(Box<Opening>),
    /// By a node, of the session with this fingerprint.
    WorkClose(PublicKey, [u8; 32]),
    /// By a node, for its person.
    Overtime(Overtime),
    /// Openings whose time is over.
    WorkLapse,
    /// A person's work has passed on.
    Pass(Box<Passing>),
    /// By an admin, who gives a room up.
    CloseRoom(Closing),
    /// The keys that headquarters shares with the nodes of a room that is gone.
    ForgetKeys(RoomId),
    /// By a node: its receipts, and how it stands.
    Report(PublicKey, Box<NodeReport>),
    /// By a node: what is on its own ledger.
    Records(PublicKey, Box<NodeRecords>),
    /// By an admin, who takes copies of work.
    Take(Box<Taking>),
    /// Something was refused before it reached the registry.
    Note(Entry),
}

/// What comes out if nothing is wrong.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// An admin's answer.
    Answer(Value),
    /// What became of a join.
    Joined(Joined),
    /// What became of an opening.
    Opened(Opened),
    /// Nothing to say.
    Done,
}

/// A decision, to be made durable.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub changes: Vec<Change>,
    pub entries: Vec<Entry>,
    pub outcome: Outcome,
}

impl Decision {
    /// Nothing changes.
    pub(crate) const fn nothing(outcome: Outcome) -> Self {
        Self { changes: Vec::new(), entries: Vec::new(), outcome }
    }

    /// An answer to an admin, with what it changes.
    pub(crate) fn answer<A: serde::Serialize>(answer: &A) -> Result<Self, Problem> {
        let value = serde_json::to_value(answer).map_err(|error| Problem::Bug { text: error.to_string() })?;
        Ok(Self::nothing(Outcome::Answer(value)))
    }

    /// With a change.
    pub(crate) fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// With a ledger entry.
    pub(crate) fn recorded(mut self, context: &Context, kind: &str, subject: &str, data: Value) -> Self {
        self.entries.push(context.entry(kind, subject, data));
        self
    }
}

impl Context {
    /// A ledger entry of this actor at this time.
    pub(crate) fn entry(&self, kind: &str, subject: &str, data: Value) -> Entry {
        Entry {
            at: self.now,
            actor: self.actor.clone(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            data,
        }
    }
}

/// Decides.
pub(crate) fn decide(registry: &Registry, context: &Context, act: Act) -> Result<Decision, Problem> {
    match act {
        Act::Admin(request) => admin(registry, context, *request),
        Act::Join(joining) => enrol::join(registry, context, &joining),
        Act::Renew(key) => Ok(node::renew(registry, context, &key)),
        Act::Leave(key, leave) => Ok(node::leave(registry, context, &key, leave)),
        Act::Person(act) => person::act(registry, context, *act),
        Act::WorkOpen(opening) => Ok(work::open(registry, context, *opening)),
        Act::WorkClose(key, session) => Ok(work::close(registry, context, &key, &session)),
        Act::Overtime(ask) => Ok(overtime::grant(registry, context, &ask)),
        Act::WorkLapse => Ok(work::lapse(registry, context)),
        Act::Pass(passing) => Ok(taking::pass(registry, context, *passing)),
        Act::CloseRoom(ask) => closing::close(registry, context, &ask),
        Act::ForgetKeys(room) => closing::forget_keys(registry, context, &room),
        Act::Report(key, report) => receipts::report(registry, context, &key, &report),
        Act::Records(key, told) => records::take(registry, context, &key, &told),
        Act::Take(taking) => taking::take(registry, context, *taking),
        Act::Roamed(news) => Ok(node::roamed(registry, &news)),
        Act::Note(entry) => {
            Ok(Decision { changes: Vec::new(), entries: vec![entry], outcome: Outcome::Done })
        }
    }
}

fn admin(registry: &Registry, context: &Context, request: Request) -> Result<Decision, Problem> {
    match request {
        Request::CompanyAdd(ask) => tenants::company_add(registry, context, ask),
        Request::CompanyRemove(ask) => tenants::company_remove(registry, context, &ask),
        Request::OfficeAdd(ask) => tenants::office_add(registry, context, ask),
        Request::OfficeRemove(ask) => tenants::office_remove(registry, context, &ask),
        Request::RoomAdd(ask) => tenants::room_add(registry, context, ask),
        Request::RoomRemove(ask) => tenants::room_remove(registry, context, &ask),
        Request::InviteMake(ask) => invite::make(registry, context, ask),
        Request::NodeRevoke(ask) => node::revoke(registry, context, ask),
        Request::NodeEndDay(ask) => node::end_day(registry, context, &ask),
        Request::NodeAddExternal(ask) => external::add(registry, context, ask),
        Request::PolicyApply(ask) => policy::apply(registry, context, ask),
        Request::NodeAcknowledge(ask) => receipts::acknowledge(registry, context, &ask),
        Request::PersonDisable(ask) => person::disable(registry, context, &ask),
        Request::StatusShow(_)
        | Request::CompanyList(_)
        | Request::OfficeList(_)
        | Request::OfficeShow(_)
        | Request::RoomList(_)
        | Request::RoomShow(_)
        | Request::RoomClose(_)
        | Request::NodeList(_)
        | Request::NodeShow(_)
        | Request::NodeLost(_)
        | Request::NodeReceipts(_)
        | Request::PolicyShow(_)
        | Request::LedgerList(_)
        | Request::LedgerLines(_)
        | Request::LedgerExport(_)
        | Request::LedgerVerify(_)
        | Request::HandoverList(_)
        | Request::HandoverStatus(_)
        | Request::PersonQuota(_)
        | Request::CompanyQuota(_)
        | Request::HandoverDeletions(_)
        | Request::HandoverDecide(_)
        | Request::HandoverTake(_)
        | Request::HandoverGranted(_)
        | Request::HandoverChunk(_)
        | Request::HandoverImport(_)
        | Request::PersonList(_)
        | Request::PersonAdd(_)
        | Request::PersonReset(_) => {
            Err(Problem::Bug { text: "this is not for the writer as it was asked".to_owned() })
        }
    }
}
