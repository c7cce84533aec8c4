//! What every command gets: where the state is, how to talk, how to reach a running headquarters.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;

use hanare_hq::admin;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::guards::Guards;
use crate::output::Printer;

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

/// What every command gets.
pub(crate) struct Context {
    /// stdout and stderr.
    pub(crate) out: Printer,
    /// `--state`.
    pub(crate) state: PathBuf,
    /// `--runtime`.
    pub(crate) runtime: PathBuf,
    /// The flags that a process started by this one needs to talk and log alike.
    pub(crate) inherited: Vec<OsString>,
    /// What stands between the rooms where this is headquarters.
    pub(crate) guards: Guards,
}

impl Context {
    /// Asks the running headquarters.
    pub(crate) fn ask<C: admin::Call>(&self, request: C) -> Result<C::Answer, Failure> {
        let client = admin::Client::new(&self.runtime);
        block_on(client.call(request))?.map_err(foreign::client_error)
    }

    /// Makes the runtime directory so that others than root can pass through. If it cannot be made, whoever needs a place in
    /// it says so.
    pub(crate) fn prepare_runtime(&self) {
        if let Err(error) = hanare_host::unix::create_runtime_directory(&self.runtime) {
            tracing::debug!(%error, path = %self.runtime.display(), "not made");
        }
    }
}

/// Runs async code on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))
}
