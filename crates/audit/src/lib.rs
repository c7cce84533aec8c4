//! The audit: a checklist as data, checks as pure functions from facts to verdicts, grades, and signed reports.
//!
//! Nothing here reads a clock, a file or a socket: callers hand in text, facts, the time and the head of earlier reports. Equal
//! input gives equal bytes. Whatever was not looked at, or not understood, is *unknown*, and unknown is never good.

mod checklist;
mod checks;
mod day;
mod evaluate;
pub mod formats;
mod grade;
mod report;
mod site;
mod statement;
mod status;
mod why;

pub use checklist::{
    BothTexts, Check, CheckName, Checklist, ChecklistError, Confidence, DeviceClass, Effort, Fault, Item,
    MAX_LEN, Responsible, Tier, VERSION,
};
pub use day::{Day, NotADay};
pub use evaluate::{Answer, Asked, Known, evaluate, merged};
pub use grade::{Blocker, Grade, Grading, Score, grade, score};
pub use report::{Basis, Chain, Contradicted, MAX_REPORT, NAMESPACE, REPORT_SCHEMA, Report, Said, verify};
pub use site::{
    Canary, Dns, FarEnd, MAX_LEN as MAX_SITE, Network, NetworkRole, Permission, Person, PersonRole, Prefix,
    Retention, Site, SiteError, SiteFault, Tls, Tunnel, VERSION as SITE_VERSION, Wan, Wanted,
};
pub use statement::{
    Contradiction, ContradictionKind, EXTERNAL_AUDIT, EvidenceFile, Stated, Statement, Statements,
    contradictions,
};
pub use status::{Evidence, Status};
pub use why::{Reason, Why};

/// The checklist that comes with the program.
pub const SATELLITE_OFFICE: &str = include_str!("../../../policies/checklists/satellite-office.toml");
