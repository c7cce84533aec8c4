//! The audit: a checklist as data, checks as pure functions from facts to verdicts, grades, and signed reports.
//!
//! Nothing here reads a clock, a file or a socket: callers hand in text, facts, the time and the head of earlier reports. Equal
//! input gives equal bytes. Whatever was not looked at, or not understood, is *unknown*, and unknown is never good.

mod checklist;
mod checks;
mod evaluate;
mod grade;
mod report;
mod status;
mod why;

pub use checklist::{
    BothTexts, Check, CheckName, Checklist, ChecklistError, Confidence, Effort, Fault, Item, MAX_LEN,
    Responsible, Tier, VERSION,
};
pub use evaluate::{Answer, Asked, evaluate, merged};
pub use grade::{Blocker, Grade, Grading, Score, grade, score};
pub use report::{Basis, Chain, MAX_REPORT, NAMESPACE, REPORT_SCHEMA, Report, Said, verify};
pub use status::{Evidence, Status};
pub use why::{Reason, Why};

/// The checklist that comes with the program.
pub const SATELLITE_OFFICE: &str = include_str!("../../../policies/checklists/satellite-office.toml");
