//! The one field of a log-in screen, taken apart:
//!
//! - `PASSWORD CODE`: opens work;
//! - `TEMPORARY NEW NEW CODE`: the same with another password from now on, after `person add` and `person reset`;
//! - `PASSWORD`, with or without a code: back to the day that is open.
//!
//! The space before the code may be left out. On a machine where everybody works as one account, the person's id and a space stand
//! before all of it. Passwords may have spaces in them and end in digits; nothing is guessed:
//!
//! - an id and a temporary password have no spaces, and no password that is chosen begins like a temporary one and a space
//!   ([`may_be_chosen`]);
//! - the new password is all that stands twice there, with one space between; it has none at its ends.

use hanare_model::work::WorkOpen;
use hanare_model::{PersonId, Secret};

use crate::exit::Exit;
use crate::failure::{Failure, Phrase};

/// The digits of a code.
const CODE: usize = 6;
/// Groups of a temporary password, and the characters of each: `k3vx-9qdp-…`, as headquarters makes them.
const GROUPS: usize = 4;
const GROUP: usize = 4;

/// What somebody typed.
#[derive(Debug)]
pub(super) struct Field {
    /// All of it.
    text: Secret,
    /// The account, where it is the person's own.
    account: Option<String>,
}

impl Field {
    /// `account` is who logs in, unless it is everybody's.
    pub(super) fn new(typed: &Secret, account: Option<&str>) -> Self {
        // pam_exec ends what it writes with a zero byte.
        let text = typed.expose().trim_end_matches('\0');
        Self { text: Secret::new(text.to_owned()), account: account.map(str::to_owned) }
    }

    /// What proves a person to headquarters; `None` if there is no code behind a password, or no id before it.
    ///
    /// # Errors
    /// What begins like the choice of a new password is one, or it is nothing: a slip in it is never sent.
    pub(super) fn claim(&self) -> Result<Option<WorkOpen>, Failure> {
        let Some((person, rest)) = self.person() else { return Ok(None) };
        let Some((before, code)) = split_code(rest) else {
            return if temporary(rest).is_some() { Err(unlike()) } else { Ok(None) };
        };
        let claim = |password: &str, new: Option<&str>| WorkOpen {
            person: person.clone(),
            password: secret(password),
            code: secret(code),
            new_password: new.map(secret),
        };
        if let Some((old, twice)) = temporary(before).filter(|(_, twice)| !twice.is_empty()) {
            let new = half(before_space(twice)).ok_or_else(unlike)?;
            may_be_chosen(&secret(new))?;
            return Ok(Some(claim(old, Some(new))));
        }
        let password = before_space(before);
        Ok((!password.is_empty()).then(|| claim(password, None)))
    }

    /// Every password that this may be, for the person whose day is open: with and without an id before it or a code behind it.
    pub(super) fn spellings(&self, of_day: &PersonId) -> Vec<Secret> {
        let without_code = |text| split_code(text).map(|(before, _)| before_space(before));
        let both = |text| [Some(text), without_code(text)];
        let found = self.starts(of_day).flat_map(both).flatten();
        found.filter(|text| !text.is_empty()).map(secret).collect()
    }

    /// Those of them with nothing taken off behind: a password may end in six digits.
    pub(super) fn whole(&self, of_day: &PersonId) -> Vec<Secret> {
        self.starts(of_day).filter(|text| !text.is_empty()).map(secret).collect()
    }

    /// All of it, and what stands behind the person's id.
    fn starts(&self, of_day: &PersonId) -> impl Iterator<Item = &str> {
        let text = self.text.expose();
        let behind_id = text.strip_prefix(of_day.as_str()).and_then(|rest| rest.strip_prefix(' '));
        [Some(text), behind_id.filter(|_| self.account.is_none())].into_iter().flatten()
    }

    /// Who, and what stands behind it.
    fn person(&self) -> Option<(PersonId, &str)> {
        let text = self.text.expose();
        let (person, rest) = match &self.account {
            Some(account) => (account.as_str(), text),
            None => text.split_once(' ')?,
        };
        Some((person.parse().ok()?, rest))
    }
}

/// Refuses a new password that a log-in screen would take for the choice of another one.
pub(super) fn may_be_chosen(new: &Secret) -> Result<(), Failure> {
    if temporary(new.expose()).is_none() {
        return Ok(());
    }
    Err(Failure::new(Exit::Input, "work-password").with_phrase("cause", Phrase::new("password-temporary")))
}

fn unlike() -> Failure {
    Failure::new(Exit::Input, "work-pam-new")
}

/// What stands before a code, and the code.
fn split_code(text: &str) -> Option<(&str, &str)> {
    let (before, code) = text.split_at_checked(text.len().checked_sub(CODE)?)?;
    code.bytes().all(|byte| byte.is_ascii_digit()).then_some((before, code))
}

/// A temporary password, and what stands behind it and a space.
fn temporary(text: &str) -> Option<(&str, &str)> {
    let (first, rest) = text.split_once(' ')?;
    let is_group = |group: &str| {
        group.len() == GROUP && group.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let groups: Vec<&str> = first.split('-').collect();
    (groups.len() == GROUPS && groups.into_iter().all(is_group)).then_some((first, rest))
}

/// What stands there twice, with one space between. One too many is a slip.
fn half(text: &str) -> Option<&str> {
    let (first, rest) = text.split_at_checked(text.len() / 2)?;
    let is_word = !first.is_empty() && first.trim() == first;
    (is_word && rest.strip_prefix(' ') == Some(first)).then_some(first)
}

/// Without the space before a code.
fn before_space(text: &str) -> &str {
    text.strip_suffix(' ').unwrap_or(text)
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPORARY: &str = "k3vx-9qdp-abcd-2345";

    fn field(typed: &str, account: Option<&str>) -> Field {
        Field::new(&secret(typed), account)
    }

    /// Who, password, new password; the code is always the same.
    fn read(typed: &str, account: Option<&str>) -> Option<(String, String, Option<String>)> {
        let claim = field(typed, account).claim().ok()??;
        assert_eq!(claim.code.expose(), "123456");
        let text = |secret: &Secret| secret.expose().to_owned();
        Some((claim.person.to_string(), text(&claim.password), claim.new_password.as_ref().map(text)))
    }

    #[test]
    fn password_and_code_are_told_apart_in_one_field() {
        let all = |person: &str, password: &str| Some((person.to_owned(), password.to_owned(), None));
        assert_eq!(read("correct horse123456\0", Some("hanako")), all("hanako", "correct horse"));
        assert_eq!(read("correct horse 123456", Some("hanako")), all("hanako", "correct horse"));
        assert_eq!(read("hanako 四つの言葉 123456", None), all("hanako", "四つの言葉"));
        assert_eq!(read(&format!("{TEMPORARY} 123456"), Some("hanako")), all("hanako", TEMPORARY));
        assert_eq!(read(&format!("{TEMPORARY}123456"), Some("hanako")), all("hanako", TEMPORARY));
        for bad in ["123456", "", "correct horse", "correct 12345x", "四"] {
            assert_eq!(read(bad, Some("hanako")), None, "{bad}");
        }
        assert_eq!(read("nobody", None), None);
    }

    #[test]
    fn a_new_password_stands_twice_between_the_temporary_one_and_the_code() {
        for new in ["correct horse", "四つ の 言葉", "ends in 654321", "a a a"] {
            let chosen = Some(("hanako".to_owned(), TEMPORARY.to_owned(), Some(new.to_owned())));
            let typed = format!("{TEMPORARY} {new} {new} 123456");
            assert_eq!(read(&typed, Some("hanako")), chosen, "{typed}");
            assert_eq!(read(&format!("hanako {typed}\0"), None), chosen, "{typed}");
        }
        let near = format!("{TEMPORARY} correct horse correct horse123456");
        assert_eq!(read(&near, Some("hanako")).and_then(|(.., new)| new).as_deref(), Some("correct horse"));
    }

    #[test]
    fn a_slip_in_the_choice_is_not_sent_as_something_else() {
        for slip in [
            "correct horse correct horsf 123456",
            "correct horse 123456",
            "correct horse correct horse",
            "correct horse  correct horse 123456",
            " correct horse  correct horse 123456",
            "correct horse  correct horse  123456",
            "hunter123456 hunter123456",
            "k3vx-9qdp-abcd-2345 x k3vx-9qdp-abcd-2345 x 123456",
        ] {
            assert!(field(&format!("{TEMPORARY} {slip}"), Some("hanako")).claim().is_err(), "{slip}");
        }
    }

    #[test]
    fn no_password_that_may_be_chosen_is_taken_for_a_choice() {
        for fine in ["correct horse", "abcd-efgh1", "to be or to be or", "K3VX-9qdp-abcd-2345 x x", TEMPORARY]
        {
            assert!(may_be_chosen(&secret(fine)).is_ok(), "{fine}");
            let read = read(&format!("{fine} 123456"), Some("hanako"));
            assert_eq!(read, Some(("hanako".to_owned(), fine.to_owned(), None)));
        }
        assert!(may_be_chosen(&secret(&format!("{TEMPORARY} x"))).is_err());
    }

    #[test]
    fn who_comes_back_types_the_password_with_or_without_what_belongs_to_it() {
        let hanako: PersonId = "hanako".parse().unwrap();
        let spelled = |typed: &str, account| -> Vec<String> {
            let spellings = field(typed, account).spellings(&hanako);
            spellings.iter().map(|spelling| spelling.expose().to_owned()).collect()
        };
        assert_eq!(spelled("correct horse\0", Some("hanako")), ["correct horse"]);
        assert_eq!(spelled("horse 123456", Some("hanako")), ["horse 123456", "horse"]);
        assert_eq!(spelled("hanako horse", None), ["hanako horse", "horse"]);
        let all = ["hanako horse123456", "hanako horse", "horse123456", "horse"];
        assert_eq!(spelled("hanako horse123456", None), all);
        assert_eq!(spelled("taro horse", None), ["taro horse"]);
        assert!(spelled("", None).is_empty());
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let shown = format!("{:?}", field("hanako correct horse 123456", None));
        assert!(!shown.contains("horse") && !shown.contains("123456"), "{shown}");
    }
}
