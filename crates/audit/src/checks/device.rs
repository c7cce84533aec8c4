//! DEV-05 and DEV-07 to DEV-09: antivirus, USB storage, clock, accounts.

use std::time::Duration;

use hanare_facts::{Accounts, Antivirus, Clock, Modules, Passwords, SudoRule};

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

pub(super) fn clock(look: &mut Look<'_>, max_error_seconds: u32) -> Judged {
    let clock = look.see(&look.facts.clock, |clock: &Clock| {
        format!("synchronised {}, at most {} µs off", clock.is_synchronised, clock.max_error_microseconds)
    })?;
    let own = look.site.and_then(|site| site.clock_max_error_seconds);
    let most = u64::from(own.unwrap_or(max_error_seconds)).saturating_mul(1_000_000);
    match () {
        () if !clock.is_synchronised => fail(Why::ClockUnkept, ""),
        () if clock.max_error_microseconds >= most => {
            fail(Why::ClockOff, clock.max_error_microseconds.to_string())
        }
        () => pass(),
    }
}

pub(super) fn antivirus(look: &mut Look<'_>, definitions_max_days: u32) -> Judged {
    let antivirus = look.see(&look.facts.antivirus, |antivirus: &Antivirus| {
        let definitions = antivirus.definitions.map_or_else(|| "-".to_owned(), |at| at.to_string());
        format!("ClamAV: definitions {definitions}, on access {}", antivirus.on_access)
    })?;
    let longest = Duration::from_secs(u64::from(definitions_max_days).saturating_mul(86_400));
    match antivirus.definitions {
        None => fail(Why::DefinitionsOld, "-"),
        Some(at) if at > look.at || look.at.since(at) > longest => fail(Why::DefinitionsOld, at.to_string()),
        Some(_) if !antivirus.on_access => fail(Why::NotOnAccess, ""),
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
