//! A person with a phone, for tests that open work.

use hanare_e2e::{Deployment, Place};
use hanare_lab::{Authenticator, Output, Result};

/// An employee as headquarters gave them.
#[derive(Debug)]
pub(crate) struct Person {
    /// The temporary password.
    pub(crate) temporary: String,
    /// Their authenticator.
    pub(crate) phone: Authenticator,
}

/// `person add`.
pub(crate) fn add(deployment: &Deployment<'_>, id: &str, company: &str) -> Result<Person> {
    let given = deployment.hq.ask(&["person", "add", id, "--company", company, "--name", "山田 花子"])?;
    let text = |field: &str| given[field].as_str().unwrap().to_owned();
    let url = format!("otpauth://totp/hanare:{id}?secret={}&issuer=hanare", text("totp_secret"));
    assert_eq!(text("totp_url"), url);
    Ok(Person { temporary: text("password"), phone: Authenticator::new(&text("totp_secret"))? })
}

/// `work open --stdin` with these lines.
pub(crate) fn open(deployment: &Deployment<'_>, at: &Place, lines: &[&str]) -> Result<Output> {
    let input: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    deployment.program.attempt(&at.host, &["--json", "work", "open", "--stdin"], &input)
}
