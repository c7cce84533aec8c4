//! Facts: a machine as it is, read-only. `/proc`, `/sys` and files under a root; no process is started, nothing is sent.
//!
//! A [`Fact`] says what was read, from where, when and with what trust, or why it could not be known. Judging is others' work:
//! this crate reads, bounds and parses. Facts hold no password, no hash of one and no name of a person.

mod accounts;
mod collect;
mod fact;
mod journal;
mod machine;
mod modprobe;
mod network;
mod root;
mod software;
mod storage;
mod sudo;
mod wifi;

pub use accounts::{Accounts, Passwords};
pub use collect::collect;
pub use fact::{Fact, Gap, GapKind, NotAView, Reading, Trust, View};
pub use journal::{Journal, JournalStorage};
pub use machine::{Facts, MAX_LEN, NotFacts, Origin, SCHEMA};
pub use modprobe::Modules;
pub use network::{Listener, Resolvers};
pub use root::{Root, RootError};
pub use software::{Archive, System, Updates};
pub use storage::{Device, Mount, Storage, Swap};
pub use sudo::{SudoRule, SudoWay};
pub use wifi::{Wifi, WifiSecurity};
