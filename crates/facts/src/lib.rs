//! Facts: a machine as it is, read-only. `/proc`, `/sys`, files under a root, and what the kernel answers over netlink; no
//! process is started, nothing is sent.
//!
//! A [`Fact`] says what was read, from where, when and with what trust, or why it could not be known. Judging is others' work:
//! this crate reads, bounds and parses. Facts hold no password, no hash of one and no name of a person.

mod accounts;
mod antivirus;
mod clock;
mod collect;
mod decode;
mod fact;
mod firewall;
mod journal;
mod machine;
mod modprobe;
mod nearby;
mod netlink;
mod network;
mod root;
mod routes;
mod software;
mod storage;
mod sudo;
mod waiting;
mod wifi;

pub use accounts::{Accounts, Passwords};
pub use antivirus::Antivirus;
pub use clock::Clock;
pub use collect::collect;
pub use fact::{Fact, Gap, GapKind, NotAView, Reading, Trust, View};
pub use firewall::{Chain, Condition, Family, Firewall, Hook, Rule, Verdict};
pub use journal::{Journal, JournalStorage};
pub use machine::{Facts, MAX_LEN, NotFacts, Origin, SCHEMA};
pub use modprobe::Modules;
pub use nearby::Nearby;
pub use network::{Listener, Resolvers};
pub use root::{Root, RootError};
pub use routes::{RouteTo, Routes};
pub use software::{Archive, System, Updates};
pub use storage::{Device, Mount, Storage, Swap};
pub use sudo::{SudoRule, SudoWay};
pub use waiting::Waiting;
pub use wifi::{Wifi, WifiSecurity};
