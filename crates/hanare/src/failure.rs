//! Failures: what a command could not do, as a stable code with the facts that the catalogue's texts want.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

use crate::exit::Exit;
use crate::foreign::reason;
use crate::voice::{Argument, Voice};

/// Why a command ends without having done what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) exit: Exit,
    /// The code: `error-CODE` is in the catalogue.
    pub(crate) code: &'static str,
    facts: Vec<(&'static str, Fact)>,
}

/// What a catalogue's text wants to know.
#[derive(Debug)]
enum Fact {
    /// As it is.
    Value(String),
    /// A message of the catalogue, said in the same language, with what fills its placeholders.
    Message(Phrase),
}

/// A message of the catalogue and what fills its placeholders.
#[derive(Debug)]
pub(crate) struct Phrase {
    id: &'static str,
    arguments: Vec<(&'static str, Fact)>,
}

impl Phrase {
    /// A message without placeholders.
    pub(crate) const fn new(id: &'static str) -> Self {
        Self { id, arguments: Vec::new() }
    }

    /// Fills one placeholder.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.arguments.push((name, Fact::Value(value.to_string())));
        self
    }

    /// Fills one placeholder with what has words of its own.
    pub(crate) fn with_phrase(mut self, name: &'static str, phrase: Self) -> Self {
        self.arguments.push((name, Fact::Message(phrase)));
        self
    }

    /// Puts a library's or a program's own words behind it, marked as what they are: nobody can translate them.
    pub(crate) fn detail(self, words: impl Display) -> Self {
        let words = words.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            return self;
        }
        Self::new("with-detail").with_phrase("reason", self).with("words", words)
    }

    /// Puts the path that it is about before it.
    pub(crate) fn about(self, path: &Path) -> Self {
        Self::new("with-path").with_phrase("reason", self).with("path", path.display())
    }

    /// Says it.
    pub(crate) fn say(&self, voice: &Voice) -> String {
        let said = said(&self.arguments, voice);
        let arguments: Vec<Argument<'_>> =
            said.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
        voice.say_with(self.id, &arguments)
    }
}

/// A failure in a person's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What happened.
    pub(crate) text: String,
    /// Why.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) fix: String,
}

impl Failure {
    /// A failure with its code.
    pub(crate) const fn new(exit: Exit, code: &'static str) -> Self {
        Self { exit, code, facts: Vec::new() }
    }

    /// Adds a fact that the catalogue's text names: a name, a path, a number. A reason is a [`Phrase`], so that nobody reads
    /// a library's English in the middle of their own language.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        debug_assert!(name != "cause", "{}: a reason is a phrase", self.code);
        self.facts.push((name, Fact::Value(value.to_string())));
        self
    }

    /// Adds a fact that has words of its own in every language.
    pub(crate) fn with_phrase(mut self, name: &'static str, phrase: Phrase) -> Self {
        self.facts.push((name, Fact::Message(phrase)));
        self
    }

    /// Puts a policy's file before the place in it: headquarters saw the text, and not where it came from.
    pub(crate) fn in_file(mut self, path: &Path) -> Self {
        for (name, fact) in &mut self.facts {
            if let ("policy", "place", Fact::Value(place)) = (self.code, *name, fact) {
                *place = format!("{}:{place}", path.display());
            }
        }
        self
    }

    /// Adds the technical reason as `$cause`, in the person's language.
    pub(crate) fn because(self, error: &(dyn Error + 'static)) -> Self {
        self.with_phrase("cause", reason(error))
    }

    /// Adds as `$cause` a reason of the catalogue, with somebody else's words behind it as a marked detail.
    pub(crate) fn reported(self, id: &'static str, words: impl Display) -> Self {
        self.with_phrase("cause", Phrase::new(id).detail(words))
    }

    /// Says it.
    pub(crate) fn tell(&self, voice: &Voice) -> Told {
        let id = format!("error-{}", self.code);
        let facts = said(&self.facts, voice);
        let arguments: Vec<Argument<'_>> =
            facts.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
        let part = |part| voice.part(&id, part, &arguments).unwrap_or_default();
        Told { text: voice.say_with(&id, &arguments), cause: part("cause"), fix: part("fix") }
    }
}

fn said(facts: &[(&'static str, Fact)], voice: &Voice) -> Vec<(&'static str, String)> {
    let said = |fact: &Fact| match fact {
        Fact::Value(value) => value.clone(),
        Fact::Message(phrase) => phrase.say(voice),
    };
    facts.iter().map(|(name, fact)| (*name, said(fact))).collect()
}

/// An error and what is below it in one line. A message that repeats its source, as some libraries write them, is said once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let below = source.to_string();
        if !text.contains(&below) {
            text.push_str(": ");
            text.push_str(&below);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::Language;

    #[test]
    fn a_failure_says_what_why_and_what_to_do_in_both_languages() {
        for language in Language::ALL {
            let failure = Failure::new(Exit::Bug, "bug").reported("cause-other", "kofu");
            let told = failure.tell(&Voice::new(language));
            assert!(told.cause.contains("kofu") && !told.text.is_empty() && !told.fix.is_empty());
        }
    }
}
