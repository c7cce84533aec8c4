//! `hanare node lost`: a lost or stolen machine is revoked at once, and what is known of it becomes a sheet of facts, ordered
//! as a first report to the Personal Information Protection Commission of Japan asks (施行規則第 8 条).

use std::path::{Path, PathBuf};

use hanare_hq::admin::{LostNode, NodeLost, NodeShow, NodeWipes, Opening, RefusedTry, Signed, Wanted};
use hanare_model::NodeName;
use hanare_wipe::VolumeKind;
use serde_json::json;

use crate::ask::Confirmation;
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::{self, NewFile};
use crate::show;
use crate::times;
use crate::voice::{Argument, Language, Voice};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_name = "NODE")]
    name: NodeName,
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let Self { name, out, confirmation } = self;
        let what = context.out.voice().say_with("what-node", &[("id", &name)]);
        if !confirmation.go_on(context, &what)? {
            let node = context.ask(NodeShow { name })?;
            context.out.result("node.lost", &json!({"node": node, "dry_run": true}), |_| String::new())?;
            return Ok(Exit::Good);
        }
        // The key ends first: a folder that cannot be made keeps nobody from that.
        let lost = context.ask(NodeLost { name })?;
        context.out.result("node.lost", &lost.facts, |voice| sheet(&lost.facts, voice))?;
        if let Some(dir) = out {
            write(&dir, &lost)?;
            context.out.talk("lost-written", &[("path", &dir.display())]);
        }
        Ok(Exit::Good)
    }
}

/// Both languages, and the facts with headquarters' signature.
fn write(dir: &Path, lost: &Signed<LostNode>) -> Result<(), Failure> {
    input::new_folder(dir)?;
    let keep = |name: String, text: &str| NewFile::create(&dir.join(name), 0o600)?.keep(text.as_bytes());
    for language in Language::ALL {
        let text = sheet(&lost.facts, &Voice::new(language));
        keep(format!("sheet.{}.txt", language.tag()), &format!("{text}\n"))?;
    }
    keep("facts.json".to_owned(), &lost.document)?;
    keep("facts.json.sig".to_owned(), &lost.signature)?;
    keep("hq.pub".to_owned(), &format!("{}\n", lost.key))
}

fn sheet(facts: &LostNode, voice: &Voice) -> String {
    let mut lines = vec![say(voice, "lost-title", &[("node", &facts.node.name)])];
    lines.push(say(voice, "lost-note", &[("at", &times::tell(facts.at))]));
    let unknown = voice.say("not-known");
    let mut section = |heading: &str, body: Vec<String>| {
        lines.push(String::new());
        lines.push(voice.say(heading));
        lines.extend(body.into_iter().map(|line| format!("  {line}")));
    };
    section("lost-overview", overview(facts, voice));
    section("lost-items", items(facts, voice));
    section("lost-subjects", vec![unknown.clone()]);
    section("lost-cause", vec![voice.say("lost-by-reporter")]);
    section("lost-secondary", vec![say(voice, "lost-secondary-key", &[("at", &ended(facts, voice))])]);
    section("lost-measures", vec![voice.say("lost-by-reporter")]);
    section("lost-other", other(facts, voice));
    lines.join("\n")
}

fn ended(facts: &LostNode, voice: &Voice) -> String {
    facts.revoked_at.map_or_else(|| voice.say("not-known"), times::tell)
}

fn overview(facts: &LostNode, voice: &Voice) -> Vec<String> {
    let node = &facts.node;
    let contact = facts.last_contact.map_or_else(|| voice.say("not-known"), times::tell);
    let heard = if facts.acknowledged { "lost-acknowledged" } else { "lost-not-acknowledged" };
    vec![
        say(
            voice,
            "lost-machine",
            &[
                ("node", &node.name),
                ("kind", &voice.say(show::kind(node.kind))),
                ("room", &node.room),
                ("company", &node.company),
            ],
        ),
        say(voice, "lost-enrolled", &[("at", &times::tell(node.enrolled_at))]),
        say(voice, "lost-contact", &[("at", &contact)]),
        say(voice, "lost-revoked", &[("at", &ended(facts, voice))]),
        voice.say(heard),
        voice.say(if facts.was_open { "lost-was-open" } else { "lost-was-closed" }),
    ]
}

fn items(facts: &LostNode, voice: &Voice) -> Vec<String> {
    let mut lines = vec![voice.say("lost-content")];
    match &facts.held {
        None => lines.push(voice.say("lost-held-unknown")),
        Some(held) if held.is_empty() => lines.push(voice.say("lost-held-none")),
        Some(held) => lines.extend(held.iter().map(|of| {
            let (size, latest) = (show::size(of.bytes), times::tell(of.latest));
            say(
                voice,
                "lost-held",
                &[("person", &of.person), ("files", &of.files), ("size", &size), ("at", &latest)],
            )
        })),
    }
    lines
}

fn other(facts: &LostNode, voice: &Voice) -> Vec<String> {
    let unknown = || voice.say("not-known");
    let known = facts.node.wipes.as_ref();
    let told = known.and_then(|known| known.told.as_ref());
    let volume =
        told.and_then(|told| Some((told.at, told.volume.as_ref()?))).map_or_else(unknown, |(at, volume)| {
            let state = voice.say(if volume.open { "volume-open" } else { "volume-locked" });
            say(
                voice,
                "lost-volume-told",
                &[
                    ("kind", &volume.kind),
                    ("state", &state),
                    ("swap", &volume.swap),
                    ("at", &times::tell(at)),
                ],
            )
        });
    let last = known.and_then(|known| known.last.as_ref()).map_or_else(unknown, |last| {
        let kind = last.volume_kind.clone().unwrap_or_else(unknown);
        let verdict = voice.say(show::verdict(last.verdict));
        say(
            voice,
            "lost-receipt",
            &[
                ("at", &times::tell(last.at)),
                ("cause", &last.cause),
                ("verdict", &verdict),
                ("kind", &kind),
                ("lost", &last.lost),
                ("hash", &last.hash),
            ],
        )
    });
    let sealed = told.and_then(|told| Some((told.at, told.sealed?))).map_or_else(unknown, |(at, sealed)| {
        say(voice, "told-at", &[("what", &sealed), ("at", &times::tell(at))])
    });
    let standing = known.map_or_else(unknown, |known| voice.say(show::standing(known.standing)));
    let mut lines = vec![
        voice.say("lost-disk"),
        kept_on(known, voice),
        say(voice, "lost-volume", &[("volume", &volume)]),
        say(voice, "lost-last-receipt", &[("receipt", &last)]),
        say(voice, "lost-standing", &[("standing", &standing)]),
        say(voice, "lost-sealed", &[("sealed", &sealed)]),
    ];
    let undelivered = known.map_or(0, |known| known.unknown.len() + known.missing.len());
    if undelivered > 0 {
        lines.push(say(voice, "lost-undelivered", &[("count", &undelivered)]));
    }
    lines.push(voice.say("lost-openings"));
    if facts.openings.is_empty() {
        lines.push(format!("  {}", voice.say("lost-openings-none")));
    }
    lines.extend(facts.openings.iter().map(|one| format!("  {}", opening(one, voice))));
    let (count, reported) = (facts.refused_since, times::tell(facts.reported_at));
    lines.push(say(voice, "lost-refused", &[("count", &count), ("at", &reported)]));
    lines.extend(facts.refusals.iter().map(|one| format!("  {}", refused(one, voice))));
    lines
}

/// What protects work on its disk: the last kind of volume that the machine told of, in a report or a receipt.
fn kept_on(known: Option<&NodeWipes>, voice: &Voice) -> String {
    let told = known.and_then(|known| known.told.as_ref());
    let told = told.and_then(|told| Some((told.at, told.volume.as_ref()?.kind.as_str())));
    let last = known.and_then(|known| known.last.as_ref());
    let last = last.and_then(|last| Some((last.received_at, last.volume_kind.as_deref()?)));
    let kind = told.max(last).and_then(|(at, kind)| Some((at, kind.parse().ok()?)));
    let Some((at, kind)) = kind else { return voice.say("lost-kept-unknown") };
    let how = voice.say(match kind {
        VolumeKind::DmCrypt => "lost-kept-dm-crypt",
        VolumeKind::Fscrypt => "lost-kept-fscrypt",
        VolumeKind::Ram => "lost-kept-ram",
    });
    say(voice, "lost-kept", &[("kind", &kind), ("at", &times::tell(at)), ("how", &how)])
}

fn refused(one: &RefusedTry, voice: &Voice) -> String {
    let what = voice.say(match one.what {
        Wanted::Work => "lost-refused-work",
        Wanted::Lease => "lost-refused-lease",
        Wanted::Records => "lost-refused-records",
    });
    say(voice, "lost-refused-one", &[("at", &times::tell(one.at)), ("what", &what), ("why", &one.why)])
}

fn opening(one: &Opening, voice: &Voice) -> String {
    let closed = one.closed_at.map_or_else(|| voice.say("not-known"), times::tell);
    let reason = one.reason.clone().unwrap_or_else(|| "-".to_owned());
    let opened = times::tell(one.opened_at);
    say(
        voice,
        "lost-opening",
        &[("person", &one.person), ("opened", &opened), ("closed", &closed), ("reason", &reason)],
    )
}

fn say(voice: &Voice, id: &str, arguments: &[Argument<'_>]) -> String {
    voice.say_with(id, arguments)
}
