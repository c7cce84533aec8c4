//! `hanare up`: the host process of a node; its worker does the rest.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hanare_host::hands::Ended;
use hanare_tunnel::control::Client;
use hanare_tunnel::node::{UpOptions, run_host_process};
use serde_json::json;

use super::hq::ended;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::unwritable;
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
        let document = json!({"interface": self.interface, "pid": std::process::id()});
        let mut serves = context.out.once_ready("up", &document)?;
        let detached = self.detached;
        let ready = move |status: &str| {
            service::ready(status);
            // In the background it is the command that started this one which says so.
            if !detached {
                serves.tell();
            }
        };
        let options =
            UpOptions { state: context.state.clone(), interface: self.interface, lan: self.lan, worker };
        let outcome = run_host_process(options, Box::new(ready), Box::new(service::stopping))
            .map_err(foreign::up_error)?;
        if outcome == Ended::Stopped {
            context.out.talk("up-stopped", &[]);
        }
        Ok(ended(outcome))
    }

    /// Starts this command again without a terminal, and returns once it answers or has failed.
    fn in_background(&self, context: &Context) -> Outcome {
        context.prepare_runtime();
        let path = context.runtime.join(LOG);
        let log = Log::create(&path)?;
        let mut command = Command::new("/proc/self/exe");
        command.args(&context.inherited).args(["up", "--detached", "--interface", &self.interface]);
        if let Some(lan) = &self.lan {
            command.args(["--lan", lan]);
        }
        let start = Instant::now();
        let not_started = |error| Failure::new(Exit::Impossible, "background").because(&error);
        let (first, second) = log.ends().map_err(not_started)?;
        command.stdin(Stdio::null()).stdout(first).stderr(second);
        let mut child = command.spawn().map_err(not_started)?;
        while start.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().map_err(not_started)? {
                // It has said why, in the person's language; these are its last words.
                context.out.relay(&log.said());
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                return Ok(code.map_or(Exit::Bug, Exit::from_code));
            }
            // Another tunnel may answer: this one is about to say that it cannot run beside it.
            let answers = Client::new(&context.runtime).status();
            if answers.is_ok_and(|status| status.pid == Some(child.id())) {
                log.keep()?;
                let document = json!({"interface": self.interface, "pid": child.id(), "log": path});
                context.out.result("up", &document, |_| String::new())?;
                context.out.talk("up-runs", &[("log", &path.display())]);
                return Ok(Exit::Good);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        log.keep()?;
        Err(Failure::new(Exit::Unreachable, "up-silent").with("path", path.display()))
    }
}

/// What a tunnel in the background says. Until it serves, this is a file of its own: another one that runs, or starts at the same
/// time, keeps its log.
struct Log {
    file: File,
    own: PathBuf,
    path: PathBuf,
}

impl Log {
    fn create(path: &Path) -> Result<Self, Failure> {
        let own = path.with_extension(format!("log.{}", std::process::id()));
        // Left over by a process of this number that died here.
        let _ = std::fs::remove_file(&own);
        let file = File::options().append(true).create_new(true).open(&own);
        let file = file.map_err(|error| unwritable(&own, &error))?;
        Ok(Self { file, own, path: path.to_owned() })
    }

    /// For the child's output and errors.
    fn ends(&self) -> std::io::Result<(Stdio, Stdio)> {
        Ok((self.file.try_clone()?.into(), self.file.try_clone()?.into()))
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.own).unwrap_or_default()
    }

    /// Takes the place of the log of a tunnel that ended.
    fn keep(&self) -> Result<(), Failure> {
        std::fs::rename(&self.own, &self.path).map_err(|error| unwritable(&self.path, &error))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Gone already where it was kept.
        let _ = std::fs::remove_file(&self.own);
    }
}
