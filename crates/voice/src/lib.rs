//! The voice: everything that a person reads, in Japanese and English, from one catalogue of Fluent files.
//!
//! `hanare/locales/LANGUAGE/*.ftl` are part of the program. The messages' ids tell where they are used:
//! - `cmd-…`: help of a subcommand; attributes are its arguments' help, and `example`.
//! - `error-CODE`: what happened, with `.cause` (why) and `.fix` (what to do).
//! - everything else: a line, a label or a table's heading.
//!
//! A test compares the catalogue with the program: no message may be missing, unused, or differ in its placeholders.

mod catalogue;
mod language;

use std::cell::OnceCell;
use std::fmt::Display;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};

pub use catalogue::FILES;
pub use language::{Language, UnknownLanguage};

/// Speaks one language. The catalogue is read at the first word: a daemon has little to say, and it takes a megabyte.
pub struct Voice {
    language: Language,
    catalogue: OnceCell<Catalogue>,
}

type Catalogue = FluentBundle<FluentResource>;

/// What stands for a placeholder: its name in the catalogue, and the value.
pub type Argument<'a> = (&'a str, &'a dyn Display);

impl Voice {
    /// Will speak `language`.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language, catalogue: OnceCell::new() }
    }

    fn load(&self) -> Catalogue {
        let language = self.language;
        let mut bundle = FluentBundle::new(vec![language.tag().parse().unwrap_or_default()]);
        // The marks around placeholders are for mixed writing directions; they break copying of paths and commands.
        bundle.set_use_isolating(false);
        for (_, text) in catalogue::files(language) {
            // The catalogue is compiled in and a test parses it whole: a fault here keeps what can be read.
            let resource =
                FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(resource, _)| resource);
            bundle.add_resource_overriding(resource);
        }
        bundle
    }

    /// The language spoken.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// A message without placeholders.
    #[must_use]
    pub fn say(&self, id: &str) -> String {
        self.say_with(id, &[])
    }

    /// A message with its placeholders filled in. An unknown message is said by its id.
    #[must_use]
    pub fn say_with(&self, id: &str, arguments: &[Argument<'_>]) -> String {
        self.find(id, None, arguments).unwrap_or_else(|| id.to_owned())
    }

    /// A part of a message, such as `.fix` of an error; `None` if the message has no such part.
    #[must_use]
    pub fn part(&self, id: &str, part: &str, arguments: &[Argument<'_>]) -> Option<String> {
        self.find(id, Some(part), arguments)
    }

    fn find(&self, id: &str, part: Option<&str>, arguments: &[Argument<'_>]) -> Option<String> {
        let bundle = self.catalogue.get_or_init(|| self.load());
        let message = bundle.get_message(id)?;
        let pattern = match part {
            None => message.value()?,
            Some(part) => message.get_attribute(part)?.value(),
        };
        let mut values = FluentArgs::new();
        for (name, value) in arguments {
            values.set(*name, argument(value.to_string()));
        }
        let mut faults = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&values), &mut faults).into_owned();
        if !faults.is_empty() {
            tracing::error!(id, ?faults, "a message lacks a placeholder");
        }
        Some(text)
    }
}

/// A number chooses plural forms; everything that would not be written as it came stays a text.
fn argument(text: String) -> FluentValue<'static> {
    match text.parse::<u32>() {
        Ok(number) if number.to_string() == text => FluentValue::from(number),
        Ok(_) | Err(_) => FluentValue::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_filled_in_as_it_came() {
        assert_eq!(argument("051".to_owned()), FluentValue::from("051"));
        assert_eq!(argument("1e5".to_owned()), FluentValue::from("1e5"));
        assert_eq!(argument("51820".to_owned()), FluentValue::from(51820));
    }

    #[test]
    fn an_unknown_message_is_said_by_its_id() {
        assert_eq!(Voice::new(Language::English).say("no-such-message"), "no-such-message");
    }
}
