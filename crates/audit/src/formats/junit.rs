//! A report as `JUnit` XML: one suite for each view. Only what is good passes; what nobody knows is an error.

use std::fmt::Write as _;

use crate::report::{Report, Said};
use crate::status::Status;
use hanare_facts::View;

use super::markup::escaped;

/// The suites.
#[must_use]
pub fn suites(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut body = String::new();
    let (mut tests, mut failures, mut errors, mut skipped) = (0, 0, 0, 0);
    for view in View::ALL {
        let said: Vec<&Said> = report.results.iter().filter(|said| said.view == view).collect();
        if said.is_empty() {
            continue;
        }
        let count = |is: fn(Status) -> bool| said.iter().filter(|said| is(said.status)).count();
        let (bad, unsure, left) = (count(is_failure), count(is_error), count(is_skipped));
        let _infallible = writeln!(
            body,
            "  <testsuite name=\"hanare.audit.{view}\" tests=\"{}\" failures=\"{bad}\" errors=\"{unsure}\" \
             skipped=\"{left}\" timestamp=\"{}\">",
            said.len(),
            escaped(report.at.to_string().trim_end_matches('Z')),
        );
        body.extend(said.iter().map(|said| case(said)));
        body.push_str("  </testsuite>\n");
        tests += said.len();
        failures += bad;
        errors += unsure;
        skipped += left;
    }
    let found = report.contradictions.len();
    if found > 0 {
        let _infallible = writeln!(
            body,
            "  <testsuite name=\"hanare.audit.contradictions\" tests=\"{found}\" failures=\"{found}\" errors=\"0\" \
             skipped=\"0\">"
        );
        for found in &report.contradictions {
            let (id, text) = (escaped(&found.id), escaped(&format!("{}\n{}", found.text_ja, found.text)));
            let _infallible = writeln!(
                body,
                "    <testcase classname=\"hanare.audit.contradictions\" name=\"{id}\"><failure message=\"{}\">{text}\
                 </failure></testcase>",
                escaped(&found.code),
            );
        }
        body.push_str("  </testsuite>\n");
    }
    let _infallible = writeln!(
        out,
        "<testsuites name=\"hanare audit\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{skipped}\">",
        tests + found,
        failures + found,
    );
    out + &body + "</testsuites>\n"
}

fn case(said: &Said) -> String {
    let head = format!(
        "    <testcase classname=\"hanare.audit.{}\" name=\"{} {}\"",
        said.view,
        escaped(&said.id),
        escaped(&said.title.ja),
    );
    let text = [&said.reason_ja, &said.reason, &said.fix_ja, &said.fix].map(|line| escaped(line)).join("\n");
    let inner = match () {
        () if is_failure(said.status) => "failure",
        () if is_error(said.status) => "error",
        () if is_skipped(said.status) => {
            return format!(
                "{head}><skipped message=\"{}: {}\"/></testcase>\n",
                said.status.as_str(),
                escaped(&said.reason)
            );
        }
        () => return format!("{head}/>\n"),
    };
    let (kind, code) = (said.status.as_str(), escaped(&said.reason_code));
    format!("{head}><{inner} type=\"{kind}\" message=\"{code}\">{text}</{inner}></testcase>\n")
}

fn is_failure(status: Status) -> bool {
    status == Status::Fail
}

fn is_error(status: Status) -> bool {
    matches!(status, Status::Error | Status::Unknown | Status::AttestDue)
}

fn is_skipped(status: Status) -> bool {
    matches!(status, Status::Waived | Status::NotApplicable)
}
