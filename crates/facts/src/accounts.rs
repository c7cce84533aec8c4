//! `/etc/passwd` and `/etc/shadow`: who is an administrator, which accounts are shared or open. No hash leaves this file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::{Gap, GapKind};
use crate::root::Root;

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
/// From here on accounts are people's (Debian's and Red Hat's `UID_MIN`).
const FIRST_PERSON: u32 = 1000;

/// Accounts, by what matters about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// Accounts with user id 0.
    pub administrators: Vec<String>,
    /// User ids above 0 that more than one account has.
    pub shared: Vec<u32>,
    /// Accounts whose line itself says that no password is needed.
    pub open: Vec<String>,
}

/// Accounts without a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passwords {
    /// Accounts whose password is empty.
    pub empty: Vec<String>,
}

pub(crate) fn accounts(root: &Root) -> Result<Accounts, Gap> {
    let text = root.text(PASSWD)?;
    read_accounts(&text).ok_or_else(|| Gap::new(GapKind::NotUnderstood, PASSWD))
}

pub(crate) fn passwords(root: &Root) -> Result<Passwords, Gap> {
    let text = root.text(SHADOW)?;
    // Who they are is in the other file; without it a name is still a system's or none.
    let ids = root.text(PASSWD).map(|passwd| ids(&passwd)).unwrap_or_default();
    read_passwords(&text, &ids).ok_or_else(|| Gap::new(GapKind::NotUnderstood, SHADOW))
}

fn read_accounts(text: &str) -> Option<Accounts> {
    let mut accounts = Accounts::default();
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    for line in lines(text) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, uid, _group, _comment, _home, _shell] = fields.as_slice() else { return None };
        let uid: u32 = uid.parse().ok()?;
        if uid == 0 {
            accounts.administrators.push((*name).to_owned());
        }
        if password.is_empty() {
            accounts.open.push(pseudonym(name, Some(uid)));
        }
        let count = seen.entry(uid).or_default();
        *count = count.saturating_add(1);
    }
    accounts.shared =
        seen.iter().filter(|(uid, count)| **uid > 0 && **count > 1).map(|(uid, _)| *uid).collect();
    // A system without any account is not one: the file was cut.
    (!accounts.administrators.is_empty()).then_some(accounts)
}

fn read_passwords(text: &str, ids: &BTreeMap<String, u32>) -> Option<Passwords> {
    let mut empty = Vec::new();
    let mut any = false;
    for line in lines(text) {
        let mut fields = line.split(':');
        let (name, password) = (fields.next()?, fields.next()?);
        any = true;
        if password.is_empty() {
            empty.push(pseudonym(name, ids.get(name).copied()));
        }
    }
    any.then_some(Passwords { empty })
}

fn ids(passwd: &str) -> BTreeMap<String, u32> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        Some((fields.next()?.to_owned(), fields.nth(1)?.parse().ok()?))
    };
    lines(passwd).filter_map(entry).collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// A system account by its name, a person's by its number.
fn pseudonym(name: &str, uid: Option<u32>) -> String {
    match uid {
        Some(uid) if uid < FIRST_PERSON => name.to_owned(),
        Some(uid) => format!("uid {uid}"),
        None => "uid ?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "root:x:0:0:root:/root:/bin/bash\nsato:x:1000:1000::/home/sato:/bin/bash\n";

    #[test]
    fn administrators_shared_numbers_and_open_accounts_are_seen() {
        let good = read_accounts(GOOD).unwrap();
        assert_eq!(good, Accounts { administrators: vec!["root".to_owned()], ..Accounts::default() });
        let bad = format!("{GOOD}toor:x:0:0::/:/bin/sh\nito::1000:1::/:/bin/sh\n");
        let bad = read_accounts(&bad).unwrap();
        assert_eq!(bad.administrators, ["root", "toor"]);
        assert_eq!((bad.shared, bad.open), (vec![1000], vec!["uid 1000".to_owned()]));
        assert_eq!(read_accounts("root:x:0\n"), None);
        assert_eq!(read_accounts(""), None);
    }

    #[test]
    fn an_empty_password_is_seen_and_no_hash_or_name_is_kept() {
        let shadow = "root:$y$secret:19000:0:99999:7:::\nsato::19000:0:99999:7:::\n";
        let passwords = read_passwords(shadow, &ids(GOOD)).unwrap();
        assert_eq!(passwords.empty, ["uid 1000"]);
        let locked = "root:*:19000:0:99999:7:::\nsato:!:19000:0:99999:7:::\n";
        assert_eq!(read_passwords(locked, &ids(GOOD)), Some(Passwords::default()));
        assert_eq!(read_passwords("root\n", &ids(GOOD)), None);
        assert_eq!(read_passwords("", &ids(GOOD)), None);
    }
}
