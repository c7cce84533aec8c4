//! `hanare wipe volume`: the work volume, whose key exists only in the kernel's memory.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use hanare_host::swap::SwapKind;
use hanare_wipe::VolumeKind;
use hanare_wipe::pending::Pending;
use hanare_wipe::receipt::{Cause, Receipts};
use hanare_wipe::volume::{self, Confinement, Definition, Places, State, VolumeError};
use serde_json::json;

use super::{counted, ending, plan, signer};
use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::sizes::Size;
use crate::voice::Voice;
use crate::{foreign, show, table, times};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(Create),
    Open(Open),
    Lock(Lock),
    Status,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[arg(long, value_name = "dm-crypt|ram|fscrypt", required_unless_present = "policy")]
    kind: Option<VolumeKind>,
    #[arg(long, required_unless_present = "policy")]
    size: Option<Size>,
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[arg(value_name = "FILE|DEVICE")]
    backing: Option<PathBuf>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[arg(long)]
    standalone: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Open {
    #[arg(long, value_name = "DIR")]
    mount: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[arg(long)]
    confine: bool,
    #[arg(long, value_name = "DIR", requires = "confine")]
    home: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Create(args) => args.run(context),
            Self::Open(args) => args.run(context),
            Self::Lock(args) => args.run(context),
            Self::Status => status(context),
        }
    }
}

impl Create {
    fn run(self, context: &Context) -> Outcome {
        let Self { kind, size, policy, backing, confirmation, standalone } = self;
        let wanted = policy.as_deref().map(wanted).transpose()?;
        // One of both is there: the command line sees to it.
        let kinds = wanted.as_ref().map_or(&[][..], |wanted| &wanted.kinds);
        let none = || Failure::new(Exit::Impossible, "volume-no-kind").with("kinds", table::list(kinds));
        let kind = kind.or_else(|| volume::first_possible(kinds)).ok_or_else(none)?;
        let size =
            size.map_or_else(|| wanted.as_ref().map_or(0, |wanted| wanted.size.bytes()), |size| size.0);
        let definition = Definition::judge(kind, size, backing.as_deref(), &context.state)
            .map_err(foreign::volume_error)?;
        signer::may_wipe(context, standalone)?;
        // Only a device holds something already; a file must be a new one.
        let voice = context.out.voice();
        let destroys = definition.is_device();
        let device = definition.backing.as_deref().unwrap_or(Path::new("")).display();
        let what = voice.say_with("what-device", &[("path", &device)]);
        let document = json!({"kind": kind, "size": size, "backing": definition.backing});
        if (confirmation.is_dry_run() || destroys) && !confirmation.go_on(context, &what)? {
            context.out.result("wipe.volume.create", &document, |_| String::new())?;
            return Ok(Exit::Good);
        }
        signer::own_or_new(context)?;
        volume::create(places(context), &definition).map_err(foreign::volume_error)?;
        context.out.result("wipe.volume.create", &document, |_| String::new())?;
        context.out.talk("volume-created", &[("kind", &kind), ("size", &show::size(size))]);
        Ok(Exit::Good)
    }
}

impl Open {
    fn run(self, context: &Context) -> Outcome {
        let Self { mount, policy, confine, home } = self;
        let policy = policy.as_deref().map(plan::read).transpose()?;
        let named = policy.as_ref().and_then(|policy| policy.volume.as_ref());
        let named = named.map(|volume| volume.mount.path.clone());
        let mount = mount.or(named).unwrap_or_else(|| PathBuf::from("/srv/work"));
        let mut confinement = policy.as_ref().map(Confinement::of).unwrap_or_default();
        confinement.homes.extend(home);
        // What an earlier boot left open gets its receipt first.
        if let Some(ended) = volume::settle(places(context), times::now()).map_err(foreign::volume_error)? {
            ending::record(context, ended)?;
        }
        // Whoever opens one owes a receipt: where it will be is made while there is room for it.
        Receipts::open(&context.state, signer::own_or_new(context)?).map_err(foreign::receipt_error)?;
        let confinement = confine.then_some(confinement);
        let opened =
            volume::open(places(context), &mount, confinement.as_ref(), policy.as_ref(), times::now());
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // A volume that did not open is taken apart again, and that is on the record too.
                if let Some(ended) =
                    volume::settle(places(context), times::now()).map_err(foreign::volume_error)?
                {
                    ending::record(context, ended)?;
                }
                return Err(foreign::volume_error(error));
            }
        };
        let document = json!({
            "path": opened.mountpoint, "kind": opened.definition.kind, "confined": opened.confined, "id": opened.id,
        });
        context.out.result("wipe.volume.open", &document, |_| opened.mountpoint.display().to_string())?;
        Ok(Exit::Good)
    }
}

impl Lock {
    fn run(self, context: &Context) -> Outcome {
        let what = context.out.voice().say("what-volume");
        if !self.confirmation.go_on(context, &what)? {
            context.out.result("wipe.volume.lock", &json!({"dry_run": true}), |_| String::new())?;
            return Ok(Exit::Good);
        }
        counted::announce(context);
        let ended =
            volume::end(places(context), Cause::Command, times::now()).map_err(foreign::volume_error)?;
        let Some(ended) = ended else {
            still_readable(context)?;
            // A crash can have left trees that are owed after the volume has ended.
            let is_pending = Pending::is_there(&context.state).map_err(foreign::pending_error)?;
            let document = json!({"volume": null, "pending": is_pending});
            context.out.result("wipe.volume.lock", &document, |voice| voice.say("volume-not-open"))?;
            if is_pending {
                context.out.warn("volume-trees-owed", &[]);
                return Ok(Exit::Incomplete);
            }
            return Ok(Exit::Good);
        };
        let hanare_wipe::tree::Ended { outcome, receipt, .. } = ending::record(context, ended)?;
        let document = json!({
            "volume": outcome.volume, "verdict": outcome.verdict, "skipped": outcome.skipped,
            "verified": outcome.verified, "lost": outcome.lost, "sealed": outcome.sealed, "receipt": receipt,
        });
        context.out.result("wipe.volume.lock", &document, |voice| ending::said(&outcome, voice))?;
        ending::complain(context, &outcome);
        // Readable somewhere, or not known to be gone: never good.
        Ok(if outcome.verdict == hanare_wipe::Verdict::Pass { Exit::Good } else { Exit::Incomplete })
    }
}

/// Fails if what was on the volume that ended last can still be read.
pub(super) fn still_readable(context: &Context) -> Result<(), Failure> {
    match volume::can_still_be_read(places(context)).map_err(foreign::volume_error)? {
        Some(mountpoint) => Err(foreign::volume_error(VolumeError::StillReadable { mountpoint })),
        None => Ok(()),
    }
}

/// The volume that a policy wants.
fn wanted(file: &Path) -> Result<hanare_wipe::policy::Volume, Failure> {
    let none = || Failure::new(Exit::Input, "policy-no-volume").with("path", file.display());
    plan::read(file)?.volume.ok_or_else(none)
}

fn status(context: &Context) -> Outcome {
    let status = volume::status(places(context)).map_err(foreign::volume_error)?;
    context.out.result("wipe.volume.status", &status, |voice| {
        let path = |path: &Option<PathBuf>| {
            path.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        let confined: Vec<String> = status.confined.iter().map(|path| path.display().to_string()).collect();
        table::fields(
            voice,
            vec![
                ("label-state", voice.say(state(status.state))),
                ("label-mountpoint", path(&status.mountpoint)),
                ("label-kind", status.kind.map(|kind| kind.to_string()).unwrap_or_default()),
                ("label-size", status.size.map(show::size).unwrap_or_default()),
                ("label-backing", path(&status.backing)),
                ("label-confined", table::list(&confined)),
                ("label-swap", swap(status.swap, voice)),
            ],
        )
    })?;
    if status.still_readable {
        context.out.warn("volume-still-readable", &[]);
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Good)
}

/// Where this node's records are.
pub(crate) fn places(context: &Context) -> Places<'_> {
    Places { state: &context.state, runtime: &context.runtime }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Absent => "volume-absent",
        State::Locked => "volume-locked",
        State::Open => "volume-open",
    }
}

fn swap(kind: SwapKind, voice: &Voice) -> String {
    voice.say(match kind {
        SwapKind::None => "swap-none",
        SwapKind::Zram => "swap-zram",
        SwapKind::Encrypted => "swap-encrypted",
        SwapKind::Plain => "swap-plain",
    })
}
