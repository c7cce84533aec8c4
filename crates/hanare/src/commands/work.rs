//! `hanare work`: the employee opens their work on this machine, and closes it.

use std::io::IsTerminal as _;

use clap::Subcommand;
use hanare_model::work::{Notice, Noticed, WorkOpen, WorkRefusal};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::{Client, ControlError, Problem, Work, WorkState};
use serde_json::json;

use crate::agent::{self, Asked, Standing};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::voice::Voice;
use crate::{foreign, show, table, times, typed};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Open(OpenArgs),
    Close(CloseArgs),
    Status,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OpenArgs {
    #[arg(conflicts_with = "stdin")]
    person: Option<PersonId>,
    #[arg(long)]
    stdin: bool,
}

impl Command {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let client = Client::new(&context.runtime);
        match self {
            Self::Open(args) => args.run(context, &client),
            Self::Close(args) => args.run(context, &client),
            Self::Status => {
                let work = client.work_status().map_err(foreign::control_error)?;
                let standing = agent::ask(&context.runtime, Asked::Status);
                let told = Told { work: &work, handover: standing.as_ref() };
                context.out.result("work.status", &told, |voice| shown(&work, standing.as_ref(), voice))?;
                Ok(if work.state == WorkState::Open { Exit::Good } else { Exit::No })
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
        if !abandon
            && let Some(standing) = agent::ask(&context.runtime, Asked::Finish)
            && standing.active
            && (standing.waiting > 0 || standing.full > 0 || standing.trouble.is_some())
        {
            let left =
                Failure::new(Exit::Incomplete, "work-left").with("files", standing.waiting + standing.full);
            return Err(match standing.trouble {
                Some(trouble) => left.with("cause", trouble),
                None => left.with_phrase("cause", Phrase::new("work-left-waiting")),
            });
        }
        let told = client.work_close().map_err(foreign::control_error)?;
        context.out.result("work.close", &json!({"headquarters_told": told}), |_| String::new())?;
        let said = match told {
            Some(true) => "work-closed",
            Some(false) => "work-closed-untold",
            None => "work-closed-before",
        };
        context.out.talk(said, &[]);
        Ok(Exit::Good)
    }
}

impl OpenArgs {
    fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { person, stdin } = self;
        let work = if stdin {
            client.work_open(piped()?).map_err(foreign::control_error)?
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
        Ok(Exit::Good)
    }
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
        answer => return answer.map_err(foreign::control_error),
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
            ("label-full-files", count(|standing| standing.full)),
            ("label-handover-trouble", text(standing.and_then(|standing| standing.trouble.clone()))),
        ],
    );
    let notices: Vec<String> = work.notices.iter().map(|notice| noticed(notice, voice)).collect();
    let fields = if notices.is_empty() { fields } else { format!("{fields}\n\n{}", notices.join("\n")) };
    if fields.is_empty() { voice.say(state) } else { format!("{}\n\n{fields}", voice.say(state)) }
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
