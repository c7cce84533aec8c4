//! `--site-key`: facts about a building for the audit, each a name and its value.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::exit::Exit;
use crate::failure::Failure;

/// Its id.
const ID: &str = "site_key";

/// What was given, flag by flag: `--site-key NAME=VALUE …`, or `--site-key NAME VALUE`.
#[derive(Debug, Default)]
pub(crate) struct SiteKeys {
    flags: Vec<Vec<String>>,
}

impl clap::Args for SiteKeys {
    fn augment_args(command: Command) -> Command {
        command.arg(
            Arg::new(ID).long("site-key").value_name("NAME=VALUE").num_args(1..).action(ArgAction::Append),
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for SiteKeys {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = matches.get_occurrences::<String>(ID).into_iter().flatten();
        Ok(Self { flags: flags.map(|words| words.cloned().collect()).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl SiteKeys {
    /// The facts.
    pub(crate) fn read(self) -> Result<BTreeMap<String, String>, Failure> {
        let mut facts = BTreeMap::new();
        for words in self.flags {
            if let [name, value] = &words[..]
                && !name.contains('=')
            {
                add(&mut facts, name, value)?;
                continue;
            }
            for word in &words {
                let (name, value) = word.split_once('=').ok_or_else(|| none(word))?;
                add(&mut facts, name, value)?;
            }
        }
        Ok(facts)
    }
}

/// A name that was given before is a slip: which of the two is true only a person knows.
fn add(facts: &mut BTreeMap<String, String>, name: &str, value: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(none(&format!("={value}")));
    }
    if facts.insert(name.to_owned(), value.to_owned()).is_some() {
        return Err(Failure::new(Exit::Usage, "office-site-key-twice").with("key", name));
    }
    Ok(())
}

fn none(word: &str) -> Failure {
    Failure::new(Exit::Usage, "office-site-key").with("key", word)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn read(line: &[&str]) -> Result<Vec<(String, String)>, &'static str> {
        let command = SiteKeys::augment_args(Command::new("add").arg(Arg::new("id").required(true)));
        let words = [&["add", "gujo"], line].concat();
        let matches = command.try_get_matches_from(words).map_err(|_| "the parser")?;
        let keys = SiteKeys::from_arg_matches(&matches).unwrap();
        keys.read().map(|facts| facts.into_iter().collect()).map_err(|failure| failure.code)
    }

    #[test]
    fn a_fact_is_a_word_with_an_equals_sign_or_two_words() {
        let both = [("address", "1-2, a=b"), ("floor", "3")].map(|(name, value)| (name.into(), value.into()));
        for line in [
            ["--site-key", "floor", "3", "--site-key", "address", "1-2, a=b"].as_slice(),
            &["--site-key", "floor=3", "--site-key", "address=1-2, a=b"],
            &["--site-key", "floor=3", "address=1-2, a=b"],
            &["--site-key=floor=3", "--site-key", "address", "1-2, a=b"],
        ] {
            assert_eq!(read(line).unwrap(), both, "{line:?}");
        }
        assert!(read(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        // The one's name is not the other's, nor is a word that strayed there a value.
        assert_eq!(read(&["--site-key", "floor", "--site-key", "roof=tin"]), Err("office-site-key"));
        assert_eq!(read(&["--site-key", "floor=3", "gujo"]), Err("office-site-key"));
        assert_eq!(read(&["--site-key", "=3"]), Err("office-site-key"));
        assert_eq!(read(&["--site-key", "a=1", "--site-key", "a=2"]), Err("office-site-key-twice"));
        assert_eq!(read(&["--site-key"]), Err("the parser"));
    }
}
