//! The nouns and rules of hanare: ids, keys, addresses, peers, leases, and what travels between a node and headquarters.
//!
//! Nothing here reads a clock, a file, a socket or a source of randomness: callers pass `now` and seeds.

pub mod api;
pub mod device;
pub mod filesystem;
pub mod filter;
pub mod form;
pub mod id;
pub mod invite;
pub mod key;
pub mod lease;
pub mod peer;
pub mod plan;
pub mod policy;
pub mod position;
pub mod report;
pub mod secret;
pub mod time;
pub mod unlock;
pub mod work;

pub use device::Device;
pub use filter::{Flow, PortRange, Segmentation, Service};
pub use id::{CompanyId, IdError, NodeName, OfficeId, PersonId, RoomId};
pub use invite::{Invite, InviteError, InviteId, InviteSecret, SpkiPin};
pub use key::{KeyError, PresharedKey, PrivateKey, PublicKey, SealingKey, SigningKey, VerifyKey};
pub use lease::{HqPeer, Internet, Lease, NodeKind, Signed, Tombstone};
pub use peer::{Endpoint, Peer, PeerSet};
pub use position::Position;
pub use secret::Secret;
pub use time::{CalendarDay, Timestamp};
