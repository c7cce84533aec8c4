//! The signer's earlier reports, remembered below the state directory.

use std::io;
use std::path::{Path, PathBuf};

use hanare_audit::Chain;
use hanare_host::files;
use hanare_ledger::Hash;
use hanare_model::VerifyKey;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;

/// No chain is longer than this many bytes: 70 for each report.
const MAX_LEN: usize = 1024 * 1024;

/// Where one key's chain is remembered.
pub(super) struct Remembered {
    path: PathBuf,
    /// The reports so far.
    pub(super) chain: Chain,
}

impl Remembered {
    /// Reads it; a key without reports has an empty one.
    pub(super) fn of(state: &Path, key: &VerifyKey) -> Result<Self, Failure> {
        let name = Hash::of(key.as_bytes()).to_string();
        let path = state.join("audit").join(format!("{name}.chain"));
        let damaged = |cause: serde_json::Error| {
            Failure::new(Exit::Input, "audit-chain").with("path", path.display()).because(&cause)
        };
        let chain = match input::text_up_to_if_any(&path, MAX_LEN)? {
            None => Chain::default(),
            Some(text) => serde_json::from_str(&text).map_err(damaged)?,
        };
        Ok(Self { path, chain })
    }

    /// Adds a report. Before the report is written: one that nobody has is no harm, one that no later report names is.
    pub(super) fn add(&self, report: Hash) -> Result<(), Failure> {
        let mut chain = self.chain.clone();
        chain.0.push(report);
        let written = || -> io::Result<()> {
            if let Some(directory) = self.path.parent() {
                files::create_private_directory(directory)?;
            }
            files::write_atomic(&self.path, serde_json::to_string(&chain)?.as_bytes(), 0o600)
        };
        written().map_err(|error| input::unwritable(&self.path, &error))
    }
}
