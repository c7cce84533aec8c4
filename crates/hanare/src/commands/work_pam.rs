//! `hanare work pam`: what the log-in screen runs by `pam_exec` with `expose_authtok`: opens the work of whoever logs in.
//!
//! One field is all that such a screen has, and it comes on the standard input: the password, and behind it the six digits that the
//! authenticator shows. On a machine where everybody works as one account, the person's id and a space stand before them.

use hanare_model::work::WorkOpen;
use hanare_model::{PersonId, Secret};
use hanare_tunnel::control::Client;

use super::work;
use crate::context::{Context, Outcome};
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{foreign, typed};

/// The digits of a code.
const CODE: usize = 6;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    shared: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context, client: &Client) -> Outcome {
        let Self { shared } = self;
        let refused = || Failure::new(Exit::Input, "work-pam");
        let typed = typed::line()?.ok_or_else(refused)?;
        let account = environment::pam_user().ok_or_else(refused)?;
        let claim = split(&typed, (!shared).then_some(account.as_str())).ok_or_else(refused)?;
        client.work_open(claim).map_err(foreign::control_error)?;
        work::welcome(context)?;
        Ok(Exit::Good)
    }
}

/// What was typed into one field: `[ID ]PASSWORD[ ]CODE`.
fn split(typed: &Secret, account: Option<&str>) -> Option<WorkOpen> {
    // pam_exec ends what it writes with a zero byte.
    let text = typed.expose().trim_end_matches('\0');
    let (person, rest) = match account {
        Some(account) => (account, text),
        None => text.split_once(' ')?,
    };
    let (password, code) = rest.split_at_checked(rest.len().checked_sub(CODE)?)?;
    let password = password.strip_suffix(' ').unwrap_or(password);
    if password.is_empty() || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let person: PersonId = person.parse().ok()?;
    let secret = |text: &str| Secret::new(text.to_owned());
    Some(WorkOpen { person, password: secret(password), code: secret(code), new_password: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str, account: Option<&str>) -> Option<(String, String, String)> {
        let claim = split(&Secret::new(typed.to_owned()), account)?;
        let text = |secret: &Secret| secret.expose().to_owned();
        Some((claim.person.to_string(), text(&claim.password), text(&claim.code)))
    }

    #[test]
    fn password_and_code_are_told_apart_in_one_field() {
        let all = |person: &str, password: &str| {
            Some((person.to_owned(), password.to_owned(), "123456".to_owned()))
        };
        assert_eq!(read("correct horse123456\0", Some("hanako")), all("hanako", "correct horse"));
        assert_eq!(read("correct horse 123456", Some("hanako")), all("hanako", "correct horse"));
        assert_eq!(read("hanako 四つの言葉 123456", None), all("hanako", "四つの言葉"));
        for bad in ["123456", "", "correct horse", "correct 12345x", "四"] {
            assert_eq!(read(bad, Some("hanako")), None, "{bad}");
        }
        assert_eq!(read("nobody", None), None);
    }
}
