//! Headquarters: registry, enrolment, node API, admin API.
//!
//! [`init`] makes a headquarters in a state directory; [`Server`] runs it; [`admin::Client`] talks to a running one. The data
//! plane is somebody else's: it follows [`Server::published`] and reports through a [`PlaneLink`].

pub mod admin;
mod admin_socket;
mod answers;
mod api;
mod claims;
mod closing;
mod deletions;
mod forgotten;
mod grants;
mod held;
mod identity;
mod init;
mod inside_port;
mod keys;
mod lease;
mod limit;
mod lock;
mod lost;
mod objects;
mod overlay;
mod pages;
mod plane;
mod prepare;
mod publish;
mod random;
mod registry;
mod round;
mod sealed_here;
mod serve;
mod sessions;
mod settings;
mod shared;
mod show;
mod space;
mod store;
mod work_store;

pub use admin_socket::{Caller, SocketError};
pub use api::{ApiError, bind};
pub use hanare_handover::store::{
    BUCKET_VERSION, Bucket, BucketError, BucketFault, BucketFileError, BucketSettings, Copied, Dial,
    MAX_BUCKET_LEN, StoreError as WorkError,
};
pub use init::{DEFAULT_OVERLAY, InitError, InitOptions, Initialised, init};
pub use keys::KeysError;
pub use lock::LockError;
pub use objects::{
    MovedObjects, ObjectsError, ObjectsShown, ObjectsStanding, ObjectsTrouble, Target, bucket,
    bucket_settings, clean_objects, move_objects, show_objects,
};
pub use overlay::{is_made, overlay};
pub use plane::{FirewallState, Order, PeerReport, PlaneLink, PlaneReport, Published};
pub use prepare::{Files, prepare};
pub use random::NoRandomness;
pub use serve::{ServeError, ServeOptions, Server};
pub use store::StoreError;

#[cfg(test)]
mod tests;
