//! The ledger: append-only, hash-chained, Ed25519-signed records, and exports that anybody verifies offline.
//!
//! A record is one line of JSON with its members in a fixed order. Its hash is the SHA-256 of that line without the newline, so
//! `sha256sum` recomputes it; the next record carries it as `prev`. An export is a header line and the records' lines, signed
//! as a whole in a file of its own that `ssh-keygen -Y verify -n hanare-ledger` accepts.
//!
//! Nothing here does input or output or reads a clock: lines go in one by one, a verdict comes out.

pub mod carried;
pub mod chain;
pub mod export;
pub mod private_key;
pub mod receipt;
pub mod record;
pub mod signed;
pub mod sshsig;
pub mod verify;

pub use chain::{Chain, append};
pub use export::{Export, ExportVerifier, Header, NAMESPACE};
pub use record::{Entry, EntryError, Hash, Head, Record};
pub use verify::{Broken, Fault, Gap, Verdict, Verifier, verify};
