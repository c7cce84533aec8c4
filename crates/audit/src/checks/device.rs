//! DEV-07, DEV-08 and DEV-09: USB storage, clock, accounts.

use std::time::Duration;

use hanare_facts::{Accounts, Modules, Passwords, SudoRule};
use hanare_model::Timestamp;

use super::{Judged, Look, fail, listed, pass, unknown};
use crate::why::Why;

pub(super) fn usb_storage(look: &mut Look<'_>) -> Judged {
    let modules = look.see(&look.facts.modules, |modules: &Modules| {
        let loaded = modules.usb_storage.map_or("-", |loaded| if loaded { "loaded" } else { "not loaded" });
        format!(
            "usb_storage {loaded}, blocked by {}, usbguard {}",
            listed(&modules.blocked_by),
            modules.usbguard
        )
    })?;
    let blocked = !modules.blocked_by.is_empty() && modules.installed_by.is_empty();
    match (modules.usb_storage, blocked) {
        (_, _) if modules.usbguard => unknown(Why::UsbGuard, ""),
        (Some(true), _) => fail(Why::UsbLoaded, ""),
        (_, false) if modules.installed_by.is_empty() => fail(Why::UsbOpen, ""),
        (_, false) => fail(Why::UsbOverridden, listed(&modules.installed_by)),
        (Some(false), true) => pass(),
        (None, true) => unknown(Why::UsbNotLive, ""),
    }
}

pub(super) fn clock(look: &mut Look<'_>, max_seconds: u32) -> Judged {
    let set = look.see(&look.facts.synchronised, |set: &Option<Timestamp>| {
        set.map_or_else(|| "-".to_owned(), |set| set.to_string())
    })?;
    let longest = Duration::from_secs(u64::from(max_seconds));
    match set {
        None => unknown(Why::ClockUnsaid, ""),
        // A clock that was set in the future has jumped since.
        Some(set) if *set > look.at || look.at.since(*set) > longest => fail(Why::ClockOld, set.to_string()),
        Some(_) => pass(),
    }
}

pub(super) fn accounts(look: &mut Look<'_>) -> Judged {
    let accounts = look.see(&look.facts.accounts, |accounts: &Accounts| {
        let shared: Vec<String> = accounts.shared.iter().map(ToString::to_string).collect();
        format!("uid 0: {}; shared uids: {}", listed(&accounts.administrators), listed(&shared))
    });
    let passwords = look
        .see(&look.facts.passwords, |passwords: &Passwords| format!("empty: {}", listed(&passwords.empty)));
    let sudo = look.see(&look.facts.sudo, |rules: &Vec<SudoRule>| {
        let rules: Vec<String> = rules.iter().map(|rule| format!("{}:{}", rule.file, rule.line)).collect();
        format!("without a password: {}", listed(&rules))
    });
    // What is wrong is wrong, whatever else could not be read.
    if let Ok(accounts) = accounts {
        let mut shared: Vec<String> = accounts.shared.iter().map(|uid| format!("uid {uid}")).collect();
        if accounts.administrators.len() > 1 {
            shared.extend(accounts.administrators.iter().cloned());
        }
        if !shared.is_empty() {
            return fail(Why::SharedAccounts, listed(&shared));
        }
        if !accounts.open.is_empty() {
            return fail(Why::EmptyPasswords, listed(&accounts.open));
        }
    }
    if let Ok(passwords) = passwords
        && !passwords.empty.is_empty()
    {
        return fail(Why::EmptyPasswords, listed(&passwords.empty));
    }
    if let Ok(rules) = sudo
        && let Some(rule) = rules.first()
    {
        return fail(Why::SudoOpen, format!("{}:{}", rule.file, rule.line));
    }
    accounts?;
    passwords?;
    sudo?;
    pass()
}
