//! `hanare wipe plan`: what a wipe would do here; changes nothing.

use std::path::{Path, PathBuf};

use hanare_wipe::plan::{Blanking, Cover, Fate, Found, Going, Kind, Plan, Spot, SwapKind};
use hanare_wipe::policy::Policy;
use hanare_wipe::{Skipped, Verdict};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::voice::Voice;
use crate::{foreign, input, show, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// A tree and what would become of it, refusals in the person's words.
struct Tree {
    path: PathBuf,
    fate: Result<Option<Going>, String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let file = self.policy.as_deref();
        let policy = file.map(read).transpose()?;
        let mut plan = Plan::of(policy.as_ref(), &context.state)
            .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))?;
        if let (Some(policy), Some(file)) = (&policy, file) {
            policy
                .against_mounts(&plan.mount_roots())
                .map_err(|error| foreign::wipe_policy_error(&error, file))?;
        }
        let complete = plan.is_complete();
        let trees = trees(&mut plan, context.out.voice());
        context
            .out
            .result("wipe.plan", &document(&plan, &trees, complete), |voice| shown(&plan, &trees, voice))?;
        if policy.is_none() {
            context.out.talk("plan-no-policy", &[]);
        }
        Ok(if complete { Exit::Good } else { Exit::Incomplete })
    }
}

pub(super) fn read(file: &Path) -> Result<Policy, Failure> {
    input::text(file)?.parse().map_err(|error| foreign::wipe_policy_error(&error, file))
}

fn trees(plan: &mut Plan, voice: &Voice) -> Vec<Tree> {
    let trees = std::mem::take(&mut plan.trees).into_iter();
    trees
        .map(|tree| {
            let fate = match tree.fate {
                Fate::Goes(going) => Ok(Some(going)),
                Fate::Absent => Ok(None),
                Fate::Refused(refused) => Err(foreign::refused(refused).tell(voice).cause),
            };
            Tree { path: tree.path, fate }
        })
        .collect()
}

fn document(plan: &Plan, trees: &[Tree], complete: bool) -> Value {
    json!({
        "policy": plan.policy,
        "volume": plan.volume,
        "trees": trees.iter().map(tree_document).collect::<Vec<_>>(),
        "keep": plan.keeps,
        "places": plan.spots,
        "swap": plan.machine.swap,
        "init_on_free": plan.machine.init_on_free,
        "complete": complete,
    })
}

fn tree_document(tree: &Tree) -> Value {
    let (fate, more) = match &tree.fate {
        Ok(Some(going)) => ("goes", json!(going)),
        Ok(None) => ("absent", json!({})),
        Err(reason) => ("refused", json!({"reason": reason})),
    };
    let mut document = json!({"path": tree.path, "fate": fate});
    if let (Value::Object(members), Value::Object(more)) = (&mut document, more) {
        members.extend(more);
    }
    document
}

fn shown(plan: &Plan, trees: &[Tree], voice: &Voice) -> String {
    let mut parts = Vec::new();
    if let Some(volume) = &plan.volume {
        let state = voice.say(if volume.mounted { "plan-volume-mounted" } else { "plan-volume-absent" });
        let (mount, kinds) = (volume.mount.display(), table::list(&volume.kinds));
        parts.push(voice.say_with("plan-volume", &[("mount", &mount), ("kinds", &kinds), ("state", &state)]));
    }
    if !trees.is_empty() {
        let headings = [
            "label-plan-tree",
            "label-plan-fate",
            "label-receipt-files",
            "label-receipt-size",
            "label-plan-fs",
            "label-plan-why",
        ];
        let rows = trees.iter().map(|tree| tree_row(tree, voice)).collect();
        parts.push(table::rows(voice, &headings, rows));
    }
    if !plan.keeps.is_empty() {
        let paths: Vec<_> = plan.keeps.iter().map(|path| path.display()).collect();
        parts.push(voice.say_with("plan-keeps", &[("paths", &table::list(&paths))]));
    }
    let headings = ["label-plan-place", "label-path-where", "label-plan-found", "label-plan-cover"];
    parts.push(table::rows(voice, &headings, plan.spots.iter().map(|spot| spot_row(spot, voice)).collect()));
    parts.push(table::fields(
        voice,
        vec![("label-plan-swap", swap(plan, voice)), ("label-plan-blanking", voice.say(blanking(plan)))],
    ));
    parts.join("\n\n")
}

fn tree_row(tree: &Tree, voice: &Voice) -> Vec<String> {
    let path = tree.path.display().to_string();
    match &tree.fate {
        Ok(Some(Going { files, bytes, filesystem, discard, at_best, stays })) => {
            let fate = if *at_best == Verdict::Pass { "plan-goes" } else { "plan-goes-partly" };
            let place = match discard {
                Some(true) => voice.say_with("plan-fs-discard", &[("kind", filesystem)]),
                Some(false) | None => filesystem.clone(),
            };
            let why: Vec<_> = stays.iter().map(|stays| stay(stays, voice)).collect();
            vec![path, voice.say(fate), files.to_string(), show::size(*bytes), place, why.join(" / ")]
        }
        Ok(None) => vec![path, voice.say("plan-absent")],
        Err(why) => {
            let none = String::new;
            vec![path, voice.say("plan-refused"), none(), none(), none(), why.clone()]
        }
    }
}

fn stay(skipped: &Skipped, voice: &Voice) -> String {
    voice.say(&format!("skip-{}", skipped.reason.as_str()))
}

fn spot_row(spot: &Spot, voice: &Voice) -> Vec<String> {
    let kind = match spot.kind {
        Kind::Temporary => "place-temporary",
        Kind::Memory => "place-memory",
        Kind::Cache => "place-cache",
        Kind::Trash => "place-trash",
        Kind::Recent => "place-recent",
        Kind::Browser => "place-browser",
        Kind::PrintSpool => "place-print-spool",
        Kind::Mail => "place-mail",
        Kind::Schedule => "place-schedule",
        Kind::Journal => "place-journal",
        Kind::CoreDump => "place-core-dump",
    };
    let found = match spot.found {
        Found::Found => "plan-found",
        Found::NotFound => "plan-not-found",
        Found::Unknown => "plan-unknown",
    };
    let cover = match spot.cover {
        Cover::Tree => "cover-tree",
        Cover::Volume => "cover-volume",
        Cover::Confined => "cover-confined",
        Cover::Nothing => "cover-nothing",
    };
    // What is not there neither goes nor stays.
    let cover = if spot.found == Found::NotFound { String::new() } else { voice.say(cover) };
    let path = spot.path.as_ref().map_or_else(String::new, |path| path.display().to_string());
    vec![voice.say(kind), path, voice.say(found), cover]
}

fn swap(plan: &Plan, voice: &Voice) -> String {
    let areas = plan.machine.swap.iter().map(|area| {
        let kind = voice.say(match area.kind {
            SwapKind::None => "plan-swap-none",
            SwapKind::Zram => "plan-swap-zram",
            SwapKind::Encrypted => "plan-swap-encrypted",
            SwapKind::Plain => "plan-swap-plain",
        });
        format!("{} ({kind})", area.path.display())
    });
    let areas: Vec<_> = areas.collect();
    if areas.is_empty() { voice.say("plan-swap-none") } else { areas.join(", ") }
}

const fn blanking(plan: &Plan) -> &'static str {
    match plan.machine.init_on_free {
        Blanking::On => "blanking-on",
        Blanking::Off => "blanking-off",
        Blanking::Unsaid => "blanking-unsaid",
    }
}
