//! `hanare audit attest` and `hanare audit waive`: what people state about an office, until a day.

use std::path::PathBuf;

use hanare_audit::{Checklist, Day, EXTERNAL_AUDIT, PersonRole, Site, Stated, Statement};
use hanare_hq::admin::{BadText, Field};
use hanare_model::OfficeId;

use super::office::Office;
use super::{checklist, explain, site};
use crate::context::{Context, Outcome};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, times};

#[derive(Debug, clap::Args)]
pub(crate) struct Attest {
    id: String,
    #[arg(long, value_name = "OFFICE")]
    office: OfficeId,
    #[arg(long, value_name = "NAME")]
    by: String,
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    evidence: Vec<PathBuf>,
    #[arg(long, value_name = "DATE")]
    until: Day,
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Waive {
    id: String,
    #[arg(long, value_name = "OFFICE")]
    office: OfficeId,
    #[arg(long, value_name = "NAME")]
    owner: String,
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[arg(long, value_name = "DATE")]
    until: Day,
    #[arg(long, value_name = "FILE")]
    site: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    checklist: Option<PathBuf>,
}

impl Attest {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let site = site::of(context, &self.office, self.site.as_deref())?;
        attestable(&checklist, &self.id)?;
        let person = site.person(&self.by).ok_or_else(|| unknown(&self.by))?;
        if !person.roles.contains(&PersonRole::Attester) {
            return Err(Failure::new(Exit::Refused, "audit-attester").with("person", &self.by));
        }
        let ends = ends(&site, &self.until)?;
        let office = Office::of(context, &self.office);
        let evidence = self.evidence.iter().map(|path| office.keep(path)).collect::<Result<_, _>>()?;
        let stated = Stated::Attestation { by: self.by, evidence };
        let statement = Statement { id: self.id, stated, until: self.until, ends, made: times::now() };
        record(context, &office, &statement, "audit.attest", "audit-attested-until")
    }
}

impl Waive {
    pub(crate) fn run(self, context: &Context) -> Outcome {
        let checklist = checklist::read(self.checklist.as_deref())?;
        let site = site::of(context, &self.office, self.site.as_deref())?;
        if checklist.item(&self.id).is_none() {
            return Err(explain::unknown(&self.id));
        }
        if site.person(&self.owner).is_none() {
            return Err(unknown(&self.owner));
        }
        let bad = |why| foreign::text_failure(Exit::Input, Field::Reason, why);
        BadText::check(&self.reason).map_err(bad)?;
        let ends = ends(&site, &self.until)?;
        let stated = Stated::Waiver { owner: self.owner, reason: self.reason };
        let statement = Statement { id: self.id, stated, until: self.until, ends, made: times::now() };
        record(context, &Office::of(context, &self.office), &statement, "audit.waive", "audit-waived-until")
    }
}

fn attestable(checklist: &Checklist, id: &str) -> Result<(), Failure> {
    if id == EXTERNAL_AUDIT {
        return Ok(());
    }
    match checklist.item(id) {
        None => Err(explain::unknown(id)),
        Some(item) if item.attestation.is_none() => {
            Err(Failure::new(Exit::Refused, "audit-not-attestable").with("id", id))
        }
        Some(_) => Ok(()),
    }
}

fn unknown(person: &str) -> Failure {
    Failure::new(Exit::Refused, "audit-person").with("person", person)
}

/// When the last day ends. One that is over, or further away than anybody can answer for, is refused.
fn ends(site: &Site, until: &Day) -> Result<hanare_model::Timestamp, Failure> {
    times::end_of_day(until, &site.time_zone, times::now()).map_err(|_| {
        let failure = Failure::new(Exit::Input, "audit-until").with("day", until);
        failure.with("most", times::MOST_DAYS).with("zone", &site.time_zone)
    })
}

fn record(context: &Context, office: &Office, statement: &Statement, name: &str, said: &str) -> Outcome {
    office.add(statement.clone())?;
    context.out.result(name, statement, |voice| {
        voice.say_with(
            said,
            &[("id", &statement.id), ("until", &statement.until), ("ends", &times::tell(statement.ends))],
        )
    })?;
    Ok(Exit::Good)
}
