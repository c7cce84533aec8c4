//! `hanare hq objects`: where the objects of work data are: on headquarters' disk, or in a bucket.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Subcommand;
use hanare_host::privileges;
use hanare_hq::{Bucket, ObjectsShown, Target};
use serde_json::{Value, json};

use crate::ask::Confirmation;
use crate::context::{Context, Outcome, block_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{environment, foreign, input, show, table};

/// How often a long move says how far it is.
const SAYING: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Show,
    Move {
        #[arg(long, value_name = "FILE", required_unless_present = "to_local", conflicts_with = "to_local")]
        to: Option<PathBuf>,
        #[arg(long)]
        to_local: bool,
    },
    Clean(Confirmation),
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Show => show(context),
            Self::Move { to: None, to_local: _ } => go(context, &Target::Local),
            Self::Move { to: Some(path), to_local: _ } => {
                let text = input::text_up_to(&path, hanare_hq::MAX_BUCKET_LEN)?;
                go(context, &Target::Bucket(path, text))
            }
            Self::Clean(confirmation) => clean(context, confirmation),
        }
    }
}

/// What is asked here speaks with a server in the network, and needs nothing but root's files for it.
fn shown(context: &Context) -> Result<ObjectsShown, Failure> {
    privileges::give_up().map_err(foreign::host_error)?;
    let credentials = environment::credentials();
    let shown = block_on(hanare_hq::show_objects(&context.state, credentials.as_deref()))?;
    shown.map_err(foreign::objects_error)
}

fn show(context: &Context) -> Outcome {
    let shown = shown(context)?;
    let trouble = shown.trouble.as_ref().map(ToString::to_string);
    let document = json!({
        "place": if shown.bucket.is_some() { "bucket" } else { "local" },
        "bucket": shown.bucket.as_deref().map(bucket),
        "objects": shown.named.objects, "bytes": shown.named.bytes, "lost": shown.named.lost,
        "local_objects": shown.here.0, "local_bytes": shown.here.1,
        "answers": shown.bucket.is_some().then_some(trouble.is_none()), "trouble": trouble,
    });
    context.out.result("hq.objects.show", &document, |voice| {
        let counted = |objects: u64, bytes: u64| {
            voice.say_with("objects-counted", &[("objects", &objects), ("size", &show::size(bytes))])
        };
        let lost = shown.named.lost;
        let place = shown
            .bucket
            .as_ref()
            .map_or_else(|| voice.say("objects-local"), |bucket| bucket.settings().to_string());
        let is_away = shown.bucket.is_some() && shown.here.0 > 0;
        table::fields(
            voice,
            vec![
                ("label-objects", place),
                ("label-objects-named", counted(shown.named.objects, shown.named.bytes)),
                ("label-objects-lost", if lost > 0 { lost.to_string() } else { String::new() }),
                (
                    "label-objects-kept",
                    if is_away { counted(shown.here.0, shown.here.1) } else { String::new() },
                ),
            ],
        )
    })?;
    match shown.trouble {
        None => Ok(Exit::Good),
        Some(error) => {
            let told = foreign::objects_error(error.into()).tell(context.out.voice());
            context.out.talk_text(&format!("{}\n{}", told.text, told.cause));
            Ok(Exit::Incomplete)
        }
    }
}

fn bucket(bucket: &Bucket) -> Value {
    let settings = bucket.settings();
    json!({
        "endpoint": settings.endpoint(), "region": settings.region, "bucket": settings.bucket,
        "prefix": settings.prefix, "access_key_id": settings.access_key_id,
    })
}

fn go(context: &Context, target: &Target) -> Outcome {
    privileges::give_up().map_err(foreign::host_error)?;
    let credentials = environment::credentials();
    let mut said = Instant::now();
    let tell = |copied: &hanare_hq::Copied| {
        if said.elapsed() >= SAYING {
            said = Instant::now();
            let size = show::size(copied.bytes);
            context.out.talk("objects-on-the-way", &[("objects", &copied.objects), ("size", &size)]);
        }
    };
    let moved = block_on(hanare_hq::move_objects(&context.state, credentials.as_deref(), target, tell))?;
    let moved = moved.map_err(foreign::objects_error)?;
    let copied = moved.copied.unwrap_or_default();
    let document = json!({
        "place": if moved.bucket.is_some() { "bucket" } else { "local" }, "bucket": moved.bucket,
        "moved": moved.copied.is_some(), "objects": copied.objects, "bytes": copied.bytes,
        "new": copied.new, "unreadable": copied.unreadable,
    });
    context.out.result("hq.objects.move", &document, |voice| {
        let place = moved.bucket.clone().unwrap_or_else(|| voice.say("objects-local"));
        if moved.copied.is_none() {
            return voice.say_with("objects-there", &[("place", &place)]);
        }
        let size = show::size(copied.bytes);
        voice.say_with("objects-moved", &[("place", &place), ("objects", &copied.objects), ("size", &size)])
    })?;
    if copied.unreadable > 0 {
        context.out.warn("objects-unreadable", &[("objects", &copied.unreadable)]);
        return Ok(Exit::Incomplete);
    }
    if moved.copied.is_some() && moved.bucket.is_some() {
        context.out.talk("objects-kept", &[]);
    }
    Ok(Exit::Good)
}

fn clean(context: &Context, confirmation: Confirmation) -> Outcome {
    let shown = shown(context)?;
    if shown.bucket.is_none() {
        return Err(foreign::objects_error(hanare_hq::ObjectsError::NotAway));
    }
    let (objects, size) = (shown.here.0, show::size(shown.here.1));
    let what = context.out.voice().say_with("what-objects", &[("objects", &objects), ("size", &size)]);
    if !confirmation.go_on(context, &what)? {
        return Ok(Exit::Good);
    }
    let credentials = environment::credentials();
    let cleaned = block_on(hanare_hq::clean_objects(&context.state, credentials.as_deref()))?;
    let cleaned = cleaned.map_err(foreign::objects_error)?;
    let document = json!({"objects": cleaned.objects, "bytes": cleaned.bytes});
    context.out.result("hq.objects.clean", &document, |voice| {
        let size = show::size(cleaned.bytes);
        voice.say_with("objects-cleaned", &[("objects", &cleaned.objects), ("size", &size)])
    })?;
    Ok(Exit::Good)
}
