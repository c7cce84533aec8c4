//! `hanare up`: the host process of a node; its worker does the rest.

use std::ffi::OsString;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hanare_host::hands::{Ended, UnlockPolicy};
use hanare_tunnel::control::Client;
use hanare_tunnel::node::{UpOptions, run_host_process};
use serde_json::json;

use super::hq::ended;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, service};

/// How long a tunnel in the background may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a tunnel in the background writes what it has to say, in the runtime directory.
const LOG: &str = "up.log";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "IFNAME", default_value = "hn0")]
    interface: String,
    #[arg(long, value_name = "IFNAME")]
    lan: Option<String>,
    #[arg(long)]
    detach: bool,
    /// What the process in the background is started with.
    #[arg(long, hide = true, conflicts_with = "detach")]
    detached: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        if self.detach {
            return self.in_background(context);
        }
        if self.detached {
            // A session of its own: the terminal's end is not the tunnel's. It fails only where that is so already.
            let _ = rustix::process::setsid();
        }
        context.prepare_runtime();
        let mut worker = context.inherited.clone();
        worker.extend(["worker", "node"].map(OsString::from));
        worker.extend(self.lan.is_some().then(|| OsString::from("--lan")));
        let options = UpOptions {
            state: context.state.clone(),
            interface: self.interface,
            lan: self.lan,
            unlock: UnlockPolicy::default(),
            worker,
        };
        let outcome = run_host_process(options, Box::new(service::ready), Box::new(service::stopping))
            .map_err(foreign::up_error)?;
        if outcome == Ended::Stopped {
            context.out.talk("up-stopped", &[]);
        }
        Ok(ended(outcome))
    }

    /// Starts this command again without a terminal, and returns once it answers or has failed.
    fn in_background(&self, context: &Context) -> Outcome {
        let path = context.runtime.join(LOG);
        context.prepare_runtime();
        let log = File::create(&path).map_err(|error| {
            Failure::new(Exit::Impossible, "unwritable").with("path", path.display()).because(&error)
        })?;
        let mut command = Command::new("/proc/self/exe");
        command.args(&context.inherited).args(["up", "--detached", "--interface", &self.interface]);
        if let Some(lan) = &self.lan {
            command.args(["--lan", lan]);
        }
        let start = Instant::now();
        let not_started = |error| Failure::new(Exit::Impossible, "background").because(&error);
        let second = log.try_clone().map_err(not_started)?;
        command.stdin(Stdio::null()).stdout(Stdio::from(log)).stderr(Stdio::from(second));
        let mut child = command.spawn().map_err(not_started)?;
        while start.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().map_err(not_started)? {
                // It has said why, in the person's language; these are its last words.
                context.out.relay(&std::fs::read_to_string(&path).unwrap_or_default());
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                return Ok(code.map_or(Exit::Bug, Exit::from_code));
            }
            if Client::new(&context.runtime).status().is_ok() {
                let document = json!({"interface": self.interface, "pid": child.id(), "log": path});
                context.out.result("up", &document, |_| String::new())?;
                context.out.talk("up-runs", &[("log", &path.display())]);
                return Ok(Exit::Good);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Failure::new(Exit::Unreachable, "up-silent").with("path", path.display()))
    }
}
