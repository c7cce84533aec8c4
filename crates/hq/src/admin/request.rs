//! Requests: one struct for each thing an admin asks, with the type of its answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hanare_handover::WorkPath;
use hanare_handover::protocol::{SealedAnswer, VersionId};
use hanare_model::{CompanyId, NodeKind, NodeName, OfficeId, PersonId, RoomId, Timestamp, VerifyKey};
use ipnet::Ipv4Net;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::handover::{self, HandoverPlace, HandoverSource};
use super::{answer, evidence, person, wipes};

/// A request that knows its answer.
pub trait Call: Into<Request> {
    /// What headquarters answers if it does not refuse.
    type Answer: Serialize + DeserializeOwned;
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? } -> $answer:ty;)*) => {
        /// Everything that an admin may ask.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "request", rename_all = "kebab-case")]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$name> for Request {
                fn from(request: $name) -> Self {
                    Self::$name(request)
                }
            }

            impl Call for $name {
                type Answer = $answer;
            }
        )*
    };
}

requests! {
    /// How headquarters is.
    StatusShow {} -> answer::Status;
    /// Adds a tenant; an existing one with the same data is good and stays as it is.
    CompanyAdd {
        /// Its id.
        id: CompanyId,
        /// Its name; the id if absent.
        name: Option<String>,
    } -> answer::Added<answer::Company>;
    /// All tenants.
    CompanyList {} -> answer::Lists<answer::Company>;
    /// How many bytes all versions of a tenant's persons may hold together; changes it, if asked to.
    CompanyQuota {
        /// Which.
        id: CompanyId,
        /// From now on; absent: only shown.
        change: Option<person::Quota>,
    } -> person::CompanySpace;
    /// Removes a tenant without rooms.
    CompanyRemove {
        /// Which.
        id: CompanyId,
    } -> answer::Removed;
    /// Adds a building.
    OfficeAdd {
        /// Its id.
        id: OfficeId,
        /// Its name; the id if absent.
        name: Option<String>,
        /// Facts about the building for the audit, such as its address.
        site: BTreeMap<String, String>,
    } -> answer::Added<answer::Office>;
    /// All buildings.
    OfficeList {} -> answer::Lists<answer::Office>;
    /// One building and its rooms.
    OfficeShow {
        /// Which.
        id: OfficeId,
    } -> answer::Office;
    /// Removes a building without rooms.
    OfficeRemove {
        /// Which.
        id: OfficeId,
    } -> answer::Removed;
    /// Adds a room, and its building if that is missing.
    RoomAdd {
        /// Its id.
        id: RoomId,
        /// Who leases it.
        company: CompanyId,
        /// Its IPv4 prefix; the next free one if absent.
        prefix: Option<Ipv4Net>,
    } -> answer::Added<answer::Room>;
    /// All rooms.
    RoomList {} -> answer::Lists<answer::Room>;
    /// One room and its nodes.
    RoomShow {
        /// Which.
        id: RoomId,
    } -> answer::Room;
    /// Removes a room without enrolled nodes; its open invites end.
    RoomRemove {
        /// Which.
        id: RoomId,
    } -> answer::Removed;
    /// Gives a room up: ends its nodes and invites, destroys the keys that headquarters shares with them, and certifies it.
    /// Again the same certificate of a room that was closed before.
    RoomClose {
        /// Which.
        id: RoomId,
        /// Whether what waits on its nodes, or may wait, is given up.
        abandon_sealed: bool,
    } -> evidence::ClosedRoom;
    /// Makes an invite for one node.
    InviteMake {
        /// The room it enrols into.
        room: RoomId,
        /// What the node will be: an endpoint or a gateway.
        kind: NodeKind,
        /// The node's name; otherwise the node chooses.
        name: Option<NodeName>,
        /// How long it may be redeemed, in seconds.
        expires_seconds: u64,
        /// Whether it is printed on a sheet: then a code told over the phone is wanted as well.
        sheet: bool,
    } -> answer::Invited;
    /// All nodes, also revoked ones.
    NodeList {} -> answer::Lists<answer::Node>;
    /// One node.
    NodeShow {
        /// Which.
        name: NodeName,
    } -> answer::Node;
    /// Ends a node for good.
    NodeRevoke {
        /// Which.
        name: NodeName,
        /// Why, in the admin's words; the node shows it.
        reason: Option<String>,
        /// Whether it is done although sealed work waits there.
        #[serde(default)]
        abandon_sealed: bool,
    } -> answer::Revoked;
    /// Orders the end of the day on a node where work is open.
    NodeEndDay {
        /// Which.
        name: NodeName,
        /// Why, in the admin's words, for the ledger.
        reason: Option<String>,
    } -> answer::DayOrdered;
    /// Ends a node that is lost or stolen, and writes down what is known of it. Never refused for what is unknown.
    NodeLost {
        /// Which.
        name: NodeName,
    } -> evidence::Signed<evidence::LostNode>;
    /// A page of a node's receipts, byte for byte, oldest first.
    NodeReceipts {
        /// Which.
        name: NodeName,
        /// [`wipes::ReceiptPage::next`] of the page before.
        after: Option<wipes::ReceiptPlace>,
    } -> wipes::ReceiptPage;
    /// Takes note of alarms about a node's receipts; they end.
    NodeAcknowledge {
        /// Which.
        name: NodeName,
        /// What was found out, for the ledger.
        reason: String,
    } -> wipes::Acknowledged;
    /// Makes a node for an official `WireGuard` app. The answer carries the only copy of its private key.
    NodeAddExternal {
        /// The room it belongs to.
        room: RoomId,
        /// Its name.
        name: NodeName,
        /// Resolvers for the `DNS` line; none leaves the line out.
        dns: Vec<IpAddr>,
    } -> answer::ExternalNode;
    /// Puts a segmentation policy into force.
    PolicyApply {
        /// The TOML text.
        text: String,
    } -> answer::PolicyShown;
    /// The policy in force and what it means.
    PolicyShow {} -> answer::PolicyShown;
    /// Adds an employee. The answer carries the only copy of their first password and of their authenticator's secret; an
    /// existing one with the same data is good, stays as they are, and gets none.
    PersonAdd {
        /// Their id.
        id: PersonId,
        /// Whom they work for; needed if there is more than one.
        company: Option<CompanyId>,
        /// Their name; the id if absent.
        name: Option<String>,
    } -> person::PersonGiven;
    /// All employees, also disabled ones.
    PersonList {} -> answer::Lists<person::Person>;
    /// Ends an employee's access for good, everywhere and at once.
    PersonDisable {
        /// Who.
        id: PersonId,
        /// Whose their work becomes.
        successor: Option<PersonId>,
    } -> person::PersonEnded;
    /// A new temporary password; ends locks and what is open.
    PersonReset {
        /// Who.
        id: PersonId,
        /// Whether the authenticator's secret is new too.
        totp: bool,
    } -> person::PersonGiven;
    /// How many bytes all versions of a person may hold; changes it, if asked to.
    PersonQuota {
        /// Who.
        id: PersonId,
        /// From now on; absent: only shown.
        change: Option<person::Quota>,
    } -> person::Space;
    /// A page of the work that headquarters holds, newest first; of a room, node by node.
    HandoverList {
        /// Whose, or from where.
        source: HandoverSource,
        /// As it was at this time; now, if absent.
        at: Option<Timestamp>,
        /// [`handover::HandoverPage::next`] of the page before.
        after: Option<HandoverPlace>,
    } -> handover::HandoverPage;
    /// How much work headquarters holds.
    HandoverStatus {} -> answer::Lists<handover::HandoverTotals>;
    /// Deletions of very many files at once, which somebody is to be asked about.
    HandoverDeletions {} -> answer::Lists<handover::HeldDeletions>;
    /// Whether those of a person are meant.
    HandoverDecide {
        /// Whose.
        person: PersonId,
        /// Whether they are; otherwise the files come back.
        confirm: bool,
    } -> handover::DeletionsDecided;
    /// Asks for copies of work: writes it on the ledger and tells the persons, before anything is given.
    HandoverTake {
        /// Whose, or from where.
        source: HandoverSource,
        /// A file, or a folder with all that is in it; everything, if absent.
        path: Option<WorkPath>,
        /// As it was at this time; now, if absent.
        at: Option<Timestamp>,
        /// Why. It is on the ledger, and the persons read it.
        reason: String,
    } -> handover::HandoverTaken;
    /// A page of what was granted.
    HandoverGranted {
        /// [`handover::HandoverTaken::grant`].
        grant: String,
        /// [`handover::HandoverTakenPage::next`] of the page before.
        after: Option<HandoverPlace>,
    } -> handover::HandoverTakenPage;
    /// Some chunks of a file that was granted.
    HandoverChunk {
        /// [`handover::HandoverTaken::grant`].
        grant: String,
        /// Whose file.
        person: PersonId,
        /// Its version.
        version: VersionId,
        /// The first chunk, from 0.
        from: usize,
    } -> handover::HandoverChunks;
    /// A part of a sealed item that somebody has carried here.
    HandoverImport {
        /// The node that signed it, as it says.
        signer: VerifyKey,
        /// `SealedPart`, in base64.
        part: String,
    } -> SealedAnswer;
    /// A page of the ledger's records, oldest first; empty at the end.
    LedgerList {
        /// Only records behind this place; 0 for the first page.
        after: u64,
        /// Only records made at or after this time.
        since: Option<Timestamp>,
    } -> answer::Lists<answer::LedgerEntry>;
    /// A page of the ledger's lines as they were signed, oldest first; empty at the end.
    LedgerLines {
        /// Only lines behind this place; 0 for the first page.
        after: u64,
    } -> answer::Lists<answer::LedgerLine>;
    /// The head and the signature of an export, for somebody who trusts nobody here.
    LedgerExport {} -> answer::LedgerExported;
    /// Checks the ledger against its own key.
    LedgerVerify {} -> answer::LedgerVerified;
}
