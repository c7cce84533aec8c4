//! Answers: what headquarters says to an admin; the CLI prints them as tables or JSON.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use hanare_model::{
    CompanyId, Endpoint, Internet, NodeKind, NodeName, OfficeId, PersonId, PublicKey, RoomId, Segmentation,
    Timestamp, VerifyKey,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::wipes::{NodeWipes, WipeCounts};
use crate::objects::ObjectsStanding;
use crate::plane::FirewallState;

/// A list, so that an answer is always an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists<T> {
    /// What was asked for, in order.
    pub items: Vec<T>,
}

/// Something was added, or was there already with the same data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added<T> {
    /// Whether this request made it.
    pub created: bool,
    /// What is there now.
    pub item: T,
}

/// Something was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its id.
    pub id: String,
}

/// `hq status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The tunnel interface.
    pub interface: String,
    /// Headquarters' addresses inside the tunnel, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Its `WireGuard` key.
    pub public_key: PublicKey,
    /// The key that signs leases, tombstones and the ledger.
    pub signing_key: VerifyKey,
    /// SHA-256 of its certificate's SPKI, hexadecimal.
    pub pin: String,
    /// Where `WireGuard` listens.
    pub listen: SocketAddr,
    /// Where the node API listens.
    pub api: SocketAddr,
    /// Where nodes find `WireGuard` from outside.
    pub endpoints: Vec<Endpoint>,
    /// The overlay, IPv4 and IPv6.
    pub overlay: Vec<IpNet>,
    /// Networks behind the server.
    pub networks: Vec<IpNet>,
    /// Whether rooms reach the internet.
    pub internet: Internet,
    /// How many nodes there are.
    pub nodes: NodeCounts,
    /// How the wipes of endpoints stand.
    pub wipes: WipeCounts,
    /// That it was put back to an older state, for as long as that is news.
    #[serde(default)]
    pub put_back: Option<PutBackSeen>,
    /// Where the objects of work data are.
    #[serde(default)]
    pub objects: ObjectsStanding,
    /// Whether the data plane says that it forwards.
    pub forwarding: bool,
    /// How the firewall stands.
    pub firewall: FirewallState,
    /// When this `serve` started.
    pub since: Timestamp,
}

/// Headquarters has forgotten what it acknowledged, and endpoints remember.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBackSeen {
    /// When that was noticed last.
    pub at: Timestamp,
    /// How many endpoints have said so by then.
    pub nodes: u64,
}

/// Nodes by what is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCounts {
    /// With a lease, external ones included.
    pub enrolled: u64,
    /// With a session in the last 180 s (`WireGuard`'s reject-after-time).
    pub up: u64,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// How many rooms it leases.
    pub rooms: u64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A building.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Office {
    /// Its id.
    pub id: OfficeId,
    /// Its name.
    pub name: String,
    /// Facts for the audit.
    pub site: BTreeMap<String, String>,
    /// Its rooms.
    pub rooms: Vec<RoomId>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Who leases it.
    pub company: CompanyId,
    /// The whole IPv4 prefix.
    pub prefix: IpNet,
    /// Where its nodes live, IPv4 and IPv6.
    pub nodes_prefixes: Vec<IpNet>,
    /// The gateway's LAN, IPv4 and IPv6.
    pub lan_prefixes: Vec<IpNet>,
    /// Its enrolled nodes.
    pub nodes: Vec<NodeName>,
    /// Invites that can still be redeemed.
    pub open_invites: u64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What a node's enrolment has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Has a lease.
    Enrolled,
    /// Its lease ended and it did not renew in time.
    Expired,
    /// Ended by an admin.
    Revoked,
    /// Ended by its own `leave`.
    Left,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// What it is.
    pub kind: NodeKind,
    /// What its enrolment has come to.
    pub state: NodeState,
    /// Its tenant.
    pub company: CompanyId,
    /// Its room.
    pub room: RoomId,
    /// Its `WireGuard` key.
    pub public_key: PublicKey,
    /// Its addresses inside the tunnel.
    pub addresses: Vec<IpAddr>,
    /// A gateway's LAN prefixes.
    pub lan: Vec<IpNet>,
    /// When it enrolled.
    pub enrolled_at: Timestamp,
    /// When its lease ends; external nodes have none.
    pub lease_until: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub reason: Option<String>,
    /// Where it was last heard.
    pub endpoint: Option<SocketAddr>,
    /// Age of the last handshake, if the data plane knows one.
    pub last_handshake_seconds: Option<u64>,
    /// Bytes received from it since `serve` started.
    pub rx_bytes: u64,
    /// Bytes sent to it since `serve` started.
    pub tx_bytes: u64,
    /// Whether it listens for news inside the tunnel.
    pub listening: bool,
    /// Whose work is open there.
    pub person: Option<PersonId>,
    /// What is known of its wipes; endpoints only.
    pub wipes: Option<NodeWipes>,
}

/// An invite. The text is the only copy of its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invited {
    /// The invite's public id, as the ledger names it.
    pub id: String,
    /// One line, `hanare1:…`.
    pub text: String,
    /// Its room.
    pub room: RoomId,
    /// What it makes.
    pub kind: NodeKind,
    /// The node's name, if fixed.
    pub name: Option<NodeName>,
    /// Until when it may be redeemed.
    pub expires_at: Timestamp,
    /// The code to be told over the phone, if it goes on a sheet; the only copy.
    pub code: Option<String>,
}

impl std::fmt::Debug for Invited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invited").field("id", &self.id).field("room", &self.room).finish_non_exhaustive()
    }
}

/// An external node; the text holds the only copy of its private key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalNode {
    /// The node as registered. Headquarters keeps its public key and its preshared key, which it needs itself.
    pub node: Node,
    /// A wg-quick file that the official apps read, also from a QR code.
    pub wg_quick: String,
}

impl std::fmt::Debug for ExternalNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalNode").field("node", &self.node).finish_non_exhaustive()
    }
}

/// A node was revoked, now or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The node as it is now.
    pub node: Node,
    /// Whether this request did it.
    pub changed: bool,
    /// Whether the node said, within a second, that it read the notice.
    pub acknowledged: bool,
}

/// The end of a day was ordered, or there was none to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayOrdered {
    /// Where.
    pub node: NodeName,
    /// Whose; `None` if nobody's work is open there.
    pub person: Option<PersonId>,
}

/// A policy and what it means for the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyShown {
    /// The TOML text in force; empty if only the defaults are.
    pub text: String,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// Whether this request changed anything.
    pub changed: bool,
    /// Whether data plane and firewall have taken it in.
    pub in_force: bool,
    /// What the firewall was told.
    pub segmentation: Segmentation,
}

/// One record of the ledger, for a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Its place in the chain, from 1.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who did it: `uid 0`, `hq`, `address 192.0.2.7`.
    pub actor: String,
    /// What happened, such as `node.enrolled`.
    pub kind: String,
    /// To what: the id of a room, a node, an invite.
    pub subject: String,
    /// How; never a secret.
    pub data: serde_json::Value,
    /// The record's hash, hexadecimal.
    pub hash: String,
}

/// One line of the ledger, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// Its place in the chain, from 1.
    pub sequence: u64,
    /// The line, without its newline.
    pub line: String,
}

/// What makes the ledger's lines an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerExported {
    /// The export's first line, with its newline. Behind it come the lines up to `records`.
    pub header: String,
    /// An SSHSIG signature over all of it.
    pub signature: String,
    /// The key that signed it.
    pub signing_key: VerifyKey,
    /// How many records.
    pub records: u64,
    /// The last record's hash, hexadecimal.
    pub head: String,
}

/// What checking the ledger came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVerified {
    /// Whether chain and signatures hold.
    pub valid: bool,
    /// How many records were read.
    pub records: u64,
    /// The last record's hash, hexadecimal.
    pub head: String,
    /// What does not hold.
    pub fault: Option<String>,
    /// The key it was checked against: headquarters' own, so this proves nothing to a third person.
    pub signing_key: VerifyKey,
}
