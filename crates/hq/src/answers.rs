//! Answers to admins: questions from memory, changes through the writer.

use std::sync::Arc;

use hanare_ledger::Record;
use hanare_model::policy::compile;
use hanare_model::{NodeKind, Segmentation, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::admin::{
    LedgerEntry, LedgerLine, Lists, Node, NodeCounts, NodeRevoke, Noun, PolicyShown, Problem, ReceiptPage,
    Request, Status, WipeCounts, WipeStanding,
};
use crate::closing;
use crate::deletions;
use crate::forgotten;
use crate::held;
use crate::identity::{Credentials, Overloaded};
use crate::lost;
use crate::objects::ObjectsStanding;
use crate::pages;
use crate::random;
use crate::registry::{Act, NodeRow, Outcome, PersonAct, Registry};
use crate::sealed_here;
use crate::shared::{FAREWELL, FOLLOWING, Hq};
use crate::show;
use crate::space;

/// `WireGuard`'s reject-after-time: an older session carries nothing (whitepaper, 6.1).
const SESSION_SECONDS: u64 = 180;

/// Answers one request of a caller that may ask.
pub(crate) async fn answer(hq: &Arc<Hq>, uid: u32, request: Request) -> Result<Value, Problem> {
    let (registry, now) = (hq.writer.registry(), random::now());
    let missing = |noun, id: String| Problem::Missing { noun, id };
    match request {
        Request::StatusShow(_) => {
            let put_back = forgotten::seen(hq, now).await;
            json(&Status { put_back, ..status(hq, &registry, now) })
        }
        Request::CompanyList(_) => list(registry.companies.values().map(|row| show::company(&registry, row))),
        Request::OfficeList(_) => list(registry.offices.values().map(|row| show::office(&registry, row))),
        Request::OfficeShow(ask) => match registry.offices.get(&ask.id) {
            Some(row) => json(&show::office(&registry, row)),
            None => Err(missing(Noun::Office, ask.id.to_string())),
        },
        Request::RoomList(_) => list(registry.rooms.values().map(|row| show::room(&registry, row, now))),
        Request::RoomShow(ask) => match registry.rooms.get(&ask.id) {
            Some(row) => json(&show::room(&registry, row, now)),
            None => Err(missing(Noun::Room, ask.id.to_string())),
        },
        Request::NodeList(_) => {
            let mut nodes: Vec<Node> =
                registry.nodes.values().map(|row| node(hq, &registry, row, now)).collect();
            nodes.sort_by(|a, b| (&a.room, &a.name, a.revoked_at).cmp(&(&b.room, &b.name, b.revoked_at)));
            list(nodes.into_iter())
        }
        Request::NodeShow(ask) => match registry.node_or_last(&ask.name) {
            Some(row) => json(&node(hq, &registry, row, now)),
            None => Err(missing(Noun::Node, ask.name.to_string())),
        },
        Request::NodeReceipts(ask) => match registry.node_or_last(&ask.name) {
            Some(row) => {
                let (receipts, next) = hq.writer.receipts(row.public_key, ask.after).await?;
                json(&ReceiptPage { signing_key: row.signing_key, receipts, next })
            }
            None => Err(missing(Noun::Node, ask.name.to_string())),
        },
        Request::PolicyShow(_) => {
            let site = registry.site(&hq.interface, hq.terms.api_port);
            json(&PolicyShown {
                text: registry.policy.as_ref().map_or_else(String::new, |row| row.text.clone()),
                applied_at: registry.policy.as_ref().map(|row| row.applied_at),
                changed: false,
                in_force: hq.in_force.borrow().as_ref() == Some(&wanted(hq)),
                segmentation: compile(&registry.in_force, &site),
            })
        }
        Request::LedgerList(ask) => {
            let (lines, _) = hq.writer.ledger(ask.after, ask.since).await?;
            json(&Lists { items: lines.iter().filter_map(|(_, line)| entry(line)).collect() })
        }
        Request::LedgerLines(ask) => {
            let (lines, _) = hq.writer.ledger(ask.after, None).await?;
            let line = |(sequence, line)| LedgerLine { sequence, line };
            json(&Lists { items: lines.into_iter().map(line).collect() })
        }
        Request::LedgerExport(_) => json(&pages::export(hq, now).await?),
        Request::LedgerVerify(_) => json(&pages::verified(hq).await?),
        Request::NodeRevoke(ask) => revoke(hq, &registry, uid, ask).await,
        Request::RoomClose(ask) => closing::close(hq, uid, ask).await,
        Request::NodeLost(ask) => lost::lost(hq, uid, ask).await,
        Request::PolicyApply(ask) => {
            let mut answer = change(hq, uid, Request::PolicyApply(ask), None).await?;
            if let Some(field) = answer.get_mut("in_force") {
                *field = follows(hq).await.into();
            }
            Ok(answer)
        }
        Request::PersonDisable(ask) => {
            let answer = change(hq, uid, Request::PersonDisable(ask), None).await?;
            held::pass(hq, uid, answer).await
        }
        Request::PersonList(_) => {
            list(registry.persons.values().map(|row| show::person(&registry, row, now)))
        }
        Request::HandoverList(ask) => held::list(hq, &registry, ask).await,
        Request::HandoverStatus(_) => held::status(hq).await,
        Request::PersonQuota(ask) => space::person(hq, &registry, uid, &ask).await,
        Request::CompanyQuota(ask) => space::company(hq, &registry, uid, &ask).await,
        Request::HandoverDeletions(_) => deletions::list(hq).await,
        Request::HandoverDecide(ask) => deletions::decide(hq, &registry, uid, &ask).await,
        Request::HandoverTake(ask) => held::take(hq, &registry, uid, ask).await,
        Request::HandoverGranted(ask) => held::granted(hq, uid, &ask).await,
        Request::HandoverChunk(ask) => held::chunks(hq, uid, &ask).await,
        Request::HandoverImport(ask) => sealed_here::import(hq, &registry, &ask).await,
        Request::PersonAdd(ask) => given(hq, uid, |made| PersonAct::Add(ask, made)).await,
        Request::PersonReset(ask) => given(hq, uid, |made| PersonAct::Reset(ask, made)).await,
        other @ (Request::CompanyAdd(_)
        | Request::CompanyRemove(_)
        | Request::OfficeAdd(_)
        | Request::OfficeRemove(_)
        | Request::RoomAdd(_)
        | Request::RoomRemove(_)
        | Request::InviteMake(_)
        | Request::NodeEndDay(_)
        | Request::NodeAcknowledge(_)
        | Request::NodeAddExternal(_)) => change(hq, uid, other, None).await,
    }
}

/// Ends a node, unless sealed work waits there that somebody is to care for first.
async fn revoke(hq: &Arc<Hq>, registry: &Registry, uid: u32, ask: NodeRevoke) -> Result<Value, Problem> {
    let row = registry.node_by_name(&ask.name);
    if let Some(row) = row.filter(|_| !ask.abandon_sealed) {
        sealed_here::nothing_waits(hq, registry, row).await?;
    }
    let leaving = row.filter(|row| hears(hq, row)).map(|row| row.public_key);
    change(hq, uid, Request::NodeRevoke(ask), leaving).await
}

/// Makes the secrets that a person gets, then asks the writer: hashing must not hold it up.
async fn given(hq: &Arc<Hq>, uid: u32, act: impl FnOnce(Credentials) -> PersonAct) -> Result<Value, Problem> {
    let made = hq.identity.credentials().await.map_err(|Overloaded| Problem::Overloaded)?;
    match hq.writer.act(&format!("uid {uid}"), Act::Person(Box::new(act(made)))).await? {
        Outcome::Answer(answer) => Ok(answer),
        Outcome::Joined(_) | Outcome::Opened(_) | Outcome::Done => {
            Err(Problem::Bug { text: "the writer gave no answer".to_owned() })
        }
    }
}

/// What the firewall should hold.
fn wanted(hq: &Hq) -> Segmentation {
    let registry = hq.writer.registry();
    compile(&registry.in_force, &registry.site(&hq.interface, hq.terms.api_port))
}

/// Whether the firewall holds what it should, within [`FOLLOWING`]. Another admin may change it meanwhile: what counts is
/// that it has caught up.
async fn follows(hq: &Hq) -> bool {
    let mut in_force = hq.in_force.clone();
    let caught_up = in_force.wait_for(|held| held.as_ref() == Some(&wanted(hq)));
    matches!(tokio::time::timeout(FOLLOWING, caught_up).await, Ok(Ok(_)))
}

/// Whether a node can be told that it is revoked: it listens, or it has a session and may be about to listen again.
fn hears(hq: &Hq, row: &NodeRow) -> bool {
    hq.listens(&row.public_key) || (row.kind != NodeKind::External && is_connected(hq, row))
}

/// Whether a node's tunnel stands: its last handshake is as young as a session's may be.
pub(crate) fn is_connected(hq: &Hq, row: &NodeRow) -> bool {
    let report = hq.report.borrow();
    let age = report.peers.get(&row.public_key).and_then(|peer| peer.last_handshake_seconds);
    age.is_some_and(|age| age < SESSION_SECONDS)
}

/// Passes a change to the writer; with `leaving`, waits for the revoked node's word for as long as a farewell takes.
async fn change(
    hq: &Arc<Hq>,
    uid: u32,
    request: Request,
    leaving: Option<hanare_model::PublicKey>,
) -> Result<Value, Problem> {
    if let Some(key) = leaving {
        // Before the commit, or the publisher would drop the peer with the notice still unsent.
        hq.depart(key);
    }
    let outcome = hq.writer.act(&format!("uid {uid}"), Act::Admin(Box::new(request))).await;
    if let (Some(key), Err(_)) = (leaving, &outcome) {
        hq.farewell(&key);
    }
    let Outcome::Answer(mut answer) = outcome? else {
        return Err(Problem::Bug { text: "the writer gave no answer".to_owned() });
    };
    if let Some(key) = leaving {
        let mut departing = hq.departing.subscribe();
        let gone = departing.wait_for(|departing| !departing.contains_key(&key));
        // The publisher ends the farewell at its deadline; an acknowledgement ends it sooner.
        let acknowledged = matches!(tokio::time::timeout(FAREWELL * 9 / 10, gone).await, Ok(Ok(_)));
        if let Some(field) = answer.get_mut("acknowledged") {
            *field = acknowledged.into();
        }
    }
    Ok(answer)
}

pub(crate) fn json<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| Problem::Bug { text: error.to_string() })
}

pub(crate) fn list<T: Serialize>(items: impl Iterator<Item = T>) -> Result<Value, Problem> {
    json(&Lists { items: items.collect::<Vec<_>>() })
}

pub(crate) fn node(hq: &Hq, registry: &Registry, row: &NodeRow, now: Timestamp) -> Node {
    let report = hq.report.borrow();
    let shown = show::node(row, now, report.peers.get(&row.public_key));
    let session = registry.sessions.get(&row.public_key).filter(|session| session.is_open(now));
    Node {
        listening: hq.listens(&row.public_key),
        person: session.map(|session| session.person.clone()),
        wipes: show::wipes(registry, row, now),
        ..shown
    }
}

fn status(hq: &Hq, registry: &Registry, now: Timestamp) -> Status {
    let report = hq.report.borrow();
    let fresh = |row: &&NodeRow| {
        let peer = report.peers.get(&row.public_key);
        peer.and_then(|peer| peer.last_handshake_seconds).is_some_and(|age| age < SESSION_SECONDS)
    };
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Status {
        interface: hq.interface.clone(),
        addresses: registry.settings.overlay.hq().to_vec(),
        public_key: hq.wireguard.public(),
        signing_key: hq.signing.verify_key(),
        pin: hex::encode(hq.pin),
        listen: hq.listen,
        api: hq.api,
        endpoints: registry.settings.endpoints.clone(),
        overlay: registry.settings.overlay.prefixes().to_vec(),
        networks: registry.settings.networks.clone(),
        internet: registry.settings.internet,
        nodes: NodeCounts {
            enrolled: count(registry.enrolled().filter(|row| !show::lapsed(row, now)).count()),
            up: count(registry.enrolled().filter(fresh).count()),
        },
        wipes: wipe_counts(registry, now),
        put_back: None,
        objects: ObjectsStanding::of(hq.work.bucket()),
        forwarding: report.forwarding,
        firewall: report.firewall,
        since: hq.since,
    }
}

/// Endpoints by how their wipes stand; revoked ones too, until somebody has looked into it.
fn wipe_counts(registry: &Registry, now: Timestamp) -> WipeCounts {
    let mut counts = WipeCounts::default();
    for known in registry.nodes.values().filter_map(|row| show::wipes(registry, row, now)) {
        counts.open += u64::from(known.standing == WipeStanding::Open);
        counts.unknown += u64::from(!known.unknown.is_empty());
        counts.alarms +=
            u64::from(matches!(known.standing, WipeStanding::Missing | WipeStanding::Contradicted));
    }
    counts
}

fn entry(line: &str) -> Option<LedgerEntry> {
    let record = Record::parse(line)?;
    Some(LedgerEntry {
        sequence: record.seq,
        at: record.at,
        actor: record.actor,
        kind: record.kind,
        subject: record.subject,
        data: record.data,
        hash: hanare_ledger::Hash::of(line.as_bytes()).to_string(),
    })
}
