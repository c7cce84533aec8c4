//! `hanare audit site new`: asks what only people know about an office and writes it down. What is not answered stays unsaid: it is
//! due, never “there is none”.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use hanare_audit::Site;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Failure, Phrase};
use crate::{foreign, times, typed};

/// Words for yes and no, in either language.
const YES: [&str; 4] = ["y", "yes", "はい", "ｙ"];
const NO: [&str; 4] = ["n", "no", "いいえ", "ｎ"];

/// A site file so far.
struct Interview<'a> {
    context: &'a Context,
    /// Somebody sits there: a wrong answer is asked for again.
    is_person: bool,
    text: String,
}

/// A site file's text, by what the standard input answers.
pub(super) fn interview(context: &Context) -> Result<String, Failure> {
    let is_person = std::io::stdin().is_terminal();
    let mut asked = Interview { context, is_person, text: "version = 1\n".to_owned() };
    context.out.talk("ask-start", &[]);
    asked.office()?;
    asked.networks()?;
    asked.persons()?;
    asked.ways()?;
    asked.retention()?;
    for (question, class) in [("ask-wifi", "wifi"), ("ask-printers", "printers"), ("ask-nas", "nas")] {
        asked.devices(question, class)?;
    }
    context.out.talk("ask-rest", &[]);
    Ok(asked.text)
}

impl Interview<'_> {
    fn office(&mut self) -> Result<(), Failure> {
        self.must("ask-office", |answer| pair("office", answer))?;
        for (question, key) in [
            ("ask-room", "room"),
            ("ask-company", "company"),
            ("ask-office-name", "office_name"),
            ("ask-company-name", "company_name"),
            ("ask-time-zone", "time_zone"),
        ] {
            self.adds(question, |answer| pair(key, answer))?;
        }
        Ok(())
    }

    fn networks(&mut self) -> Result<(), Failure> {
        // A name alone is no network yet: it stands with the role that is asked for next.
        while let Some(name) = self.answer("ask-network")? {
            let table = |role: &str| format!("\n[[network]]\n{}{}", pair("name", &name), pair("role", role));
            self.must("ask-role", table)?;
            self.adds("ask-prefixes", |answer| list("prefixes", answer))?;
            self.adds("ask-gateway", |answer| list("gateway", answer))?;
            if self.yes_or_no("ask-isolation")? == Some(true) {
                self.text.push_str("client_isolation = true\n");
            }
        }
        Ok(())
    }

    fn persons(&mut self) -> Result<(), Failure> {
        while self.adds("ask-person", |id| format!("\n[[person]]\n{}", pair("id", id)))?.is_some() {
            self.adds("ask-person-name", |name| pair("name", name))?;
            self.adds("ask-person-roles", |roles| list("roles", roles))?;
        }
        Ok(())
    }

    /// The tunnel and the name servers.
    fn ways(&mut self) -> Result<(), Failure> {
        if self.adds("ask-tunnel", |name| format!("\n[tunnel]\n{}", pair("interface", name)))?.is_some() {
            self.adds("ask-endpoint-tunnel", |name| pair("endpoint_interface", name))?;
        }
        self.adds("ask-resolvers", |servers| format!("\n[dns]\n{}", list("resolvers", servers)))?;
        Ok(())
    }

    fn retention(&mut self) -> Result<(), Failure> {
        let mut is_begun = false;
        for (question, key) in [
            ("ask-entry-log", "entry_log_min_days"),
            ("ask-footage", "footage_min_hours"),
            ("ask-device-log", "device_log_min_days"),
            ("ask-personal-data", "personal_data_max_days"),
        ] {
            let head = if is_begun { "" } else { "\n[retention]\n" };
            is_begun |= self.adds(question, |number| format!("{head}{key} = {number}\n"))?.is_some();
        }
        Ok(())
    }

    fn devices(&mut self, question: &str, class: &str) -> Result<(), Failure> {
        if self.yes_or_no(question)? == Some(false) {
            self.text.extend(["\n[", class, "]\nnone = true\n"]);
        }
        Ok(())
    }

    /// The next answer; `None` for an empty one. An end in the middle is no answer.
    fn answer(&self, question: &str) -> Result<Option<String>, Failure> {
        self.context.out.talk(question, &[]);
        let line = typed::line()?.ok_or_else(|| Failure::new(Exit::Input, "audit-site-ended"))?;
        let answer = line.expose().trim();
        Ok((!answer.is_empty()).then(|| answer.to_owned()))
    }

    /// Asks, and writes the answer down if it makes a site file with what is there.
    fn adds(&mut self, question: &str, written: impl Fn(&str) -> String) -> Result<Option<String>, Failure> {
        loop {
            let Some(answer) = self.answer(question)? else { return Ok(None) };
            let text = format!("{}{}", self.text, written(&answer));
            match Site::read(&text, times::is_zone) {
                Ok(_) => {
                    self.text = text;
                    return Ok(Some(answer));
                }
                Err(error) => {
                    self.again(wrong(&answer).with_phrase("cause", foreign::site_fault(&error.fault)))?;
                }
            }
        }
    }

    /// As [`Self::adds`], for what a site file cannot do without.
    fn must(&mut self, question: &str, written: impl Fn(&str) -> String) -> Result<(), Failure> {
        while self.adds(question, &written)?.is_none() {
            self.again(wrong("").with_phrase("cause", Phrase::new("checklist-empty")))?;
        }
        Ok(())
    }

    fn yes_or_no(&self, question: &str) -> Result<Option<bool>, Failure> {
        loop {
            let Some(answer) = self.answer(question)? else { return Ok(None) };
            let word = answer.to_lowercase();
            match () {
                () if YES.contains(&word.as_str()) => return Ok(Some(true)),
                () if NO.contains(&word.as_str()) => return Ok(Some(false)),
                () => {
                    let cause = Phrase::new("ask-yes-or-no");
                    self.again(wrong(&answer).with_phrase("cause", cause))?;
                }
            }
        }
    }

    /// A person is told and asked again; a program's answers end there.
    fn again(&self, failure: Failure) -> Result<(), Failure> {
        if !self.is_person {
            return Err(failure);
        }
        self.context.out.failure(&failure);
        Ok(())
    }
}

fn wrong(answer: &str) -> Failure {
    Failure::new(Exit::Input, "audit-site-answer").with("answer", answer)
}

fn pair(key: &str, value: &str) -> String {
    format!("{key} = {}\n", quoted(value))
}

/// Texts that a comma stands between.
fn list(key: &str, values: &str) -> String {
    let values: Vec<String> =
        values.split([',', '、']).map(str::trim).filter(|value| !value.is_empty()).map(quoted).collect();
    format!("{key} = [{}]\n", values.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                let _infallible = write!(out, "\\u{:04X}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}
