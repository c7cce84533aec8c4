//! `hanare work`: the employee opens their work on this machine, and closes it.

use std::io::IsTerminal as _;

use clap::Subcommand;
use hanare_model::work::{WorkOpen, WorkRefusal};
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::{Client, ControlError, Problem, Work};
use serde_json::json;

use super::work_agent::{self, Agent};
use super::work_alone::{open_alone, unopened};
use super::{work_close, work_field, work_pam, work_proof, work_restore, work_status};
use crate::agent::{self, Answer, Asked};
use crate::context::{Context, Outcome};
use crate::durations::{self, Span};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, times, typed};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Open(OpenArgs),
    Close(work_close::CloseArgs),
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
            Self::Status => work_status::run(context, &client),
        }
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
        let Some(Answer::Overtime { seconds: given }) = standing.answer else {
            return Err(not_prolonged(standing.answer));
        };
        context.out.result("work.overtime", &json!({"seconds": given}), |_| String::new())?;
        let given = durations::tell(given, context.out.voice());
        context.out.talk("overtime-given", &[("time", &given)]);
        Ok(Exit::Good)
    }
}

fn not_prolonged(answer: Option<Answer>) -> Failure {
    let refused = |code| Failure::new(Exit::Refused, code);
    if answer == Some(Answer::Forbidden) {
        forbidden()
    } else if answer == Some(Answer::Again) {
        refused("overtime-again")
    } else if answer == Some(Answer::Enough) {
        refused("overtime-enough")
    } else {
        Failure::new(Exit::No, "overtime-endless")
    }
}

pub(super) const fn forbidden() -> Failure {
    Failure::new(Exit::Refused, "work-anothers")
}

impl OpenArgs {
    fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { person, stdin, alone } = self;
        if let Some(person) = person.as_ref().filter(|_| alone) {
            return open_alone(context, person);
        }
        let (work, password) = if stdin {
            let claim = piped()?;
            let password = work_proof::proven_by(&claim).clone();
            work_proof::repeat(context, &claim.password);
            (client.work_open(claim).map_err(|error| unopened(context, error))?, password)
        } else if std::io::stdin().is_terminal() {
            at_the_terminal(context, client, person)?
        } else {
            return Err(Failure::new(Exit::Usage, "work-no-terminal"));
        };
        context.out.result("work.open", &work, |_| String::new())?;
        let name = work.name.clone().unwrap_or_default();
        context.out.talk("work-opened", &[("name", &name), ("until", &times::tell_some(work.until))]);
        for notice in &work.notices {
            context.out.talk_text(&work_status::noticed(notice, context.out.voice()));
        }
        if let Some(person) = &work.person {
            work_agent::welcome(context, person, Agent::IfInstalled, false)?;
            work_proof::keep(context, person, &password);
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
    new_password.as_ref().map_or(Ok(()), work_field::may_be_chosen)?;
    Ok(WorkOpen { person: id(&person)?, password, code, new_password })
}

fn id(typed: &Secret) -> Result<PersonId, Failure> {
    // What was typed is not shown: it may be a password on the wrong line.
    typed.expose().trim().parse().map_err(|_| Failure::new(Exit::Input, "work-person"))
}

/// What was opened, and the password that holds from now on.
fn at_the_terminal(
    context: &Context,
    client: &Client,
    person: Option<PersonId>,
) -> Result<(Work, Secret), Failure> {
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
    work_proof::repeat(context, &claim.password);
    let wants_another = match client.work_open(claim.clone()) {
        Err(ControlError::Refused(Problem::Work { refusal: WorkRefusal::MustChange })) => true,
        answer => {
            let work = answer.map_err(|error| unopened(context, error))?;
            return Ok((work, claim.password.clone()));
        }
    };
    if wants_another {
        ask("work-ask-new");
        let new = typed::hidden()?;
        ask("work-ask-again");
        if typed::hidden()? != new {
            return Err(Failure::new(Exit::Input, "work-passwords-differ"));
        }
        work_field::may_be_chosen(&new)?;
        claim.new_password = Some(new);
        // Typing took its time: the code that was shown before may be over.
        ask("work-ask-code");
        claim.code = typed::hidden()?;
    }
    let password = work_proof::proven_by(&claim).clone();
    let work = client.work_open(claim).map_err(foreign::control_error)?;
    Ok((work, password))
}
