//! `hanare work status`: whose work is open here, and what became of it.

use hanare_model::work::{Notice, Noticed};
use hanare_tunnel::control::{Client, ControlError, Work, WorkState};

use crate::agent::{self, Asked, Standing, Unwatched, words};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::voice::Voice;
use crate::{durations, foreign, show, table, times};

/// `work status --json`.
#[derive(serde::Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    work: &'a Work,
    /// How the handover stands; null where no agent runs.
    handover: Option<&'a Standing>,
}

pub(super) fn run(context: &Context, client: &Client) -> Outcome {
    let standing = agent::ask(&context.runtime, &Asked::Status);
    let work = match client.work_status() {
        // After a power cut people want to know before there is a tunnel.
        Err(ControlError::NotRunning { .. }) if standing.is_some() => Work::closed(),
        work => work.map_err(foreign::control_error)?,
    };
    let told = Told { work: &work, handover: standing.as_ref() };
    context.out.result("work.status", &told, |voice| shown(&work, standing.as_ref(), voice))?;
    let is_alone = standing.as_ref().is_some_and(|standing| standing.active && standing.alone);
    Ok(if work.state == WorkState::Open || is_alone { Exit::Good } else { Exit::No })
}

fn shown(work: &Work, standing: Option<&Standing>, voice: &Voice) -> String {
    let state = match work.state {
        WorkState::Closed if standing.is_some_and(|standing| standing.active && standing.alone) => {
            "work-state-alone"
        }
        WorkState::Closed => "work-state-closed",
        WorkState::Opening => "work-state-opening",
        WorkState::Open => "work-state-open",
        WorkState::Locked => "work-state-locked",
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let active = standing.filter(|standing| standing.active);
    let count = |of: fn(&Standing) -> u64| text(active.map(|standing| of(standing).to_string()));
    let fields = table::fields(
        voice,
        vec![
            ("label-person", text(work.person.as_ref().map(ToString::to_string))),
            ("label-name", text(work.name.clone())),
            ("label-work-since", times::tell_some(work.since)),
            ("label-work-until", times::tell_some(work.until)),
            ("label-locked-until", times::tell_some(work.locked_until)),
            ("label-held-files", count(|standing| standing.files)),
            ("label-waiting-files", count(|standing| standing.waiting)),
            ("label-deletions-held", count(|standing| standing.deletions_held)),
            ("label-conflicts", count(|standing| standing.conflicts)),
            ("label-sealed", text(standing.map(|standing| standing.sealed.to_string()))),
            ("label-reserve", text(active.and_then(|standing| words::reserve(standing.reserve, voice)))),
            ("label-full-files", count(|standing| standing.full)),
            ("label-day-ends", day_ends(standing, voice)),
            ("label-handover-trouble", trouble(standing, voice)),
            ("label-unwatched", unwatched(standing, voice)),
        ],
    );
    let sentence = standing.and_then(words::now).map(|phrase| phrase.say(voice));
    let fields = Some(fields).filter(|fields| !fields.is_empty());
    let notices: Vec<String> = work.notices.iter().map(|notice| noticed(notice, voice)).collect();
    let notices = Some(notices.join("\n")).filter(|notices| !notices.is_empty());
    [Some(voice.say(state)), sentence, fields, notices].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

fn day_ends(standing: Option<&Standing>, voice: &Voice) -> String {
    let left = standing.and_then(|standing| standing.ends_in_seconds);
    left.map(|left| voice.say_with("day-ends-in", &[("left", &durations::tell(left, voice))]))
        .unwrap_or_default()
}

/// Why nothing is sent: in the reader's language, and the technical words behind it.
fn trouble(standing: Option<&Standing>, voice: &Voice) -> String {
    let Some((standing, detail)) = standing.and_then(|standing| Some((standing, standing.trouble.as_ref()?)))
    else {
        return String::new();
    };
    let id = match standing.trouble_code.as_deref() {
        Some("silent") => "trouble-silent",
        Some("ended") => "trouble-ended",
        Some("answer") => "trouble-answer",
        Some("forgotten") => "trouble-put-back",
        Some(_) | None => return detail.clone(),
    };
    voice.say_with(id, &[("detail", detail)])
}

/// What would end the day and is not seen just now.
fn unwatched(standing: Option<&Standing>, voice: &Voice) -> String {
    let said = standing.into_iter().flat_map(|standing| &standing.unwatched).map(|what| match what {
        Unwatched::Sessions => voice.say("unwatched-sessions"),
        Unwatched::Devices => voice.say("unwatched-devices"),
        Unwatched::Changes => voice.say("unwatched-changes"),
    });
    said.collect::<Vec<_>>().join("\n")
}

/// What others did with the person's work, in a sentence. A reason may hold what a terminal would obey.
pub(super) fn noticed(notice: &Notice, voice: &Voice) -> String {
    let at = times::tell(notice.at);
    match &notice.what {
        Noticed::Inherited { from, folder, files, bytes } => {
            let size = show::size(*bytes);
            voice.say_with(
                "notice-inherited",
                &[("at", &at), ("from", from), ("folder", folder), ("files", files), ("size", &size)],
            )
        }
        Noticed::Taken { reason, files, bytes } => {
            let (reason, size) = (reason.escape_debug(), show::size(*bytes));
            voice.say_with(
                "notice-taken",
                &[("at", &at), ("files", files), ("size", &size), ("reason", &reason)],
            )
        }
    }
}
