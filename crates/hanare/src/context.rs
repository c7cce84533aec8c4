//! What every command gets: where the state is, how to talk, how to reach a running headquarters.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hanare_hq::admin;
use tokio::runtime::Builder;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::guards::Guards;
use crate::output::Printer;

/// How long a headquarters may take from its start to its first answer.
const STARTING: Duration = Duration::from_secs(3);

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
    /// The state directory where it can be a node's: headquarters' own is held by `hq serve`, which is no tunnel to end.
    pub(crate) fn node_state(&self) -> Option<&Path> {
        (!hanare_hq::is_made(&self.state)).then_some(self.state.as_path())
    }

    /// Asks the running headquarters; one that is just being started on this machine is waited for, so that its `serve` and
    /// the next command can be pasted together.
    pub(crate) fn ask<C: admin::Call + Clone>(&self, request: C) -> Result<C::Answer, Failure> {
        let start = Instant::now();
        let is_here = hanare_hq::is_made(&self.state);
        while is_here && start.elapsed() < STARTING {
            match self.call(request.clone())? {
                Err(admin::ClientError::NotRunning { .. }) => std::thread::sleep(Duration::from_millis(50)),
                answer => return answer.map_err(foreign::client_error),
            }
        }
        self.ask_now(request)
    }

    /// Asks whatever headquarters runs now.
    pub(crate) fn ask_now<C: admin::Call>(&self, request: C) -> Result<C::Answer, Failure> {
        self.call(request)?.map_err(foreign::client_error)
    }

    fn call<C: admin::Call>(&self, request: C) -> Result<Result<C::Answer, admin::ClientError>, Failure> {
        block_on(admin::Client::new(&self.runtime).call(request))
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
    run_on(&mut Builder::new_current_thread(), future)
}

/// The same for a daemon.
pub(crate) fn keep_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    run_on(hanare_host::memory::keep_small(&mut Builder::new_current_thread()), future)
}

fn run_on<F: Future>(builder: &mut Builder, future: F) -> Result<F::Output, Failure> {
    builder
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))
}
