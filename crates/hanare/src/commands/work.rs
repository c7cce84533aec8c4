//! `hanare work`: the employee opens their work on this machine, and closes it.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use clap::Subcommand;
use hanare_model::work::{Notice, Noticed, WorkOpen, WorkRefusal};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::{Client, ControlError, Problem, Work, WorkState};
use serde_json::json;

use super::work_alone::{open_alone, unopened};
use super::{work_pam, work_restore};
use crate::agent::{self, Answer, Asked, Standing, words};
use crate::context::{Context, Outcome};
use crate::durations::{self, Span};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::voice::Voice;
use crate::{foreign, show, table, times, typed};

/// How long making and confining a volume may take: 32 GB on a slow disk, and a mount.
const OPENING: Duration = Duration::from_mins(1);
/// What was in the way of the last opening is not in the way of this one.
const GLANCE: Duration = Duration::from_secs(3);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Open(OpenArgs),
    Close(CloseArgs),
    Overtime(OvertimeArgs),
    Pam(work_pam::Args),
    Status,
    Restore(work_restore::RestoreArgs),
    Deletions(work_restore::DeletionsArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OpenArgs {
    #[arg(conflicts_with = "stdin")]
    person: Option<PersonId>,
    #[arg(long)]
    stdin: bool,
    #[arg(long, requires = "person")]
    alone: bool,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let client = Client::new(&context.runtime);
        match self {
            Self::Open(args) => args.run(context, &client),
            Self::Close(args) => args.run(context, &client),
            Self::Overtime(args) => args.run(context),
            Self::Pam(args) => args.run(context, &client),
            Self::Restore(args) => args.run(context),
            Self::Deletions(args) => args.run(context),
            Self::Status => {
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
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct CloseArgs {
    #[arg(long)]
    abandon: bool,
}

/// `work status --json`.
#[derive(serde::Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    work: &'a Work,
    /// How the handover stands; null where no agent runs.
    handover: Option<&'a Standing>,
}

impl CloseArgs {
    fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { abandon } = self;
        let standing = agent::ask(&context.runtime, &Asked::Status);
        if standing.is_some_and(|standing| standing.keeps_volume && standing.active) {
            return end(context, abandon);
        }
        let standing = if abandon { None } else { agent::ask(&context.runtime, &Asked::Finish) };
        let sealed = standing.as_ref().map_or(0, |standing| standing.sealed);
        if let Some(standing) = standing
            && standing.active
            && standing.waiting > 0
        {
            return Err(left(&standing));
        }
        let told = client.work_close().map_err(foreign::control_error)?;
        context
            .out
            .result("work.close", &json!({"headquarters_told": told, "sealed": sealed}), |_| String::new())?;
        let said = match told {
            Some(true) => "work-closed",
            Some(false) => "work-closed-untold",
            None => "work-closed-before",
        };
        context.out.talk(said, &[]);
        if sealed > 0 {
            context.out.talk("work-sealed", &[("items", &sealed)]);
            return Ok(Exit::Incomplete);
        }
        Ok(Exit::Good)
    }
}

/// The agent keeps the volume: closing work is the end of the day.
fn end(context: &Context, abandon: bool) -> Outcome {
    let standing = agent::ask(&context.runtime, &Asked::Close { abandon })
        .ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    let verdict = match standing.answer {
        Some(Answer::Ended { verdict }) => verdict,
        Some(Answer::Forbidden) => return Err(forbidden()),
        Some(
            Answer::Left
            | Answer::Overtime { .. }
            | Answer::Enough
            | Answer::Again
            | Answer::Endless
            | Answer::Opened
            | Answer::Reachable
            | Answer::Taken
            | Answer::Unfit
            | Answer::Failed
            | Answer::Restored { .. }
            | Answer::Deletions { .. }
            | Answer::Away,
        )
        | None => return Err(left(&standing)),
    };
    context.out.result("work.close", &json!({"verdict": verdict}), |_| String::new())?;
    context.out.talk("work-closed", &[]);
    say(context, agent::ask(&context.runtime, &Asked::Status).as_ref());
    Ok(verdict.map_or(Exit::Incomplete, crate::commands::wipe::status))
}

fn left(standing: &Standing) -> Failure {
    let left = Failure::new(Exit::Incomplete, "work-left").with("files", standing.waiting + standing.full);
    match &standing.trouble {
        Some(trouble) => left.reported("cause-agent", trouble),
        None => left.with_phrase("cause", Phrase::new("work-left-waiting")),
    }
}

pub(super) const fn forbidden() -> Failure {
    Failure::new(Exit::Refused, "work-anothers")
}

/// One sentence of what is safe, what waits and what was lost.
fn say(context: &Context, standing: Option<&Standing>) {
    if let Some(phrase) = standing.and_then(words::now) {
        context.out.talk_text(&phrase.say(context.out.voice()));
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct OvertimeArgs {
    #[arg(long = "for", value_name = "TIME")]
    time: Span,
}

impl OvertimeArgs {
    fn run(self, context: &Context) -> Outcome {
        let Self { time: Span(time) } = self;
        let asked = Asked::Overtime { seconds: time.as_secs() };
        let standing =
            agent::ask(&context.runtime, &asked).ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
        let refused = |code| Failure::new(Exit::Refused, code);
        let given = match standing.answer {
            Some(Answer::Overtime { seconds }) => seconds,
            Some(Answer::Forbidden) => return Err(forbidden()),
            Some(Answer::Again) => return Err(refused("overtime-again")),
            Some(Answer::Enough) => return Err(refused("overtime-enough")),
            Some(
                Answer::Endless
                | Answer::Ended { .. }
                | Answer::Left
                | Answer::Opened
                | Answer::Reachable
                | Answer::Taken
                | Answer::Unfit
                | Answer::Failed
                | Answer::Restored { .. }
                | Answer::Deletions { .. }
                | Answer::Away,
            )
            | None => {
                return Err(Failure::new(Exit::No, "overtime-endless"));
            }
        };
        context.out.result("work.overtime", &json!({"seconds": given}), |_| String::new())?;
        let given = durations::tell(given, context.out.voice());
        context.out.talk("overtime-given", &[("time", &given)]);
        Ok(Exit::Good)
    }
}

impl OpenArgs {
    fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { person, stdin, alone } = self;
        if let Some(person) = person.as_ref().filter(|_| alone) {
            return open_alone(context, person);
        }
        let work = if stdin {
            client.work_open(piped()?).map_err(|error| unopened(context, error))?
        } else if std::io::stdin().is_terminal() {
            at_the_terminal(context, client, person)?
        } else {
            return Err(Failure::new(Exit::Usage, "work-no-terminal"));
        };
        context.out.result("work.open", &work, |_| String::new())?;
        let name = work.name.clone().unwrap_or_default();
        context.out.talk("work-opened", &[("name", &name), ("until", &times::tell_some(work.until))]);
        for notice in &work.notices {
            context.out.talk_text(&noticed(notice, context.out.voice()));
        }
        welcome(context)?;
        Ok(Exit::Good)
    }
}

/// Waits until the volume is there, where an agent opens it, and says how the last day here ended.
pub(super) fn welcome(context: &Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let Some(mut standing) = agent::ask(&context.runtime, &Asked::Status) else { return Ok(()) };
    if !standing.keeps_volume {
        return Ok(());
    }
    while !standing.active {
        if let Some(trouble) = standing.trouble.filter(|_| begun.elapsed() > GLANCE) {
            return Err(Failure::new(Exit::Impossible, "work-no-volume").reported("cause-agent", trouble));
        }
        if begun.elapsed() > OPENING {
            return Err(Failure::new(Exit::Unreachable, "agent-silent"));
        }
        std::thread::sleep(Duration::from_millis(100));
        standing = agent::ask(&context.runtime, &Asked::Status)
            .ok_or(Failure::new(Exit::Unreachable, "agent-silent"))?;
    }
    if let Some(phrase) = standing.last.as_ref().and_then(words::last) {
        context.out.talk_text(&phrase.say(context.out.voice()));
    }
    Ok(())
}

/// Three lines, or four: who, the password, the code, and another password from now on.
fn piped() -> Result<WorkOpen, Failure> {
    let missing = || Failure::new(Exit::Input, "work-input");
    let person = typed::line()?.ok_or_else(missing)?;
    let password = typed::line()?.ok_or_else(missing)?;
    let code = typed::line()?.ok_or_else(missing)?;
    let new_password = typed::line()?;
    Ok(WorkOpen { person: id(&person)?, password, code, new_password })
}

fn id(typed: &Secret) -> Result<PersonId, Failure> {
    // What was typed is not shown: it may be a password on the wrong line.
    typed.expose().trim().parse().map_err(|_| Failure::new(Exit::Input, "work-person"))
}

fn at_the_terminal(context: &Context, client: &Client, person: Option<PersonId>) -> Result<Work, Failure> {
    let ask = |question| context.out.warn(question, &[]);
    let person = if let Some(person) = person {
        person
    } else {
        ask("work-ask-person");
        id(&typed::line()?.ok_or(Failure::new(Exit::No, "work-cancelled"))?)?
    };
    ask("work-ask-password");
    let password = typed::hidden()?;
    ask("work-ask-code");
    let code = typed::hidden()?;
    let mut claim = WorkOpen { person, password, code, new_password: None };
    let wants_another = match client.work_open(claim.clone()) {
        Err(ControlError::Refused(Problem::Work { refusal: WorkRefusal::MustChange })) => true,
        answer => return answer.map_err(|error| unopened(context, error)),
    };
    if wants_another {
        ask("work-ask-new");
        let new = typed::hidden()?;
        ask("work-ask-again");
        if typed::hidden()? != new {
            return Err(Failure::new(Exit::Input, "work-passwords-differ"));
        }
        claim.new_password = Some(new);
        // Typing took its time: the code that was shown before may be over.
        ask("work-ask-code");
        claim.code = typed::hidden()?;
    }
    client.work_open(claim).map_err(foreign::control_error)
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
            ("label-handover-trouble", text(standing.and_then(|standing| standing.trouble.clone()))),
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

/// What others did with the person's work, in a sentence. A reason may hold what a terminal would obey.
fn noticed(notice: &Notice, voice: &Voice) -> String {
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
